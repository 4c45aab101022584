//! Verification of the peer's certificates, in two steps. The handshake accepts every chain, as long as the peer proves
//! that it has the private key of the first certificate. [`Trust::judge`] then says whether the chain is trusted, and
//! JavaScript decides by its code. OpenSSL under Node works the same way.

use super::fields::{Fields, usage};
use super::path::{Link, Path, Trusted};
use super::stand_in::StandIn;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm as Algorithm, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};
use std::sync::Arc;
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, anchor_from_trusted_cert};

/// A verifier that accepts every certificate but checks the signature over the handshake.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    provider: Arc<CryptoProvider>,
    /// The names of the authorities that a server sends with its request for a certificate.
    subjects: Vec<DistinguishedName>,
    /// Whether a server fails the handshake of a client that shows no certificate.
    demands: bool,
}

impl AnyCertificate {
    pub(super) fn of_servers(provider: Arc<CryptoProvider>) -> AnyCertificate {
        AnyCertificate::of_clients(provider, Vec::new(), false)
    }

    pub(super) fn of_clients(
        provider: Arc<CryptoProvider>,
        subjects: Vec<DistinguishedName>,
        demands: bool,
    ) -> AnyCertificate {
        AnyCertificate {
            provider,
            subjects,
            demands,
        }
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
                let key = fields.public_key();
                let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
                // The same as `verify_tls12_signature()`, with the key instead of the certificate, which `webpki`
                // cannot parse.
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
            Some(fields) => verify_tls13_signature_with_raw_key(message, &fields.public_key(), signature, algorithms),
        }
        .map_err(|error| match error {
            // The peer chose a signature scheme that does not fit its key (RFC 8446, 4.4.3). rustls reports that as an
            // invalid certificate, which it is not.
            Error::InvalidCertificate(CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                ..
            }) => PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into(),
            error => error,
        })
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.demands
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
        // OpenSSL checks the key usage of a server's certificate here, in TLS 1.2, unless the key is an RSA key.
        let fields = Fields::of(cert).filter(|fields| !fields.is_invalid);
        if !fields.is_some_and(|fields| fields.has_rsa_key() || fields.allows(usage::DIGITAL_SIGNATURE)) {
            return Err(CertificateError::InvalidPurpose.into());
        }
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

/// The certificates that a context trusts. As with OpenSSL, a chain is trusted only if it ends with a self-signed
/// certificate among them; the others only help to build the chain up to it.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    trusted: Trusted,
}

/// The role of the peer whose certificate is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peer {
    Client,
    Server,
}

impl Trust {
    pub(super) fn new(provider: Arc<CryptoProvider>, certificates: Vec<CertificateDer<'static>>) -> Trust {
        let trusted = Trusted::new(certificates);
        Trust { provider, trusted }
    }

    /// The subjects of the trusted certificates, for a server's request for a certificate.
    pub(super) fn subjects(&self) -> Vec<DistinguishedName> {
        let subjects = self.trusted.subjects().into_iter();
        subjects.map(DistinguishedName::in_sequence).collect()
    }

