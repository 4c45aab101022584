//! The fields of an X.509 certificate (RFC 5280, 4). Also reads certificates of version 1, which `webpki` does not:
//! OpenSSL accepts them, and some programs still use old ones that they made themselves.

use super::der::{Element, Reader};
use super::names::{Name, directory_name, general_name, general_names};
use crate::calendar;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
/// Context-specific tags: primitive and constructed values numbered instead of typed.
pub(super) const PART: [u8; 3] = [0x80, 0x81, 0x82];
pub(super) const PARTS: [u8; 4] = [0xa0, 0xa1, 0xa2, 0xa3];

/// Object identifiers of the extensions that are read.
const SUBJECT_KEY: &[u8] = &[0x55, 0x1d, 14];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];
pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const REVOCATION_LISTS: &[u8] = &[0x55, 0x1d, 31];
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 35];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const NETSCAPE_TYPE: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 1, 1];
const ADDRESSES: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 7];
const NETWORKS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 8];
const PROXY: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 14];
/// Extensions that OpenSSL accepts when they are marked critical. The unnamed ones are about policies; the last one is
/// `id-pkix-ocsp-nocheck`.
const HEEDED: [&[u8]; 15] = [
    KEY_USAGE,
    ALTERNATIVE_NAMES,
    BASIC_CONSTRAINTS,
    NAME_CONSTRAINTS,
    REVOCATION_LISTS,
    EXTENDED_KEY_USAGE,
    NETSCAPE_TYPE,
    ADDRESSES,
    NETWORKS,
    PROXY,
    &[0x55, 0x1d, 32],
    &[0x55, 0x1d, 33],
    &[0x55, 0x1d, 36],
    &[0x55, 0x1d, 54],
    &[0x2b, 6, 1, 5, 5, 7, 48, 1, 5],
];

/// Extended key usages. Three stand for servers; the last two of them are old ones of Microsoft and Netscape.
const SERVER: [&[u8]; 3] = [
    &[0x2b, 6, 1, 5, 5, 7, 3, 1],
    &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 3, 3],
    &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 4, 1],
];
const CLIENT: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];

/// Algorithms. The RSA ones (PKCS #1) share a prefix: 1 is for keys only, 10 (RSASSA-PSS) for keys and signatures.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
const RSA_KEY: &[u8] = &[1];
const RSA_PSS: &[u8] = &[10];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4];

/// Bits of the key usage extension.
pub(super) mod usage {
    /// The key signs, for example in a handshake.
    pub const DIGITAL_SIGNATURE: u8 = 0x80;
    /// The key encrypts other keys.
    pub const KEY_ENCIPHERMENT: u8 = 0x20;
    /// The key takes part in key agreement.
    pub const KEY_AGREEMENT: u8 = 0x08;
    /// The key signs certificates.
    pub const CERTIFICATE: u8 = 0x04;
}

/// Bits of the Netscape certificate type.
pub(super) mod netscape {
    pub const CLIENT: u8 = 0x80;
    pub const SERVER: u8 = 0x40;
    /// An authority for TLS.
    pub const TLS_AUTHORITY: u8 = 0x04;
    /// An authority for any purpose: TLS, mail or code signing.
    pub const AUTHORITY: u8 = 0x07;
}

