//! Derived names.

/// The JSON name of a field: underscores are removed, and the letter after each is capitalised.
pub(in crate::proto) fn json_name(name: &str) -> Box<str> {
    if !name.contains('_') {
        return name.into();
    }
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for character in name.chars() {
        match character {
            '_' => upper = true,
            _ if std::mem::take(&mut upper) => out.push(character.to_ascii_uppercase()),
            _ => out.push(character),
        }
    }
    out.into()
}

/// A key that must differ between the values of an open enum: the name in Pascal case without a prefix that repeats
/// the enum's name.
pub(super) fn enum_value_key(enum_name: &str, value: &str) -> String {
    let letters = |text: &str| {
        text.chars()
            .filter(|&c| c != '_')
            .map(|c| c.to_ascii_lowercase())
            .collect::<String>()
    };
    let prefix = letters(enum_name);
    // Returns the rest of the value if it begins with the letters of the prefix.
    let mut rest = value;
    let mut matched = prefix.chars();
    let mut whole = true;
    for (at, character) in value.char_indices() {
        if character == '_' {
            continue;
        }
        match matched.next() {
            Some(expected) if expected == character.to_ascii_lowercase() => rest = &value[at + character.len_utf8()..],
            Some(_) => {
                whole = false;
                break;
            }
            None => break,
        }
    }
    rest = rest.trim_start_matches('_');
    if !whole || matched.next().is_some() || rest.is_empty() {
        rest = value;
    }
    rest.split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names() {
        for (name, expected) in [
            ("foo", "foo"),
            ("foo_bar", "fooBar"),
            ("_foo_bar_", "FooBar"),
            ("foo__bar", "fooBar"),
            ("foo_1bar", "foo1bar"),
            ("FOO_BAR", "FOOBAR"),
        ] {
            assert_eq!(&*json_name(name), expected);
        }
    }

    #[test]
    fn enum_value_keys() {
        assert_eq!(enum_value_key("FooBar", "FOO_BAR_BAZ"), "Baz");
        assert_eq!(enum_value_key("FooBar", "BAZ"), "Baz");
        assert_eq!(enum_value_key("FooBar", "FOO_BAR"), "FooBar");
        assert_eq!(enum_value_key("Foo", "FOOBAR_BAZ"), "BarBaz");
        assert_eq!(enum_value_key("Foo", "foo_bar_BAZ"), "BarBaz");
    }
}
