//! Builds a [`Context`] from [`Settings`]: reads and checks certificates, keys and options once, for all sessions that
//! share them.

use super::Tickets;
use super::keys::Keys;
use super::sessions::Sessions;
use super::tickets::ALL;
use super::trust::{AnyCertificate, Trust};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, SupportedCipherSuite, SupportedProtocolVersion, version};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of early data that a server skips. OpenSSL's clients send 16 KiB at most, but rustls counts the same bytes
/// again with every read that follows.
const EARLY_DATA: u32 = 256 * 1024;

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The settings of a context. Certificates and keys are PEM.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pairs of a certificate chain (own certificate first) and its private key. A server uses the first pair that
    /// suits the client, a client always the first.
    pub identities: Vec<(Vec<u8>, Vec<u8>)>,
    /// Trusted certificates. Each entry can hold several.
    pub authorities: Vec<Vec<u8>>,
    /// Protocols offered or accepted in ALPN, in order of preference.
    pub alpn: Vec<Vec<u8>>,
    /// The oldest and the newest version allowed.
    pub versions: (Version, Version),
    /// IANA's names of the cipher suites, in order of preference. Empty for all; unknown names are ignored.
    pub suites: Vec<String>,
    /// A server picks the suite by its own order of preference instead of the client's.
    pub own_order: bool,
    /// A server asks clients for a certificate.
    pub asks: bool,
    /// A server that asks also refuses clients without a certificate.
    pub demands: bool,
    /// Secrets are logged for [`News::keys`](super::News::keys).
    pub logs: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            identities: Vec::new(),
            authorities: Vec::new(),
            alpn: Vec::new(),
            versions: (Version::Tls12, Version::Tls13),
            suites: Vec::new(),
            own_order: true,
            asks: false,
            demands: false,
            logs: false,
        }
    }
}

/// Why a context cannot be built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Invalid {
    /// This setting (`cert`, `key` or `ca`) holds no valid PEM of its kind.
    Pem(&'static str),
    /// `rustls` does not support the key or the certificate; its message.
    Unsupported(String),
    /// The certificate belongs to another key.
    Mismatch,
    /// None of the named suites exists in an allowed version.
    NoSuite,
}

/// The settings in the form that `rustls` takes, shared by any number of sessions.
pub struct Context {
    pub(super) server: Option<Arc<ServerConfig>>,
    client: ClientConfig,
    pub(super) trust: Trust,
    pub(super) asks: bool,
    pub(super) keys: Option<Arc<Keys>>,
    tickets: Arc<Tickets>,
    identities: Arc<Identities>,
}

impl Context {
    /// A context for both roles, or for clients only if the settings have no identity. `tickets` makes and opens the
    /// session tickets of its servers.
    ///
    /// # Errors
    /// The first setting that is wrong or not supported.
    pub fn new(settings: &Settings, tickets: impl Into<Arc<Tickets>>) -> Result<Context, Invalid> {
        let provider = Arc::new(provider(&settings.suites, settings.versions)?);
        let authorities = settings.authorities.iter().map(|pem| certificates(pem, "ca"));
        let authorities = authorities.collect::<Result<Vec<_>, _>>()?.concat();
        let trust = Trust::new(provider.clone(), authorities);
        let identities = Arc::new(Identities {
            identities: identities(settings, &provider, &trust)?,
            provider: provider.clone(),
            chosen: AtomicUsize::new(0),
        });
        let keys = settings.logs.then(Arc::<Keys>::default);
        let tickets = tickets.into();

        let mut server = None;
        if !identities.identities.is_empty() {
            let mut config = server_config(settings, &provider, &trust, identities.clone())?;
            config.ticketer = tickets.clone();
            if let Some(keys) = &keys {
                config.key_log = keys.clone();
            }
            server = Some(Arc::new(config));
        }
        let mut client = client_config(settings, &provider, identities.identities.first().cloned())?;
        if let Some(keys) = &keys {
            client.key_log = keys.clone();
        }
        Ok(Context {
            server,
            client,
            trust,
            asks: settings.asks,
            keys,
            tickets,
            identities,
        })
    }

    /// The configuration of one client connection, which keeps its sessions in `sessions`.
    pub(super) fn client(&self, sessions: Arc<Sessions>) -> Arc<ClientConfig> {
        let mut config = self.client.clone();
        config.resumption = Resumption::store(sessions);
        Arc::new(config)
    }

    /// The session tickets of its servers.
    pub fn tickets(&self) -> &Arc<Tickets> {
        &self.tickets
    }

    /// Prepares for answering a client: its handshake gets all tickets, and the first identity counts as chosen until
    /// the resolver chooses.
    pub(super) fn begin(&self) {
        self.tickets.allow(ALL);
        self.identities.chosen.store(0, Ordering::Relaxed);
    }

    /// The identity shown to the client that was answered last. A context used by clients has only the first one.
    pub(super) fn identity(&self) -> Option<Arc<CertifiedKey>> {
        let chosen = self.identities.chosen.load(Ordering::Relaxed);
        self.identities.identities.get(chosen).cloned()
    }
}

fn provider(suites: &[String], versions: (Version, Version)) -> Result<CryptoProvider, Invalid> {
    #[cfg(feature = "aws-lc-rs")]
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    let mut provider = rustls::crypto::ring::default_provider();
    #[cfg(all(not(feature = "aws-lc-rs"), any(target_arch = "x86_64", target_arch = "aarch64")))]
    super::exchange::speed_up(&mut provider.kx_groups);
    provider.cipher_suites = super::records::checked(provider.cipher_suites);
    if !suites.is_empty() {
        let known = std::mem::take(&mut provider.cipher_suites);
        let find = |name: &String| known.iter().find(|suite| suite_name(suite) == *name).copied();
        provider.cipher_suites = suites.iter().filter_map(find).collect();
    }
    let allowed = versions.0..=versions.1;
    let version = |suite: &SupportedCipherSuite| match suite {
        SupportedCipherSuite::Tls12(_) => Version::Tls12,
        SupportedCipherSuite::Tls13(_) => Version::Tls13,
    };
    if !provider
        .cipher_suites
        .iter()
        .any(|suite| allowed.contains(&version(suite)))
    {
        return Err(Invalid::NoSuite);
    }
    Ok(provider)
}

