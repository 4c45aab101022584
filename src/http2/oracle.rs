//! Sessions against `h2`, in memory and in both roles: each understands what the other sends.

use super::{Code, Event, Limits, Role, Session, Settings, pairs};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A request or a response on one stream.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Message {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
}

fn message() -> impl Strategy<Value = Message> {
    let field = ("x-[a-z]{1,8}", "[!-~]([ -~]{0,30}[!-~])?");
    let fields = || prop::collection::vec(field, 0..5);
    let body = prop::collection::vec(any::<u8>(), 0..3000).prop_flat_map(|part| {
        // Some bodies are larger than a window.
        (0usize..60).prop_map(move |times| part.repeat(if times < 50 { 1 } else { times }))
    });
    (fields(), body, fields()).prop_map(|(fields, body, trailers)| Message { fields, body, trailers })
}

/// Fields in the form that [`pairs`] reads.
fn text(fields: &[(String, String)]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat())
        .collect()
}

fn ordinary(text: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<_> = pairs(text)
        .filter(|field| field.name.starts_with(b"x-"))
        .map(|field| {
            let [name, value] = [field.name, field.value].map(|part| String::from_utf8(part.to_vec()).unwrap());
            (name, value)
        })
        .collect();
    // `h2` does not keep the order of fields with different names.
    fields.sort();
    fields
}

fn map(fields: &[(String, String)]) -> http::HeaderMap {
    let mut map = http::HeaderMap::new();
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().unwrap();
        map.append(name, value.parse().unwrap());
    }
    map
}

fn unmap(map: &http::HeaderMap) -> Vec<(String, String)> {
    let mut fields: Vec<_> = map
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    fields.sort();
    fields
}

fn sorted(mut message: Message) -> Message {
    message.fields.sort();
    message.trailers.sort();
    message
}

/// What was received on a stream, and whether it is complete.
#[derive(Default)]
struct Incoming {
    message: Message,
    ended: bool,
}

/// What a session has received, by stream.
#[derive(Default)]
struct Heard {
    streams: BTreeMap<u32, Incoming>,
    fresh: Vec<u32>,
}

impl Heard {
    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Head { stream, fields, ends } => {
                self.fresh.push(stream);
                let incoming = self.streams.entry(stream).or_default();
                incoming.message.fields = ordinary(fields.text());
                incoming.ended = ends;
            }
            Event::Data { stream, data } => {
                let incoming = self.streams.get_mut(&stream).unwrap();
                incoming.message.body.extend_from_slice(data);
            }
            Event::End { stream, trailers } => {
                let incoming = self.streams.get_mut(&stream).unwrap();
                incoming.ended = true;
                if let Some(fields) = trailers {
                    incoming.message.trailers = ordinary(fields.text());
                }
            }
            Event::Failed { code, why } => panic!("{why}: {code:?}"),
            Event::Reset { code, .. } => assert_eq!(code, Code::NO_ERROR),
            _ => {}
        }
    }
}

