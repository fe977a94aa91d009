//! Tokens of an issuer: which ones are good, and what they allow. The issuer is one of the test's own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hostel_host::auth::{Algorithm, AuthSettings, Guard, JwksSource, JwtSettings};
use hostel_host::error::{ErrorCode, Result};
use hostel_tests::{Answer, Guest, TestServer};
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://tools.example.com/mcp";

/// Signs tokens.
enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    fn es256() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Es256(EcdsaKeyPair::from_pkcs8(algorithm, pair.as_ref(), &random).unwrap())
    }

    fn eddsa() -> Self {
        let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::EdDsa(Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap())
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// The public half, under this id.
    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Es256(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": encoded(&point[..32]), "y": encoded(&point[32..])})
            }
            Self::EdDsa(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encoded(pair.public_key().as_ref())})
            }
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!(
            "{}.{}",
            encoded(header.to_string().as_bytes()),
            encoded(claims.to_string().as_bytes())
        );
        let signature = match self {
            Self::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message.as_bytes());
                signature.unwrap().as_ref().to_vec()
            }
            Self::EdDsa(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", encoded(&signature))
    }

    fn good(&self, kid: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims();
        change(&mut claims);
        let header = json!({"alg": self.name(), "typ": "at+jwt", "kid": kid});
        self.token(&header, &claims)
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_secs()).unwrap()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now() + 300, "scope": "openid call sessions"})
}

fn settings(keys: JwksSource) -> JwtSettings {
    JwtSettings {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys,
        algorithms: Algorithm::ALL.to_vec(),
        worker_claim: "sub".to_owned(),
        scope_claim: "scope".to_owned(),
    }
}

fn written(folder: &Path, keys: &[Value]) -> JwksSource {
    let path = folder.join("jwks.json");
    fs_err::write(&path, json!({"keys": keys}).to_string()).unwrap();
    JwksSource::File(path)
}

fn guard(settings: JwtSettings) -> Guard {
    Guard::open(AuthSettings {
        jwt: Some(settings),
        ..AuthSettings::default()
    })
    .unwrap()
}

async fn code(guard: &Guard, token: &str) -> Option<ErrorCode> {
    let identified: Result<_> = guard.identify(token, None).await;
    identified.err().map(|error| error.code())
}

#[tokio::test]
async fn a_token_says_who_and_what() {
    let folder = tempfile::tempdir().unwrap();
    for signer in [Signer::es256(), Signer::eddsa()] {
        let guard = guard(settings(written(folder.path(), &[signer.jwk("k1")])));
        let identity = guard
            .identify(&signer.good("k1", |_| {}), None)
            .await
            .unwrap();
        assert_eq!(identity.worker.as_str(), "alice");
        assert_eq!(
            identity.credential.to_string(),
            format!("token alice@{ISSUER}")
        );
        let scopes: Vec<String> = identity
            .scopes
            .list()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            scopes,
            ["call", "sessions"],
            "scopes of others are not ours"
        );
        let listed = signer.good("k1", |claims| {
            claims["scope"] = json!(["call:rag.search", 3])
        });
        let identity = guard.identify(&listed, None).await.unwrap();
        assert_eq!(identity.scopes.list()[0].to_string(), "call:rag.search");
        let many = signer.good("k1", |claims| claims["aud"] = json!(["x", AUDIENCE]));
        assert_eq!(code(&guard, &many).await, None);
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::es256();
    let guard = guard(settings(written(folder.path(), &[signer.jwk("k1")])));
    let cases: Vec<(&str, Value, bool)> = vec![
        ("exp", json!(now() - 30), true),
        ("exp", json!(now() - 90), false),
        ("exp", json!("soon"), false),
        ("exp", Value::Null, false),
        ("nbf", json!(now() + 30), true),
        ("nbf", json!(now() + 90), false),
        ("iss", json!("https://id.example.com/"), false),
        ("iss", json!([ISSUER]), false),
        ("iss", Value::Null, false),
        ("aud", json!("https://tools.example.com"), false),
        ("aud", json!([]), false),
        ("aud", Value::Null, false),
        ("sub", json!(7), false),
        ("sub", json!(""), false),
        ("sub", json!("a\nb"), false),
        ("sub", Value::Null, false),
    ];
    for (name, value, is_good) in cases {
        let token = signer.good("k1", |claims| {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        });
        let expected = (!is_good).then_some(ErrorCode::Unauthenticated);
        if guard.identify(&token, None).await.is_ok() != is_good {
            assert_eq!(code(&guard, &token).await, expected, "{name} {value}");
        }
    }
    let scopeless = signer.good("k1", |claims| claims["scope"] = Value::Null);
    let identity = guard.identify(&scopeless, None).await.unwrap();
    assert!(
        identity.scopes.list().is_empty(),
        "nothing said is nothing allowed"
    );
}

