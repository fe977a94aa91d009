//! Names of hosts as rules write them.

use std::fmt;
use std::net::IpAddr;

use crate::error::{Error, ErrorCode, Result};

use super::address::Network;

/// A host name or an address; `*.` and a name for everything below it; `*` for every host. Each with an optional port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    name: Name,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Any,
    Exact(String),
    Below(String),
    Address(IpAddr),
}

impl HostPattern {
    /// # Errors
    /// `invalid_request` when it is no host name.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            Error::new(ErrorCode::InvalidRequest, format!("{text:?} is not a host")).hint(
                "write example.com, *.example.com, example.com:8080, 10.0.0.7, [fd00::7]:8080 or *",
            )
        };
        let (name, port) = split_port(text).ok_or_else(invalid)?;
        let name = if let Ok(address) = unbracketed(name).parse() {
            Name::Address(address)
        } else if name == "*" {
            Name::Any
        } else if let Some(rest) = name.strip_prefix("*.") {
            Name::Below(checked(rest).ok_or_else(invalid)?)
        } else {
            Name::Exact(checked(name).ok_or_else(invalid)?)
        };
        Ok(Self { name, port })
    }

    /// Without a port of its own, a pattern means the scheme's default one.
    pub fn allows(&self, host: &str, port: u16, default_port: u16) -> bool {
        port == self.port.unwrap_or(default_port) && self.names(host)
    }

    /// True when the host is meant, at whatever port.
    pub fn names(&self, host: &str) -> bool {
        let host = canonical(host);
        match &self.name {
            Name::Any => true,
            Name::Exact(name) => host == *name,
            Name::Below(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            Name::Address(address) => host.parse().is_ok_and(|host: IpAddr| host == *address),
        }
    }

    /// Addresses that are named by naming the host: itself if it is an address, loopback if it is `localhost`.
    pub fn networks(&self) -> Vec<Network> {
        match &self.name {
            Name::Address(address) => vec![Network::of(*address)],
            Name::Exact(name) if name == "localhost" => Network::LOOPBACK.to_vec(),
            Name::Any | Name::Exact(_) | Name::Below(_) => Vec::new(),
        }
    }
}

/// The host as rules compare it: lower case, no final dot, no brackets.
pub fn canonical(host: &str) -> String {
    let host = unbracketed(host).to_ascii_lowercase();
    host.strip_suffix('.').map_or(host.clone(), str::to_owned)
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let bare_address = text.parse::<IpAddr>().is_ok();
    match text.rsplit_once(':') {
        Some((name, port)) if !bare_address && !text.ends_with(']') => {
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|port| is_number && *port > 0)?;
            Some((name, Some(port)))
        }
        _ => Some((text, None)),
    }
}

fn checked(name: &str) -> Option<String> {
    let fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = canonical(name);
    (name.len() <= 253 && name.split('.').all(fits)).then_some(name)
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Any => f.write_str("*")?,
            Name::Exact(name) => f.write_str(name)?,
            Name::Below(name) => write!(f, "*.{name}")?,
            Name::Address(IpAddr::V6(address)) if self.port.is_some() => write!(f, "[{address}]")?,
            Name::Address(address) => write!(f, "{address}")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_pattern_allows_what_it_names_and_nothing_else() {
        let cases = [
            ("example.com", "example.com", 443, true),
            ("example.com", "EXAMPLE.com.", 443, true),
            ("example.com", "example.com", 80, false),
            ("example.com", "example.com", 8080, false),
            ("example.com", "a.example.com", 443, false),
            ("*.example.com", "a.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", ".example.com", 443, false),
            ("*.example.com", "evilexample.com", 443, false),
            ("localhost:8080", "localhost", 8080, true),
            ("localhost:8080", "localhost", 443, false),
            ("10.0.0.7", "10.0.0.7", 443, true),
            ("10.0.0.7", "10.0.0.70", 443, false),
            ("[fd00::7]:8080", "[fd00::7]", 8080, true),
            ("fd00::7", "[fd00:0::7]", 443, true),
            ("*", "anything.example", 443, true),
            ("*", "anything.example", 22, false),
        ];
        for (pattern, host, port, expected) in cases {
            assert_eq!(
                HostPattern::parse(pattern).unwrap().allows(host, port, 443),
                expected,
                "{pattern} {host}:{port}"
            );
        }
        for bad in [
            "",
            "*.",
            "a/b",
            "*.*.com",
            "x:port",
            "user@host",
            "a b",
            "a..b",
            ":80",
            "x:99999",
        ] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_reads_as_it_is_written() {
        for text in [
            "example.com",
            "*.example.com:8080",
            "*",
            "10.0.0.7:80",
            "fd00::7",
            "[fd00::7]:80",
        ] {
            assert_eq!(HostPattern::parse(text).unwrap().to_string(), text);
        }
    }
}
