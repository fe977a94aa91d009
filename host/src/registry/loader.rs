//! From a component's bytes to something that can be registered: digest, cache, checks, compilation, listing.
//! Everything here blocks; callers put it on a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::engine::{self, AuthenticCode, Compiled, Engine};
use crate::error::{Error, ErrorCode};

use super::cache::Entry;
use super::image::Images;
use super::{CodeCache, Compiler, Listing, structure, wit};

/// What the cache keeps about a component's code.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CodeRecord {
    /// Code for the flavour of the engine that asynchronous components need.
    concurrent: bool,
    pub(super) listing: Listing,
}

/// The largest component that is read.
pub(super) const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// Reads, checks and compiles components.
#[derive(Clone)]
pub struct Loader {
    engine: Arc<Engine>,
    /// None: nothing is kept.
    cache: Option<Arc<CodeCache>>,
    /// None: components are compiled in this process.
    compiler: Option<Compiler>,
}

/// A component that passed every check.
pub struct Prepared {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    pub bytes: u64,
    pub listing: Listing,
    /// None: the code was in the cache.
    pub compiled_in: Option<Duration>,
    pub(crate) code: Code,
    pub(crate) component: Component,
}

/// Machine code, at hand or in the cache.
pub(crate) enum Code {
    Ready(Compiled),
    Cached(Box<Entry<CodeRecord>>),
}

/// A component that can be read again: to warm it up, or should its cached code turn out to be damaged.
#[derive(Clone)]
pub(crate) enum Component {
    File(std::path::PathBuf),
    Bytes(Arc<[u8]>),
}

/// Why a component cannot be a backend. The text names the file and what is wrong with it.
#[derive(Debug)]
pub(crate) struct LoadError(pub(crate) String);

impl LoadError {
    pub(crate) fn into_error(self) -> Error {
        Error::new(ErrorCode::BackendInvalid, self.0)
            .hint("`hostel inspect FILE` shows what the host sees in a component")
    }
}

impl Loader {
    pub fn new(engine: Arc<Engine>, cache: Option<Arc<CodeCache>>) -> Self {
        Self {
            engine,
            cache,
            compiler: None,
        }
    }

    /// Compiles in processes of their own from now on.
    #[must_use]
    pub fn with_compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = Some(compiler);
        self
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Prepares a file. `pin` is the digest that it must have.
    pub(crate) fn file(&self, path: &Path, pin: Option<&str>) -> Result<Prepared, LoadError> {
        let size = fs::metadata(path)
            .map_err(|error| LoadError(error.to_string()))?
            .len();
        if size > COMPONENT_BYTES_MAX {
            return Err(LoadError(format!(
                "{}: {size} bytes are more than a component may have ({COMPONENT_BYTES_MAX})",
                path.display()
            )));
        }
        let bytes = fs::read(path).map_err(|error| LoadError(error.to_string()))?;
        self.prepare(&path.display().to_string(), &bytes, pin, || {
            Component::File(path.to_owned())
        })
    }

    /// Looks at a file as a host would, in words for people.
    ///
    /// # Errors
    /// Why it cannot be a backend.
    pub fn inspect(&self, path: &Path) -> Result<Prepared, String> {
        self.file(path, None).map_err(|error| error.0)
    }

    /// The same for a file that must have a digest.
    ///
    /// # Errors
    /// Why it cannot be a backend.
    pub fn pinned(&self, path: &Path, pin: Option<&str>) -> Result<Prepared, String> {
        self.file(path, pin).map_err(|error| error.0)
    }

    /// Why the last warmup of this component on this host made no image, if that is what it came to.
    pub fn last_warmup(&self, digest: &str) -> Option<String> {
        self.images(digest).last_reason()
    }

    /// Prepares bytes that somebody uploaded; `what` names them in errors.
    pub(crate) fn bytes(
        &self,
        what: &str,
        bytes: &[u8],
        pin: Option<&str>,
    ) -> Result<Prepared, LoadError> {
        self.prepare(what, bytes, pin, || Component::Bytes(bytes.into()))
    }

