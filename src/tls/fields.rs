//! Parts of certificates that `webpki` does not read, those of version 1 above all: whose they are, who has signed them, and with what key their owner
//! signs (RFC 5280, 4.1). OpenSSL takes them, and so do programs that made their own certificates long ago.

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// What is read of a certificate.
pub(super) struct Fields<'a> {
    /// The name of who has signed it, as it stands there.
    pub issuer: &'a [u8],
    /// Its owner's name, likewise.
    pub subject: &'a [u8],
    /// The owner's key.
    pub key: SubjectPublicKeyInfoDer<'a>,
}

impl<'a> Fields<'a> {
    pub fn of(certificate: &'a CertificateDer<'_>) -> Option<Fields<'a>> {
        let mut outer = Reader(certificate.as_ref());
        let mut certificate = Reader(outer.element(SEQUENCE)?.contents);
        let mut signed = Reader(certificate.element(SEQUENCE)?.contents);
        if signed.0.first() == Some(&VERSION) {
            signed.element(VERSION)?;
        }
        // The serial number, and the algorithm of the signature.
        signed.element(INTEGER)?;
        signed.element(SEQUENCE)?;
        let issuer = signed.element(SEQUENCE)?.contents;
        // When it is valid.
        signed.element(SEQUENCE)?;
        let subject = signed.element(SEQUENCE)?.contents;
        let key = signed.element(SEQUENCE)?.whole;
        Some(Fields {
            issuer,
            subject,
            key: key.into(),
        })
    }

    /// Whether it claims to have signed itself.
    pub fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }
}

struct Element<'a> {
    contents: &'a [u8],
    whole: &'a [u8],
}

/// DER, as far as it is needed here.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        let (&[found, first], mut rest) = self.0.split_first_chunk()?;
        if found != tag {
            return None;
        }
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let count = usize::from(first & 0x7f);
            // Longer ones are no certificates.
            if !(1..=3).contains(&count) {
                return None;
            }
            let (digits, behind) = rest.split_at_checked(count)?;
            length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            rest = behind;
        }
        let (contents, behind) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - behind.len()];
        self.0 = behind;
        Some(Element { contents, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
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
        assert_eq!((fields.issuer, fields.subject), (expected.issuer(), expected.subject()));
        assert_eq!(fields.key, expected.subject_public_key_info());
        assert!(fields.is_self_signed());
        for end in 0..certificate.len() {
            assert!(Fields::of(&CertificateDer::from(&certificate[..end])).is_none());
        }
        // Whatever is changed, it ends.
        for at in 0..certificate.len().min(400) {
            for flip in [1, 0x80, 0xff] {
                let mut changed = certificate.to_vec();
                changed[at] ^= flip;
                let _ = Fields::of(&CertificateDer::from(changed)).map(|fields| fields.is_self_signed());
            }
        }
    }

    #[test]
    fn version_1_has_no_version() {
        let pem = include_bytes!("../../__test__/https/fixtures/old-cert.pem");
        let certificate = <CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(pem).unwrap();
        assert!(EndEntityCert::try_from(&certificate).is_err());
        assert!(Fields::of(&certificate).unwrap().is_self_signed());
    }
}