/// What is read from a certificate.
#[derive(Clone, Default)]
pub(super) struct Fields<'a> {
    /// The part that is signed (`tbsCertificate`).
    pub signed: &'a [u8],
    /// The signature's algorithm with its parameters, as stated outside and inside of the signed part. Both should be
    /// the same.
    pub algorithm: &'a [u8],
    pub signed_algorithm: &'a [u8],
    pub signature: &'a [u8],
    /// 1, 2 or 3; a certificate without a version is of version 1.
    pub version: u8,
    pub serial: &'a [u8],
    /// The issuer, who has signed the certificate.
    pub issuer: Name,
    /// The subject, whom the certificate is for.
    pub subject: Name,
    /// The subject's name, in its original DER.
    pub subject_der: &'a [u8],
    /// The validity, in seconds since the epoch: from `from`, included, to `until`, excluded. `None` for a time that
    /// cannot be read.
    pub from: Option<i64>,
    pub until: Option<i64>,
    /// The subject's public key (`subjectPublicKeyInfo`), and the identifier of its algorithm.
    pub key: &'a [u8],
    key_algorithm: &'a [u8],
    /// An extension cannot be read or occurs twice. Such a certificate matches no issuer and is the issuer of none.
    pub is_invalid: bool,
    /// A critical extension is not known to OpenSSL.
    pub is_strange: bool,
    /// It is a proxy certificate (RFC 3820).
    pub is_proxy: bool,
    /// It lists IP addresses or AS numbers (RFC 3779).
    pub has_resources: bool,
    /// `subjectAltName` contains a DNS name.
    pub has_hosts: bool,
    /// It has name constraints.
    pub has_name_constraints: bool,
    pub usage: Option<u8>,
    pub netscape: Option<u8>,
    /// From the extended key usage: whether it may be used by servers, and by clients.
    pub purposes: Option<(bool, bool)>,
    /// From the basic constraints: whether it is an authority's, and how many other authorities may follow on the path
    /// to the end.
    pub constraints: Option<(bool, Option<u64>)>,
    /// The identifiers of the subject's key and of the issuer's.
    key_name: Option<&'a [u8]>,
    issuer_key_name: Option<&'a [u8]>,
    /// The issuer and the serial number of the issuer's own certificate.
    issuer_issuer: Option<Name>,
    issuer_serial: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// `None` if it is not a certificate.
    pub fn of(certificate: &'a CertificateDer<'_>) -> Option<Fields<'a>> {
        let mut fields = Fields {
            version: 1,
            ..Fields::default()
        };
        let mut outer = Reader(certificate.as_ref());
        let mut certificate = outer.inside(SEQUENCE)?;
        outer.end()?;
        let signed = certificate.element(SEQUENCE)?;
        fields.signed = signed.whole;
        fields.algorithm = certificate.element(SEQUENCE)?.contents;
        fields.signature = certificate.element(BIT_STRING)?.contents.strip_prefix(&[0])?;
        certificate.end()?;

        let mut signed = Reader(signed.contents);
        if let Some(version) = signed.optional(PARTS[0])? {
            let mut version = Reader(version.contents);
            let [number @ 0..=0x7f] = *version.element(INTEGER)?.contents else {
                return None;
            };
            version.end()?;
            fields.version = number + 1;
        }
        fields.serial = signed.element(INTEGER)?.integer()?;
        fields.signed_algorithm = signed.element(SEQUENCE)?.contents;
        fields.issuer = Name::of(signed.inside(SEQUENCE)?)?;
        let mut validity = signed.inside(SEQUENCE)?;
        fields.from = time(&mut validity)?;
        fields.until = time(&mut validity)?;
        validity.end()?;
        fields.subject_der = signed.element(SEQUENCE)?.contents;
        fields.subject = Name::of(Reader(fields.subject_der))?;
        let key = signed.element(SEQUENCE)?;
        fields.key = key.whole;
        fields.key_algorithm = algorithm(Reader(key.contents).element(SEQUENCE)?.contents)?;
        // The unique identifiers of the issuer and the subject, from version 2 on. They are ignored.
        signed.optional(PART[1])?;
        signed.optional(PART[2])?;
        if let Some(extensions) = signed.optional(PARTS[3])? {
            let mut extensions = Reader(extensions.contents);
            let mut read = Vec::new();
            extensions.inside(SEQUENCE)?.each(|extension| {
                let extension = (extension.tag == SEQUENCE).then_some(extension.contents)?;
                fields.extend(Reader(extension), &mut read)
            })?;
            extensions.end()?;
        }
        signed.end()?;
        Some(fields)
    }

    /// Reads one extension. `read` holds the object identifiers of those read before.
    fn extend(&mut self, mut extension: Reader<'a>, read: &mut Vec<&'a [u8]>) -> Option<()> {
        let name = extension.element(OBJECT_IDENTIFIER)?.identifier()?;
        let is_critical = extension.optional(BOOLEAN)?.map_or(Some(false), |it| it.boolean())?;
        let value = Reader(extension.element(OCTET_STRING)?.contents);
        extension.end()?;
        self.is_strange |= is_critical && !HEEDED.contains(&name);
        if let Some(result) = self.read(name, value) {
            let is_new = !read.contains(&name);
            self.is_invalid |= result.is_none() || !is_new;
            if is_new {
                read.push(name);
            }
        }
        Some(())
    }

    /// The outer `None` means an extension that is not looked at, the inner one an extension that cannot be read. As in
    /// OpenSSL, bytes after the value are ignored.
    fn read(&mut self, name: &[u8], value: Reader<'a>) -> Option<Option<()>> {
        Some(match name {
            KEY_USAGE => self.read_usage(value),
            EXTENDED_KEY_USAGE => self.read_purposes(value),
            BASIC_CONSTRAINTS => self.read_constraints(value),
            SUBJECT_KEY => self.read_key_name(value),
            AUTHORITY_KEY => self.read_issuer(value),
            ALTERNATIVE_NAMES => self.read_alternative_names(value),
            NAME_CONSTRAINTS => self.read_name_constraints(value),
            REVOCATION_LISTS => read_revocation_lists(value),
            NETSCAPE_TYPE => self.read_netscape(value),
            PROXY => {
                self.is_proxy = true;
                Some(())
            }
            ADDRESSES | NETWORKS => {
                self.has_resources = true;
                Some(())
            }
            _ => return None,
        })
    }

    /// A key usage without any bit is invalid.
    fn read_usage(&mut self, mut value: Reader<'a>) -> Option<()> {
        let bits = value.element(BIT_STRING)?.bits()?;
        self.usage = Some(bits[0]);
        (bits != [0, 0]).then_some(())
    }

    fn read_netscape(&mut self, mut value: Reader<'a>) -> Option<()> {
        let [bits, _] = value.element(BIT_STRING)?.bits()?;
        self.netscape = Some(bits);
        Some(())
    }

    fn read_purposes(&mut self, mut value: Reader<'a>) -> Option<()> {
        let (mut server, mut client) = (false, false);
        value.inside(SEQUENCE)?.each(|purpose| {
            let purpose = (purpose.tag == OBJECT_IDENTIFIER).then(|| purpose.identifier())??;
            server |= SERVER.contains(&purpose);
            client |= purpose == CLIENT;
            Some(())
        })?;
        self.purposes = Some((server, client));
        Some(())
    }

    fn read_constraints(&mut self, mut value: Reader<'a>) -> Option<()> {
        let mut constraints = value.inside(SEQUENCE)?;
        let is_authority = constraints.optional(BOOLEAN)?.map_or(Some(false), |it| it.boolean())?;
        let most = match constraints.optional(INTEGER)? {
            Some(most) => Some(number(most.integer()?)?),
            None => None,
        };
        constraints.end()?;
        self.constraints = Some((is_authority, most));
        Some(())
    }

    fn read_key_name(&mut self, mut value: Reader<'a>) -> Option<()> {
        self.key_name = Some(value.element(OCTET_STRING)?.contents);
        Some(())
    }

    fn read_issuer(&mut self, mut value: Reader<'a>) -> Option<()> {
        let mut parts = value.inside(SEQUENCE)?;
        let [key, serial] = [PART[0], PART[2]];
        self.issuer_key_name = parts.optional(key)?.map(|name| name.contents);
        if let Some(names) = parts.optional(PARTS[1])? {
            general_names(Reader(names.contents))?;
            self.issuer_issuer = directory_name(Reader(names.contents));
        }
        if let Some(number) = parts.optional(serial)? {
            self.issuer_serial = Some(number.integer()?);
        }
        parts.end()
    }

    fn read_alternative_names(&mut self, mut value: Reader<'a>) -> Option<()> {
        self.has_hosts = general_names(value.inside(SEQUENCE)?)?;
        Some(())
    }

    /// Checks the structure only; `webpki` enforces the constraints.
    fn read_name_constraints(&mut self, mut value: Reader<'a>) -> Option<()> {
        self.has_name_constraints = true;
        let mut lists = value.inside(SEQUENCE)?;
        for list in [PARTS[0], PARTS[1]] {
            let Some(list) = lists.optional(list)? else {
                continue;
            };
            Reader(list.contents).each(|tree| {
                let mut tree = (tree.tag == SEQUENCE).then_some(Reader(tree.contents))?;
                general_name(&tree.next()?)?;
                for depth in [PART[0], PART[1]] {
                    tree.optional(depth)?
                        .map_or(Some(()), |depth| depth.integer().map(drop))?;
                }
                tree.end()
            })?;
        }
        lists.end()
    }

    /// The subject's public key.
    pub fn public_key(&self) -> SubjectPublicKeyInfoDer<'a> {
        self.key.into()
    }

    pub fn has_rsa_key(&self) -> bool {
        self.key_algorithm.starts_with(RSA)
    }

    /// Whether `issuer` can have signed this certificate: the issuer's name, the key identifiers and the serial number
    /// agree where they are given, the kind of key fits the signature, and neither certificate has an extension that
    /// cannot be read. The signature itself is not checked.
    pub fn names(&self, issuer: &Fields<'_>) -> bool {
        let agree = |named: Option<&[u8]>, known: Option<&[u8]>| named.is_none() || known.is_none() || named == known;
        self.issuer == issuer.subject
            && !self.is_invalid
            && !issuer.is_invalid
            && agree(self.issuer_key_name, issuer.key_name)
            && agree(self.issuer_serial, Some(issuer.serial))
            && self.issuer_issuer.as_ref().is_none_or(|name| *name == issuer.issuer)
            && algorithm(self.signed_algorithm).is_some_and(|signature| suits(signature, issuer.key_algorithm))
    }

    /// Whether it claims to be signed by its own key.
    pub fn is_self_signed(&self) -> bool {
        self.names(self)
    }

    /// Whether the key may be used for at least one of `usages`.
    pub fn allows(&self, usages: u8) -> bool {
        self.usage.is_none_or(|usage| usage & usages != 0)
    }

    /// The same for the Netscape certificate type.
    pub fn is_for(&self, types: u8) -> bool {
        self.netscape.is_none_or(|netscape| netscape & types != 0)
    }

    /// Checks the validity.
    ///
    /// # Errors
    /// OpenSSL's code for what is wrong; `CERT_REJECTED` if one of the times cannot be read.
    pub fn check_time(&self, now: UnixTime) -> Result<(), &'static str> {
        let now = seconds(now);
        match (self.from, self.until) {
            (Some(from), _) if now < from => Err("CERT_NOT_YET_VALID"),
            (Some(_), Some(until)) if now >= until => Err("CERT_HAS_EXPIRED"),
            (Some(_), Some(_)) => Ok(()),
            _ => Err("CERT_REJECTED"),
        }
    }
}

