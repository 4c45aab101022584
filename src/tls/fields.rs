//! What certificates say (RFC 5280, 4), those of version 1 included, which `webpki` does not read: OpenSSL takes them, and so do programs that made
//! their own certificates long ago.

use super::der::Reader;
use crate::calendar;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Of an authority's key: its identifier, and its certificate's serial number.
const KEY: u8 = 0x80;
const SERIAL: u8 = 0x82;

/// Identifiers of extensions: 2.5.29 and one more number, which these are.
const STANDARD: [u8; 2] = [0x55, 0x1d];
const SUBJECT_KEY: u8 = 14;
const KEY_USAGE: u8 = 15;
const BASIC_CONSTRAINTS: u8 = 19;
const AUTHORITY_KEY: u8 = 35;
const EXTENDED_KEY_USAGE: u8 = 37;
/// Those that OpenSSL knows what to do with, where they are critical; names, policies and where lists of the revoked are, beside the above.
const HEEDED: [u8; 10] = [
    KEY_USAGE,
    17,
    BASIC_CONSTRAINTS,
    30,
    31,
    32,
    33,
    36,
    EXTENDED_KEY_USAGE,
    54,
];
/// The same of 1.3.6.1.5.5.7: addresses, numbers of networks, proxies, and nothing to be revoked.
const HEEDED_ELSEWHERE: [&[u8]; 4] = [&[1, 7], &[1, 8], &[1, 14], &[48, 1, 5]];
const PKIX: [u8; 6] = [0x2b, 6, 1, 5, 5, 7];

/// Purposes of 1.3.6.1.5.5.7.3.
const SERVER: [u8; 2] = [3, 1];
const CLIENT: [u8; 2] = [3, 2];

/// Bits of the key usage.
pub(super) mod usage {
    /// Signs, in a handshake for one.
    pub const DIGITAL_SIGNATURE: u8 = 0x80;
    /// Encrypts keys.
    pub const KEY_ENCIPHERMENT: u8 = 0x20;
    /// Agrees on keys.
    pub const KEY_AGREEMENT: u8 = 0x08;
    /// Signs certificates.
    pub const CERTIFICATE: u8 = 0x04;
}

