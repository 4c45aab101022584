"""Python's gRPC, as a peer of ours: the interop tests' server and client, and clients of health and reflection services.

With IRONWIRE_TLS, which names a folder, over TLS: ca.pem, cert.pem and key.pem are there. With IRONWIRE_GZIP, messages are compressed.

  peer.py serve DESCRIPTORS                 prints its port, and serves until its input ends
  peer.py client DESCRIPTORS PORT           runs all cases: a line of JSON for each, with its error or null
  peer.py health DESCRIPTORS PORT           what a health service answers
  peer.py reflection DESCRIPTORS PORT NAME… what it makes of these services by reflection alone
"""

import json
import os
import sys
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

INITIAL = 'x-grpc-test-echo-initial'
TRAILING = 'x-grpc-test-echo-trailing-bin'
OPTIONS = [('grpc.use_local_subchannel_pool', 1)]
TLS = os.environ.get('IRONWIRE_TLS')
COMPRESSION = grpc.Compression.Gzip if 'IRONWIRE_GZIP' in os.environ else None
GENEROUS = 30



def read(name):
    with open(os.path.join(TLS, name), 'rb') as file:
        return file.read()


def connect(address):
    if TLS is None:
        return grpc.insecure_channel(address, OPTIONS, COMPRESSION)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(read('ca.pem')), OPTIONS, COMPRESSION)


def listen(server):
    if TLS is None:
        return server.add_insecure_port('127.0.0.1:0')
    return server.add_secure_port('127.0.0.1:0', grpc.ssl_server_credentials([(read('key.pem'), read('cert.pem'))]))


pool = descriptor_pool.DescriptorPool()
with open(sys.argv[2], 'rb') as file:
    for each in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(each)


def message(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName('grpc.testing.' + name))


Empty, BoolValue, Payload, EchoStatus = (message(name) for name in ('Empty', 'BoolValue', 'Payload', 'EchoStatus'))
SimpleRequest, SimpleResponse = message('SimpleRequest'), message('SimpleResponse')
InputRequest, InputResponse = message('StreamingInputCallRequest'), message('StreamingInputCallResponse')
OutputRequest, OutputResponse = message('StreamingOutputCallRequest'), message('StreamingOutputCallResponse')
Parameters = message('ResponseParameters')

METHODS = {
    'EmptyCall': ('unary_unary', Empty, Empty),
    'UnaryCall': ('unary_unary', SimpleRequest, SimpleResponse),
    'StreamingOutputCall': ('unary_stream', OutputRequest, OutputResponse),
    'StreamingInputCall': ('stream_unary', InputRequest, InputResponse),
    'FullDuplexCall': ('stream_stream', OutputRequest, OutputResponse),
    'HalfDuplexCall': ('stream_stream', OutputRequest, OutputResponse),
}


# --- the server


def echo(context):
    for key, value in context.invocation_metadata():
        if key == INITIAL:
            context.send_initial_metadata(((key, value),))
        elif key == TRAILING:
            context.set_trailing_metadata(((key, value),))


def check(request, context):
    """Whether the request wants another status than OK."""
    if not request.response_status.code:
        return False
    context.set_code(next(code for code in grpc.StatusCode if code.value[0] == request.response_status.code))
    context.set_details(request.response_status.message)
    return True


def payload(size):
    return Payload(body=b'\0' * size)


def answers(request):
    for parameters in request.response_parameters:
        time.sleep(parameters.interval_us / 1e6)
        yield OutputResponse(payload=payload(parameters.size))


class Service:
    def EmptyCall(self, request, context):
        echo(context)
        return Empty()

    def UnaryCall(self, request, context):
        echo(context)
        if check(request, context):
            return SimpleResponse()
        return SimpleResponse(payload=payload(request.response_size))

    def StreamingOutputCall(self, request, context):
        echo(context)
        if not check(request, context):
            yield from answers(request)

    def StreamingInputCall(self, requests, context):
        echo(context)
        return InputResponse(aggregated_payload_size=sum(len(request.payload.body) for request in requests))

    def FullDuplexCall(self, requests, context):
        echo(context)
        for request in requests:
            if check(request, context):
                return
            yield from answers(request)

    def HalfDuplexCall(self, requests, context):
        echo(context)
        for request in list(requests):
            yield from answers(request)


