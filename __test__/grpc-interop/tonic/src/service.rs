//! The server of the interop tests.

use std::{pin::Pin, time::Duration};

use tokio::sync::mpsc;
use tokio_stream::{wrappers::ReceiverStream, Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::messages::*;
use crate::testing::test_service_server::TestService;

pub const INITIAL: &str = "x-grpc-test-echo-initial";
pub const TRAILING: &str = "x-grpc-test-echo-trailing-bin";

type Answers = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

pub struct Service;

fn check(wanted: &Option<EchoStatus>) -> Result<(), Status> {
    match wanted {
        Some(status) if status.code != 0 => Err(Status::new(status.code.into(), &status.message)),
        _ => Ok(()),
    }
}

/// What the caller wants back before the response. tonic's servers have no trailers of their own, but those of an error.
fn echo<T, U>(request: &Request<T>, body: U) -> Response<U> {
    let mut response = Response::new(body);
    if let Some(value) = request.metadata().get(INITIAL) {
        response.metadata_mut().insert(INITIAL, value.clone());
    }
    response
}

/// Answers each request as it comes, or all when the last has come.
fn answer<S>(mut requests: S, at_end: bool) -> Answers
where
    S: Stream<Item = Result<StreamingOutputCallRequest, Status>> + Send + Unpin + 'static,
{
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while let Some(request) = requests.next().await {
            let Ok(request) = request else { return };
            if let Err(status) = check(&request.response_status) {
                let _ = sender.send(Err(status)).await;
                return;
            }
            waiting.push(request);
            if !at_end {
                answer_all(waiting.drain(..), &sender).await;
            }
        }
        answer_all(waiting.into_iter(), &sender).await;
    });
    Box::pin(ReceiverStream::new(receiver))
}

async fn answer_all(
    requests: impl Iterator<Item = StreamingOutputCallRequest>,
    sender: &mpsc::Sender<Result<StreamingOutputCallResponse, Status>>,
) {
    for parameters in requests.flat_map(|request| request.response_parameters) {
        if parameters.interval_us > 0 {
            tokio::time::sleep(Duration::from_micros(parameters.interval_us as u64)).await;
        }
        let response = StreamingOutputCallResponse {
            payload: Payload::zeros(parameters.size as usize),
        };
        if sender.send(Ok(response)).await.is_err() {
            return;
        }
    }
}

#[tonic::async_trait]
impl TestService for Service {
    type StreamingOutputCallStream = Answers;
    type FullDuplexCallStream = Answers;
    type HalfDuplexCallStream = Answers;

    async fn empty_call(&self, request: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(echo(&request, Empty {}))
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        check(&request.get_ref().response_status)?;
        let payload = Payload::zeros(request.get_ref().response_size as usize);
        Ok(echo(&request, SimpleResponse { payload }))
    }

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Answers>, Status> {
        let requests = tokio_stream::once(Ok(request.get_ref().clone()));
        Ok(echo(&request, answer(requests, false)))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut response = echo(&request, StreamingInputCallResponse::default());
        let mut requests = request.into_inner();
        while let Some(request) = requests.message().await? {
            response.get_mut().aggregated_payload_size += request.payload.unwrap_or_default().body.len() as i32;
        }
        Ok(response)
    }

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let response = echo(&request, ());
        Ok(response.map(|()| answer(request.into_inner(), false)))
    }

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let response = echo(&request, ());
        Ok(response.map(|()| answer(request.into_inner(), true)))
    }
}