#[tokio::test]
async fn signatures_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (signer, stranger, other) = (Signer::es256(), Signer::es256(), Signer::eddsa());
    let keys = [
        signer.jwk("k1"),
        other.jwk("k2"),
        json!({"kty": "oct", "kid": "k3", "k": "c2VjcmV0"}),
    ];
    let mut settings = settings(written(folder.path(), &keys));
    let good = signer.good("k1", |_| {});
    let unsigned = good.rsplit_once('.').unwrap().0.to_owned();
    let head = |header: Value| signer.token(&header, &claims());
    let cases = [
        ("another's key", stranger.good("k1", |_| {})),
        ("no signature", format!("{unsigned}.")),
        (
            "alg none",
            format!(
                "{}.{}.",
                encoded(br#"{"alg":"none"}"#),
                encoded(claims().to_string().as_bytes())
            ),
        ),
        (
            "the alg of another key",
            head(json!({"alg": "EdDSA", "kid": "k1"})),
        ),
        ("HMAC", head(json!({"alg": "HS256", "kid": "k3"}))),
        ("no kid", head(json!({"alg": "ES256"}))),
        ("an unknown kid", head(json!({"alg": "ES256", "kid": "k9"}))),
        (
            "an extension",
            head(json!({"alg": "ES256", "kid": "k1", "crit": ["x"], "x": 1})),
        ),
        (
            "a key of its own",
            head(json!({"alg": "ES256", "jwk": signer.jwk("k1")})),
        ),
        (
            "too long",
            signer.good("k1", |claims| claims["pad"] = json!("x".repeat(9_000))),
        ),
        ("cut", good[..good.len() - 2].to_owned()),
        ("no token", "abc".to_owned()),
    ];
    let open = guard(settings.clone());
    assert_eq!(code(&open, &good).await, None);
    assert_eq!(code(&open, &other.good("k2", |_| {})).await, None);
    for (what, token) in cases {
        assert_eq!(
            code(&open, &token).await,
            Some(ErrorCode::Unauthenticated),
            "{what}"
        );
        if what == "an unknown kid" {
            tokio::task::yield_now().await;
        }
    }
    settings.algorithms = vec![Algorithm::EdDsa];
    let narrow = guard(settings);
    assert_eq!(code(&narrow, &good).await, Some(ErrorCode::Unauthenticated));
    assert_eq!(code(&narrow, &other.good("k2", |_| {})).await, None);
}

/// A page of keys, and how often it was asked for.
async fn page(keys: Value, pause: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let answer = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let text = keys.to_string();
        async move {
            tokio::time::sleep(pause).await;
            text
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/keys", get(answer));
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with the runtime of the test"
    )]
    let _served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, asked)
}

