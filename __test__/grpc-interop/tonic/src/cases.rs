//! The client of the interop tests.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::{wrappers::ReceiverStream, StreamExt};
use tonic::{codec::CompressionEncoding, metadata::MetadataValue, transport::Channel, Code, Request, Status};

use crate::messages::*;
use crate::service::{INITIAL, TRAILING};
use crate::testing::test_service_client::TestServiceClient;
use crate::testing::unimplemented_service_client::UnimplementedServiceClient;

type Client = TestServiceClient<Channel>;
type Outcome = Result<(), Box<dyn std::error::Error>>;

const WANTED: [i32; 4] = [31415, 9, 2653, 58979];
const GIVEN: [usize; 4] = [27182, 8, 1828, 45904];

macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            return Err(format!("{} does not hold", stringify!($condition)).into());
        }
    };
}

fn output(sizes: &[i32], given: usize) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        response_parameters: sizes
            .iter()
            .map(|&size| ResponseParameters { size, interval_us: 0 })
            .collect(),
        payload: Payload::zeros(given),
        response_status: None,
    }
}

fn large() -> SimpleRequest {
    SimpleRequest {
        response_size: 314_159,
        payload: Payload::zeros(271_828),
        response_status: None,
    }
}

async fn large_unary(client: &mut Client) -> Outcome {
    let response = client.unary_call(large()).await?.into_inner();
    ensure!(response.payload == Payload::zeros(314_159));
    Ok(())
}

async fn says(client: &mut Client, text: &str) -> Outcome {
    let response_status = Some(EchoStatus {
        code: 2,
        message: text.into(),
    });
    let is_that = |status: &Status| status.code() == Code::Unknown && status.message() == text;
    let unary = client.unary_call(SimpleRequest {
        response_status: response_status.clone(),
        ..Default::default()
    });
    let failure = unary.await.err().ok_or("the call has succeeded")?;
    ensure!(is_that(&failure));
    let request = StreamingOutputCallRequest {
        response_status,
        ..Default::default()
    };
    let failure = match client.full_duplex_call(tokio_stream::once(request)).await {
        Err(failure) => failure,
        Ok(response) => response
            .into_inner()
            .message()
            .await
            .err()
            .ok_or("the call has succeeded")?,
    };
    ensure!(is_that(&failure));
    Ok(())
}

async fn duplex(client: &mut Client, half: bool) -> Outcome {
    let (sender, receiver) = mpsc::channel(4);
    let requests = ReceiverStream::new(receiver);
    if half {
        for size in [5, 50, 500] {
            sender.send(output(&[size, size + 1], 0)).await?;
        }
        drop(sender);
        let mut responses = client.half_duplex_call(requests).await?.into_inner();
        for size in [5, 6, 50, 51, 500, 501] {
            ensure!(responses.message().await?.and_then(|response| response.payload) == Payload::zeros(size));
        }
        ensure!(responses.message().await?.is_none());
        return Ok(());
    }
    sender.send(output(&WANTED[..1], GIVEN[0])).await?;
    let mut responses = client.full_duplex_call(requests).await?.into_inner();
    for i in 0..4 {
        ensure!(responses.message().await?.and_then(|response| response.payload) == Payload::zeros(WANTED[i] as usize));
        if i < 3 {
            sender.send(output(&WANTED[i + 1..i + 2], GIVEN[i + 1])).await?;
        }
    }
    drop(sender);
    ensure!(responses.message().await?.is_none());
    Ok(())
}

async fn custom_metadata(client: &mut Client) -> Outcome {
    fn marked<T>(body: T) -> Request<T> {
        let mut request = Request::new(body);
        request
            .metadata_mut()
            .insert(INITIAL, MetadataValue::from_static("test_initial_metadata_value"));
        request
            .metadata_mut()
            .insert_bin(TRAILING, MetadataValue::from_bytes(&[0xab, 0xab, 0xab]));
        request
    }
    // tonic gives the trailers of a call with one response among its metadata.
    let response = client.unary_call(marked(large())).await?;
    ensure!(response
        .metadata()
        .get(INITIAL)
        .is_some_and(|value| value == "test_initial_metadata_value"));
    ensure!(response
        .metadata()
        .get_bin(TRAILING)
        .is_some_and(|value| value == &[0xab, 0xab, 0xab][..]));
    let request = marked(tokio_stream::once(output(&[314_159], 271_828)));
    let response = client.full_duplex_call(request).await?;
    ensure!(response
        .metadata()
        .get(INITIAL)
        .is_some_and(|value| value == "test_initial_metadata_value"));
    let mut responses = response.into_inner();
    ensure!(responses.message().await?.and_then(|response| response.payload) == Payload::zeros(314_159));
    ensure!(responses.message().await?.is_none());
    let trailers = responses.trailers().await?.ok_or("there are no trailers")?;
    ensure!(trailers
        .get_bin(TRAILING)
        .is_some_and(|value| value == &[0xab, 0xab, 0xab][..]));
    Ok(())
}

