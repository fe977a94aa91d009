//! One client on standard input and output: a message a line, and nothing else.
//!
//! The lines are read here and not by the SDK, which passes over what it cannot read: a client that made a mistake is told so.

use std::io;
use std::sync::Arc;

use rmcp::model::{
    ClientJsonRpcMessage, ErrorCode, JsonRpcError, NumberOrString, ServerJsonRpcMessage,
};
use rmcp::service::ServerInitializeError;
use rmcp::transport::Transport;
use rmcp::transport::io::stdio_pipes;
use rmcp::{ErrorData, RoleServer, serve_server};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::host::{Caller, Host};

use super::desk::Desk;
use super::server::Server;

/// The longest line; what is longer is refused and passed over.
const LINE_BYTES_MAX: usize = 16 << 20;
/// Messages that wait for a client that does not read.
const UNSENT_MAX: usize = 64;

/// Serves until the client closes its end.
///
/// # Errors
/// In words for the operator.
pub(crate) async fn serve(host: Arc<Host>, caller: Caller) -> Result<(), String> {
    let server = Server::new(Arc::new(Desk::new(host)), Some(caller));
    let (input, output) = stdio_pipes();
    let running = match serve_server(server, Lines::new(input, output)).await {
        Ok(running) => running,
        // A client that says nothing and goes is no failure.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(format!("cannot speak with the client: {error}")),
    };
    running
        .waiting()
        .await
        .map(drop)
        .map_err(|error| format!("the connection ended badly: {error}"))
}

/// Messages as lines.
struct Lines<R> {
    input: BufReader<R>,
    /// What has come of a line; a read that is given up loses nothing of it.
    line: Vec<u8>,
    /// The rest of the line is too much of it.
    skipping: bool,
    /// A request has come: before it, there is nothing that a notification could be about.
    begun: bool,
    /// None once it is closed.
    output: Option<mpsc::Sender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
}

/// What one read came to.
enum Read {
    Line,
    TooLong,
    End,
}

impl<R: AsyncRead + Unpin + Send> Lines<R> {
    fn new(input: R, output: impl AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, unsent) = mpsc::channel(UNSENT_MAX);
        #[expect(
            clippy::disallowed_methods,
            reason = "the handle is awaited in `close`"
        )]
        let writer = tokio::spawn(write(output, unsent));
        Self {
            input: BufReader::new(input),
            line: Vec::new(),
            skipping: false,
            begun: false,
            output: Some(sender),
            writer: Some(writer),
        }
    }

    /// # Cancel safety
    /// What was read is kept.
    async fn read(&mut self) -> Read {
        loop {
            // A client that cannot be heard any more is gone.
            let Ok(available) = self.input.fill_buf().await else {
                return Read::End;
            };
            if available.is_empty() {
                return Read::End;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            let fits = self.line.len() + taken <= LINE_BYTES_MAX;
            if !self.skipping && fits {
                let part = available.get(..taken).unwrap_or_default();
                self.line.extend_from_slice(part);
            }
            self.input.consume(taken);
            if !fits {
                self.line.clear();
                self.skipping = true;
            }
            match (end, self.skipping) {
                (None, _) => {}
                (Some(_), true) => {
                    self.skipping = false;
                    return Read::TooLong;
                }
                (Some(_), false) => return Read::Line,
            }
        }
    }

    async fn refuse(&mut self, id: Option<NumberOrString>, code: ErrorCode, message: String) {
        let error = JsonRpcError::new(id, ErrorData::new(code, message, None));
        if let (Some(output), Ok(line)) = (&self.output, serde_json::to_vec(&error)) {
            // A client that is gone needs no answer.
            let _ = output.send(line).await;
        }
    }
}

impl<R: AsyncRead + Unpin + Send> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let output = self.output.clone();
        async move {
            let line = serde_json::to_vec(&message)?;
            let output = output.ok_or(io::ErrorKind::NotConnected)?;
            output
                .send(line)
                .await
                .map_err(|_| io::ErrorKind::BrokenPipe.into())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            match self.read().await {
                Read::End => return None,
                Read::TooLong => {
                    let message = format!("a message has at most {LINE_BYTES_MAX} bytes");
                    self.refuse(None, ErrorCode::INVALID_REQUEST, message).await;
                    continue;
                }
                Read::Line => {}
            }
            let line = std::mem::take(&mut self.line);
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(ClientJsonRpcMessage::Notification(_)) if !self.begun => {}
                Ok(message) => {
                    self.begun = true;
                    return Some(message);
                }
                Err(error) => {
                    let (id, code, message) = told(&line, &error);
                    self.refuse(id, code, message).await;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        drop(self.output.take());
        match self.writer.take() {
            Some(writer) => writer.await.map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

/// Writes until everybody who could send something is gone, or the client.
async fn write(mut output: impl AsyncWrite + Unpin, mut unsent: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut line) = unsent.recv().await {
        line.push(b'\n');
        if output.write_all(&line).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

/// What is wrong with a line.
fn told(line: &[u8], error: &serde_json::Error) -> (Option<NumberOrString>, ErrorCode, String) {
    #[derive(Deserialize)]
    struct Numbered<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err() {
        let message = format!("the line is not JSON: {error}");
        return (None, ErrorCode::PARSE_ERROR, message);
    }
    let id = serde_json::from_slice::<Numbered<'_>>(line).ok();
    let id = id.and_then(|numbered| serde_json::from_str(numbered.id.get()).ok());
    let message = format!("the line is no message of JSON-RPC: {error}");
    (id, ErrorCode::INVALID_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use rmcp::model::ClientJsonRpcMessage;
    use rmcp::transport::Transport;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex, split};

    use super::{LINE_BYTES_MAX, Lines};

    const LIST: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;

    #[tokio::test]
    async fn what_is_no_message_is_answered_and_passed_over() {
        for (line, expected) in [
            ("nonsense".to_owned(), r#""code":-32700"#),
            ("[1]".to_owned(), r#""code":-32600"#),
            (r#"{"id":9}"#.to_owned(), r#""id":9,"error":{"code":-32600"#),
            ("x".repeat(LINE_BYTES_MAX + 1), r#""code":-32600"#),
        ] {
            let (near, far) = duplex(64 << 10);
            let (input, output) = split(near);
            let mut lines = Lines::new(input, output);
            let (answers, mut client) = split(far);
            let sent = async {
                client.write_all(line.as_bytes()).await.unwrap();
                client
                    .write_all(format!("\n\n{LIST}\n").as_bytes())
                    .await
                    .unwrap();
            };
            let (received, ()) = tokio::join!(lines.receive(), sent);
            assert!(matches!(received, Some(ClientJsonRpcMessage::Request(_))));
            let answer = BufReader::new(answers).lines().next_line().await.unwrap();
            let answer = answer.expect("there is an answer");
            assert!(answer.contains(expected), "{answer}");
        }
    }
}
