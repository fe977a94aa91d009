//! Rules for outgoing HTTP, and what they say to a request. No rule, no request.

use std::fmt;
use std::net::IpAddr;

use crate::error::{Error, ErrorCode, Result};
use crate::tool::Denial;

use super::address::{Network, surroundings};
use super::host::{HostPattern, canonical};

/// Some requests, by what they are: those that a rule allows, or that carry a secret. What a pattern does not say, it does not restrict,
/// except that one that names no scheme means `https` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPattern {
    pub host: HostPattern,
    pub schemes: Vec<Scheme>,
    /// Upper case; empty: every method.
    pub methods: Vec<String>,
    /// Empty: every path.
    pub paths: Vec<PathPattern>,
}

/// One kind of request that a backend may make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    pub requests: RequestPattern,
    /// Addresses in the host's surroundings that the name may stand for.
    pub addresses: Vec<Network>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub const ALL: [Self; 2] = [Self::Http, Self::Https];

    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self> {
        let fits = |scheme: &&Self| scheme.as_str().eq_ignore_ascii_case(text);
        Self::ALL.iter().find(fits).copied().ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidRequest,
                format!("{text:?} is not a scheme"),
            )
            .hint("write http or https")
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A path, or everything that begins so: `/v1/status`, `/v1/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    is_prefix: bool,
}

impl PathPattern {
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self> {
        let (path, is_prefix) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        if path.starts_with('/') && !path.contains(['*', '?', '#']) && is_plain(path) {
            return Ok(Self {
                text: path.to_owned(),
                is_prefix,
            });
        }
        Err(
            Error::new(ErrorCode::InvalidRequest, format!("{text:?} is not a path"))
                .hint("write /v1/status, or /v1/* for all below; * stands at the end only"),
        )
    }

    fn matches(&self, path: &str) -> bool {
        if self.is_prefix {
            path.starts_with(&self.text)
        } else {
            path == self.text
        }
    }
}

/// A path that every server reads alike. One with `..`, `//`, `\`, parameters, or an escape that stands for a part of the path's own
/// grammar may mean another one to the server; so may what it takes for a dot or a slash (Unicode, compatibility equivalence).
fn is_plain(path: &str) -> bool {
    const LIKE_DOT_OR_SLASH: &str =
        "\u{2024}\u{fe52}\u{ff0e}\u{2044}\u{2215}\u{ff0f}\u{fe68}\u{ff3c}";
    let Some(read) = unescaped(path) else {
        return false;
    };
    let is_odd = |letter: char| {
        letter.is_control() || "\\;%".contains(letter) || LIKE_DOT_OR_SLASH.contains(letter)
    };
    let is_dots = |part: &str| {
        let mut letters = part.chars().filter(|letter| !letter.is_whitespace());
        !part.is_empty() && letters.all(|letter| letter == '.')
    };
    !read.contains(is_odd) && !read.contains("//") && !read.split('/').any(is_dots)
}

/// None: an escape is no escape, or stands for a part of the path's grammar, or the whole is not UTF-8.
fn unescaped(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = u8::try_from(digit()? * 16 + digit()?).ok()?;
        if b"./\\;%?#".contains(&value) {
            return None;
        }
        bytes.push(value);
    }
    String::from_utf8(bytes).ok()
}

/// A method: letters in upper case.
///
/// # Errors
/// `invalid_request`.
pub fn method(text: &str) -> Result<String> {
    if !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(text.to_ascii_uppercase());
    }
    Err(Error::new(
        ErrorCode::InvalidRequest,
        format!("{text:?} is not a method"),
    )
    .hint("write GET, POST, PUT ..."))
}

/// A request as the policy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAsk {
    pub method: String,
    pub scheme: Scheme,
    /// Lower case, no final dot, no brackets.
    pub host: String,
    pub port: u16,
    /// Without its query.
    pub path: String,
}