#[tokio::test]
async fn a_page_of_keys_is_asked_for_once_however_many_ask() {
    let signer = Signer::es256();
    let (address, asked) = page(
        json!({"keys": [signer.jwk("k1")]}),
        Duration::from_millis(50),
    )
    .await;
    let source = JwksSource::page(format!("http://{address}/keys")).unwrap();
    let guard = Arc::new(guard(settings(source)));
    let callers = (0..16).map(|number| {
        let token = signer.good("k1", |claims| claims["sub"] = json!(format!("w{number}")));
        let guard = guard.clone();
        async move { code(&guard, &token).await }
    });
    let codes = futures_util::future::join_all(callers).await;
    assert_eq!(codes, vec![None; 16]);
    for number in 0..10 {
        let unknown = signer.good(&format!("unknown{number}"), |_| {});
        assert!(code(&guard, &unknown).await.is_some());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "at most once a minute");
}

#[tokio::test]
async fn a_page_that_is_too_large_or_no_page_lets_nobody_in() {
    let signer = Signer::es256();
    let token = signer.good("k1", |_| {});
    let mut large = json!({"keys": [signer.jwk("k1")]});
    large["pad"] = json!("x".repeat(2 << 20));
    for keys in [large, json!([]), json!({"keys": []})] {
        let (address, _) = page(keys, Duration::ZERO).await;
        let source = JwksSource::page(format!("http://{address}/keys")).unwrap();
        assert!(code(&guard(settings(source)), &token).await.is_some());
    }
    let source = JwksSource::page("http://127.0.0.1:9/keys".to_owned()).unwrap();
    assert!(code(&guard(settings(source)), &token).await.is_some());
}

async fn serve(signer: &Signer) -> TestServer {
    let folder = tempfile::tempdir().unwrap();
    let jwt = settings(written(folder.path(), &[signer.jwk("k1")]));
    TestServer::start_with(&[("lab", &Guest::stateful_lab())], |config| {
        config.jwt = Some(jwt)
    })
    .await
}

#[tokio::test]
async fn every_door_takes_them() {
    let signer = Signer::es256();
    let server = serve(&signer).await;
    let token = signer.good("k1", |claims| claims["scope"] = json!("call:lab.echo"));
    let send = |method: Method, path: &str, body: Value| {
        let request = server.request(method, path).bearer_auth(&token);
        Answer::to(if body.is_null() {
            request
        } else {
            request.json(&body)
        })
    };
    let echo = json!({"action": "lab:echo", "params": {"text": "hi"}});
    assert_eq!(
        send(Method::POST, "/v1/execute", echo.clone()).await.status,
        200
    );
    let flow = json!({"action": "lab:echo", "params": {"text": "hi"}, "worker_id": "alice"});
    assert_eq!(
        send(Method::POST, "/api/v1/execute", flow).await.status,
        200
    );
    let denied = send(
        Method::POST,
        "/v1/execute",
        json!({"action": "lab:add", "params": {"n": 1}}),
    )
    .await;
    assert_eq!(denied.status, 403);
    assert_eq!(
        denied.header("www-authenticate"),
        Some(
            "Bearer error=\"insufficient_scope\", scope=\"call:lab.add\", resource_metadata=\"https://tools.example.com/.well-known/oauth-protected-resource\""
        )
    );
    assert_eq!(
        server
            .execute("lab:echo", json!({"text": "hi"}))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_client_without_a_token_learns_where_to_get_one() {
    let server = serve(&Signer::es256()).await;
    let turned_away = server
        .post(
            "/mcp",
            &json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}),
        )
        .await;
    assert_eq!(turned_away.status, 401);
    let page = "https://tools.example.com/.well-known/oauth-protected-resource/mcp";
    assert_eq!(
        turned_away.header("www-authenticate"),
        Some(format!("Bearer resource_metadata=\"{page}\"").as_str())
    );
    for path in [
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource",
    ] {
        let metadata = server.get(path).await;
        assert_eq!(metadata.status, 200);
        assert_eq!(
            metadata.json(),
            json!({
                "resource": AUDIENCE,
                "authorization_servers": [ISSUER],
                "scopes_supported": ["call", "sessions", "jobs", "admin"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Hostel",
            })
        );
    }
    let without = TestServer::start(&[]).await;
    assert_eq!(
        without
            .get("/.well-known/oauth-protected-resource")
            .await
            .status,
        404
    );
}
