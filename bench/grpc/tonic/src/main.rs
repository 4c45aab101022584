//! tonic as a contender: a single-threaded server or client, controlled by its parent with one line of JSON per command.

use cpu_time::ProcessTime;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

type Anything<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Only one call in this many is timed, because reading the clock takes time.
const TIMED_EVERY: u64 = 64;
const STREAM_TIMED_EVERY: u64 = 1024;
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, PartialEq, prost::Message)]
struct Course {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(string, tag = "2")]
    title: String,
}

fn course() -> Course {
    Course {
        id: 7,
        title: "abcdefghijklmnopqrstuvwxyz01".into(),
    }
}

fn codec() -> ProstCodec<Course, Course> {
    ProstCodec::default()
}

#[derive(Clone)]
struct Catalog;

impl tonic::server::NamedService for Catalog {
    const NAME: &'static str = "Catalog";
}

impl Service<http::Request<Body>> for Catalog {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(codec());
            Ok(match request.uri().path() {
                "/Catalog/Echo" => grpc.unary(Echo, request).await,
                "/Catalog/Watch" => grpc.server_streaming(Watch, request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

struct Echo;

impl tonic::server::UnaryService<Course> for Echo {
    type Response = Course;
    type Future = Ready<Result<Response<Course>, Status>>;

    fn call(&mut self, request: Request<Course>) -> Self::Future {
        ready(match request.metadata().get("x-request-id") {
            Some(_) => Ok(Response::new(request.into_inner())),
            None => Err(Status::invalid_argument("no x-request-id")),
        })
    }
}

struct Watch;

impl tonic::server::ServerStreamingService<Course> for Watch {
    type Response = Course;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Course, Status>> + Send>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: Request<Course>) -> Self::Future {
        let stream: Self::ResponseStream = Box::pin(tokio_stream::iter(std::iter::repeat_with(|| Ok(course()))));
        ready(Ok(Response::new(stream)))
    }
}

/// User and kernel time of the whole process, in microseconds.
fn cpu() -> u64 {
    ProcessTime::now().as_duration().as_micros() as u64
}

async fn listen() -> Anything<Value> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let incoming = TcpListenerStream::new(listener).map(|socket| {
        let socket = socket?;
        socket.set_nodelay(true)?;
        Ok::<_, std::io::Error>(socket)
    });
    tokio::spawn(Server::builder().add_service(Catalog).serve_with_incoming(incoming));
    Ok(json!(port))
}

async fn echo(channel: Channel) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|error| Status::unknown(error.to_string()))?;
    let mut request = Request::new(course());
    request.set_timeout(DEADLINE);
    let metadata = request.metadata_mut();
    metadata.insert(
        "x-request-id",
        "2f1c9a7e5b3d4806".parse().map_err(|_| Status::internal("metadata"))?,
    );
    metadata.insert(
        "authorization",
        "Bearer abcdefghijklmnopqrstuvwxyz"
            .parse()
            .map_err(|_| Status::internal("metadata"))?,
    );
    let path = http::uri::PathAndQuery::from_static("/Catalog/Echo");
    let response: Response<Course> = client.unary(request, path, codec()).await?;
    if *response.get_ref() == course() {
        Ok(())
    } else {
        Err(Status::unknown("another course"))
    }
}

async fn run(channel: &Channel, in_flight: u64, seconds: f64) -> Anything<Value> {
    let (before, started) = (cpu(), Instant::now());
    let end = started + Duration::from_secs_f64(seconds);
    let (mut calls, mut begun) = (0u64, 0u64);
    let mut latencies = Vec::new();
    let mut open = JoinSet::new();
    let mut start = |open: &mut JoinSet<Result<Option<Duration>, Status>>| {
        let timed = begun.is_multiple_of(TIMED_EVERY);
        begun += 1;
        let channel = channel.clone();
        open.spawn(async move {
            let at = timed.then(Instant::now);
            echo(channel).await?;
            Ok(at.map(|at| at.elapsed()))
        });
    };
    for _ in 0..in_flight {
        start(&mut open);
    }
    let mut running = true;
    while let Some(ended) = open.join_next().await {
        calls += 1;
        if let Some(latency) = ended?? {
            latencies.push(latency);
            running = running && Instant::now() < end;
        }
        if running {
            start(&mut open);
        }
    }
    let (cpu, elapsed) = (cpu() - before, started.elapsed().as_secs_f64());
    latencies.sort();
    let p99 = latencies[(latencies.len() as f64 * 0.99) as usize].as_secs_f64() * 1e6;
    Ok(json!({ "calls": calls, "cpu": cpu, "rate": calls as f64 / elapsed, "p99": p99 }))
}

async fn take(channel: &Channel, seconds: f64) -> Anything<Value> {
    let (before, started) = (cpu(), Instant::now());
    let end = started + Duration::from_secs_f64(seconds);
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await?;
    let path = http::uri::PathAndQuery::from_static("/Catalog/Watch");
    let mut stream = client
        .server_streaming(Request::new(course()), path, codec())
        .await?
        .into_inner();
    let mut messages = 0;
    while let Some(message) = stream.next().await {
        let message: Course = message?;
        if message.id != course().id {
            return Err("another course".into());
        }
        messages += 1;
        if messages % STREAM_TIMED_EVERY == 0 && Instant::now() >= end {
            break;
        }
    }
    let rate = messages as f64 / started.elapsed().as_secs_f64();
    Ok(json!({ "messages": messages, "cpu": cpu() - before, "rate": rate }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Anything<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut channel: Option<Channel> = None;
    while let Some(line) = lines.next_line().await? {
        let asked: Value = serde_json::from_str(&line)?;
        let argument = |i: usize| asked["args"][i].as_f64().unwrap_or_default();
        let value = match (asked["method"].as_str(), &channel) {
            (Some("cpu"), _) => json!(cpu()),
            (Some("listen"), _) => listen().await?,
            (Some("connect"), _) => {
                let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", argument(0)))?.tcp_nodelay(true);
                channel = Some(endpoint.connect().await?);
                Value::Null
            }
            (Some("run"), Some(channel)) => run(channel, argument(0) as u64, argument(1)).await?,
            (Some("take"), Some(channel)) => take(channel, argument(0)).await?,
            _ => return Err(format!("what is {line}?").into()),
        };
        println!("{value}");
    }
    Ok(())
}
