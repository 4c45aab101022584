//! TLS of either side, where the environment has IRONWIRE_TLS: a folder with `ca.pem`, which is trusted, and `key.pem` and `cert.pem`, which are shown, if
//! they are there. With IRONWIRE_MUTUAL, a server takes nobody without a certificate.

use std::path::PathBuf;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What the folder has.
struct Files {
    ca: Certificate,
    identity: Option<Identity>,
}

impl Files {
    fn read() -> Outcome<Option<Files>> {
        let Some(folder) = std::env::var_os("IRONWIRE_TLS").map(PathBuf::from) else {
            return Ok(None);
        };
        let ca = Certificate::from_pem(std::fs::read(folder.join("ca.pem"))?);
        let cert = folder.join("cert.pem");
        let identity = if cert.exists() {
            Some(Identity::from_pem(std::fs::read(cert)?, std::fs::read(folder.join("key.pem"))?))
        } else {
            None
        };
        Ok(Some(Files { ca, identity }))
    }
}

pub fn secured(server: Server) -> Outcome<Server> {
    let Some(files) = Files::read()? else { return Ok(server) };
    let mut config = ServerTlsConfig::new().identity(files.identity.ok_or("a server needs a certificate")?);
    if std::env::var_os("IRONWIRE_MUTUAL").is_some() {
        config = config.client_ca_root(files.ca);
    }
    Ok(server.tls_config(config)?)
}

/// A channel to an address, whose certificate is to be `localhost`'s.
pub async fn connect(address: &str) -> Outcome<Channel> {
    let Some(files) = Files::read()? else {
        return Ok(Endpoint::from_shared(format!("http://{address}"))?.connect().await?);
    };
    let mut config = ClientTlsConfig::new().ca_certificate(files.ca).domain_name("localhost");
    if let Some(identity) = files.identity {
        config = config.identity(identity);
    }
    let endpoint = Endpoint::from_shared(format!("https://{address}"))?.tls_config(config)?;
    Ok(endpoint.connect().await?)
}