/// IANA's name of a cipher suite.
pub(super) fn suite_name(suite: &SupportedCipherSuite) -> String {
    // rustls writes TLS13_AES_128_GCM_SHA256 for IANA's TLS_AES_128_GCM_SHA256.
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

/// The allowed versions that have at least one suite.
fn versions(settings: &Settings, provider: &CryptoProvider) -> Vec<&'static SupportedProtocolVersion> {
    let known: [(Version, &'static SupportedProtocolVersion); 2] =
        [(Version::Tls13, &version::TLS13), (Version::Tls12, &version::TLS12)];
    let allowed = settings.versions.0..=settings.versions.1;
    let has_suite = |version| provider.cipher_suites.iter().any(|suite| suite.version() == version);
    let known = known.into_iter();
    let some = known.filter(|(version, of)| allowed.contains(version) && has_suite(*of));
    some.map(|(_, version)| version).collect()
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(Invalid::Pem(what))
}

fn identities(
    settings: &Settings,
    provider: &CryptoProvider,
    trust: &Trust,
) -> Result<Vec<Arc<CertifiedKey>>, Invalid> {
    let unsupported = |error: Error| Invalid::Unsupported(error.to_string());
    let identity = |(chain, key): &(Vec<u8>, Vec<u8>)| {
        let mut chain = certificates(chain, "cert")?;
        if chain.len() == 1 {
            // As in OpenSSL: if only the certificate itself is given, its issuers are taken from the trusted
            // certificates.
            chain = trust.complete(&chain, UnixTime::now());
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Invalid::Pem("key"))?;
        let key = provider.key_provider.load_private_key(key).map_err(unsupported)?;
        let identity = CertifiedKey::new(chain, key);
        match identity.keys_match() {
            // The check is skipped for a certificate that rustls cannot read, for example of version 1.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown) | Error::InvalidCertificate(_)) => {
                Ok(identity)
            }
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(Invalid::Mismatch),
            Err(error) => Err(unsupported(error)),
        }
    };
    let identities = settings.identities.iter();
    identities.map(|pair| identity(pair).map(Arc::new)).collect()
}

fn server_config(
    settings: &Settings,
    provider: &Arc<CryptoProvider>,
    trust: &Trust,
    identities: Arc<Identities>,
) -> Result<ServerConfig, Invalid> {
    let verifier = if settings.asks {
        Arc::new(AnyCertificate::of_clients(
            provider.clone(),
            trust.subjects(),
            settings.demands,
        ))
    } else {
        WebPkiClientVerifier::no_client_auth()
    };
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(settings, provider))
        .map_err(|_| Invalid::NoSuite)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identities);
    config.alpn_protocols.clone_from(&settings.alpn);
    config.ignore_client_order = settings.own_order;
    // Early data is never accepted, because sessions are in tickets. A client with a ticket of another server may still
    // send some, and rustls skips only this much.
    config.max_early_data_size = EARLY_DATA;
    // All session state is in tickets, so the client stores it and the server does not.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn client_config(
    settings: &Settings,
    provider: &Arc<CryptoProvider>,
    identity: Option<Arc<CertifiedKey>>,
) -> Result<ClientConfig, Invalid> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(settings, provider))
        .map_err(|_| Invalid::NoSuite)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate::of_servers(provider.clone())));
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols.clone_from(&settings.alpn);
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Chooses a server's certificate for each client.
#[derive(Debug)]
struct Identities {
    identities: Vec<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
    /// The index of the last choice. Clients of a context are answered one after the other.
    chosen: AtomicUsize,
}

impl Identities {
    fn suits(&self, identity: &CertifiedKey, hello: &ClientHello<'_>) -> bool {
        let Some(signer) = identity.key.choose_scheme(hello.signature_schemes()) else {
            return false;
        };
        // Every suite of TLS 1.3 works with every kind of key.
        let scheme = signer.scheme();
        let goes = |suite: &SupportedCipherSuite| match suite {
            SupportedCipherSuite::Tls13(_) => true,
            SupportedCipherSuite::Tls12(suite) => suite.sign.contains(&scheme),
        };
        let offered = |suite: &&SupportedCipherSuite| hello.cipher_suites().contains(&suite.suite());
        self.provider.cipher_suites.iter().filter(offered).any(goes)
    }
}

/// Adds an OCSP response to the certificate that another resolver chooses.
#[derive(Debug)]
pub(super) struct Stapled {
    resolver: Arc<dyn ResolvesServerCert>,
    staple: Vec<u8>,
}

impl Stapled {
    pub(super) fn new(resolver: Arc<dyn ResolvesServerCert>, staple: Vec<u8>) -> Stapled {
        Stapled { resolver, staple }
    }
}

impl ResolvesServerCert for Stapled {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut found = CertifiedKey::clone(&*self.resolver.resolve(hello)?);
        found.ocsp = Some(self.staple.clone());
        Some(Arc::new(found))
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let suits = |identity: &Arc<CertifiedKey>| self.suits(identity, &hello);
        // If none suits, rustls fails the handshake with the first one and reports why.
        let chosen = self.identities.iter().position(suits).unwrap_or(0);
        self.chosen.store(chosen, Ordering::Relaxed);
        self.identities.get(chosen).cloned()
    }
}