    fn prepare(
        &self,
        what: &str,
        bytes: &[u8],
        pin: Option<&str>,
        component: impl FnOnce() -> Component,
    ) -> Result<Prepared, LoadError> {
        let digest = digest(bytes);
        if let Some(pin) = pin.filter(|pin| !pin.eq_ignore_ascii_case(&digest)) {
            return Err(LoadError(format!(
                "{what}: its digest is {digest}, and {pin} was asked for"
            )));
        }
        let size = bytes.len() as u64;
        if let Some(entry) = self
            .cache
            .as_ref()
            .and_then(|cache| cache.get::<CodeRecord>(&self.entry_name(&digest)))
        {
            let listing = entry.about.listing.clone();
            return Ok(Prepared {
                digest,
                bytes: size,
                listing,
                compiled_in: None,
                code: Code::Cached(Box::new(entry)),
                component: component(),
            });
        }
        let start = Instant::now();
        let (compiled, listing) = self
            .make(&digest, bytes)
            .map_err(|message| LoadError(format!("{what}: {message}")))?;
        Ok(Prepared {
            digest,
            bytes: size,
            listing,
            compiled_in: Some(start.elapsed()),
            code: Code::Ready(compiled),
            component: component(),
        })
    }

    /// Compiles a component wherever components are compiled, and keeps the code.
    fn make(&self, digest: &str, bytes: &[u8]) -> Result<(Compiled, Listing), String> {
        check_kind(bytes)?;
        structure::check(bytes)?;
        let Some(compiler) = &self.compiler else {
            let (compiled, listing) = self.compile(bytes)?;
            let kept = compiled.code().and_then(|code| {
                let record = self.record(&compiled, &listing);
                self.keep(digest, &record, &code)
            });
            if let Err(error) = kept {
                not_kept(&error);
            }
            return Ok((compiled, listing));
        };
        let (record, code) = compiler.component(&self.engine.code_key(), bytes)?;
        let compiled = self.adopt(digest, &record, &code)?;
        Ok((compiled, record.listing))
    }

    /// Loads what a compiler's process made: from the cache, so that hosts share it, or out of memory.
    fn adopt(&self, digest: &str, record: &CodeRecord, code: &[u8]) -> Result<Compiled, String> {
        let kept = self.keep(digest, record, code).and_then(|()| {
            let entry = self
                .cache
                .as_ref()
                .and_then(|cache| cache.get::<CodeRecord>(&self.entry_name(digest)));
            entry
                .map(|entry| entry.map(&self.engine, record.concurrent))
                .transpose()
        });
        match kept {
            Ok(Some(compiled)) => return Ok(compiled),
            Ok(None) => {}
            Err(error) => not_kept(&error),
        }
        let own = AuthenticCode::of_own_compiler();
        self.engine.load(code, record.concurrent, own)
    }

    /// The code of a component and what is known about it, made in this process.
    ///
    /// # Errors
    /// Why it cannot be a backend.
    pub(super) fn made_here(&self, bytes: &[u8]) -> Result<(CodeRecord, Vec<u8>), String> {
        let (compiled, listing) = self.compile(bytes)?;
        Ok((self.record(&compiled, &listing), compiled.code()?))
    }

    fn compile(&self, bytes: &[u8]) -> Result<(Compiled, Listing), String> {
        let wit =
            wit::read(bytes).map_err(|error| format!("cannot read its interfaces: {error}"))?;
        let (mut no_image, mut no_snapshot) = (None, None);
        let fitted = engine::fit(bytes);
        let code = match &fitted {
            Ok(fitted) => {
                no_snapshot.clone_from(&fitted.no_snapshot);
                &fitted.component
            }
            Err(reason) => {
                no_image = Some(reason.clone());
                bytes
            }
        };
        let compiled = self.engine.compile(code)?;
        if self.engine.is_concurrent(&compiled) {
            no_image = Some("it needs the component model's async features".to_owned());
        }
        check_imports(&self.engine, &compiled)?;
        let listing = Listing {
            no_snapshot: no_image.clone().or(no_snapshot),
            no_image,
            ..Listing::read(&compiled, wit)
        };
        Ok((compiled, listing))
    }

