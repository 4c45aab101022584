//! Builds the path from a certificate to a trusted one and checks it, as OpenSSL does and with OpenSSL's codes. If
//! several things are wrong, Node sees the last error that OpenSSL finds. OpenSSL checks purposes first and then, from
//! the root to the peer's own certificate, the signature and the dates of each certificate. So an error in a date hides
//! an error in the signature of the same certificate, an error of a signature or date hides those of purposes, and an
//! error of the peer's own certificate hides those of its issuers. That the path does not lead to a trusted certificate
//! is only reported if nothing else is wrong.

use super::fields::{Fields, netscape, usage};
use super::names::Name;
use super::trust::Peer;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::collections::{BTreeMap, BTreeSet};
use webpki::RawPublicKeyEntity;

/// Longer paths are rejected. `webpki` takes six certificates between the first and the last one, OpenSSL a hundred.
const LONGEST: usize = 8;

/// A certificate and its parsed fields.
#[derive(Clone)]
pub(super) struct Link<'a> {
    pub certificate: &'a CertificateDer<'a>,
    pub fields: Fields<'a>,
}

impl<'a> Link<'a> {
    /// `None` if the certificate cannot be parsed.
    pub fn of(certificate: &'a CertificateDer<'a>) -> Option<Link<'a>> {
        let fields = Fields::of(certificate)?;
        Some(Link { certificate, fields })
    }

    /// Whether the certificate is a certificate authority's.
    fn authority(&self) -> Authority {
        let Fields {
            constraints,
            usage,
            netscape,
            version,
            ..
        } = self.fields;
        match constraints {
            _ if !self.fields.allows(usage::CERTIFICATE) => Authority::No,
            Some((true, _)) => Authority::Yes,
            Some((false, _)) => Authority::No,
            None if version == 1 && self.fields.is_self_signed() => Authority::Implied,
            None if usage.is_some() => Authority::Implied,
            None if netscape.is_some_and(|netscape| netscape & netscape::AUTHORITY != 0) => Authority::Netscape,
            None => Authority::No,
        }
    }

    /// Whether it may be used by `peer`, or, if `is_end` is not set, by an authority that signs certificates for such
    /// peers.
    fn serves(&self, peer: Peer, is_end: bool) -> bool {
        let purpose = self.fields.purposes.is_none_or(|(server, client)| match peer {
            Peer::Server => server,
            Peer::Client => client,
        });
        let (usages, netscape) = match peer {
            Peer::Server => (
                usage::DIGITAL_SIGNATURE | usage::KEY_ENCIPHERMENT | usage::KEY_AGREEMENT,
                netscape::SERVER,
            ),
            Peer::Client => (usage::DIGITAL_SIGNATURE | usage::KEY_AGREEMENT, netscape::CLIENT),
        };
        purpose
            && if is_end {
                self.fields.allows(usages) && self.fields.is_for(netscape)
            } else {
                match self.authority() {
                    Authority::No => false,
                    Authority::Netscape => self.fields.is_for(netscape::TLS_AUTHORITY),
                    Authority::Yes | Authority::Implied => true,
                }
            }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Authority {
    No,
    Yes,
    /// It has no `basicConstraints`, but its version or its key usage suggests an authority. That suffices for the last
    /// certificate of a path.
    Implied,
    /// It has no `basicConstraints`, but its Netscape certificate type says that it is an authority's. That suffices
    /// for the last certificate of a path.
    Netscape,
}

/// The trusted certificates, by subject.
pub(super) struct Trusted(BTreeMap<Name, Vec<CertificateDer<'static>>>);

impl Trusted {
    /// Certificates that cannot be parsed are left out.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Trusted {
        let mut trusted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for certificate in certificates {
            if let Some(subject) = Fields::of(&certificate).map(|fields| fields.subject) {
                trusted.entry(subject).or_default().push(certificate);
            }
        }
        Trusted(trusted)
    }

    /// The subjects of all certificates, each in its original DER.
    pub fn subjects(&self) -> BTreeSet<&[u8]> {
        let fields = self.0.values().flatten().filter_map(Fields::of);
        fields.map(|fields| fields.subject_der).collect()
    }

    fn named<'a>(&'a self, subject: &Name) -> impl Iterator<Item = Link<'a>> {
        self.0.get(subject).into_iter().flatten().filter_map(Link::of)
    }
}