impl HttpAsk {
    /// # Errors
    /// Why nobody can say what the request asks for.
    pub fn of(method: &str, uri: &http::Uri) -> std::result::Result<Self, &'static str> {
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err("its scheme is neither http nor https"),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("its host has a user in it");
        }
        let host = canonical(authority.host());
        if host.split('.').any(str::is_empty) {
            return Err("it names no host");
        }
        // What stands there and is no number up to 65535 is not the default port.
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(port) if port > 0 => port,
            None if !has_port => scheme.default_port(),
            _ => return Err("its port is none"),
        };
        Ok(Self {
            method: method.to_ascii_uppercase(),
            scheme,
            host,
            port,
            path: match uri.path() {
                "" => "/".to_owned(),
                path => path.to_owned(),
            },
        })
    }

    /// The host as a request's `Host` says it: with its port, unless it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        if self.port == self.scheme.default_port() {
            return host;
        }
        format!("{host}:{}", self.port)
    }

    /// Reads `GET https://example.com/path`, or the address alone.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, address) = text
            .trim()
            .rsplit_once(char::is_whitespace)
            .unwrap_or(("GET", text.trim()));
        let invalid = |why: String| {
            Error::new(
                ErrorCode::InvalidRequest,
                format!("{text:?} is not a request: {why}"),
            )
            .hint("write \"GET https://example.com/path\"")
        };
        let method = method(name.trim())?;
        let uri: http::Uri = address
            .parse()
            .map_err(|error: http::uri::InvalidUri| invalid(error.to_string()))?;
        Self::of(&method, &uri).map_err(|why| invalid(why.to_owned()))
    }
}

impl fmt::Display for HttpAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.scheme.as_str(), self.authority());
        write!(f, "{} {scheme}://{authority}{}", self.method, self.path)
    }
}

/// The first rule that allows the request, and its place among the rules, from 1.
///
/// # Errors
/// Why none does.
pub fn decide<'a>(
    rules: &'a [HttpRule],
    ask: &HttpAsk,
) -> std::result::Result<(usize, &'a HttpRule), Denial> {
    let mut nearest = None;
    for (number, rule) in (1..).zip(rules) {
        match rule.requests.misses(ask) {
            None => return Ok((number, rule)),
            Some(Miss::Host) => {}
            Some(Miss::Other(why)) => {
                nearest.get_or_insert_with(|| format!("rule {number}, {rule}, {why}"));
            }
        }
    }
    let why = match nearest {
        Some(why) => why,
        None if rules.is_empty() => "the backend's policy has no rule for outgoing HTTP".to_owned(),
        None => "no rule names this host and port".to_owned(),
    };
    Err(Denial {
        what: ask.to_string(),
        why,
        allow: Some(format!(
            "http = [{}]",
            HttpRule {
                requests: RequestPattern::for_only(ask),
                addresses: Vec::new(),
            }
        )),
    })
}

enum Miss {
    /// It is about another host.
    Host,
    Other(String),
}

impl RequestPattern {
    /// Every method and path of a host, by either scheme at its default port.
    pub fn whole(host: HostPattern) -> Self {
        Self {
            host,
            schemes: Scheme::ALL.to_vec(),
            methods: Vec::new(),
            paths: Vec::new(),
        }
    }

    pub fn matches(&self, ask: &HttpAsk) -> bool {
        self.misses(ask).is_none()
    }

    /// Why it does not mean this request.
    fn misses(&self, ask: &HttpAsk) -> Option<Miss> {
        let default_port = ask.scheme.default_port();
        if !self.host.allows(&ask.host, ask.port, default_port) {
            return Some(Miss::Host);
        }
        if !self.schemes.contains(&ask.scheme) {
            let scheme = ask.scheme.as_str();
            return Some(Miss::Other(format!("does not allow {scheme}")));
        }
        if !self.methods.is_empty() && !self.methods.contains(&ask.method) {
            return Some(Miss::Other(format!("does not allow {}", ask.method)));
        }
        if self.paths.is_empty() {
            return None;
        }
        if !is_plain(&ask.path) {
            let odd = "allows only some paths, and this one can be read in more than one way";
            return Some(Miss::Other(odd.to_owned()));
        }
        let matches = self.paths.iter().any(|path| path.matches(&ask.path));
        (!matches).then(|| Miss::Other("does not allow this path".to_owned()))
    }

