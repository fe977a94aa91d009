use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{Empty, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::capability::log::LogRing;
use crate::policy::address::Network;
use crate::policy::host::HostPattern;
use crate::policy::http::{PathPattern, RequestPattern, Scheme};
use crate::policy::secret::Secret;

use super::*;

/// A server that answers every connection with these bytes, and says what it was sent first.
struct Server {
    address: SocketAddr,
    heard: mpsc::Receiver<String>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = mpsc::channel(16);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut chunk = [0; 4096];
                while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                    match stream.read(&mut chunk).await {
                        Ok(0) | Err(_) => break,
                        Ok(count) => request.extend_from_slice(&chunk[..count]),
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let _ = stream.write_all(answer(&request).as_bytes()).await;
                let _ = sender.try_send(request);
            }
        });
        Self {
            address,
            heard,
            _serving: serving,
        }
    }

    async fn plain() -> Self {
        Self::answering(|_| whole("hello")).await
    }

    async fn heard(&mut self) -> String {
        self.heard.recv().await.unwrap()
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}

fn whole(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn rule(host: &str, addresses: &[&str]) -> HttpRule {
    let networks = addresses.iter().map(|text| Network::parse(text).unwrap());
    HttpRule {
        addresses: networks.collect(),
        ..HttpRule::whole(HostPattern::parse(host).unwrap())
    }
}

struct Guest {
    grants: LiveGrants,
    egress: Egress,
    denials: Arc<Denials>,
    log: Arc<LogRing>,
}

impl Guest {
    fn with(grants: Grants, outgoing: &Outgoing, limits: &Limits) -> Self {
        let grants = LiveGrants::new(grants);
        let log = Arc::new(LogRing::new(64 << 10));
        let denials = Arc::new(Denials::new(log.clone()));
        let egress = Egress::new(&grants, outgoing, limits, denials.clone());
        Self {
            grants,
            egress,
            denials,
            log,
        }
    }

    fn granted(rules: Vec<HttpRule>) -> Self {
        let grants = Grants {
            http: rules,
            ..Grants::default()
        };
        Self::with(grants, &known(), &Limits::default())
    }

    async fn get(&mut self, address: &str) -> Result<(http::Response<()>, String), Error> {
        let request = http::Request::get(address).body(empty()).unwrap();
        self.send(request).await
    }

    async fn send(
        &mut self,
        request: http::Request<WasiBody>,
    ) -> Result<(http::Response<()>, String), Error> {
        let none: Io = Box::new(std::future::ready(Ok(())));
        let (response, io) = Box::into_pin(self.egress.send_request(request, None, none)).await?;
        let mut connection = JoinSet::new();
        connection.spawn(Box::into_pin(io));
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok((http::Response::from_parts(head, ()), text))
    }
}

/// `api.test` is this machine, and so is `rebound.test`; `world.test` is somewhere else.
fn known() -> Outgoing {
    let names = BTreeMap::from([
        ("api.test".to_owned(), vec!["127.0.0.1".parse().unwrap()]),
        (
            "meta.test".to_owned(),
            vec!["169.254.169.254".parse().unwrap()],
        ),
    ]);
    Outgoing::new(Vec::new(), names)
}

fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

#[tokio::test]
async fn a_request_goes_out_if_a_rule_allows_it_and_its_address() {
    let mut server = Server::plain().await;
    let port = server.port();
    let url = format!("http://api.test:{port}/a?b=c");
    let host = format!("api.test:{port}");
    let mut granted = Guest::granted(vec![rule(&host, &["127.0.0.0/8"])]);
    let (answer, body) = granted.get(&url).await.unwrap();
    assert_eq!((answer.status().as_u16(), body.as_str()), (200, "hello"));
    assert!(server.heard().await.starts_with("GET /a?b=c HTTP/1.1\r\n"));
    assert_eq!(granted.denials.take(false), []);

    let mut other_host = Guest::granted(vec![rule("other.test", &["127.0.0.0/8"])]);
    let denied = other_host.get(&url).await;
    assert!(matches!(denied, Err(Error::HttpRequestDenied)));
    let mut other_address = Guest::granted(vec![rule(&host, &["10.0.0.0/8"])]);
    let denied = other_address.get(&url).await;
    assert!(matches!(denied, Err(Error::DestinationIpProhibited)));
    for denied in [other_host, other_address] {
        let said = denied.denials.take(false);
        assert_eq!(said.len(), 1);
        assert!(said[0].allow.as_ref().unwrap().contains("api.test"));
        let logged = denied.log.lines();
        assert!(logged[0].text.contains("was denied"), "{logged:?}");
    }
    assert!(server.heard.try_recv().is_err(), "nothing else went out");
}

#[tokio::test]
async fn no_spelling_of_an_address_around_the_host_gets_through_a_rule_for_every_host() {
    let server = Server::plain().await;
    let port = server.port();
    let mut guest = Guest::granted(vec![rule(&format!("*:{port}"), &[]), rule("*", &[])]);
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:0:0:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "api.test",
        "API.test",
        "api.test.",
    ] {
        let outcome = guest.get(&format!("http://{host}:{port}/")).await;
        assert!(outcome.is_err(), "{host}: {outcome:?}");
    }
    for host in [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "meta.test",
        "100.100.100.200",
        "10.0.0.1",
        "192.168.0.1",
    ] {
        let outcome = guest.get(&format!("http://{host}/latest/meta-data")).await;
        assert!(
            matches!(outcome, Err(Error::DestinationIpProhibited)),
            "{host}: {outcome:?}"
        );
    }
    for strange in [
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://example.com@127.0.0.1:{port}/"),
    ] {
        let outcome = guest.get(&strange).await;
        assert!(
            matches!(outcome, Err(Error::HttpRequestDenied)),
            "{strange}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_was_judged_is_connected_to() {
    let server = Server::plain().await;
    let port = server.port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    // The first answer is harmless, and every later one is this machine.
    let outgoing = Outgoing::with(
        Vec::new(),
        BTreeMap::new(),
        Box::new(move |_| {
            let first = count.fetch_add(1, Ordering::Relaxed) == 0;
            let address: IpAddr = if first { "192.0.2.1" } else { "127.0.0.1" }
                .parse()
                .unwrap();
            Box::pin(async move { Ok(vec![address]) })
        }),
    );
    let grants = Grants {
        http: vec![rule(&format!("*:{port}"), &["192.0.2.0/24"])],
        ..Grants::default()
    };
    let mut guest = Guest::with(grants, &outgoing, &Limits::default());
    let options = RequestOptions {
        connect_timeout: Some(Duration::from_millis(200)),
        ..RequestOptions::default()
    };
    let request = http::Request::get(format!("http://rebound.test:{port}/"));
    let none: Io = Box::new(std::future::ready(Ok(())));
    let sent = guest
        .egress
        .send_request(request.body(empty()).unwrap(), Some(options), none);
    assert!(Box::into_pin(sent).await.is_err(), "192.0.2.1 is nowhere");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let denied = guest.get(&format!("http://rebound.test:{port}/")).await;
    assert!(matches!(denied, Err(Error::DestinationIpProhibited)));
}

#[tokio::test]
async fn a_redirect_is_the_guest_s_to_follow_and_is_judged_anew() {
    let inner = Server::plain().await;
    let target = format!("http://localhost:{}/admin", inner.port());
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
    let outer = Server::answering(move |_| answer.clone()).await;
    let host = format!("api.test:{}", outer.port());
    let mut guest = Guest::granted(vec![rule(&host, &["127.0.0.1"])]);
    let (answer, _) = guest.get(&format!("http://{host}/")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(matches!(
        guest.get(location).await,
        Err(Error::HttpRequestDenied)
    ));
}

#[tokio::test]
async fn bodies_end_at_their_limit_and_waiting_does_too() {
    let long = "x".repeat(2000);
    let server = Server::answering(move |_| whole(&long)).await;
    let limits = Limits {
        http_bytes: 1000,
        http: Duration::from_millis(300),
        http_requests: 1,
        ..Limits::default()
    };
    let host = format!("api.test:{}", server.port());
    let grants = |host: &str| Grants {
        http: vec![rule(host, &["127.0.0.1"])],
        ..Grants::default()
    };
    let mut guest = Guest::with(grants(&host), &known(), &limits);
    let url = format!("http://{host}/");
    let outcome = guest.get(&url).await;
    assert!(
        matches!(outcome, Err(Error::HttpResponseBodySize(Some(1000)))),
        "{outcome:?}"
    );
    let body = Full::new(Bytes::from(vec![b'x'; 1001]));
    let body = body.map_err(|never| match never {}).boxed_unsync();
    let outcome = guest
        .send(http::Request::post(&url).body(body).unwrap())
        .await;
    assert!(outcome.is_err(), "{outcome:?}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("api.test:{}", silent.local_addr().unwrap().port());
    let mut guest = Guest::with(grants(&host), &known(), &limits);
    let url = format!("http://{host}/");
    let request = || http::Request::get(&url).body(empty()).unwrap();
    let none = || -> Io { Box::new(std::future::ready(Ok(()))) };
    let first = Box::into_pin(guest.egress.send_request(request(), None, none()));
    let second = Box::into_pin(guest.egress.send_request(request(), None, none()));
    assert!(matches!(second.await, Err(Error::ConnectionLimitReached)));
    assert!(matches!(first.await, Err(Error::ConnectionReadTimeout)));
    let third = Box::into_pin(guest.egress.send_request(request(), None, none()));
    assert!(
        matches!(third.await, Err(Error::ConnectionReadTimeout)),
        "the slot is free again"
    );
}

#[tokio::test]
async fn new_grants_hold_for_the_next_request_and_what_is_gone_is_gone() {
    let server = Server::plain().await;
    let host = format!("api.test:{}", server.port());
    let url = format!("http://{host}/");
    let mut guest = Guest::granted(Vec::new());
    assert!(guest.get(&url).await.is_err());
    guest.grants.change(Grants {
        http: vec![rule(&host, &["127.0.0.1"])],
        ..Grants::default()
    });
    assert!(guest.get(&url).await.is_ok());
    guest.grants.change(Grants::default());
    assert!(guest.get(&url).await.is_err());
}

#[tokio::test]
async fn a_secret_goes_where_it_is_bound_and_never_comes_back() {
    const CANARY: &str = "canary-51c8e07d2a";
    // An echo of the whole request, in the head and in the body.
    let mut server = Server::answering(|request| {
        let line = request
            .lines()
            .find(|line| line.starts_with("authorization"));
        format!(
            "HTTP/1.1 200 OK\r\nx-echo: {}\r\ncontent-length: {}\r\n\r\n{request}",
            line.unwrap_or_default(),
            request.len()
        )
    })
    .await;
    let host = format!("api.test:{}", server.port());
    let binding = SecretBinding {
        secret: Secret::new("token".to_owned(), CANARY.to_owned()),
        requests: RequestPattern {
            schemes: vec![Scheme::Http],
            paths: vec![PathPattern::parse("/with/*").unwrap()],
            ..RequestPattern::whole(HostPattern::parse(&host).unwrap())
        },
        header: http::header::AUTHORIZATION,
        value: "Bearer {}".to_owned(),
        env: Some("TOKEN".to_owned()),
    };
    let grants = Grants {
        http: vec![rule(&host, &["127.0.0.1"])],
        secrets: vec![binding],
        ..Grants::default()
    };
    assert_eq!(grants.variables()["TOKEN"], "secret:token");
    assert!(!format!("{grants:?}").contains(CANARY));
    let mut guest = Guest::with(grants, &known(), &Limits::default());
    let request = http::Request::get(format!("http://{host}/with/it"))
        .header("authorization", "Bearer secret:token")
        .body(empty())
        .unwrap();
    let (answer, body) = guest.send(request).await.unwrap();
    let sent = server.heard().await;
    assert!(
        sent.contains(&format!("authorization: Bearer {CANARY}\r\n")),
        "{sent}"
    );
    assert!(
        !sent.contains("secret:token"),
        "the guest's own header gives way"
    );
    assert!(sent.contains("accept-encoding: identity"));
    let echoed = format!("{:?} {body}", answer.headers());
    assert!(!echoed.contains(CANARY), "{echoed}");
    assert_eq!(body.len(), sent.len(), "what is masked keeps its length");

    let (_, body) = guest.get(&format!("http://{host}/without")).await.unwrap();
    assert!(!server.heard().await.contains("authorization"), "{body}");
}

#[tokio::test]
async fn the_host_s_own_headers_are_not_the_guest_s_to_set() {
    let mut guest = Guest::granted(Vec::new());
    for name in [
        "host",
        "connection",
        "transfer-encoding",
        "te",
        "trailer",
        "expect",
        "upgrade",
        "keep-alive",
        "proxy-authorization",
        "proxy-foo",
    ] {
        let name: HeaderName = name.parse().unwrap();
        assert!(guest.egress.is_forbidden_header(&name), "{name}");
        assert!((guest.egress.forbidden_header_filter())(&name), "{name}");
    }
    assert!(!guest.egress.is_forbidden_header(&http::header::ACCEPT));
}
