//! A stand-in for a peer's own (end-entity) certificate that `webpki` refuses to look at, though OpenSSL accepts it: a
//! certificate of version 1 or 2, or one that says it is an authority's (`basicConstraints` with `cA` set).
//!
//! The stand-in is of version 3 and has no `basicConstraints`. It has the serial number, issuer, validity, subject,
//! key, other extensions and signature of the original, but not its unique identifiers. Its body differs from the
//! signed one, so the signature would not verify: [`Knowing`] makes `webpki` verify the signature over the original's
//! body instead.

use super::der::Reader;
use super::fields::{BASIC_CONSTRAINTS, BIT_STRING, Fields, INTEGER, OBJECT_IDENTIFIER, PART, PARTS, SEQUENCE};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm as Algorithm,
};

/// The version field of the stand-in: version 3.
const VERSION: [u8; 5] = [PARTS[0], 3, INTEGER, 1, 2];

pub(super) struct StandIn<'a> {
    pub certificate: CertificateDer<'static>,
    /// The body (`tbsCertificate`) of the stand-in, and the original's, which was signed.
    seeming: Vec<u8>,
    signed: &'a [u8],
}

impl<'a> StandIn<'a> {
    /// `None` if `webpki` can take the certificate as it is, or if the certificate cannot be parsed.
    pub fn of(certificate: &'a CertificateDer<'_>, fields: &Fields<'a>) -> Option<StandIn<'a>> {
        let is_authority = fields.constraints.is_some_and(|(is_authority, _)| is_authority);
        if fields.version >= 3 && !is_authority {
            return None;
        }
        let mut parts = Reader(certificate.as_ref()).inside(SEQUENCE)?;
        let signed = parts.element(SEQUENCE)?;
        let behind = [parts.element(SEQUENCE)?.whole, parts.element(BIT_STRING)?.whole].concat();

        let mut parts = Reader(signed.contents);
        parts.optional(PARTS[0])?;
        let from = parts.0;
        // Serial number, algorithm, issuer, validity, subject and key.
        for _ in 0..6 {
            parts.next()?;
        }
        let common = &from[..from.len() - parts.0.len()];
        parts.optional(PART[1])?;
        parts.optional(PART[2])?;
        let mut kept = Vec::new();
        if let Some(extensions) = parts.optional(PARTS[3])? {
            Reader(extensions.contents).inside(SEQUENCE)?.each(|extension| {
                let name = Reader(extension.contents).element(OBJECT_IDENTIFIER)?;
                if name.contents != BASIC_CONSTRAINTS {
                    kept.extend_from_slice(extension.whole);
                }
                Some(())
            })?;
        }
        let extensions = value(PARTS[3], &value(SEQUENCE, &kept));
        let seeming = value(SEQUENCE, &[&VERSION, common, &extensions].concat());
        let certificate = value(SEQUENCE, &[&seeming[..], &behind].concat());
        Some(StandIn {
            certificate: certificate.into(),
            seeming,
            signed: signed.whole,
        })
    }

    /// Wraps signature algorithms so that they verify the original's body in place of the stand-in's.
    pub fn algorithms(&self, algorithms: &[&'static dyn Algorithm]) -> Vec<Knowing<'_>> {
        let knowing = |algorithm: &&'static dyn Algorithm| Knowing {
            algorithm: *algorithm,
            seeming: &self.seeming,
            signed: self.signed,
        };
        algorithms.iter().map(knowing).collect()
    }
}

/// A signature algorithm that verifies the original's body where it is given the stand-in's, and any other message as
/// it is. See [`StandIn::algorithms`].
#[derive(Debug)]
pub(super) struct Knowing<'a> {
    algorithm: &'static dyn Algorithm,
    seeming: &'a [u8],
    signed: &'a [u8],
}

impl Algorithm for Knowing<'_> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let message = if message == self.seeming { self.signed } else { message };
        self.algorithm.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

/// DER of a value, with the shortest encoding of its length.
fn value(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let digits = length.to_be_bytes();
    let digits = &digits[digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len() - 1)..];
    let mut value = vec![tag];
    if length < 0x80 {
        value.push(digits[0]);
    } else {
        // The cast cannot truncate: a `usize` has at most 8 bytes.
        value.push(0x80 | digits.len() as u8);
        value.extend_from_slice(digits);
    }
    value.extend_from_slice(contents);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::pem::PemObject;
    use webpki::{EndEntityCert, RawPublicKeyEntity};