    /// The narrowest one that means the request.
    fn for_only(ask: &HttpAsk) -> Self {
        let host = if ask.host.contains(':') {
            format!("[{}]", ask.host)
        } else {
            ask.host.clone()
        };
        let host = if ask.port == ask.scheme.default_port() {
            host
        } else {
            format!("{host}:{}", ask.port)
        };
        let never = HostPattern::parse("invalid.invalid").expect("it is the name of a host");
        Self {
            host: HostPattern::parse(&host).unwrap_or(never),
            schemes: vec![ask.scheme],
            methods: vec![ask.method.clone()],
            paths: PathPattern::parse(&ask.path).into_iter().collect(),
        }
    }
}

impl HttpRule {
    /// Every method and path of a host, by either scheme at its default port: the short form.
    pub fn whole(host: HostPattern) -> Self {
        Self {
            requests: RequestPattern::whole(host),
            addresses: Vec::new(),
        }
    }

    /// Of what the name stands for, the addresses that it may stand for.
    ///
    /// # Errors
    /// Why none of them.
    pub fn admitted(
        &self,
        ask: &HttpAsk,
        addresses: &[IpAddr],
    ) -> std::result::Result<Vec<IpAddr>, Denial> {
        let mut admitted = Vec::with_capacity(addresses.len());
        let mut refused = None;
        for address in addresses {
            match self.admits(ask, *address) {
                Ok(()) => admitted.push(*address),
                Err(denial) => {
                    refused.get_or_insert(denial);
                }
            }
        }
        match refused {
            Some(denial) if admitted.is_empty() => Err(denial),
            _ => Ok(admitted),
        }
    }

