//! Guests: components made on the spot from a text file that holds their WIT (in its first block comment) and their core module.
//! No compiler runs, and what a guest does stands in ten lines that a reader can follow.

use std::path::PathBuf;

use fs_err as fs;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The contract itself, so that guests are made against what the host promises.
const CONTRACT: &str = include_str!("../../wit/backend.wit");
const WASI: &str = include_str!("../guests/wasi.wit");
const PRELUDE: &str = include_str!("../guests/prelude.wat");

/// A component before it is one.
#[derive(Clone, Debug)]
pub struct Guest {
    wit: String,
    core: String,
}

/// A lifecycle function of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    Warmup,
    Initialize,
    Cleanup,
    Shutdown,
}

/// What the lab's hooks can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Succeed,
    /// Succeeds and leaves a folder in the granted one, named by the hook's first letter and random digits.
    LeaveMark,
    /// Answers with the error "not today".
    Refuse,
    Trap,
    /// Takes memory until there is no more.
    Hoard,
    /// Computes for ever.
    Hang,
    /// Waits ten seconds in the host, then leaves a mark.
    Linger,
    /// Waits ten seconds in the host, leaves a mark, and refuses.
    LingerAndRefuse,
    /// Leaves a mark of one name, and refuses when it is there already.
    FailSecondTime,
}

impl Guest {
    /// A file of `tests/guests`, by its stem.
    pub fn named(stem: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("guests")
            .join(stem)
            .with_extension("wat");
        Self::text(&fs::read_to_string(path).expect("the guest is there"))
    }

    /// `(; WIT ;)` and the fields of a core module, which gets a memory and an allocator (`$alloc`) besides.
    pub fn text(text: &str) -> Self {
        let (_, rest) = text
            .split_once("(;")
            .expect("a guest begins with its WIT in a block comment");
        let (wit, core) = rest.split_once(";)").expect("the block comment ends");
        Self {
            wit: wit.to_owned(),
            core: core.to_owned(),
        }
    }

    /// The lab: all tools, no hooks, so stateless.
    pub fn lab() -> Self {
        Self::named("lab")
    }

    /// The lab with the hooks of sessions: all its tools are stateful.
    pub fn stateful_lab() -> Self {
        Self::lab().hook(Hook::Initialize, Behaviour::Succeed)
    }

    /// The backend whose `session` resource counts.
    pub fn counter() -> Self {
        Self::named("counter")
    }

    /// Exports a hook of the lab and says what it does. `initialize` and `cleanup` come together.
    #[must_use]
    pub fn hook(mut self, hook: Hook, behaviour: Behaviour) -> Self {
        let (interface, function) = hook.names();
        let export = format!("export hostel:backend/{interface}@0.1.0;");
        if !self.wit.contains(&export) {
            self.wit = self
                .wit
                .replace("export tools;", &format!("export tools; {export}"));
        }
        let place = format!(" (; {function} ;)");
        let (before, after) = self
            .core
            .split_once(&place)
            .expect("only the lab has hooks to choose");
        let (before, _) = before
            .rsplit_once('$')
            .expect("a function stands before its place");
        self.core = format!("{before}{}{place}{after}", behaviour.function());
        self
    }

    /// Another component to every digest: same tools, one section more.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.core
            .push_str(&format!("\n(global $version i32 (i32.const {version}))"));
        self
    }

    /// The same with a function that changes a table, which no snapshot can carry.
    #[must_use]
    pub fn with_changing_table(mut self) -> Self {
        self.core.push_str(
            "\n(table $own 1 funcref)\n(func (table.set $own (i32.const 0) (ref.null func)))",
        );
        self
    }

    /// The component's bytes.
    pub fn component(&self) -> Vec<u8> {
        let text = format!("{}\n{PRELUDE}", self.core);
        let mut module = wat::parse_str(text).expect("the core module is valid");
        let (resolve, world) = self.world();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("the world can be embedded");
        let mut encoder = ComponentEncoder::default()
            .module(&module)
            .expect("it is a module with a world");
        encoder.encode().expect("the module fits its world")
    }

    /// The core module alone, which is no component.
    pub fn core_module(&self) -> Vec<u8> {
        wat::parse_str(format!("{}\n{PRELUDE}", self.core)).expect("the core module is valid")
    }

    fn world(&self) -> (Resolve, WorldId) {
        let mut resolve = Resolve::default();
        resolve
            .push_str("backend.wit", CONTRACT)
            .expect("the contract is valid");
        let package = resolve
            .push_str("guest.wit", &format!("{}\n{WASI}", self.wit))
            .expect("the guest's WIT is valid");
        let world = resolve
            .select_world(&[package], Some("guest"))
            .expect("a guest has a world of that name");
        (resolve, world)
    }
}

impl Hook {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Warmup => ("warmup", "warmup"),
            Self::Initialize => ("session", "initialize"),
            Self::Cleanup => ("session", "cleanup"),
            Self::Shutdown => ("shutdown", "shutdown"),
        }
    }
}

impl Behaviour {
    fn function(self) -> &'static str {
        match self {
            Self::Succeed => "$ok",
            Self::LeaveMark => "$leave_mark",
            Self::Refuse => "$refuse",
            Self::Trap => "$trap_now",
            Self::Hoard => "$hoard_now",
            Self::Hang => "$hang",
            Self::Linger => "$linger",
            Self::LingerAndRefuse => "$linger_and_refuse",
            Self::FailSecondTime => "$fail_second_time",
        }
    }
}
