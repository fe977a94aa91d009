//! Why a backend may or may not do something, in words: for an operator who asks before a guest does.

use std::net::{IpAddr, SocketAddr};

use crate::error::{Error, ErrorCode, Result};
use crate::tool::Denial;

use super::http::{HttpAsk, decide};
use super::secret::carried;
use super::{FolderAccess, Grants, TcpRule};

/// What an operator may ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `GET https://example.com/path`
    Http(HttpAsk),
    /// `tcp 10.0.0.5:5432`
    Tcp(SocketAddr),
    /// `read /path`, as the guest sees it.
    Read(String),
    /// `write /path`
    Write(String),
    /// `env NAME`
    Env(String),
}

/// It is allowed: by what, and what else there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    pub by: String,
    pub notes: Vec<String>,
}

impl Question {
    /// # Errors
    /// `invalid_request` for what is no question.
    pub fn parse(text: &str) -> Result<Self> {
        let (verb, rest) = text.trim().split_once(' ').unwrap_or(("", text.trim()));
        let path = |path: &str| {
            let absolute = path.starts_with('/') && !path.split('/').any(|part| part == "..");
            absolute.then(|| path.to_owned()).ok_or_else(|| {
                Error::new(ErrorCode::InvalidRequest, format!("{path:?} is not a path"))
                    .hint("write an absolute path, as the guest sees it")
            })
        };
        match verb {
            "tcp" => rest.parse().map(Self::Tcp).map_err(|_| {
                Error::new(
                    ErrorCode::InvalidRequest,
                    format!("{rest:?} is not an address with a port"),
                )
            }),
            "read" => path(rest).map(Self::Read),
            "write" => path(rest).map(Self::Write),
            "env" => Ok(Self::Env(rest.to_owned())),
            _ => HttpAsk::parse(text).map(Self::Http).map_err(|error| {
                error.hint("ask about \"GET https://example.com/path\", \"tcp 10.0.0.5:5432\", \"read /path\", \"write /path\" or \"env NAME\"")
            }),
        }
    }
}

impl Grants {
    /// Answers as the host would. `addresses`: what the name of a request stands for; none if nobody looked it up.
    ///
    /// # Errors
    /// Why it is denied, and what would allow it.
    pub fn explain(
        &self,
        question: &Question,
        addresses: &[IpAddr],
    ) -> std::result::Result<Permission, Denial> {
        match question {
            Question::Http(ask) => self.explain_http(ask, addresses),
            Question::Tcp(address) => {
                let rule = self.tcp.iter().find(|rule| rule.allows(*address));
                match rule {
                    Some(rule) => Ok(Permission::by(format!("tcp = [\"{rule}\"]"))),
                    None => Err(TcpRule::missing(*address)),
                }
            }
            Question::Read(path) => self.explain_path(path, false),
            Question::Write(path) => self.explain_path(path, true),
            Question::Env(name) => {
                if self.variables().contains_key(name) {
                    return Ok(Permission::by(format!("env.{name}")));
                }
                Err(Denial {
                    what: format!("the environment variable {name}"),
                    why: "the backend's policy does not set it".to_owned(),
                    allow: Some(format!("env = {{ {name} = \"...\" }}")),
                })
            }
        }
    }

    fn explain_http(
        &self,
        ask: &HttpAsk,
        addresses: &[IpAddr],
    ) -> std::result::Result<Permission, Denial> {
        let (number, rule) = decide(&self.http, ask)?;
        let admitted = rule.admitted(ask, addresses)?;
        let named = |address: &IpAddr| format!("{} is {address} here", ask.host);
        let mut notes: Vec<String> = admitted.iter().map(named).collect();
        for binding in carried(&self.secrets, ask) {
            notes.push(format!(
                "the host adds the header {} with the secret {}",
                binding.header,
                binding.secret.name()
            ));
        }
        Ok(Permission {
            by: format!("rule {number}, {rule}"),
            notes,
        })
    }

    fn explain_path(&self, path: &str, write: bool) -> std::result::Result<Permission, Denial> {
        let below = |folder: &str| {
            let rest = path.strip_prefix(folder.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let what = format!("{} {path}", if write { "write" } else { "read" });
        if self.workspace && below("/workspace") {
            return Ok(Permission::by("workspace = true".to_owned()));
        }
        let folders = self.folders.iter().filter(|folder| below(&folder.guest));
        let Some(folder) = folders.max_by_key(|folder| folder.guest.len()) else {
            return Err(Denial {
                what,
                why: "no granted folder contains it".to_owned(),
                allow: Some(format!(
                    "folders = [{{ host = \"...\", guest = {path:?}, read_only = {} }}]",
                    !write
                )),
            });
        };
        let (host, guest) = (folder.host.display(), &folder.guest);
        if write && folder.access == FolderAccess::ReadOnly {
            return Err(Denial {
                what,
                why: format!("the folder {guest} is granted for reading only"),
                allow: Some(format!(
                    "folders = [{{ host = \"{host}\", guest = {guest:?}, read_only = false }}]"
                )),
            });
        }
        let by = format!("the folder {guest}, which is {host} on this machine");
        Ok(Permission::by(by))
    }
}

impl Permission {
    fn by(by: String) -> Self {
        Self {
            by,
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::FolderGrant;
    use crate::policy::host::HostPattern;
    use crate::policy::http::HttpRule;

    #[test]
    fn every_question_has_an_answer_and_a_denial_says_what_would_allow_it() {
        let grants = Grants {
            folders: vec![FolderGrant {
                host: "/srv/docs".into(),
                guest: "/docs".to_owned(),
                access: FolderAccess::ReadOnly,
            }],
            env: [("MODE".to_owned(), "test".to_owned())].into(),
            http: vec![HttpRule::whole(HostPattern::parse("example.com").unwrap())],
            tcp: vec![TcpRule::parse("10.0.0.5:5432").unwrap()],
            ..Grants::default()
        };
        let answer = |text: &str, addresses: &[IpAddr]| {
            let question = Question::parse(text).unwrap();
            grants.explain(&question, addresses)
        };
        for allowed in [
            "GET https://example.com/",
            "https://example.com/",
            "tcp 10.0.0.5:5432",
            "read /docs",
            "read /docs/a/b",
            "env MODE",
        ] {
            assert!(answer(allowed, &[]).is_ok(), "{allowed}");
        }
        for denied in [
            "GET https://example.org/",
            "tcp 10.0.0.5:80",
            "read /docsx",
            "write /docs/a",
            "write /workspace/x",
            "env HOME",
        ] {
            let denial = answer(denied, &[]).unwrap_err();
            assert!(denial.allow.is_some(), "{denied}");
        }
        let near: IpAddr = "127.0.0.1".parse().unwrap();
        let far: IpAddr = "93.184.216.34".parse().unwrap();
        assert!(answer("GET https://example.com/", &[near]).is_err());
        assert!(answer("GET https://example.com/", &[near, far]).is_ok());
        for senseless in [
            "",
            "fly",
            "read docs",
            "read /docs/../etc",
            "tcp example.com:80",
        ] {
            assert!(Question::parse(senseless).is_err(), "{senseless}");
        }
    }
}
