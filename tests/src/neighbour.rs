//! Somebody who lives beside an attack: a worker with a session and a backend of its own, whose calls must all succeed and count right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::Guest;

const WORKER: &str = "neighbour";
/// Between two calls: it is a neighbour and no flood.
const PAUSE: Duration = Duration::from_millis(2);

pub struct Neighbour {
    calls: JoinHandle<Result<u32, String>>,
    is_over: Arc<AtomicBool>,
}

impl Neighbour {
    /// Moves in at a host that serves at this address, and calls its tools until [`Neighbour::unharmed`].
    pub async fn beside(address: impl std::fmt::Display) -> Self {
        let home = Home {
            client: Client::builder()
                .no_proxy()
                .build()
                .expect("there is a client"),
            url: format!("http://{address}"),
        };
        let session = home.move_in().await.expect("nothing has happened yet");
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        #[expect(clippy::disallowed_methods, reason = "`unharmed` waits for it")]
        let calls = tokio::spawn(async move { home.live(&session, &over).await });
        Self { calls, is_over }
    }

    /// Ends the calls, and answers with how many there were.
    ///
    /// # Panics
    /// One of them failed or was answered wrongly.
    pub async fn unharmed(self) -> u32 {
        self.is_over.store(true, Ordering::Relaxed);
        let calls = self.calls.await.expect("the neighbour does not panic");
        let calls = calls.unwrap_or_else(|why| panic!("the neighbour was harmed: {why}"));
        assert!(calls > 0, "the neighbour got no answer during the attack");
        calls
    }
}

struct Home {
    client: Client,
    url: String,
}

impl Home {
    async fn move_in(&self) -> Result<String, String> {
        let put = self
            .client
            .put(format!("{}/v1/backends/neighbour", self.url));
        let put = put.body(Guest::counter().component());
        let put = put.send().await.map_err(|error| error.to_string())?;
        if !put.status().is_success() {
            return Err(format!("{}: {:?}", put.status(), put.text().await));
        }
        let begin = json!({"backend": "neighbour", "config": {"start": 0}, "name": "home"});
        let session = self.ask(Method::POST, "/v1/sessions", &begin).await?;
        let id = session.get("id").and_then(Value::as_str);
        Ok(id.ok_or("a session without an id")?.to_owned())
    }

    async fn live(&self, session: &str, is_over: &AtomicBool) -> Result<u32, String> {
        let mut count = 0;
        while count == 0 || !is_over.load(Ordering::Relaxed) {
            count += 1;
            let own = json!({"action": "neighbour:add", "params": {"n": 1}, "session": session});
            self.expect(&own, count).await?;
            let other = json!({"action": "neighbour:double", "params": {"n": count}});
            self.expect(&other, count * 2).await?;
            sleep(PAUSE).await;
        }
        let last = json!({"action": "neighbour:get", "session": session});
        self.expect(&last, count).await?;
        Ok(count)
    }

    async fn expect(&self, call: &Value, result: u32) -> Result<(), String> {
        let answer = self.ask(Method::POST, "/v1/execute", call).await?;
        if answer.get("result") == Some(&json!(result)) {
            return Ok(());
        }
        Err(format!("{call} was answered with {answer}, not {result}"))
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .header("x-worker-id", WORKER)
            .json(body);
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
        if !status.is_success() {
            return Err(format!("{body}: {status}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }
}
