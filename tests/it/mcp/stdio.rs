//! `hostel mcp`: a process that speaks the protocol on its standard streams, and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use fs_err as fs;
use hostel_tests::Guest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{LEGACY, MODERN, id_of, refusal};

struct Process {
    child: Child,
    answers: BufReader<ChildStdout>,
    meta: Option<Value>,
    last: u64,
}

fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("plugins")).unwrap();
    for (name, guest) in [("counter", Guest::counter()), ("lab", Guest::lab())] {
        let path = home.path().join(format!("plugins/{name}.wasm"));
        fs::write(path, guest.component()).unwrap();
    }
    home
}

impl Process {
    fn start(home: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hostel-under-test"))
            .args([
                "mcp",
                "--plugins",
                "plugins",
                "--max-sessions",
                "16",
                "--log",
                "debug",
            ])
            .env_clear()
            .env("HOME", home)
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut logs = child.stderr.take().unwrap();
        // What is written and never read would hold the host up.
        std::thread::spawn(move || logs.read_to_end(&mut Vec::new()));
        Self {
            child,
            answers,
            meta: None,
            last: 0,
        }
    }

    /// One that has said which revision it speaks.
    fn modern(home: &Path) -> Self {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        Self {
            meta: Some(meta),
            ..Self::start(home)
        }
    }

    fn legacy(home: &Path) -> Self {
        let mut process = Self::start(home);
        let params = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let begun = process.ask("initialize", params);
        assert_eq!(begun["result"]["protocolVersion"], LEGACY);
        process.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        process
    }

    fn write(&mut self, line: &str) {
        let mut input = self.child.stdin.as_ref().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// The next line: nothing but messages is ever on standard output.
    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    fn ask(&mut self, method: &str, mut params: Value) -> Value {
        if let Some(meta) = &self.meta {
            params["_meta"] = meta.clone();
        }
        self.last += 1;
        let message =
            json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params});
        self.write(&message.to_string());
        loop {
            let answer = self.read();
            if answer["id"] == self.last {
                return answer;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let mut params = json!({"name": tool});
        params["arguments"] = arguments;
        self.ask("tools/call", params)["result"].clone()
    }

    /// The client goes: the host ends in order.
    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        let mut rest = String::new();
        self.answers.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

#[test]
fn both_revisions_are_spoken_on_standard_streams() {
    let home = home();
    for (name, begin) in [
        ("modern", Process::modern as fn(&Path) -> Process),
        ("legacy", Process::legacy),
    ] {
        let mut process = begin(home.path());
        let listed = process.ask("tools/list", json!({}));
        let listed = listed["result"]["tools"].to_string();
        assert!(listed.contains("counter_add") && listed.contains("session_create"));
        let made = process.call(
            "session_create",
            json!({"backend": "counter", "name": name}),
        );
        let session = id_of(&made);
        for expected in ["1", "2"] {
            let added = process.call("counter_add", json!({"n": 1, "session": session}));
            assert_eq!(added["content"][0]["text"], expected);
        }
        let no = process.call("lab_fail", json!({"text": "no"}));
        assert_eq!(refusal(&no), "no");
        process.end();
    }
}

#[test]
fn a_line_that_is_no_message_is_answered_and_the_next_one_counts() {
    let home = home();
    let mut process = Process::modern(home.path());
    for (line, code) in [
        ("nonsense", -32700),
        ("[1, 2]", -32600),
        ("{\"id\": 9}", -32600),
    ] {
        process.write(line);
        assert_eq!(process.read()["error"]["code"], code, "{line}");
    }
    // A notice of something that never was.
    process
        .write(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#);
    process.write("");
    let unknown = process.ask("unknown/method", json!({}));
    assert_eq!(unknown["error"]["code"], -32601);
    let doubled = process.call("counter_double", json!({"n": 2}));
    assert_eq!(doubled["structuredContent"], 4);
    process.end();
}

#[test]
fn sessions_are_there_again_when_the_client_is() {
    let home = home();
    let mut process = Process::modern(home.path());
    let made = process.call(
        "session_create",
        json!({"backend": "counter", "config": {"start": 7}}),
    );
    let session = id_of(&made);
    process.end();
    let mut process = Process::modern(home.path());
    let added = process.call("counter_add", json!({"n": 1, "session": session}));
    assert_eq!(added["structuredContent"], 8, "{added}");
    process.end();
}

#[test]
fn a_second_client_of_one_data_directory_is_served_as_well() {
    let home = home();
    let mut first = Process::modern(home.path());
    first.call("counter_double", json!({"n": 1}));
    let mut second = Process::modern(home.path());
    let doubled = second.call("counter_double", json!({"n": 2}));
    assert_eq!(doubled["structuredContent"], 4);
    second.end();
    first.end();
}
