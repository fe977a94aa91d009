//! Clients that are slow, many, or change their minds too often. They write bytes themselves: no library would.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use hostel_host::api::{Bounds, Certificates, TlsFiles, serve};
use hostel_tests::{Neighbour, TestServer};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Keyed;

/// More than any network holds on its way.
const LARGE: usize = 64 << 20;

async fn doors(bounds: Bounds) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let never = CancellationToken::new();
    let router = Router::new()
        .route("/", get(async || "here"))
        .route("/large", get(async || vec![b'x'; LARGE]));
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with the runtime of the test"
    )]
    let _served = tokio::spawn(serve(listener, router, bounds, never, Duration::ZERO));
    address
}

/// Sends this, says nothing more, and waits until the host has had enough. Answers with what it said and the seconds that it took.
async fn stay(address: SocketAddr, sent: &[u8]) -> (Vec<u8>, u64) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let mut said = Vec::new();
    // Some are told why before they are cut off, and some are just cut off.
    let _ = stream.read_to_end(&mut said).await;
    (said, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_to_the_point_is_cut_off() {
    let address = doors(Bounds::default()).await;
    for sent in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
    ] {
        let (_, seconds) = stay(address, sent).await;
        assert!((9..=12).contains(&seconds), "{sent:?}: {seconds} s");
    }
    let idle = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (said, seconds) = stay(address, idle).await;
    assert!(said.starts_with(b"HTTP/1.1 200"));
    assert!(
        (9..=12).contains(&seconds),
        "an idle connection: {seconds} s"
    );
}

#[tokio::test(start_paused = true)]
async fn who_does_not_agree_on_how_to_encrypt_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        cert: folder.path().join("chain.pem"),
        key: folder.path().join("key.pem"),
    };
    fs_err::write(&files.cert, made.cert.pem()).unwrap();
    fs_err::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let bounds = Bounds {
        certificates: Some(Certificates::open(files).unwrap()),
        ..Bounds::default()
    };
    let address = doors(bounds).await;
    for sent in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let (_, seconds) = stay(address, sent).await;
        assert!((4..=7).contains(&seconds), "{sent:?}: {seconds} s");
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let server = TestServer::start(&[]).await;
    tokio::time::pause();
    for path in ["/v1/execute", "/v1/sessions", "/mcp", "/api/v1/execute"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"a"
        );
        let (said, seconds) = stay(server.address, head.as_bytes()).await;
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.contains("did not arrive within 60 s"),
            "{path}: {said}"
        );
        assert!((59..=75).contains(&seconds), "{path}: {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_is_not_kept() {
    let address = doors(Bounds::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let mut said = Vec::new();
    // What the network holds is there still; how the connection ends is the machine's affair.
    let _ = stream.read_to_end(&mut said).await;
    assert!(said.starts_with(b"HTTP/1.1 200") && said.len() < LARGE);
}

#[tokio::test]
async fn who_leaves_answers_unread_is_given_no_more_and_others_are() {
    const TEXT: usize = 3 << 20;
    let host = Keyed::start_with(|config| config.memory_bytes = Some(2 << 30)).await;
    let mallory = host.key("mallory", &["call"]);
    let ada = host.key("ada", &["call"]);
    let echo = json!({"action": "lab:echo", "params": {"text": "x".repeat(TEXT)}});
    let call = Bytes::from(echo.to_string());

    // HTTP/2 with a window for the answers that is never opened.
    let stream = TcpStream::connect(host.server.address).await.unwrap();
    let mut closed = h2::client::Builder::new();
    closed.initial_window_size(0);
    let (client, connection) = closed.handshake(stream).await.unwrap();
    let mut driven = JoinSet::new();
    driven.spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut unread = Vec::new();
    let refused = loop {
        let request = http::Request::post("http://localhost/v1/execute")
            .header("authorization", format!("Bearer {mallory}"))
            .body(());
        let (answer, mut body) = client.send_request(request.unwrap(), false).unwrap();
        body.send_data(call.clone(), true).unwrap();
        let answer = answer.await.unwrap();
        if answer.status() != 200 {
            break answer;
        }
        unread.push(answer);
        assert!(
            unread.len() < 99,
            "all of them are held for a client that reads none"
        );
    };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(unread.len() > 9, "{} were answered", unread.len());

    let ask = async |key: &str| host.ask(key, Method::POST, "/v1/execute", &echo).await;
    let told = ask(&mallory).await.json();
    assert_eq!(
        (&told["code"], &told["limit"]),
        (&json!("overloaded"), &json!("bodies"))
    );
    assert_eq!(ask(&ada).await.status, 200);
    drop((unread, refused, client, driven));
    let mut again = ask(&mallory).await;
    for _ in 0..100 {
        if again.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        again = ask(&mallory).await;
    }
    assert_eq!(
        again.status, 200,
        "what nobody reads any more is given back"
    );
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let bounds = Bounds {
        connections_per_address: 3,
        ..Bounds::default()
    };
    let address = doors(bounds).await;
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let ask = async |stream: &mut TcpStream| {
        if stream.write_all(request).await.is_err() {
            return false;
        }
        let mut answer = [0; 512];
        matches!(stream.read(&mut answer).await, Ok(length) if answer[..length].starts_with(b"HTTP/1.1 200"))
    };
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut stream).await);
        open.push(stream);
    }
    let mut fourth = TcpStream::connect(address).await.unwrap();
    assert!(!ask(&mut fourth).await, "it is closed as it comes");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.9.9:0".parse().unwrap()).unwrap();
    let mut elsewhere = socket.connect(address).await.unwrap();
    assert!(ask(&mut elsewhere).await, "another address has its own");
    assert!(ask(&mut open[0]).await, "those that are open go on");
    open.pop();
    let mut again = false;
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        again = ask(&mut stream).await;
        if again {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(again, "a place that is left is free again");
}