/// What is read of a certificate.
#[derive(Clone, Default)]
pub(super) struct Fields<'a> {
    /// What has been signed.
    pub signed: &'a [u8],
    /// By which algorithm.
    pub algorithm: &'a [u8],
    pub signature: &'a [u8],
    /// From 1.
    pub version: u8,
    pub serial: &'a [u8],
    /// The name of who has signed it, as it stands there.
    pub issuer: &'a [u8],
    /// Its owner's name, likewise.
    pub subject: &'a [u8],
    /// When it is valid, in seconds from the epoch: the first, and the last.
    pub from: i64,
    pub until: i64,
    /// The owner's key.
    pub key: &'a [u8],
    /// There is an extension that must be heeded, and nobody knows it.
    pub is_strange: bool,
    pub usage: Option<u8>,
    /// Whether it may be a server's, and a client's.
    pub purposes: Option<(bool, bool)>,
    /// Whether it is an authority's, and of how many others the way to an end may lead.
    pub constraints: Option<(bool, Option<u64>)>,
    /// What its owner's key is known by, and that of who has signed it.
    pub key_name: Option<&'a [u8]>,
    pub issuer_key_name: Option<&'a [u8]>,
    /// The number of the certificate of who has signed it.
    pub issuer_serial: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// `None` for what is no certificate.
    pub fn of(certificate: &'a CertificateDer<'_>) -> Option<Fields<'a>> {
        let mut fields = Fields {
            version: 1,
            ..Fields::default()
        };
        let mut outer = Reader(certificate.as_ref());
        let mut certificate = Reader(outer.element(SEQUENCE)?.contents);
        let signed = certificate.element(SEQUENCE)?;
        fields.signed = signed.whole;
        fields.algorithm = certificate.element(SEQUENCE)?.contents;
        fields.signature = certificate.element(BIT_STRING)?.contents.strip_prefix(&[0])?;

        let mut signed = Reader(signed.contents);
        if let Some(version) = signed.optional(VERSION)? {
            let [version @ 0..=2] = *Reader(version.contents).element(INTEGER)?.contents else {
                return None;
            };
            fields.version = version + 1;
        }
        fields.serial = signed.element(INTEGER)?.contents;
        signed.element(SEQUENCE)?;
        fields.issuer = signed.element(SEQUENCE)?.contents;
        let mut validity = Reader(signed.element(SEQUENCE)?.contents);
        fields.from = time(&mut validity)?;
        fields.until = time(&mut validity)?;
        fields.subject = signed.element(SEQUENCE)?.contents;
        fields.key = signed.element(SEQUENCE)?.whole;
        while !signed.0.is_empty() {
            let element = signed.next()?;
            if element.tag == EXTENSIONS {
                let mut extensions = Reader(Reader(element.contents).element(SEQUENCE)?.contents);
                while !extensions.0.is_empty() {
                    fields.extend(Reader(extensions.element(SEQUENCE)?.contents))?;
                }
            }
        }
        Some(fields)
    }

    fn extend(&mut self, mut extension: Reader<'a>) -> Option<()> {
        let name = extension.element(OBJECT_IDENTIFIER)?.contents;
        let critical = extension.optional(BOOLEAN)?;
        let is_critical = critical.is_some_and(|critical| critical.contents != [0]);
        let mut value = Reader(extension.element(OCTET_STRING)?.contents);
        let [first, second, which] = *name else {
            let is_known = name
                .strip_prefix(&PKIX)
                .is_some_and(|name| HEEDED_ELSEWHERE.contains(&name));
            self.is_strange |= is_critical && !is_known;
            return Some(());
        };
        if [first, second] != STANDARD {
            self.is_strange |= is_critical;
            return Some(());
        }
        self.is_strange |= is_critical && !HEEDED.contains(&which);
        match which {
            KEY_USAGE => {
                let bits = value.element(BIT_STRING)?.contents;
                self.usage = Some(bits.get(1).copied().unwrap_or(0));
            }
            EXTENDED_KEY_USAGE => {
                let mut list = Reader(value.element(SEQUENCE)?.contents);
                let (server, client) = self.purposes.get_or_insert((false, false));
                while !list.0.is_empty() {
                    let purpose = list.element(OBJECT_IDENTIFIER)?.contents.strip_prefix(&PKIX);
                    *server |= purpose == Some(&SERVER);
                    *client |= purpose == Some(&CLIENT);
                }
            }
            BASIC_CONSTRAINTS => {
                let mut constraints = Reader(value.element(SEQUENCE)?.contents);
                let is_authority = constraints.optional(BOOLEAN)?.is_some_and(|is| is.contents != [0]);
                let most = constraints.optional(INTEGER)?.map(|most| number(most.contents));
                self.constraints = Some((is_authority, most));
            }
            SUBJECT_KEY => self.key_name = Some(value.element(OCTET_STRING)?.contents),
            AUTHORITY_KEY => {
                let mut parts = Reader(value.element(SEQUENCE)?.contents);
                while !parts.0.is_empty() {
                    let part = parts.next()?;
                    match part.tag {
                        KEY => self.issuer_key_name = Some(part.contents),
                        SERIAL => self.issuer_serial = Some(part.contents),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Some(())
    }

    /// The owner's key.
    pub fn public_key(&self) -> SubjectPublicKeyInfoDer<'a> {
        self.key.into()
    }

    /// Whether `self` names `issuer` as who has signed it.
    pub fn names(&self, issuer: &Fields<'_>) -> bool {
        let agree = |named: Option<&[u8]>, known: Option<&[u8]>| named.is_none() || known.is_none() || named == known;
        self.issuer == issuer.subject
            && agree(self.issuer_key_name, issuer.key_name)
            && agree(self.issuer_serial, Some(issuer.serial))
    }

    /// Whether it claims to have signed itself.
    pub fn is_self_signed(&self) -> bool {
        self.names(self)
    }

    /// Whether its key may be used for one of `usages`.
    pub fn allows(&self, usages: u8) -> bool {
        self.usage.is_none_or(|usage| usage & usages != 0)
    }

    pub fn is_valid(&self, now: UnixTime) -> bool {
        (self.from..=self.until).contains(&seconds(now))
    }
}

/// As certificates count.
pub(super) fn seconds(time: UnixTime) -> i64 {
    time.as_secs().try_into().unwrap_or(i64::MAX)
}

/// A time of either kind; both are in UTC, to the second (RFC 5280, 4.1.2.5).
fn time(reader: &mut Reader<'_>) -> Option<i64> {
    let element = reader.next()?;
    let digits = element.contents.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
    };
    let (year, rest) = match (element.tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            let year = number(year);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (number(year), rest)
        }
        _ => return None,
    };
    let at = |index: usize| number(&rest[2 * index..2 * index + 2]);
    calendar::seconds([year, at(0), at(1), at(2), at(3), at(4)])
}