    /// Whether a chain, the peer's own certificate first, leads to a trusted certificate.
    ///
    /// # Errors
    /// OpenSSL's code for what is wrong, for example `DEPTH_ZERO_SELF_SIGNED_CERT`. `CERT_REJECTED` where this module
    /// refuses a chain that OpenSSL might accept, or cannot tell which code OpenSSL would give.
    pub(super) fn judge(&self, chain: &[CertificateDer<'_>], peer: Peer, now: UnixTime) -> Result<(), &'static str> {
        let (end, others) = chain.split_first().ok_or("UNABLE_TO_GET_ISSUER_CERT")?;
        // OpenSSL would have failed the handshake if one of them was not a certificate.
        let end = Link::of(end).ok_or("CERT_REJECTED")?;
        let others: Option<Vec<_>> = others.iter().map(Link::of).collect();
        let others = others.ok_or("CERT_REJECTED")?;
        let is_readable = !others.iter().chain([&end]).any(|link| link.fields.is_invalid);
        let path = Path::find(end, &others, &self.trusted, now);
        let checked = path.check(peer, now, &self.provider.signature_verification_algorithms);
        // The code is passed on only if OpenSSL is sure to give the same one. OpenSSL may read an extension that cannot
        // be read here, and it reports violated name constraints, proxies and resources last. After `CERT_REJECTED`, a
        // client can fall back to Node's own TLS, which gives the exact code. A server has no such fallback, so it
        // passes the code on in spite of name constraints.
        let is_sure = is_readable && !path.is_special() && !(peer == Peer::Server && path.is_constrained());
        checked.map_err(|error| if is_sure { error } else { "CERT_REJECTED" })?;
        if path.is_beyond() {
            return Err("CERT_REJECTED");
        }
        self.confirm(&path, peer, now)
    }

    /// The chain from its first certificate to the trusted root, both included, as far as it can be built. Returns the
    /// chain unchanged if its first certificate cannot be read.
    pub(super) fn complete(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Vec<CertificateDer<'static>> {
        let whole = chain.split_first().and_then(|(end, others)| {
            let others: Vec<_> = others.iter().filter_map(Link::of).collect();
            let Path { links, .. } = Path::find(Link::of(end)?, &others, &self.trusted, now);
            Some(links.iter().map(|link| link.certificate.clone().into_owned()).collect())
        });
        whole.unwrap_or_else(|| chain.iter().map(|one| one.clone().into_owned()).collect())
    }

    /// Has `webpki` verify the path as well: it checks the name constraints, which [`Path::check`] does not. A path of
    /// several certificates is accepted only if both accept it.
    fn confirm(&self, path: &Path<'_>, peer: Peer, now: UnixTime) -> Result<(), &'static str> {
        let certificates: Vec<_> = path.links.iter().map(|link| link.certificate.clone()).collect();
        let [end, between @ .., root] = &certificates[..] else {
            // The path is one certificate: the peer's own certificate is trusted itself.
            return Ok(());
        };
        let algorithms = self.provider.signature_verification_algorithms.all;
        let confirmed = match StandIn::of(end, &path.links[0].fields) {
            None => confirm(end, between, root, algorithms, peer, now),
            Some(stand_in) => {
                let knowing = stand_in.algorithms(algorithms);
                let algorithms: Vec<_> = knowing.iter().map(|one| -> &dyn Algorithm { one }).collect();
                confirm(&stand_in.certificate, between, root, &algorithms, peer, now)
            }
        };
        confirmed.map_err(|error| match (error, peer) {
            (webpki::Error::NameConstraintViolation, Peer::Client) => "PERMITTED_VIOLATION",
            _ => "CERT_REJECTED",
        })
    }
}

fn confirm(
    end: &CertificateDer<'_>,
    between: &[CertificateDer<'_>],
    root: &CertificateDer<'_>,
    algorithms: &[&dyn Algorithm],
    peer: Peer,
    now: UnixTime,
) -> Result<(), webpki::Error> {
    let usage = match peer {
        Peer::Client => KeyUsage::client_auth(),
        Peer::Server => KeyUsage::server_auth(),
    };
    let anchors = [anchor_from_trusted_cert(root)?];
    let end = EndEntityCert::try_from(end)?;
    end.verify_for_usage(algorithms, &anchors, between, now, usage, None, None)?;
    Ok(())
}

/// The fields of a certificate that `webpki` cannot parse. `None` if `webpki` can parse it, or if [`Fields::of`] cannot
/// either.
fn unread<'a>(certificate: &'a CertificateDer<'_>) -> Option<Fields<'a>> {
    match EndEntityCert::try_from(certificate) {
        Ok(_) => None,
        Err(_) => Fields::of(certificate),
    }
}
