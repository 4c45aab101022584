//! `Accept-Encoding` and `Accept` (RFC 9110 §12.5): what a client accepts, and what it prefers.

use super::coding::Coding;

/// A quality value in thousandths.
type Weight = u16;

/// The encodings that a client accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Codings {
    weights: [Weight; Coding::ALL.len()],
    identity: Weight,
}

impl Codings {
    /// Parses `Accept-Encoding`. If it is absent or empty, only the unencoded file is sent.
    pub fn parse(value: Option<&[u8]>) -> Codings {
        let mut named = [None; Coding::ALL.len()];
        let (mut identity, mut others) = (None, None);
        for (name, weight) in weighted(value.unwrap_or_default()) {
            if let Some(coding) = Coding::from_name(name) {
                let slot: &mut Option<Weight> = &mut named[coding as usize];
                *slot = (*slot).max(Some(weight));
            } else if name.eq_ignore_ascii_case(b"identity") {
                identity = Some(weight);
            } else if name == b"*" {
                others = Some(weight);
            }
        }
        Codings {
            weights: named.map(|weight| weight.or(others).unwrap_or(0)),
            // The unencoded file is acceptable unless it is excluded, and the last choice unless it has a weight.
            identity: identity.unwrap_or(if others == Some(0) { 0 } else { 1 }),
        }
    }

    /// The weight of an encoding; `None` if it is not acceptable, or if the client prefers the unencoded file.
    fn weight(self, coding: Coding) -> Option<Weight> {
        let weight = self.weights[coding as usize];
        (weight > 0 && weight >= self.identity).then_some(weight)
    }

    /// Those of `offered` that the client prefers to the unencoded file, in its order of preference. Equal ones keep
    /// the order of `offered`.
    pub fn preferred(self, offered: &[Coding]) -> impl Iterator<Item = Coding> {
        let mut liked: [Option<(Weight, Coding)>; Coding::ALL.len()] = [None; Coding::ALL.len()];
        for (slot, &coding) in liked.iter_mut().zip(offered) {
            *slot = self.weight(coding).map(|weight| (weight, coding));
        }
        liked.sort_by_key(|liked| std::cmp::Reverse(liked.map_or(0, |(weight, _)| weight)));
        liked.into_iter().flatten().map(|(_, coding)| coding)
    }

    /// Whether the client refuses the unencoded file. It still gets that if nothing else is available, which RFC 9110
    /// §12.5.3 and §15.5.7 leave to the server: the client can at least try it.
    pub fn refuses_identity(self) -> bool {
        self.identity == 0
    }
}

/// Whether `Accept` allows HTML. Without the field, everything is allowed.
pub fn takes_html(value: Option<&[u8]>) -> bool {
    let Some(value) = value else { return true };
    let mut best: Option<(u8, Weight)> = None;
    for (range, weight) in weighted(value) {
        let precision = match range {
            b"*/*" | b"*" => 0,
            _ if range.eq_ignore_ascii_case(b"text/*") => 1,
            _ if range.eq_ignore_ascii_case(b"text/html") => 2,
            _ => continue,
        };
        best = best.max(Some((precision, weight)));
    }
    best.is_some_and(|(_, weight)| weight > 0)
}

/// The elements of a weighted list. An element with an invalid weight counts as refused.
fn weighted(value: &[u8]) -> impl Iterator<Item = (&[u8], Weight)> {
    value.split(|&byte| byte == b',').filter_map(|element| {
        let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| match part {
            [b'q' | b'Q', rest @ ..] => rest.trim_ascii_start().strip_prefix(b"="),
            _ => None,
        });
        Some((name, weight.map_or(Some(1000), quality).unwrap_or(0)))
    })
}