    /// A certificate whose parameters `change` has changed, signed by `issuer`.
    fn made(issuer: &KeyPair, change: fn(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        change(&mut params);
        let signer = Issuer::new(CertificateParams::default(), issuer);
        let signed = params.signed_by(&KeyPair::generate().unwrap(), &signer).unwrap();
        signed.der().clone()
    }

    #[test]
    fn ends_as_they_should_be_need_none() {
        let issuer = KeyPair::generate().unwrap();
        for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
            let certificate = match is_ca {
                IsCa::NoCa => made(&issuer, |_| {}),
                _ => made(&issuer, |params| params.is_ca = IsCa::ExplicitNoCa),
            };
            let fields = Fields::of(&certificate).unwrap();
            assert!(StandIn::of(&certificate, &fields).is_none());
        }
    }

    #[test]
    fn it_says_the_same_but_that_it_is_an_authoritys() {
        let issuer = KeyPair::generate().unwrap();
        let certificate = made(&issuer, |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        let fields = Fields::of(&certificate).unwrap();
        let stand_in = StandIn::of(&certificate, &fields).unwrap();
        let seen = Fields::of(&stand_in.certificate).unwrap();
        assert_eq!(
            (
                seen.version,
                seen.serial,
                seen.subject_der,
                seen.key,
                seen.from,
                seen.until
            ),
            (
                3,
                fields.serial,
                fields.subject_der,
                fields.key,
                fields.from,
                fields.until
            )
        );
        assert!(seen.issuer == fields.issuer && seen.subject == fields.subject);
        assert_eq!((seen.constraints, fields.constraints), (None, Some((true, Some(0)))));
        assert_eq!((seen.purposes, seen.has_hosts), (Some((true, false)), true));
        assert_eq!(
            (seen.usage, seen.signature, seen.algorithm),
            (fields.usage, fields.signature, fields.algorithm)
        );
        // webpki accepts it as an end-entity certificate.
        let end = EndEntityCert::try_from(&stand_in.certificate).unwrap();
        assert_eq!(end.valid_dns_names().collect::<Vec<_>>(), ["a.example"]);
    }

    #[test]
    fn its_signature_is_the_certificates() {
        let (issuer, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let certificate = made(&issuer, |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)
        });
        let fields = Fields::of(&certificate).unwrap();
        let stand_in = StandIn::of(&certificate, &fields).unwrap();
        let provider = default_provider();
        let known = provider.signature_verification_algorithms.all;
        let verified = |key: &KeyPair, message: &[u8]| {
            let key = rcgen::PublicKeyData::subject_public_key_info(key).into();
            let key = RawPublicKeyEntity::try_from(&key).unwrap();
            let knowing = stand_in.algorithms(known);
            knowing
                .iter()
                .any(|one| key.verify_signature(one, message, fields.signature).is_ok())
        };
        let seeming = Fields::of(&stand_in.certificate).unwrap().signed;
        assert!(verified(&issuer, seeming) && verified(&issuer, fields.signed));
        assert!(!verified(&other, seeming));
        let mut changed = seeming.to_vec();
        let last = changed.len() - 1;
        for at in [0, last / 2, last] {
            changed[at] ^= 1;
            assert!(!verified(&issuer, &changed), "{at}");
            changed[at] ^= 1;
        }
        assert!(!verified(&issuer, &seeming[..last]));
    }

    #[test]
    fn webpki_reads_it_in_the_place_of_one_of_version_1() {
        let pem = include_bytes!("../../__test__/https/fixtures/old-cert.pem");
        let certificate = CertificateDer::from_pem_slice(pem).unwrap();
        let fields = Fields::of(&certificate).unwrap();
        let stand_in = StandIn::of(&certificate, &fields).unwrap();
        assert!(EndEntityCert::try_from(&certificate).is_err());
        let end = EndEntityCert::try_from(&stand_in.certificate).unwrap();
        assert_eq!((end.subject(), end.serial()), (fields.subject_der, fields.serial));
    }

    #[test]
    fn lengths_are_as_short_as_can_be() {
        for (length, head) in [
            (0, &[4, 0][..]),
            (0x7f, &[4, 0x7f]),
            (0x80, &[4, 0x81, 0x80]),
            (0x100, &[4, 0x82, 1, 0]),
            (0x1_0000, &[4, 0x83, 1, 0, 0]),
        ] {
            let written = value(4, &vec![7; length]);
            assert_eq!((&written[..head.len()], written.len()), (head, head.len() + length));
        }
    }
}