/// A path of certificates, the peer's own first.
pub(super) struct Path<'a> {
    pub links: Vec<Link<'a>>,
    /// Whether the path leads to a trusted certificate, with OpenSSL's code if it does not.
    end: Result<(), &'static str>,
}

impl<'a> Path<'a> {
    /// Builds the path of `end`. For each issuer, trusted certificates are preferred to `others`, the rest of the chain
    /// that the peer has sent. Once a trusted certificate is on the path, only trusted ones follow. There is no
    /// backtracking.
    pub fn find(end: Link<'a>, others: &[Link<'a>], trusted: &'a Trusted, now: UnixTime) -> Path<'a> {
        let mut links = vec![end];
        let mut is_trusted = false;
        loop {
            let last = &links[links.len() - 1];
            let mut next = best(trusted.named(&last.fields.issuer), last, now);
            if last.fields.is_self_signed() {
                // Compare the whole certificate: anybody can make a self-signed one with the same subject.
                let is_known = next.is_some_and(|known| known.certificate == last.certificate);
                let end = match links.len() {
                    _ if is_trusted || is_known => Ok(()),
                    1 => Err("DEPTH_ZERO_SELF_SIGNED_CERT"),
                    _ => Err("SELF_SIGNED_CERT_IN_CHAIN"),
                };
                return Path { links, end };
            }
            is_trusted |= next.is_some();
            if next.is_none() && !is_trusted {
                let fresh = |other: &Link<'_>| links.iter().all(|link| link.certificate != other.certificate);
                next = best(others.iter().filter(|other| fresh(other)).cloned(), last, now);
            }
            let end = match next {
                Some(next) if links.len() < LONGEST => {
                    links.push(next);
                    continue;
                }
                Some(_) => "CERT_REJECTED",
                None if is_trusted => "UNABLE_TO_GET_ISSUER_CERT",
                None => "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            };
            return Path { links, end: Err(end) };
        }
    }

    /// Checks purposes, signatures and dates of all certificates, and that the path is trusted.
    ///
    /// # Errors
    /// OpenSSL's code for the last error that OpenSSL would find.
    pub fn check(&self, peer: Peer, now: UnixTime, algorithms: &WebPkiSupportedAlgorithms) -> Result<(), &'static str> {
        let purposes = self.check_purposes(peer);
        let signatures = self.check_signatures(now, algorithms);
        signatures.and(purposes).and(self.end)
    }

    /// Whether an issuer on the path has name constraints.
    pub fn is_constrained(&self) -> bool {
        self.links.iter().skip(1).any(|link| link.fields.has_name_constraints)
    }

    /// Whether a certificate is a proxy certificate (RFC 3820) or lists IP address resources (RFC 3779). OpenSSL
    /// reports errors with those after all others.
    pub fn is_special(&self) -> bool {
        let is_special = |link: &Link<'_>| link.fields.is_proxy || link.fields.has_resources;
        self.links.iter().any(is_special)
    }

    /// Whether OpenSSL checks something of the path that neither [`Path::check`] nor `webpki` does: IP address
    /// resources, or name constraints that apply to names outside of `subjectAltName` (mail addresses and host names in
    /// the subject).
    pub fn is_beyond(&self) -> bool {
        let has_resources = |link: &Link<'_>| link.fields.has_resources;
        let has_mail_address = |link: &Link<'_>| link.fields.subject.has_mail_address();
        let is_host = |end: &Link<'_>| !end.fields.has_hosts && end.fields.subject.has_host();
        self.links.iter().any(has_resources)
            || self.is_constrained()
                && (self.links.iter().any(has_mail_address) || self.links.first().is_some_and(is_host))
    }

