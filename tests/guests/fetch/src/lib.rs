//! Reaches for the world beyond the host, and says what came of it.

/// What a guest of a stranger's would try.
#[hostel::backend]
mod fetch {
    use std::io::{Read, Write};

    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{Fields, IncomingResponse, Method, OutgoingRequest, Scheme};

    pub struct Session {
        requests: u32,
    }

    /// What another host said.
    pub struct Answer {
        status: u16,
        /// `name: value`, a line each.
        headers: String,
        body: String,
    }

    impl Session {
        pub fn new() -> Self {
            Self { requests: 0 }
        }

        /// Sends a request and reads the whole answer. `headers`: `name: value`, a line each.
        pub fn request(
            &mut self,
            method: String,
            scheme: String,
            authority: String,
            path: String,
            headers: Option<String>,
        ) -> Result<Answer, String> {
            self.requests += 1;
            let fields = Fields::new();
            for line in headers.unwrap_or_default().lines() {
                let (name, value) = line.split_once(": ").ok_or("a header is `name: value`")?;
                fields
                    .append(name, value.as_bytes())
                    .map_err(|error| format!("{name}: {error:?}"))?;
            }
            let request = OutgoingRequest::new(fields);
            let scheme = match scheme.as_str() {
                "http" => Scheme::Http,
                "https" => Scheme::Https,
                _ => Scheme::Other(scheme),
            };
            let method = match method.as_str() {
                "GET" => Method::Get,
                "POST" => Method::Post,
                _ => Method::Other(method),
            };
            let set = request.set_method(&method).is_ok()
                && request.set_scheme(Some(&scheme)).is_ok()
                && request.set_authority(Some(&authority)).is_ok()
                && request.set_path_with_query(Some(&path)).is_ok();
            if !set {
                return Err("the request cannot be made".to_owned());
            }
            let coming = handle(request, None).map_err(|error| format!("{error:?}"))?;
            coming.subscribe().block();
            let answer = coming.get().ok_or("it is not there")?;
            let answer = answer.map_err(|()| "it was taken")?;
            read(&answer.map_err(|error| format!("{error:?}"))?)
        }

        /// Requests that this session has sent.
        pub fn requests(&self) -> u32 {
            self.requests
        }

        /// A variable of the environment.
        pub fn variable(&self, name: String) -> Option<String> {
            std::env::var(name).ok()
        }

        /// Connects to an address, says something and reads what comes.
        pub fn connect(&self, address: String, text: String) -> Result<String, String> {
            let talk = || {
                let mut stream = std::net::TcpStream::connect(&address)?;
                stream.write_all(text.as_bytes())?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                Ok(answer)
            };
            talk().map_err(|error: std::io::Error| error.to_string())
        }

        /// Waits for others to connect.
        pub fn listen(&self, address: String) -> Result<(), String> {
            let listener = std::net::TcpListener::bind(&address);
            listener.map(drop).map_err(|error| error.to_string())
        }

        /// The names in a folder.
        pub fn list(&self, path: String) -> Result<Vec<String>, String> {
            let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
            let names = entries.flatten().map(|entry| entry.file_name());
            Ok(names
                .map(|name| name.to_string_lossy().into_owned())
                .collect())
        }
    }

    fn read(response: &IncomingResponse) -> Result<Answer, String> {
        let headers = response.headers().entries().into_iter();
        let headers =
            headers.map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(&value)));
        let headers = headers.collect();
        let body = response.consume().map_err(|()| "it has no body")?;
        let stream = body.stream().map_err(|()| "its body was taken")?;
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(64 << 10) {
                Ok(more) => bytes.extend(more),
                Err(wasip2::io::streams::StreamError::Closed) => break,
                Err(error) => return Err(format!("{error:?}")),
            }
        }
        Ok(Answer {
            status: response.status(),
            headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}