/// The object identifier of an algorithm, without its parameters.
fn algorithm(algorithm: &[u8]) -> Option<&[u8]> {
    Reader(algorithm).element(OBJECT_IDENTIFIER)?.identifier()
}

/// Whether a signature by one algorithm can be made with a key of another. Algorithms other than RSA and ECDSA are not
/// told apart.
fn suits(signature: &[u8], key: &[u8]) -> bool {
    match (signature.strip_prefix(RSA), key.strip_prefix(RSA)) {
        (Some(signature), Some(key)) => key == RSA_KEY || (signature, key) == (RSA_PSS, RSA_PSS),
        (None, None) => signature.starts_with(ECDSA) == (key == EC_KEY),
        _ => false,
    }
}

/// Checks the structure of the CRL distribution points. They are not used.
fn read_revocation_lists(mut value: Reader<'_>) -> Option<()> {
    let [whole, relative, signers] = [PARTS[0], PARTS[1], PARTS[2]];
    value.inside(SEQUENCE)?.each(|place| {
        let mut place = (place.tag == SEQUENCE).then_some(Reader(place.contents))?;
        let name = place.optional(PARTS[0])?;
        if let Some(name) = &name {
            let mut names = Reader(name.contents);
            let element = names.next()?;
            match element.tag {
                tag if tag == whole => general_names(Reader(element.contents)).map(drop)?,
                // A name relative to the issuer's.
                tag if tag == relative => {}
                _ => return None,
            }
            names.end()?;
        }
        if let Some(reasons) = place.optional(PART[1])? {
            reasons.bits()?;
        }
        let signers = place.optional(signers)?;
        if let Some(signers) = &signers {
            general_names(Reader(signers.contents))?;
        }
        place.end()?;
        (name.is_some() || signers.is_some_and(|signers| !signers.contents.is_empty())).then_some(())
    })
}

