//! The way from a certificate to one that is trusted, found and looked at as OpenSSL does it, with the same codes for what is wrong. Of several things
//! that are wrong, the last one that OpenSSL finds is told: dates behind signatures behind purposes, and the end's own behind those of who signed.

use super::fields::{Fields, seconds, usage};
use super::trust::Peer;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::collections::BTreeMap;
use webpki::RawPublicKeyEntity;

/// Longer ones are not judged: `webpki` takes six certificates between the end and the last, OpenSSL a hundred.
const LONGEST: usize = 8;

/// A certificate, and what it says.
#[derive(Clone)]
pub(super) struct Link<'a> {
    pub certificate: &'a CertificateDer<'a>,
    pub fields: Fields<'a>,
}

impl<'a> Link<'a> {
    /// `None` for what cannot be read.
    pub fn of(certificate: &'a CertificateDer<'a>) -> Option<Link<'a>> {
        let fields = Fields::of(certificate)?;
        Some(Link { certificate, fields })
    }

    /// Whether this is an authority's certificate.
    fn authority(&self) -> Authority {
        let Fields {
            constraints,
            usage,
            version,
            ..
        } = self.fields;
        match constraints {
            _ if !self.fields.allows(usage::CERTIFICATE) => Authority::No,
            Some((true, _)) => Authority::Yes,
            Some((false, _)) => Authority::No,
            None if version == 1 && self.fields.is_self_signed() => Authority::Implied,
            None if usage.is_some() => Authority::Implied,
            None => Authority::No,
        }
    }

    /// Whether it may be `peer`'s, or of an authority that signs such.
    fn serves(&self, peer: Peer, is_end: bool) -> bool {
        let purpose = self.fields.purposes.is_none_or(|(server, client)| match peer {
            Peer::Server => server,
            Peer::Client => client,
        });
        let usages = match peer {
            Peer::Server => usage::DIGITAL_SIGNATURE | usage::KEY_ENCIPHERMENT | usage::KEY_AGREEMENT,
            Peer::Client => usage::DIGITAL_SIGNATURE | usage::KEY_AGREEMENT,
        };
        purpose
            && if is_end {
                self.fields.allows(usages)
            } else {
                self.authority() != Authority::No
            }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Authority {
    No,
    Yes,
    /// It says nothing of that, and could be one: enough for one that is trusted.
    Implied,
}

/// The certificates that are trusted, by their owners' names.
pub(super) struct Trusted(BTreeMap<Vec<u8>, Vec<CertificateDer<'static>>>);

impl Trusted {
    /// What cannot be read is left out.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Trusted {
        let mut trusted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for certificate in certificates {
            if let Some(subject) = Fields::of(&certificate).map(|fields| fields.subject.to_vec()) {
                trusted.entry(subject).or_default().push(certificate);
            }
        }
        Trusted(trusted)
    }

    /// The names of their owners.
    pub fn subjects(&self) -> impl Iterator<Item = &[u8]> {
        self.0.keys().map(Vec::as_slice)
    }

    fn named<'a>(&'a self, subject: &[u8]) -> impl Iterator<Item = Link<'a>> {
        self.0.get(subject).into_iter().flatten().filter_map(Link::of)
    }
}

/// A way, the end first.
pub(super) struct Path<'a> {
    pub links: Vec<Link<'a>>,
    /// Whether it leads to one that is trusted.
    end: Result<(), &'static str>,
}

impl<'a> Path<'a> {
    /// The way of `end`. What is trusted is taken before `others`, that were shown with it, and who was found once is not left again.
    pub fn find(end: Link<'a>, others: &[Link<'a>], trusted: &'a Trusted, now: UnixTime) -> Path<'a> {
        let mut links = vec![end];
        let mut is_trusted = false;
        loop {
            let last = &links[links.len() - 1];
            if last.fields.is_self_signed() {
                // Somebody else can have made one of the same name.
                let is_known = || {
                    trusted
                        .named(last.fields.subject)
                        .any(|known| known.certificate == last.certificate)
                };
                let end = match links.len() {
                    _ if is_trusted || is_known() => Ok(()),
                    1 => Err("DEPTH_ZERO_SELF_SIGNED_CERT"),
                    _ => Err("SELF_SIGNED_CERT_IN_CHAIN"),
                };
                return Path { links, end };
            }
            let mut next = best(trusted.named(last.fields.issuer), last, now);
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

    /// Looks at all of it.
    ///
    /// # Errors
    /// OpenSSL's code.
    pub fn check(&self, peer: Peer, now: UnixTime, algorithms: &WebPkiSupportedAlgorithms) -> Result<(), &'static str> {
        let purposes = self.check_purposes(peer);
        let signatures = self.check_signatures(now, algorithms);
        signatures.and(purposes).and(self.end)
    }

    fn check_purposes(&self, peer: Peer) -> Result<(), &'static str> {
        let mut verdict = Ok(());
        let mut between = 0;
        for (depth, link) in self.links.iter().enumerate() {
            if link.fields.is_strange {
                verdict = Err("UNHANDLED_CRITICAL_EXTENSION");
            }
            let is_last = depth + 1 == self.links.len();
            let is_authority = match link.authority() {
                Authority::Yes => true,
                Authority::Implied => is_last,
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
            // Those that an authority has made for itself, for another key, do not count.
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
            // Of the last one, if somebody else has signed it, nothing is known.
            if issuer.is_some() || is_self_signed || self.links.len() == 1 {
                if seconds(now) < link.fields.from {
                    verdict = Err("CERT_NOT_YET_VALID");
                } else if seconds(now) > link.fields.until {
                    verdict = Err("CERT_HAS_EXPIRED");
                }
            }
            issuer = Some(link);
        }
        verdict
    }
}

/// Of those that can have signed a certificate, the first that is valid, or the one that was so last.
fn best<'a>(some: impl Iterator<Item = Link<'a>>, signed: &Link<'_>, now: UnixTime) -> Option<Link<'a>> {
    let some: Vec<_> = some.filter(|issuer| signed.fields.names(&issuer.fields)).collect();
    let valid = some.iter().find(|issuer| issuer.fields.is_valid(now));
    let latest = || some.iter().max_by_key(|issuer| issuer.fields.until);
    valid.or_else(latest).cloned()
}

fn has_signed(
    issuer: &Fields<'_>,
    signed: &Fields<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), &'static str> {
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
            // By an algorithm for other keys.
            Err(_) => return false,
        };
        true
    });
    found
}
