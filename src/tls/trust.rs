//! What certificates of peers are worth. The handshake takes every chain, as long as the peer has the key of its first certificate: OpenSSL under
//! Node does the same, and JavaScript decides afterwards by the code that [`Trust::judge`] gives.

use super::fields::Fields;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use webpki::{EndEntityCert, RawPublicKeyEntity};

/// Takes every certificate, and no wrong signature.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    provider: Arc<CryptoProvider>,
    /// Whose certificates a server says it would like to see.
    subjects: Vec<DistinguishedName>,
}

impl AnyCertificate {
    pub(super) fn new(provider: Arc<CryptoProvider>, subjects: Vec<DistinguishedName>) -> AnyCertificate {
        AnyCertificate { provider, subjects }
    }

    fn verify_tls12(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match unread(cert) {
            None => verify_tls12_signature(message, cert, signature, algorithms),
            Some(fields) => {
                let key = RawPublicKeyEntity::try_from(&fields.key).map_err(|_| CertificateError::BadEncoding)?;
                // The same as above, by the key alone.
                let mut mapping = algorithms.mapping.iter();
                let possible = mapping.find(|(scheme, _)| *scheme == signature.scheme);
                let mut possible = possible.map_or(&[][..], |(_, possible)| possible).iter();
                if possible.any(|one| key.verify_signature(*one, message, signature.signature()).is_ok()) {
                    Ok(HandshakeSignatureValid::assertion())
                } else {
                    Err(CertificateError::BadSignature.into())
                }
            }
        }
    }

    fn verify_tls13(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match unread(cert) {
            None => verify_tls13_signature(message, cert, signature, algorithms),
            Some(fields) => verify_tls13_signature_with_raw_key(message, &fields.key, signature, algorithms),
        }
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

/// The certificates that a context trusts. As with OpenSSL, a chain is to end with one that has signed itself: the others help to get there.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    /// All of them.
    certificates: Vec<CertificateDer<'static>>,
    /// Those that others have signed.
    links: Vec<CertificateDer<'static>>,
    /// For certificates of clients; `None` where nothing is trusted.
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// Whose certificate is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peer {
    Client,
    Server,
}

impl Trust {
    /// What `rustls` cannot read of `certificates` is trusted where the peer shows the very same, and for nothing else.
    pub(super) fn new(provider: Arc<CryptoProvider>, certificates: Vec<CertificateDer<'static>>) -> Trust {
        let (links, ends): (Vec<_>, Vec<_>) = certificates.iter().cloned().partition(is_signed_by_another);
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(ends);
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build();
        Trust {
            provider,
            roots,
            certificates,
            links,
            clients: clients.ok(),
        }
    }

    /// The names of those who sign.
    pub(super) fn subjects(&self) -> Vec<DistinguishedName> {
        self.roots.subjects()
    }

    /// Whether a chain leads to a certificate that is trusted.
    ///
    /// # Errors
    /// OpenSSL's code for what is wrong with it: `DEPTH_ZERO_SELF_SIGNED_CERT`.
    pub(super) fn judge(&self, chain: &[CertificateDer<'_>], peer: Peer, now: UnixTime) -> Result<(), &'static str> {
        let (leaf, others) = chain.split_first().ok_or("UNABLE_TO_GET_ISSUER_CERT")?;
        if let Some(fields) = unread(leaf) {
            // More than that is not to be said of what `webpki` does not read, and never that it is good.
            if fields.is_self_signed() && !self.certificates.contains(leaf) {
                return Err("DEPTH_ZERO_SELF_SIGNED_CERT");
            }
            let may_have_signed = |certificate: &CertificateDer<'_>| {
                Fields::of(certificate).is_none_or(|signer| signer.subject == fields.issuer)
            };
            let is_unknown = others.is_empty() && !self.certificates.iter().any(may_have_signed);
            return Err(if is_unknown {
                "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
            } else {
                "CERT_REJECTED"
            });
        }
        if self.certificates.contains(leaf) && !is_signed_by_another(leaf) {
            // Trusted as it is, self-signed or an authority's for the most part: but for its dates.
            return match self.verify(leaf, others, peer, now) {
                Err(error @ ("CERT_HAS_EXPIRED" | "CERT_NOT_YET_VALID")) => Err(error),
                _ => Ok(()),
            };
        }
        self.verify(leaf, others, peer, now)
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        peer: Peer,
        now: UnixTime,
    ) -> Result<(), &'static str> {
        let links: Vec<CertificateDer<'_>> = if self.links.is_empty() {
            Vec::new()
        } else {
            [others, &self.links].concat()
        };
        let between = if self.links.is_empty() { others } else { &links };
        let verified = match (peer, &self.clients) {
            (Peer::Client, Some(clients)) => clients.verify_client_cert(leaf, between, now).map(drop),
            (Peer::Client, None) => Err(CertificateError::UnknownIssuer.into()),
            (Peer::Server, _) => ParsedCertificate::try_from(leaf).and_then(|leaf| {
                let algorithms = self.provider.signature_verification_algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&leaf, &self.roots, between, now, algorithms)
            }),
        };
        verified.map_err(|error| match error {
            Error::InvalidCertificate(error) => self.code(&error, leaf, others),
            _ => "CERT_REJECTED",
        })
    }

    /// Whether one of the chain, or who has signed its last, is trusted without having signed itself.
    fn leads_to_link(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> bool {
        let last = others.last().unwrap_or(leaf);
        let is_link = |certificate: &CertificateDer<'_>| self.links.contains(certificate);
        let has_signed =
            |link: &&CertificateDer<'_>| names(link).is_some_and(|link| Some(link.1) == names(last).map(|last| last.0));
        others.iter().any(is_link) || self.links.iter().any(|link| has_signed(&link))
    }

    fn code(&self, error: &CertificateError, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> &'static str {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "CERT_HAS_EXPIRED",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "CERT_NOT_YET_VALID",
            CertificateError::BadSignature => "CERT_SIGNATURE_FAILURE",
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "INVALID_PURPOSE",
            CertificateError::UnknownIssuer => match others.last() {
                None if is_self_signed(leaf) => "DEPTH_ZERO_SELF_SIGNED_CERT",
                _ if self.leads_to_link(leaf, others) => "UNABLE_TO_GET_ISSUER_CERT",
                None => "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
                Some(last) if is_self_signed(last) => "SELF_SIGNED_CERT_IN_CHAIN",
                Some(_) => "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            },
            // An authority's own certificate, which is none that is trusted.
            CertificateError::Other(_) if others.is_empty() && is_self_signed(leaf) => "DEPTH_ZERO_SELF_SIGNED_CERT",
            _ => "CERT_REJECTED",
        }
    }
}

/// Issuer and subject of a certificate, where it can be read.
fn names(certificate: &CertificateDer<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let Fields { issuer, subject, .. } = Fields::of(certificate)?;
    Some((issuer.to_vec(), subject.to_vec()))
}

/// The fields of a certificate that `webpki` does not read.
fn unread<'a>(certificate: &'a CertificateDer<'_>) -> Option<Fields<'a>> {
    match EndEntityCert::try_from(certificate) {
        Ok(_) => None,
        Err(_) => Fields::of(certificate),
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    names(certificate).is_some_and(|(issuer, subject)| issuer == subject)
}

/// Not of what cannot be read.
fn is_signed_by_another(certificate: &CertificateDer<'_>) -> bool {
    names(certificate).is_some_and(|(issuer, subject)| issuer != subject)
}
