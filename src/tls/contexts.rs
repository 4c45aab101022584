//! Chooses the context of a server that answers a client (SNI).

use super::Context;
use std::cell::RefCell;
use std::rc::Rc;

/// The contexts of a server: the default, and one for each name or pattern given to `addContext()`.
pub struct Contexts {
    /// For clients that ask for no name or an unknown one.
    default: Rc<Context>,
    named: RefCell<Vec<(String, Rc<Context>)>>,
}

impl Contexts {
    /// Contexts with a default only.
    pub fn new(default: Rc<Context>) -> Contexts {
        Contexts {
            default,
            named: RefCell::default(),
        }
    }

    /// Adds a context for clients that ask for `name`. A `*` in it matches any characters except dots, also none. If
    /// several patterns match a name, the one added last is used. Case does not matter.
    pub fn add(&self, name: &str, context: Rc<Context>) {
        self.named.borrow_mut().push((name.to_ascii_lowercase(), context));
    }

    /// The context for a client that asks for `name`.
    pub fn find(&self, name: Option<&str>) -> Rc<Context> {
        let named = self.named.borrow();
        let name = name.map(str::to_ascii_lowercase);
        let found = name.and_then(|name| {
            named
                .iter()
                .rev()
                .find(|(pattern, _)| fits(pattern.as_bytes(), name.as_bytes()))
        });
        found.map_or_else(|| self.default.clone(), |(_, context)| context.clone())
    }
}

/// Whether `pattern` matches `name`. Takes at most `pattern.len() * name.len()` steps, however many stars the pattern
/// has.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    // The position after the last star in the pattern, and the end of the part of `name` that the star matches so far.
    let mut star: Option<(usize, usize)> = None;
    while of < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, of));
            }
            Some(byte) if *byte == name[of] => {
                at += 1;
                of += 1;
            }
            _ => match &mut star {
                Some((behind, until)) if name[*until] != b'.' => {
                    *until += 1;
                    (at, of) = (*behind, *until);
                }
                _ => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_anything_but_dots() {
        for (pattern, name, expected) in [
            ("a.example", "a.example", true),
            ("a.example", "a.examples", false),
            ("a.example", "b.example", false),
            ("*.example", "a.example", true),
            ("*.example", ".example", true),
            ("*.example", "a.b.example", false),
            ("a*.example", "abc.example", true),
            ("a*c.example", "abcbc.example", true),
            ("a*c.example", "ab.c.example", false),
            ("*", "localhost", true),
            ("*", "a.b", false),
            ("*.*", "a.b", true),
            ("**", "ab", true),
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        let stars = "*a".repeat(2000);
        assert!(!fits(stars.as_bytes(), "a".repeat(5000).as_bytes()[..1999].as_ref()));
    }
}
