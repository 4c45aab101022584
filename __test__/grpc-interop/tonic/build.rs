//! The code of the service, without protoc.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str, input: &str, output: &str, client: bool, server: bool| {
        let mut method = Method::builder()
            .name(name)
            .route_name(route)
            .input_type(format!("crate::messages::{input}"))
            .output_type(format!("crate::messages::{output}"))
            .codec_path("tonic_prost::ProstCodec");
        if client {
            method = method.client_streaming();
        }
        if server {
            method = method.server_streaming();
        }
        method.build()
    };
    let (input, output) = ("StreamingOutputCallRequest", "StreamingOutputCallResponse");
    let service = Service::builder()
        .name("TestService")
        .package("grpc.testing")
        .method(method("empty_call", "EmptyCall", "Empty", "Empty", false, false))
        .method(method(
            "unary_call",
            "UnaryCall",
            "SimpleRequest",
            "SimpleResponse",
            false,
            false,
        ))
        .method(method(
            "streaming_output_call",
            "StreamingOutputCall",
            input,
            output,
            false,
            true,
        ))
        .method(method(
            "streaming_input_call",
            "StreamingInputCall",
            "StreamingInputCallRequest",
            "StreamingInputCallResponse",
            true,
            false,
        ))
        .method(method("full_duplex_call", "FullDuplexCall", input, output, true, true))
        .method(method("half_duplex_call", "HalfDuplexCall", input, output, true, true))
        .build();
    let other = Service::builder()
        .name("UnimplementedService")
        .package("grpc.testing")
        .method(method(
            "unimplemented_call",
            "UnimplementedCall",
            "Empty",
            "Empty",
            false,
            false,
        ))
        .build();
    Builder::new().compile(&[service, other]);
}