/// Writes what a session wants to send and processes what it receives. Returns false at the end of the connection.
///
/// A peer that has all its answers may close before it receives our last acknowledgements. What it sent before still
/// has to be read.
async fn turn(io: &mut DuplexStream, session: &mut Session, out: &mut Vec<u8>, heard: &mut Heard) -> bool {
    if let Err(error) = io.write_all(out).await {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    out.clear();
    let mut buffer = [0; 4096];
    let length = io.read(&mut buffer).await.unwrap();
    session.feed(&buffer[..length], 0, out, &|| true, &mut |event| heard.hear(event));
    session.pump(usize::MAX, out, &mut |event| heard.hear(event));
    length > 0
}

fn say(session: &mut Session, stream: u32, message: &Message, out: &mut Vec<u8>) {
    session.write(stream, &message.body, false, usize::MAX, out).unwrap();
    if message.trailers.is_empty() {
        session.write(stream, b"", true, usize::MAX, out).unwrap();
    } else {
        session
            .trailers(stream, &text(&message.trailers), usize::MAX, out)
            .unwrap();
    }
}

/// Our server. Answers the requests in their order and returns them.
async fn our_server(mut io: DuplexStream, answers: Vec<Message>) -> Vec<Message> {
    let mut out = Vec::new();
    let settings = Settings {
        max_concurrent_streams: 100,
        ..Settings::default()
    };
    let mut session = Session::new(Role::Server, settings, Limits::default(), 0, &mut out);
    let mut heard = Heard::default();
    let mut answers = answers.into_iter();
    while turn(&mut io, &mut session, &mut out, &mut heard).await {
        for stream in heard.fresh.drain(..) {
            let answer = answers.next().unwrap();
            let fields = text(&answer.fields);
            session.respond(stream, 200, &fields, None, false, &mut out).unwrap();
            say(&mut session, stream, &answer, &mut out);
        }
    }
    heard.streams.into_values().map(|incoming| incoming.message).collect()
}

async fn receive(mut body: h2::RecvStream) -> (Vec<u8>, Vec<(String, String)>) {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.unwrap();
    (all, trailers.as_ref().map(unmap).unwrap_or_default())
}

fn send(stream: &mut h2::SendStream<Bytes>, message: &Message) {
    stream
        .send_data(message.body.clone().into(), message.trailers.is_empty())
        .unwrap();
    if !message.trailers.is_empty() {
        stream.send_trailers(map(&message.trailers)).unwrap();
    }
}

/// The client of `h2`. Sends these requests and returns the responses.
async fn their_client(io: DuplexStream, questions: Vec<Message>) -> Vec<Message> {
    let (mut client, connection) = h2::client::handshake(io).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut waiting = Vec::new();
    for question in &questions {
        client = client.ready().await.unwrap();
        let mut request = http::Request::builder()
            .method("POST")
            .uri("http://a/b")
            .body(())
            .unwrap();
        *request.headers_mut() = map(&question.fields);
        let (response, mut stream) = client.send_request(request, false).unwrap();
        send(&mut stream, question);
        waiting.push(tokio::spawn(async move {
            let response = response.await.unwrap();
            let fields = unmap(response.headers());
            let (body, trailers) = receive(response.into_body()).await;
            Message { fields, body, trailers }
        }));
    }
    let mut answers = Vec::new();
    for answer in waiting {
        answers.push(answer.await.unwrap());
    }
    drop(client);
    driver.await.unwrap().unwrap();
    answers
}

/// The server of `h2`.
async fn their_server(io: DuplexStream, answers: Vec<Message>) -> Vec<Message> {
    let mut connection = h2::server::handshake(io).await.unwrap();
    let mut answers = answers.into_iter();
    let mut asked = Vec::new();
    while let Some(accepted) = connection.accept().await {
        let (request, mut respond) = accepted.unwrap();
        let answer = answers.next().unwrap();
        let mut response = http::Response::new(());
        *response.headers_mut() = map(&answer.fields);
        let mut stream = respond.send_response(response, false).unwrap();
        send(&mut stream, &answer);
        asked.push(tokio::spawn(async move {
            let fields = unmap(request.headers());
            let (body, trailers) = receive(request.into_body()).await;
            Message { fields, body, trailers }
        }));
    }
    let mut questions = Vec::new();
    for question in asked {
        questions.push(question.await.unwrap());
    }
    questions
}

/// Our client.
async fn our_client(mut io: DuplexStream, questions: Vec<Message>) -> Vec<Message> {
    let mut out = Vec::new();
    let mut session = Session::new(Role::Client, Settings::default(), Limits::default(), 0, &mut out);
    for question in &questions {
        let fields = text(&question.fields);
        let head = [b":method\0POST\0:scheme\0http\0:path\0/b\0:authority\0a\0", &fields[..]].concat();
        let stream = session.request(&head, false, &mut out).unwrap();
        say(&mut session, stream, question, &mut out);
    }
    let mut heard = Heard::default();
    while heard.streams.values().filter(|incoming| incoming.ended).count() < questions.len()
        || session.open_streams() > 0
    {
        assert!(turn(&mut io, &mut session, &mut out, &mut heard).await);
    }
    io.write_all(&out).await.unwrap();
    // Ends our side only, so that the server's last acknowledgements can still arrive.
    io.shutdown().await.unwrap();
    io.read_to_end(&mut out).await.unwrap();
    heard.streams.into_values().map(|incoming| incoming.message).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn both_understand_each_other(exchanges in prop::collection::vec((message(), message()), 1..8)) {
        let (questions, answers): (Vec<_>, Vec<_>) = exchanges.into_iter().unzip();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (here, there) = tokio::io::duplex(3000);
            let server = tokio::spawn(our_server(here, answers.clone()));
            let answered = their_client(there, questions.clone()).await;
            let asked = server.await.unwrap();
            let wanted = |messages: &[Message]| messages.iter().cloned().map(sorted).collect::<Vec<_>>();
            prop_assert_eq!(answered, wanted(&answers));
            prop_assert_eq!(asked, wanted(&questions));
            let (here, there) = tokio::io::duplex(3000);
            let server = tokio::spawn(their_server(there, answers.clone()));
            let answered = our_client(here, questions.clone()).await;
            let asked = server.await.unwrap();
            prop_assert_eq!(answered, wanted(&answers));
            prop_assert_eq!(asked, wanted(&questions));
            Ok(())
        })?;
    }
}