/// Seconds since the epoch, the unit of the validity in [`Fields`].
pub(super) fn seconds(time: UnixTime) -> i64 {
    time.as_secs().try_into().unwrap_or(i64::MAX)
}

/// Reads the next value, which must have the type of a time. The inner `None` means that its text is not a valid time.
fn time(reader: &mut Reader<'_>) -> Option<Option<i64>> {
    let element = reader.next()?;
    matches!(element.tag, UTC_TIME | GENERALIZED_TIME).then(|| time_of(&element))
}

/// Parses a time of either type. Both are in UTC, with seconds (RFC 5280, 4.1.2.5).
fn time_of(element: &Element<'_>) -> Option<i64> {
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

/// `None` if it is negative. Too large numbers become `u64::MAX`.
fn number(digits: &[u8]) -> Option<u64> {
    let number = digits.iter().fold(0u64, |number, digit| {
        number.saturating_mul(256).saturating_add(u64::from(*digit))
    });
    (digits[0] & 0x80 == 0).then_some(number)
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
            (fields.subject_der, fields.serial),
            (expected.subject(), expected.serial())
        );
        assert_eq!(fields.public_key(), expected.subject_public_key_info());
        assert!(fields.is_self_signed());
        for end in 0..certificate.len() {
            assert!(Fields::of(&CertificateDer::from(&certificate[..end])).is_none());
        }
        // Reading ends without a panic, whichever byte is changed.
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
        ] {
            let der = [&[tag, text.len() as u8], text.as_bytes()].concat();
            assert_eq!(time(&mut Reader(&der)), Some(expected), "{text}");
        }
        assert_eq!(time(&mut Reader(b"\x04\x0d700101000000Z")), None);
        let fields = Fields {
            from: Some(10),
            until: Some(20),
            ..Fields::default()
        };
        let checked = |at| fields.check_time(UnixTime::since_unix_epoch(Duration::from_secs(at)));
        let (early, late) = (Err("CERT_NOT_YET_VALID"), Err("CERT_HAS_EXPIRED"));
        assert_eq!([9, 10, 19, 20].map(checked), [early, Ok(()), Ok(()), late]);
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
