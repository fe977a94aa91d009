//! HTTP/1.1 as a client that measures needs it: whole requests made beforehand, one answer after another on a connection that stays open,
//! and nothing done to an answer beyond finding its end. A client library would cost more than the servers that are measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// No answer that is measured takes this long.
const PATIENCE: Duration = Duration::from_secs(60);
const BUFFER_BYTES: usize = 16 << 10;

/// A whole request.
pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    post_with(path, &[], body)
}

/// A whole request with more headers.
pub(crate) fn post_with(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A whole request.
pub(crate) fn delete(path: &str) -> Vec<u8> {
    format!("DELETE {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// Whether JSON says this number. One that JSON's readers would round travels as a string.
pub(crate) fn is_number(value: &Value, expected: u64) -> bool {
    *value == json!(expected) || *value == json!(expected.to_string())
}

/// Where an answer ends and what it says first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) body_starts: usize,
    pub(crate) ends: usize,
}

impl Head {
    /// None: the head is not whole yet.
    ///
    /// # Errors
    /// It is no answer with a length.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let (head, _) = bytes.split_at(end);
        let head = std::str::from_utf8(head).map_err(|error| error.to_string())?;
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok())
            .ok_or_else(|| format!("no status in {head:?}"))?;
        let length: usize = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .ok_or_else(|| format!("no length in {head:?}"))?;
        let body_starts = end + 4;
        Ok(Some(Self {
            status,
            body_starts,
            ends: body_starts + length,
        }))
    }
}

/// A connection for single calls: setting up, looking after.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, String> {
        let connect = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream: std::io::Result<TcpStream> = connect();
        Ok(Self {
            stream: stream.map_err(|error| format!("cannot connect to {address}: {error}"))?,
            buffer: Vec::with_capacity(BUFFER_BYTES),
        })
    }

    /// Waits this long for what comes next.
    pub(crate) fn patient(self, patience: Duration) -> Result<Self, String> {
        let set = self.stream.set_read_timeout(Some(patience));
        set.map_err(|error| error.to_string())?;
        Ok(self)
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> Result<Answer, String> {
        self.write(request)?;
        loop {
            if let Some(head) = Head::read(&self.buffer)?
                && let Some(body) = self.buffer.get(head.body_starts..head.ends)
            {
                let body = body.to_vec();
                return Ok(Answer {
                    status: head.status,
                    body,
                });
            }
            self.read_more()?;
        }
    }

    /// Everything up to the end of an answer in chunks, heads and all.
    pub(crate) fn stream(&mut self, request: &[u8]) -> Result<&[u8], String> {
        self.write(request)?;
        while !self.buffer.ends_with(b"\r\n0\r\n\r\n") {
            self.read_more()?;
        }
        Ok(&self.buffer)
    }

    fn write(&mut self, request: &[u8]) -> Result<(), String> {
        self.buffer.clear();
        let sent = self.stream.write_all(request);
        sent.map_err(|error| format!("cannot send a request: {error}"))
    }

    fn read_more(&mut self) -> Result<(), String> {
        let mut chunk = [0; BUFFER_BYTES];
        let read = self.stream.read(&mut chunk);
        match read.map_err(|error| format!("no answer: {error}"))? {
            0 => Err("the server closed the connection without an answer".to_owned()),
            count => {
                let read = chunk.get(..count).unwrap_or_default();
                self.buffer.extend_from_slice(read);
                Ok(())
            }
        }
    }

    /// Sends JSON and answers with JSON.
    ///
    /// # Errors
    /// Also any status that is not a success.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Value, String> {
        self.json(path, &post(path, &body.to_string()))
    }

    /// # Errors
    /// As [`Client::post`].
    pub(crate) fn get(&mut self, path: &str) -> Result<Value, String> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        self.json(path, request.as_bytes())
    }

    /// # Errors
    /// As [`Client::post`].
    pub(crate) fn delete(&mut self, path: &str) -> Result<Value, String> {
        self.json(path, &delete(path))
    }

    fn json(&mut self, path: &str, request: &[u8]) -> Result<Value, String> {
        let answer = self.send(request)?;
        if !(200..300).contains(&answer.status) {
            let text = String::from_utf8_lossy(&answer.body);
            return Err(format!("{path} answered {}: {text}", answer.status));
        }
        serde_json::from_slice(&answer.body).map_err(|error| format!("{path}: {error}"))
    }
}