    fn check_purposes(&self, peer: Peer) -> Result<(), &'static str> {
        let mut verdict = Ok(());
        let mut between = 0;
        for (depth, link) in self.links.iter().enumerate() {
            if link.fields.is_strange {
                verdict = Err("UNHANDLED_CRITICAL_EXTENSION");
            }
            // OpenSSL has a code for proxy certificates, but Node does not know it.
            if link.fields.is_proxy {
                verdict = Err("CERT_REJECTED");
            }
            let is_last = depth + 1 == self.links.len();
            let is_authority = match link.authority() {
                Authority::Yes => true,
                Authority::Implied | Authority::Netscape => is_last,
                Authority::No => false,
            };
            if depth > 0 && !is_authority {
                verdict = Err("INVALID_CA");
            }
            if !link.serves(peer, depth == 0) {
                verdict = Err("INVALID_PURPOSE");
            }
            if let Some((_, Some(most))) = link.fields.constraints
                && depth > 0
                && between > most
            {
                verdict = Err("PATH_LENGTH_EXCEEDED");
            }
            // Self-issued certificates, by which an authority certifies a key of its own, do not count (RFC 5280,
            // 4.2.1.9).
            if depth > 0 && link.fields.subject != link.fields.issuer {
                between += 1;
            }
        }
        verdict
    }

    fn check_signatures(&self, now: UnixTime, algorithms: &WebPkiSupportedAlgorithms) -> Result<(), &'static str> {
        let mut verdict = Ok(());
        let mut issuer: Option<&Link<'_>> = None;
        for link in self.links.iter().rev() {
            let is_self_signed = link.fields.is_self_signed();
            match issuer {
                Some(issuer) => {
                    if !issuer.fields.allows(usage::CERTIFICATE) {
                        verdict = Err("KEYUSAGE_NO_CERTSIGN");
                    }
                    verdict = has_signed(&issuer.fields, &link.fields, algorithms).and(verdict);
                }
                None if self.links.len() == 1 && !is_self_signed => verdict = Err("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
                None => {}
            }
            // If the last certificate was signed by another one that is unknown, its dates are not checked.
            if issuer.is_some() || is_self_signed || self.links.len() == 1 {
                verdict = link.fields.check_time(now).and(verdict);
            }
            issuer = Some(link);
        }
        verdict
    }
}

/// Of the possible issuers of `signed`, the first one that is valid now, or else the one that expires last.
fn best<'a>(some: impl Iterator<Item = Link<'a>>, signed: &Link<'_>, now: UnixTime) -> Option<Link<'a>> {
    let some: Vec<_> = some.filter(|issuer| signed.fields.names(&issuer.fields)).collect();
    let valid = some.iter().find(|issuer| issuer.fields.check_time(now).is_ok());
    // `rev()` because `max_by_key` returns the last of equal elements and the first is wanted.
    let latest = || some.iter().rev().max_by_key(|issuer| issuer.fields.until);
    valid.or_else(latest).cloned()
}

fn has_signed(
    issuer: &Fields<'_>,
    signed: &Fields<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), &'static str> {
    if signed.algorithm != signed.signed_algorithm {
        return Err("CERT_SIGNATURE_FAILURE");
    }
    let key = issuer.public_key();
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| "CERT_REJECTED")?;
    let mut suits = algorithms
        .all
        .iter()
        .filter(|one| one.signature_alg_id().as_ref() == signed.algorithm);
    let mut found = Err("CERT_REJECTED");
    suits.any(|one| {
        found = match key.verify_signature(*one, signed.signed, signed.signature) {
            Ok(()) => Ok(()),
            Err(webpki::Error::InvalidSignatureForPublicKey) => Err("CERT_SIGNATURE_FAILURE"),
            // The algorithm is for another kind of key: try the next one.
            Err(_) => return false,
        };
        true
    });
    found
}