/// One that is not negative; what is too large for anything is as large as can be.
fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0u64, |number, digit| {
        number.saturating_mul(256).saturating_add(u64::from(*digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
    use rustls::pki_types::pem::PemObject;
    use std::time::Duration;
    use webpki::EndEntityCert;

    #[test]
    fn fields_are_what_webpki_finds_where_it_reads_the_certificate() {
        let key = KeyPair::generate().unwrap();
        let made = CertificateParams::new(vec!["a.example".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let certificate = made.der();
        let fields = Fields::of(certificate).unwrap();
        let expected = EndEntityCert::try_from(certificate).unwrap();
        assert_eq!(
            (fields.issuer, fields.subject, fields.serial),
            (expected.issuer(), expected.subject(), expected.serial())
        );
        assert_eq!(fields.public_key(), expected.subject_public_key_info());
        assert!(fields.is_self_signed());
        for end in 0..certificate.len() {
            assert!(Fields::of(&CertificateDer::from(&certificate[..end])).is_none());
        }
        // Whatever is changed, it ends.
        for at in 0..certificate.len() {
            for flip in [1, 0x80, 0xff] {
                let mut changed = certificate.to_vec();
                changed[at] ^= flip;
                let _ = Fields::of(&CertificateDer::from(changed)).map(|fields| fields.is_self_signed());
            }
        }
    }

    #[test]
    fn what_a_certificate_is_for_is_read() {
        let key = KeyPair::generate().unwrap();
        let made = |change: fn(&mut CertificateParams)| {
            let mut params = CertificateParams::default();
            change(&mut params);
            params.self_signed(&key).unwrap().der().clone()
        };
        let of = |certificate| {
            let fields = Fields::of(&certificate).unwrap();
            (fields.usage, fields.purposes, fields.constraints)
        };
        assert_eq!(of(made(|_| ())), (None, None, None));
        let end = made(|params| {
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyAgreement];
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::CodeSigning,
                ExtendedKeyUsagePurpose::ServerAuth,
            ];
        });
        let both = usage::DIGITAL_SIGNATURE | usage::KEY_AGREEMENT;
        assert_eq!(of(end), (Some(both), Some((true, false)), Some((false, None))));
        let authority = made(|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(3));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        let expected = (Some(usage::CERTIFICATE), Some((false, true)), Some((true, Some(3))));
        assert_eq!(of(authority), expected);
    }

    #[test]
    fn times_are_read_to_the_second() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "500101000000Z", None),
            (UTC_TIME, "20500101000000Z", None),
            (UTC_TIME, "7001010000Z", None),
            (UTC_TIME, "700101000000+0100", None),
            (UTC_TIME, "70010100000xZ", None),
            (UTC_TIME, "700230000000Z", None),
            (OCTET_STRING, "700101000000Z", None),
        ] {
            let der = [&[tag, text.len() as u8], text.as_bytes()].concat();
            assert_eq!(time(&mut Reader(&der)), expected, "{text}");
        }
        let fields = Fields {
            from: 10,
            until: 20,
            ..Fields::default()
        };
        let valid = |at| fields.is_valid(UnixTime::since_unix_epoch(Duration::from_secs(at)));
        assert_eq!([9, 10, 20, 21].map(valid), [false, true, true, false]);
    }

    #[test]
    fn version_1_has_no_version() {
        let pem = include_bytes!("../../__test__/https/fixtures/old-cert.pem");
        let certificate = CertificateDer::from_pem_slice(pem).unwrap();
        assert!(EndEntityCert::try_from(&certificate).is_err());
        let fields = Fields::of(&certificate).unwrap();
        assert!(fields.is_self_signed() && fields.version == 1);
    }
}