    fn record(&self, compiled: &Compiled, listing: &Listing) -> CodeRecord {
        CodeRecord {
            concurrent: self.engine.is_concurrent(compiled),
            listing: listing.clone(),
        }
    }

    fn entry_name(&self, digest: &str) -> String {
        let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
        format!("{digest}-{}", self.engine.code_key())
    }

    /// The warm images that this host's cache keeps of a component.
    pub(super) fn images(&self, digest: &str) -> Images {
        Images::new(
            self.engine.clone(),
            self.cache.clone(),
            self.compiler.clone(),
            format!("{}-warm", self.entry_name(digest)),
        )
    }

    fn keep(&self, digest: &str, record: &CodeRecord, code: &[u8]) -> Result<(), String> {
        let Some(cache) = &self.cache else {
            return Ok(());
        };
        cache
            .put(&self.entry_name(digest), record, code)
            .map_err(|error| error.to_string())
    }

    /// The code, ready to be linked. Damaged code is compiled anew.
    pub(crate) fn ready(
        &self,
        digest: &str,
        code: &Code,
        component: &Component,
    ) -> Result<Compiled, LoadError> {
        let entry = match code {
            Code::Ready(compiled) => return Ok(compiled.clone()),
            Code::Cached(entry) => entry,
        };
        let reason = match entry.map(&self.engine, entry.about.concurrent) {
            Ok(compiled) => return Ok(compiled),
            Err(reason) => reason,
        };
        tracing::warn!(digest, reason, "cached code cannot be used: compiling anew");
        let bytes = component.read(digest)?;
        let made = self.make(digest, &bytes);
        let (compiled, _) = made.map_err(|message| LoadError(format!("{digest}: {message}")))?;
        Ok(compiled)
    }
}

impl Component {
    /// The bytes, if they are still those of `digest`.
    pub(super) fn read(&self, digest: &str) -> Result<Arc<[u8]>, LoadError> {
        let bytes: Arc<[u8]> = match self {
            Self::File(path) => fs::read(path)
                .map_err(|error| LoadError(error.to_string()))?
                .into(),
            Self::Bytes(bytes) => return Ok(bytes.clone()),
        };
        let found = self::digest(&bytes);
        if found != digest {
            return Err(LoadError(format!(
                "the component changed on disk: it was {digest} and is {found}; load it again"
            )));
        }
        Ok(bytes)
    }
}

/// `sha256:` and 64 hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn not_kept(error: &str) {
    tracing::warn!(
        error,
        "cannot keep compiled code: the next start compiles again"
    );
}

fn check_kind(bytes: &[u8]) -> Result<(), String> {
    if wasmparser::Parser::is_component(bytes) {
        return Ok(());
    }
    if wasmparser::Parser::is_core_wasm(bytes) {
        return Err("it is a core module, not a component; build it with `--target wasm32-wasip2`, or make a component of it with `wasm-tools component new`".to_owned());
    }
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    Err("it is not WebAssembly: it does not start with \\0asm".to_owned())
}

/// Names every import that the host lacks, not only the first.
fn check_imports(engine: &Engine, compiled: &Compiled) -> Result<(), String> {
    let missing: Vec<String> = compiled
        .imports()
        .into_iter()
        .filter(|import| !is_offered(import))
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "it imports {}, which Hostel does not offer; Hostel offers WASI 0.2, wasi:http/outgoing-handler, wasi:config/store, wasi:keyvalue, hostel:backend/log and hostel:backend/progress",
            missing.join(", ")
        ));
    }
    compiled.check_imports(engine)
}

fn is_offered(import: &str) -> bool {
    const PREFIXES: [&str; 14] = [
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:io/",
        "wasi:random/",
        "wasi:sockets/",
        "wasi:http/types@",
        "wasi:http/outgoing-handler@",
        "wasi:config/store@",
        "wasi:keyvalue/store@",
        "wasi:keyvalue/atomics@",
        "wasi:keyvalue/batch@",
        "hostel:backend/log@",
        "hostel:backend/progress@",
    ];
    PREFIXES.iter().any(|prefix| import.starts_with(prefix))
}
