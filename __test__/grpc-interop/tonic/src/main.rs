//! tonic, as a peer of ours in the interop tests:
//!
//! - `tonic-peer serve` prints its port, and serves until its input ends;
//! - `tonic-peer client PORT` runs all cases, and prints a line for each: its name, a tab, and its error if it has one.
//!
//! With IRONWIRE_GZIP in the environment, messages are compressed. With IRONWIRE_TLS, which names a folder, there is TLS (see `tls`).

mod cases;
mod messages;
mod service;
mod tls;
mod testing {
    include!(concat!(env!("OUT_DIR"), "/grpc.testing.TestService.rs"));
    include!(concat!(env!("OUT_DIR"), "/grpc.testing.UnimplementedService.rs"));
}

use tokio::{io::AsyncReadExt, net::TcpListener};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{codec::CompressionEncoding, transport::Server};

pub fn compresses() -> bool {
    std::env::var_os("IRONWIRE_GZIP").is_some()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().skip(1).map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?.port());
            let mut service = testing::test_service_server::TestServiceServer::new(service::Service)
                .accept_compressed(CompressionEncoding::Gzip);
            if compresses() {
                service = service.send_compressed(CompressionEncoding::Gzip);
            }
            let serving = tls::secured(Server::builder())?
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener));
            let mut rest = Vec::new();
            let mut input = tokio::io::stdin();
            tokio::select! {
                result = serving => result?,
                _ = input.read_to_end(&mut rest) => std::process::exit(0),
            }
        }
        ["client", port] => {
            for name in cases::NAMES {
                let error = cases::run(name, &format!("127.0.0.1:{port}")).await.err();
                println!("{name}\t{}", error.map(|error| error.to_string()).unwrap_or_default());
            }
        }
        _ => return Err("tonic-peer serve | tonic-peer client PORT".into()),
    }
    Ok(())
}