def serve():
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), compression=COMPRESSION)
    service = Service()
    handlers = {
        name: getattr(grpc, kind + '_rpc_method_handler')(
            getattr(service, name),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
        for name, (kind, request, response) in METHODS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler('grpc.testing.TestService', handlers),))
    servicer = health.HealthServicer()
    servicer.set('', health_pb2.HealthCheckResponse.SERVING)
    servicer.set('down', health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = listen(server)
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


# --- the client


class Stub:
    def __init__(self, channel):
        for name, (kind, request, response) in METHODS.items():
            self.add(channel, 'grpc.testing.TestService', name, kind, request, response)
        self.add(channel, 'grpc.testing.TestService', 'UnimplementedCall', 'unary_unary', Empty, Empty)

    def add(self, channel, service, name, kind, request, response):
        make = getattr(channel, kind)
        call = make(
            f'/{service}/{name}',
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        setattr(self, name, call)


def large():
    return SimpleRequest(response_size=314159, payload=payload(271828))


def zeros(response, size):
    assert response.payload.body == b'\0' * size, len(response.payload.body)


def fails(call):
    """The code and details with which a call ends."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError('the call has succeeded')


class Cases:
    def __init__(self, address):
        self.address = address
        self.channel = connect(address)
        self.stub = Stub(self.channel)

    def empty_unary(self):
        assert self.stub.EmptyCall(Empty(), timeout=GENEROUS) == Empty()

    def large_unary(self, stub=None, **options):
        zeros((stub or self.stub).UnaryCall(large(), timeout=GENEROUS, **options), 314159)

    def client_streaming(self):
        requests = (InputRequest(payload=payload(size)) for size in (27182, 8, 1828, 45904))
        assert self.stub.StreamingInputCall(requests, timeout=GENEROUS).aggregated_payload_size == 74922

    def server_streaming(self):
        sizes = (31415, 9, 2653, 58979)
        request = OutputRequest(response_parameters=[Parameters(size=size) for size in sizes])
        responses = list(self.stub.StreamingOutputCall(request, timeout=GENEROUS))
        assert len(responses) == 4
        for response, size in zip(responses, sizes):
            zeros(response, size)

    def pipe(self, method=None, **options):
        import queue

        requests = queue.Queue()
        call = (method or self.stub.FullDuplexCall)(iter(requests.get, None), timeout=GENEROUS, **options)
        return requests, call

    def ping_pong(self):
        requests, call = self.pipe()
        for wanted, given in zip((31415, 9, 2653, 58979), (27182, 8, 1828, 45904)):
            requests.put(OutputRequest(response_parameters=[Parameters(size=wanted)], payload=payload(given)))
            zeros(next(call), wanted)
        requests.put(None)
        assert list(call) == []

    def half_duplex(self):
        requests, call = self.pipe(self.stub.HalfDuplexCall)
        for size in (5, 50, 500):
            requests.put(OutputRequest(response_parameters=[Parameters(size=size), Parameters(size=size + 1)]))
        requests.put(None)
        assert [len(response.payload.body) for response in call] == [5, 6, 50, 51, 500, 501]

    def empty_stream(self):
        assert list(self.stub.FullDuplexCall(iter(()), timeout=GENEROUS)) == []

    def custom_metadata(self):
        metadata = ((INITIAL, 'test_initial_metadata_value'), (TRAILING, b'\xab\xab\xab'))
        response, call = self.stub.UnaryCall.with_call(large(), timeout=GENEROUS, metadata=metadata)
        zeros(response, 314159)
        request = OutputRequest(response_parameters=[Parameters(size=314159)], payload=payload(271828))
        stream = self.stub.FullDuplexCall(iter((request,)), timeout=GENEROUS, metadata=metadata)
        zeros(next(stream), 314159)
        assert list(stream) == []
        for each in (call, stream):
            assert dict(each.initial_metadata())[INITIAL] == 'test_initial_metadata_value'
            assert dict(each.trailing_metadata())[TRAILING] == b'\xab\xab\xab'

    def says(self, text):
        status = EchoStatus(code=2, message=text)
        expected = (grpc.StatusCode.UNKNOWN, text)
        unary = fails(lambda: self.stub.UnaryCall(SimpleRequest(response_status=status), timeout=GENEROUS))
        assert unary == expected, unary
        request = OutputRequest(response_status=status)
        stream = fails(lambda: list(self.stub.FullDuplexCall(iter((request,)), timeout=GENEROUS)))
        assert stream == expected, stream

    def status_code_and_message(self):
        self.says('test status message')

    def special_status_message(self):
        self.says('\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n')

    def unimplemented_method(self):
        code, _ = fails(lambda: self.stub.UnimplementedCall(Empty(), timeout=GENEROUS))
        assert code == grpc.StatusCode.UNIMPLEMENTED, code

    def unimplemented_service(self):
        name = '/grpc.testing.UnimplementedService/UnimplementedCall'
        call = self.channel.unary_unary(name, Empty.SerializeToString, Empty.FromString)
        code, _ = fails(lambda: call(Empty(), timeout=GENEROUS))
        assert code == grpc.StatusCode.UNIMPLEMENTED, code

    def cancel_after_begin(self):
        requests, call = self.pipe(self.stub.StreamingInputCall.future)
        call.cancel()
        requests.put(None)
        assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED

    def cancel_after_first_response(self):
        requests, call = self.pipe()
        requests.put(OutputRequest(response_parameters=[Parameters(size=31415)], payload=payload(27182)))
        zeros(next(call), 31415)
        call.cancel()
        requests.put(None)
        assert fails(lambda: next(call))[0] == grpc.StatusCode.CANCELLED

    def timeout_on_sleeping_server(self):
        request = OutputRequest(payload=payload(27182), response_parameters=[Parameters(size=1, interval_us=1000000)])
        code, _ = fails(lambda: list(self.stub.FullDuplexCall(iter((request,)), timeout=0.001)))
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED, code

    def concurrent_large_unary(self):
        calls = [self.stub.UnaryCall.future(large(), timeout=GENEROUS) for _ in range(50)]
        for call in calls:
            zeros(call.result(), 314159)

    def rpc_soak(self):
        for _ in range(10):
            self.large_unary()

    def channel_soak(self):
        for _ in range(5):
            with connect(self.address) as channel:
                self.large_unary(Stub(channel))


def client(address):
    cases = Cases(address)
    for name, run in vars(Cases).items():
        if name.startswith('_') or name in ('pipe', 'says'):
            continue
        try:
            run(cases)
            error = None
        except Exception as failure:
            error = f'{type(failure).__name__}: {failure}'
        print(json.dumps([name, error]), flush=True)


# --- ready services


def health(address):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    Request = health_pb2.HealthCheckRequest
    name = health_pb2.HealthCheckResponse.ServingStatus.Name
    with connect(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answers = [name(stub.Check(Request(service=service), timeout=GENEROUS).status) for service in ('', 'down')]
        code, _ = fails(lambda: stub.Check(Request(service='unknown'), timeout=GENEROUS))
        watch = stub.Watch(Request(service='unknown'), timeout=GENEROUS)
        answers += [code.name, name(next(watch).status)]
        watch.cancel()
        listed = stub.List(health_pb2.HealthListRequest(), timeout=GENEROUS).statuses
        answers.append({service: name(response.status) for service, response in sorted(listed.items())})
    print(json.dumps(answers))


def reflection(address, names):
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    with connect(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        known = descriptor_pool.DescriptorPool(database)
        print(json.dumps(sorted(database.get_services())))
        for name in names:
            service = known.FindServiceByName(name)
            methods = []
            for method in service.methods:
                fields = {field.name: field.message_type and field.message_type.full_name for field in method.input_type.fields}
                methods.append([method.name, method.input_type.full_name, method.output_type.full_name, fields])
            print(json.dumps([name, methods]))


if __name__ == '__main__':
    command, address = sys.argv[1], f'localhost:{sys.argv[3]}' if len(sys.argv) > 3 else None
    if command == 'serve':
        serve()
    elif command == 'client':
        client(address)
    elif command == 'health':
        health(address)
    elif command == 'reflection':
        reflection(address, sys.argv[4:])