    fn admits(&self, ask: &HttpAsk, address: IpAddr) -> std::result::Result<(), Denial> {
        let Some(kind) = surroundings(address) else {
            return Ok(());
        };
        let named = self.requests.host.networks();
        if self
            .addresses
            .iter()
            .chain(&named)
            .any(|network| network.contains(address))
        {
            return Ok(());
        }
        let allowing = Self {
            requests: RequestPattern::for_only(ask),
            addresses: vec![Network::of(address)],
        };
        Err(Denial {
            what: ask.to_string(),
            why: format!("{} is {address} here, {kind}", ask.host),
            allow: Some(format!("http = [{allowing}]")),
        })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.is_prefix {
            f.write_str("*")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for HttpRule {
    /// As it stands in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: ToString>(items: &[T]) -> String {
            let quoted: Vec<String> = items
                .iter()
                .map(|item| format!("{:?}", item.to_string()))
                .collect();
            format!("[{}]", quoted.join(", "))
        }
        let RequestPattern {
            host,
            schemes,
            methods,
            paths,
        } = &self.requests;
        write!(f, "{{ host = {:?}", host.to_string())?;
        if *schemes != [Scheme::Https] {
            let schemes: Vec<&str> = schemes.iter().map(|scheme| scheme.as_str()).collect();
            write!(f, ", schemes = {}", list(&schemes))?;
        }
        if !methods.is_empty() {
            write!(f, ", methods = {}", list(methods))?;
        }
        if !paths.is_empty() {
            write!(f, ", paths = {}", list(paths))?;
        }
        if !self.addresses.is_empty() {
            write!(f, ", addresses = {}", list(&self.addresses))?;
        }
        f.write_str(" }")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(host: &str) -> HttpRule {
        let mut rule = HttpRule::whole(HostPattern::parse(host).unwrap());
        rule.requests.schemes = vec![Scheme::Https];
        rule
    }

    fn ask(text: &str) -> HttpAsk {
        HttpAsk::parse(text).unwrap()
    }

    #[test]
    fn a_rule_allows_what_it_says_and_each_part_of_it_has_a_denied_twin() {
        let mut narrow = rule("api.example.com");
        narrow.requests.methods = vec!["GET".to_owned()];
        narrow.requests.paths = vec![PathPattern::parse("/v1/*").unwrap()];
        let rules = [
            narrow,
            HttpRule::whole(HostPattern::parse("localhost:8080").unwrap()),
        ];
        for allowed in [
            "GET https://api.example.com/v1/x?y=../..",
            "get https://API.example.com./v1/",
            "https://api.example.com:443/v1/a%20b",
            "DELETE http://localhost:8080/",
        ] {
            assert!(decide(&rules, &ask(allowed)).is_ok(), "{allowed}");
        }
        for denied in [
            "POST https://api.example.com/v1/x",
            "GET http://api.example.com/v1/x",
            "GET https://api.example.com:8443/v1/x",
            "GET https://api.example.com/v2",
            "GET https://api.example.com/v1",
            "GET https://api.example.com/v1/../admin",
            "GET https://api.example.com/v1/%2e%2e/admin",
            "GET https://api.example.com/v1/..%2fadmin",
            "GET https://api.example.com/v1/%252e%252e/admin",
            "GET https://api.example.com/v1//admin",
            "GET https://api.example.com/v1/..;/admin",
            "GET https://api.example.com/v1/..%3b/admin",
            "GET https://api.example.com/v1/..%c0%af../admin",
            "GET https://api.example.com/v1/%c0%ae%c0%ae/admin",
            "GET https://api.example.com/v1/%u002e%u002e/admin",
            "GET https://api.example.com/v1/..%09/admin",
            "GET https://api.example.com/v1/..%20/admin",
            "GET https://api.example.com/v1/..%23/admin",
            "GET https://api.example.com/v1/..%3f/admin",
            "GET https://api.example.com/v1/.%0a./admin",
            "GET https://api.example.com/v1/%ef%bc%8e%ef%bc%8e/admin",
            "GET https://api.example.com.evil.com/v1/x",
            "GET http://localhost/",
            "GET http://127.0.0.1:8080/",
            "GET http://2130706433:8080/",
        ] {
            let denial = decide(&rules, &ask(denied)).unwrap_err();
            assert!(denial.allow.is_some(), "{denied}");
        }
        for senseless in [
            "GET https://user@api.example.com/v1/x",
            "GET ftp://x/",
            "GET https://api.example.com../v1/x",
            "GET https://.api.example.com/v1/x",
            "GET https://api.example.com:84737/v1/x",
            "GET https://api.example.com:0/v1/x",
            "G T",
            "GET /v1",
        ] {
            assert!(HttpAsk::parse(senseless).is_err(), "{senseless}");
        }
    }

    #[test]
    fn a_denial_names_the_rule_that_was_near_and_one_that_would_allow_it() {
        let mut rules = [rule("example.com")];
        rules[0].requests.methods = vec!["GET".to_owned()];
        let denial = decide(&rules, &ask("PUT https://example.com/a")).unwrap_err();
        assert_eq!(
            denial.to_string(),
            r#"PUT https://example.com/a was denied: rule 1, { host = "example.com", methods = ["GET"] }, does not allow PUT; the operator can allow it with http = [{ host = "example.com", methods = ["PUT"], paths = ["/a"] }]"#
        );
    }

    #[test]
    fn a_name_stands_for_addresses_around_the_host_only_where_the_rule_says_so() {
        let near: IpAddr = "10.0.0.7".parse().unwrap();
        let far: IpAddr = "8.8.8.8".parse().unwrap();
        let request = ask("GET https://example.com/");
        assert!(rule("example.com").admits(&request, far).is_ok());
        let denial = rule("example.com").admits(&request, near).unwrap_err();
        assert!(
            denial
                .allow
                .unwrap()
                .contains(r#"addresses = ["10.0.0.7/32"]"#)
        );
        let named = HttpRule {
            addresses: vec![Network::parse("10.0.0.0/8").unwrap()],
            ..rule("example.com")
        };
        assert!(named.admits(&request, near).is_ok());
        let literal = ask("GET https://10.0.0.7/");
        assert!(rule("10.0.0.7").admits(&literal, near).is_ok());
        assert!(
            rule("*").admits(&literal, near).is_err(),
            "a wildcard names nothing"
        );
        let local = ask("GET https://localhost/");
        assert!(
            rule("localhost")
                .admits(&local, "::1".parse().unwrap())
                .is_ok()
        );
        assert!(rule("localhost").admits(&local, near).is_err());
    }
}
