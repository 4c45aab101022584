//! The way from a certificate to one that is trusted, found and looked at as OpenSSL does it, with the same codes for what is wrong. Of several things
//! that are wrong, the last one that OpenSSL finds is told: dates behind signatures behind purposes, and the end's own behind those of who signed.

use super::fields::{Fields, netscape, usage};
use super::names::Name;
use super::trust::Peer;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::collections::{BTreeMap, BTreeSet};
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

    /// Whether it may be `peer`'s, or of an authority that signs such.
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
    /// It says nothing of that, and could be one: enough for one that is trusted.
    Implied,
    /// The same, as Netscape said it.
    Netscape,
}

/// The certificates that are trusted, by their owners' names.
pub(super) struct Trusted(BTreeMap<Name, Vec<CertificateDer<'static>>>);

impl Trusted {
    /// What cannot be read is left out.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Trusted {
        let mut trusted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for certificate in certificates {
            if let Some(subject) = Fields::of(&certificate).map(|fields| fields.subject) {
                trusted.entry(subject).or_default().push(certificate);
            }
        }
        Trusted(trusted)
    }

    /// The names of their owners, each as it stands there.
    pub fn subjects(&self) -> BTreeSet<&[u8]> {
        let fields = self.0.values().flatten().filter_map(Fields::of);
        fields.map(|fields| fields.subject_der).collect()
    }

    fn named<'a>(&'a self, subject: &Name) -> impl Iterator<Item = Link<'a>> {
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
            let mut next = best(trusted.named(&last.fields.issuer), last, now);
            if last.fields.is_self_signed() {
                // Somebody else can have made one of the same name.
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

    /// Looks at all of it.
    ///
    /// # Errors
    /// OpenSSL's code.
    pub fn check(&self, peer: Peer, now: UnixTime, algorithms: &WebPkiSupportedAlgorithms) -> Result<(), &'static str> {
        let purposes = self.check_purposes(peer);
        let signatures = self.check_signatures(now, algorithms);
        signatures.and(purposes).and(self.end)
    }

    /// Whether one that signs says for which names it may.
    pub fn is_constrained(&self) -> bool {
        self.links.iter().skip(1).any(|link| link.fields.has_name_constraints)
    }

    /// Whether one stands for somebody else, or speaks for addresses: what is wrong with that, OpenSSL tells last.
    pub fn is_special(&self) -> bool {
        let is_special = |link: &Link<'_>| link.fields.is_proxy || link.fields.has_resources;
        self.links.iter().any(is_special)
    }

    /// Whether OpenSSL looks at something of it that neither [`Path::check`] nor `webpki` does: addresses that owners may speak for, and names outside
    /// of `subjectAltName` where an authority may not sign for all.
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
            // OpenSSL has a code for them that Node does not know.
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
                verdict = link.fields.check_time(now).and(verdict);
            }
            issuer = Some(link);
        }
        verdict
    }
}

/// Of those that can have signed a certificate, the first that is valid, or the one that was so last.
fn best<'a>(some: impl Iterator<Item = Link<'a>>, signed: &Link<'_>, now: UnixTime) -> Option<Link<'a>> {
    let some: Vec<_> = some.filter(|issuer| signed.fields.names(&issuer.fields)).collect();
    let valid = some.iter().find(|issuer| issuer.fields.check_time(now).is_ok());
    // Of several, the first.
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
            // By an algorithm for other keys.
            Err(_) => return false,
        };
        true
    });
    found
}