fn client_of(channel: Channel) -> Client {
    let client = TestServiceClient::new(channel).accept_compressed(CompressionEncoding::Gzip);
    if crate::compresses() {
        client.send_compressed(CompressionEncoding::Gzip)
    } else {
        client
    }
}

pub async fn run(name: &str, address: &str) -> Outcome {
    let channel = crate::tls::connect(address).await?;
    let mut client = client_of(channel.clone());
    match name {
        "empty_unary" => {
            client.empty_call(Empty {}).await?;
            Ok(())
        }
        "large_unary" => large_unary(&mut client).await,
        "client_streaming" => {
            let requests = GIVEN.map(|size| StreamingInputCallRequest {
                payload: Payload::zeros(size),
            });
            let response = client.streaming_input_call(tokio_stream::iter(requests)).await?;
            ensure!(response.into_inner().aggregated_payload_size == 74922);
            Ok(())
        }
        "server_streaming" => {
            let mut responses = client.streaming_output_call(output(&WANTED, 0)).await?.into_inner();
            for size in WANTED {
                let payload = responses.message().await?.and_then(|response| response.payload);
                ensure!(payload == Payload::zeros(size as usize));
            }
            ensure!(responses.message().await?.is_none());
            Ok(())
        }
        "ping_pong" => duplex(&mut client, false).await,
        "half_duplex" => duplex(&mut client, true).await,
        "empty_stream" => {
            let response = client.full_duplex_call(tokio_stream::empty()).await?;
            ensure!(response.into_inner().message().await?.is_none());
            Ok(())
        }
        "custom_metadata" => custom_metadata(&mut client).await,
        "status_code_and_message" => says(&mut client, "test status message").await,
        "special_status_message" => {
            says(
                &mut client,
                "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
            )
            .await
        }
        "unimplemented_service" => {
            let mut other = UnimplementedServiceClient::new(channel);
            let failure = other
                .unimplemented_call(Empty {})
                .await
                .err()
                .ok_or("the call has succeeded")?;
            ensure!(failure.code() == Code::Unimplemented);
            Ok(())
        }
        "cancel_after_first_response" => {
            let (sender, receiver) = mpsc::channel(1);
            sender.send(output(&WANTED[..1], GIVEN[0])).await?;
            let mut responses = client
                .full_duplex_call(ReceiverStream::new(receiver))
                .await?
                .into_inner();
            ensure!(responses.next().await.is_some());
            // What is dropped is cancelled; the connection goes on.
            drop(responses);
            large_unary(&mut client).await
        }
        "timeout_on_sleeping_server" => {
            let mut request = Request::new(tokio_stream::pending());
            request.set_timeout(Duration::from_millis(1));
            let failure = match client.full_duplex_call(request).await {
                Err(failure) => failure,
                Ok(response) => response
                    .into_inner()
                    .message()
                    .await
                    .err()
                    .ok_or("the call has succeeded")?,
            };
            // tonic's own clock says that it is cancelled.
            ensure!([Code::DeadlineExceeded, Code::Cancelled].contains(&failure.code()));
            Ok(())
        }
        "concurrent_large_unary" => {
            let calls: Vec<_> = (0..50)
                .map(|_| {
                    let mut client = client.clone();
                    tokio::spawn(async move { large_unary(&mut client).await.map_err(|error| error.to_string()) })
                })
                .collect();
            for call in calls {
                call.await??;
            }
            Ok(())
        }
        "rpc_soak" => {
            for _ in 0..10 {
                large_unary(&mut client).await?;
            }
            Ok(())
        }
        "channel_soak" => {
            for _ in 0..5 {
                let channel = crate::tls::connect(address).await?;
                large_unary(&mut client_of(channel)).await?;
            }
            Ok(())
        }
        _ => Err("there is no such case".into()),
    }
}

pub const NAMES: [&str; 16] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "half_duplex",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_service",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "concurrent_large_unary",
    "rpc_soak",
    "channel_soak",
];