#[tokio::test]
async fn thousands_who_dawdle_cost_nobody_else_an_answer() {
    const EACH: usize = Bounds::CONNECTIONS_PER_ADDRESS;
    let server = TestServer::start(&[]).await;
    let neighbour = Neighbour::beside(server.address).await;
    let mut slow = Vec::new();
    for site in 1..=5 {
        for number in 0..EACH {
            let socket = TcpSocket::new_v4().unwrap();
            socket
                .bind(SocketAddr::from(([127, 0, 7, site], 0)))
                .unwrap();
            let mut stream = socket.connect(server.address).await.unwrap();
            // Half of them have sent a head and dawdle with the body.
            let sent = match number % 2 {
                0 => "POST /v1/execute HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
                _ => "POST /v1/execute HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
            };
            stream.write_all(sent.as_bytes()).await.unwrap();
            slow.push(stream);
        }
    }
    neighbour.unharmed().await;
    tokio::time::pause();
    let began = Instant::now();
    for mut stream in slow {
        // Some are told why before they are cut off.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let seconds = began.elapsed().as_secs();
    assert!(seconds <= 90, "the last one was cut off after {seconds} s");
}

#[tokio::test]
async fn a_component_from_who_may_send_none_is_not_waited_for() {
    let host = Keyed::start().await;
    let key = host.key("mallory", &["call"]);
    let head = format!(
        "PUT /v1/backends/own HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-length: 60000000\r\n\r\n"
    );
    let (said, seconds) = stay(host.server.address, head.as_bytes()).await;
    assert!(said.starts_with(b"HTTP/1.1 403"));
    assert!(seconds <= 15, "{seconds} s");
}

/// Sends a request on an open connection, all of it at once.
fn send(stream: &TcpStream, key: &str) {
    let request = format!(
        "GET /v1/sessions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n"
    );
    assert_eq!(stream.try_write(request.as_bytes()).unwrap(), request.len());
}

#[tokio::test]
async fn who_asks_once_is_served_before_the_many_requests_of_another() {
    const FLOOD: usize = 60;
    let host = Keyed::start().await;
    let (mallory, ada) = (
        host.key("mallory", &["call", "sessions"]),
        host.key("ada", &["call", "sessions"]),
    );
    let connect = async |key: &str| {
        let mut stream = TcpStream::connect(host.server.address).await.unwrap();
        send(&stream, key);
        let mut answer = [0; 2048];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
        stream
    };
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        flood.push(connect(&mallory).await);
    }
    let one = connect(&ada).await;
    // All of them are there before the host, on the same thread, sees any of them.
    flood.iter().for_each(|stream| send(stream, &mallory));
    send(&one, &ada);
    one.readable().await.unwrap();
    let served = flood.iter().filter(|stream| {
        let mut first = [0];
        stream.try_read(&mut first).is_ok()
    });
    let before = served.count();
    assert!(before < FLOOD / 4, "{before} of {FLOOD} were served first");
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn a_flood_of_requests_that_are_taken_back_ends_the_connection() {
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    const SETTINGS: u8 = 4;
    const GO_AWAY: u8 = 7;
    let address = doors(Bounds::default()).await;
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(SETTINGS, 0, 0, &[]));
    // GET / of http://localhost, in the static table of HPACK.
    let head = [&[0x82, 0x84, 0x86, 0x41, 9][..], b"localhost"].concat();
    for stream in (1..4_000).step_by(2) {
        sent.extend(frame(HEADERS, 0x5, stream, &head));
        sent.extend(frame(RESET, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be cut off while it still writes.
    let _ = stream.write_all(&sent).await;
    let mut said = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "the connection is closed");
    let mut rest = said.as_slice();
    let mut kinds = Vec::new();
    while rest.len() >= 9 {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        kinds.push(rest[3]);
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    let was_reset = ended.is_ok_and(|read| read.is_err());
    assert!(kinds.contains(&GO_AWAY) || was_reset, "{kinds:?}");
}
