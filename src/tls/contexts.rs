//! The contexts of one server: which of them answers which client.

use super::Context;
use std::cell::RefCell;
use std::rc::Rc;

/// A server's contexts: one for each name that it has one for (`addContext`), and one for all others.
pub struct Contexts {
    /// For who asks for no name, or an unknown one.
    default: Rc<Context>,
    named: RefCell<Vec<(String, Rc<Context>)>>,
}

impl Contexts {
    /// `default` answers everyone.
    pub fn new(default: Rc<Context>) -> Contexts {
        Contexts {
            default,
            named: RefCell::default(),
        }
    }

    /// Has a context answer who asks for a name. In that, `*` stands for any characters but dots. Of two that fit, the later counts.
    pub fn add(&self, name: &str, context: Rc<Context>) {
        self.named.borrow_mut().push((name.to_ascii_lowercase(), context));
    }

    /// Who answers a client that asks for `name`.
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

/// Whether a name is one of a pattern's. It takes no longer than pattern times name, however many stars there are.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    // Behind the last star, and what it stands for so far.
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