/// Parses a quality value such as `0`, `1`, `0.5` or `1.000`: 0 to 1 with at most three decimals.
fn quality(value: &[u8]) -> Option<Weight> {
    let value = value.trim_ascii();
    let (whole, decimals) = match value {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut weight = Weight::from(whole.checked_sub(b'0').filter(|digit| *digit <= 1)?);
    for place in 0..3 {
        let digit = decimals.get(place).copied().unwrap_or(b'0');
        weight = weight * 10 + Weight::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
    }
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Zstd};
    use super::*;
    use proptest::prelude::*;

    fn chosen(value: &str, offered: &[Coding]) -> Vec<Coding> {
        Codings::parse(Some(value.as_bytes())).preferred(offered).collect()
    }

    #[test]
    fn codings_by_weight_then_by_our_preference() {
        let all = &Coding::ALL;
        for (value, expected) in [
            ("", &[][..]),
            ("identity", &[]),
            ("gzip", &[Gzip]),
            ("GZIP", &[Gzip]),
            ("x-gzip", &[Gzip]),
            ("gzip, br", &[Brotli, Gzip]),
            ("gzip, deflate, br, zstd", &[Brotli, Zstd, Gzip]),
            ("gzip;q=1.0, br;q=0.5", &[Gzip, Brotli]),
            ("gzip;q=0.501, br;q=0.5, zstd;q=0.502", &[Zstd, Gzip, Brotli]),
            ("gzip;q=0", &[]),
            ("gzip;q=0.000", &[]),
            ("br;q=0, *", &[Zstd, Gzip]),
            ("*", &[Brotli, Zstd, Gzip]),
            ("*;q=0", &[]),
            ("*;q=0, gzip", &[Gzip]),
            ("*;q=0.1, gzip;q=0.2", &[Gzip, Brotli, Zstd]),
            ("identity, gzip;q=0.5", &[]),
            ("identity;q=0.5, gzip;q=0.5", &[Gzip]),
            ("identity;q=0.5, gzip;q=0.4, br;q=0.6", &[Brotli]),
            ("identity;q=0, gzip;q=0.001", &[Gzip]),
            ("gzip ; q = 0.3 , br;q=0.2", &[Gzip, Brotli]),
            ("gzip;foo=bar;q=0.3, br;q=0.2", &[Gzip, Brotli]),
            ("gzip;q=, br;q=nan, zstd;q=2", &[]),
            ("gzip;q=-1, br;q=0.1234, zstd;q=1.001", &[]),
            (",, gzip,,", &[Gzip]),
            ("gzip;q=0, gzip", &[Gzip]),
            ("deflate, compress, gzipx", &[]),
        ] {
            assert_eq!(chosen(value, all), expected, "{value}");
        }
        assert_eq!(chosen("br, gzip", &[Gzip, Brotli]), [Gzip, Brotli]);
        assert_eq!(chosen("br, gzip", &[Gzip]), [Gzip]);
        assert!(Codings::parse(None).preferred(all).next().is_none());
    }

    #[test]
    fn the_file_as_it_is_can_be_refused() {
        for (value, refused) in [
            ("identity;q=0", true),
            ("*;q=0", true),
            ("*;q=0, identity", false),
            ("gzip, *;q=0", true),
            ("gzip", false),
            ("", false),
            ("identity;q=0.001", false),
            ("identity;q=0, *", true),
        ] {
            assert_eq!(
                Codings::parse(Some(value.as_bytes())).refuses_identity(),
                refused,
                "{value}"
            );
        }
        assert!(!Codings::parse(None).refuses_identity());
    }

    #[test]
    fn html_is_taken_where_a_browser_says_so() {
        for (value, taken) in [
            (
                Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                true,
            ),
            (Some("*/*"), true),
            (Some("text/*"), true),
            (None, true),
            (Some("application/json"), false),
            (Some("text/html;q=0"), false),
            (Some("text/html;q=0, */*"), false),
            (Some("text/*;q=0, text/html;q=0.5"), true),
            (Some("text/plain"), false),
            (Some("image/avif,image/webp,*/*;q=0"), false),
        ] {
            assert_eq!(takes_html(value.map(str::as_bytes)), taken, "{value:?}");
        }
    }

    /// A second implementation that reads the list anew for each encoding.
    fn twin(elements: &[(&str, u16)], offered: &[Coding]) -> Vec<Coding> {
        let of = |name: &str| {
            elements
                .iter()
                .filter(|(one, _)| *one == name)
                .map(|(_, weight)| *weight)
                .max()
        };
        let last = |name: &str| {
            elements
                .iter()
                .rev()
                .find(|(one, _)| *one == name)
                .map(|(_, weight)| *weight)
        };
        let identity = last("identity").unwrap_or(if last("*") == Some(0) { 0 } else { 1 });
        let weight = |coding: &Coding| of(coding.name()).or(last("*")).unwrap_or(0);
        let mut liked: Vec<Coding> = offered.to_vec();
        liked.retain(|coding| weight(coding) > 0 && weight(coding) >= identity);
        liked.sort_by_key(|coding| 1000 - weight(coding));
        liked
    }

    proptest! {
        #[test]
        fn preferred_is_its_naive_twin(
            elements in prop::collection::vec(
                (prop::sample::select(vec!["gzip", "br", "zstd", "identity", "*", "deflate"]), 0u16..=1000),
                0..6,
            ),
            offered in prop::sample::subsequence(Coding::ALL.to_vec(), 0..=3).prop_shuffle(),
        ) {
            let text = |(name, weight): &(&str, u16)| format!("{name};q={}.{:03}", weight / 1000, weight % 1000);
            let value = elements.iter().map(text).collect::<Vec<_>>().join(", ");
            prop_assert_eq!(chosen(&value, &offered), twin(&elements, &offered), "{}", value);
        }

        #[test]
        fn anything_can_be_read(value in prop::collection::vec(any::<u8>(), 0..64)) {
            let codings = Codings::parse(Some(&value));
            prop_assert!(codings.preferred(&Coding::ALL).count() <= 3);
            takes_html(Some(&value));
        }
    }
}
