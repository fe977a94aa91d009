//! Compilation in a process of its own: what a stranger's component can make the compiler do ends at that process's limits, and the host
//! neither waits longer nor grows. The process is this same program (`hostel compile`, hidden); bytes go in, machine code comes back through
//! a pipe that nobody else holds.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::loader::CodeRecord;

mod child;

pub use child::compile_for_parent;

/// The hidden command, as the child is told.
const COMMAND: &str = "compile";
/// Each takes its own memory, and several cores.
const AT_ONCE_MAX: usize = 4;
/// Of one compiler: every thread takes address space.
const THREADS_MAX: usize = 8;
/// What the compiler's thread pool asks for.
const THREADS: &str = "RAYON_NUM_THREADS";
/// A first line is not longer than the listing of a component.
const HEAD_BYTES_MAX: u64 = 64 << 20;
/// Machine code takes a few times what its component takes.
const CODE_BYTES_MAX: u64 = 1 << 30;
/// Of what a compiler said before it broke down, so much is kept.
const LAST_WORDS_BYTES: u64 = 4096;

/// What one compilation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space of the process. Default 4 GiB.
    pub memory_bytes: u64,
    /// Time on all processors together. Default 5 min.
    pub cpu: Duration,
    /// Default 5 min.
    pub wall: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 4 << 30,
            cpu: Duration::from_secs(300),
            wall: Duration::from_secs(300),
        }
    }
}

/// Compiles in child processes, some at once.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program that this one is.
    program: PathBuf,
    limits: CompileLimits,
    turns: Arc<Turns>,
}

#[derive(Debug)]
struct Turns {
    free: Mutex<usize>,
    bell: Condvar,
}

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A component as it came: it is checked, and what it offers is read.
    Component,
    /// One with a warm memory, which the host itself put together.
    Image,
}

/// The child's first line.
#[derive(Serialize, Deserialize)]
enum Head {
    Made {
        /// Whose code it is; see [`crate::engine::Engine::code_key`].
        key: String,
        /// Of a component.
        record: Option<Box<CodeRecord>>,
        code_bytes: u64,
    },
    Refused {
        reason: String,
    },
}

impl Compiler {
    /// `program` answers to `compile` as the `hostel` command does.
    pub fn new(program: PathBuf, limits: CompileLimits) -> Self {
        let turns = Turns {
            free: Mutex::new(cores().min(AT_ONCE_MAX)),
            bell: Condvar::new(),
        };
        Self {
            program,
            limits,
            turns: Arc::new(turns),
        }
    }

    /// Compiles a component for an engine whose code is of this key. Blocks, for `wall` at most once it is its turn.
    ///
    /// # Errors
    /// Why there is no code, in words: what is wrong with the component, or which limit it came to.
    pub(super) fn component(
        &self,
        key: &str,
        component: &[u8],
    ) -> Result<(CodeRecord, Vec<u8>), String> {
        let (record, code) = self.compile(key, Task::Component, component)?;
        let record = record.ok_or("the process that compiled it did not say what it offers")?;
        Ok((*record, code))
    }

    /// The same for a warm image.
    ///
    /// # Errors
    /// As for a component.
    pub(super) fn image(&self, key: &str, image: &[u8]) -> Result<Vec<u8>, String> {
        self.compile(key, Task::Image, image).map(|(_, code)| code)
    }

    fn compile(
        &self,
        key: &str,
        task: Task,
        component: &[u8],
    ) -> Result<(Option<Box<CodeRecord>>, Vec<u8>), String> {
        let _turn = self.turns.take();
        let mut child = self
            .start(task)
            .map_err(|error| format!("cannot start a process to compile it: {error}"))?;
        let outcome = self.converse(&mut child, component);
        // Also where it was killed: nobody else waits for it.
        let status = child.wait().map_err(|error| error.to_string())?;
        match outcome {
            Ok((Head::Made { key: own, record, .. }, code)) if own == key => Ok((record, code)),
            Ok((Head::Made { .. }, _)) => Err(
                "the process that compiled it is of another version of Hostel; start the host again".to_owned(),
            ),
            Ok((Head::Refused { reason }, _)) if is_out_of_memory(&reason) => Err(self.no_memory()),
            Ok((Head::Refused { reason }, _)) => Err(reason),
            Err(Silence::Late) => Err(format!(
                "compiling it took longer than {} ([compile] wall_seconds)",
                humantime::format_duration(self.limits.wall)
            )),
            Err(Silence::Broken { last_words }) => Err(self.why(status, &last_words)),
        }
    }

    fn start(&self, task: Task) -> std::io::Result<Child> {
        let image: &[&str] = match task {
            Task::Component => &[],
            Task::Image => &["--image"],
        };
        Command::new(&self.program)
            .arg0("hostel")
            .arg(COMMAND)
            .args(image)
            .args(["--memory-bytes", &self.limits.memory_bytes.to_string()])
            .args([
                "--cpu-seconds",
                &self.limits.cpu.as_secs().max(1).to_string(),
            ])
            // Nothing that this process knows is that one's business.
            .env_clear()
            .env(THREADS, cores().min(THREADS_MAX).to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    fn converse(&self, child: &mut Child, component: &[u8]) -> Result<(Head, Vec<u8>), Silence> {
        let (Some(mut input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Silence::Broken {
                last_words: String::new(),
            });
        };
        std::thread::scope(|scope| {
            // A child that ends early closes the pipe, and its status says why.
            scope.spawn(move || drop(input.write_all(component)));
            let errors = scope.spawn(move || last_words(errors));
            let (sender, answer) = channel();
            scope.spawn(move || {
                // Nobody listens any more to one that is late.
                let _ = sender.send(answer_of(BufReader::new(output)));
            });
            let answer = answer.recv_timeout(self.limits.wall);
            if !matches!(answer, Ok(Some(_))) {
                // It may have ended already.
                let _ = child.kill();
            }
            let last_words = errors.join().unwrap_or_default();
            match answer {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) | Err(RecvTimeoutError::Disconnected) => {
                    Err(Silence::Broken { last_words })
                }
                Err(RecvTimeoutError::Timeout) => Err(Silence::Late),
            }
        })
    }

    fn why(&self, status: ExitStatus, last_words: &str) -> String {
        let is = |signal: Signal| status.signal() == Some(signal.as_raw());
        if is(Signal::XCPU) {
            return format!(
                "compiling it took more than {} of processor time ([compile] cpu_seconds)",
                humantime::format_duration(self.limits.cpu)
            );
        }
        if is_out_of_memory(last_words) {
            return self.no_memory();
        }
        let last_words: String = last_words.chars().filter(|c| !c.is_control()).collect();
        format!("the process that compiled it broke down ({status}): {last_words}")
    }

    fn no_memory(&self) -> String {
        format!(
            "compiling it took more than {} bytes of memory ([compile] memory_bytes)",
            self.limits.memory_bytes
        )
    }
}

/// Why a child gave no answer.
enum Silence {
    Late,
    Broken { last_words: String },
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// None: it is not whole.
fn answer_of(mut output: impl BufRead) -> Option<(Head, Vec<u8>)> {
    let mut line = Vec::new();
    (&mut output)
        .take(HEAD_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .ok()?;
    let head: Head = serde_json::from_slice(&line).ok()?;
    let wanted = match &head {
        Head::Made { code_bytes, .. } => *code_bytes,
        Head::Refused { .. } => 0,
    };
    let mut code = Vec::new();
    output
        .take(wanted.min(CODE_BYTES_MAX))
        .read_to_end(&mut code)
        .ok()?;
    (code.len() as u64 == wanted).then_some((head, code))
}

fn last_words(errors: ChildStderr) -> String {
    let mut words = Vec::new();
    let mut errors = BufReader::new(errors);
    // What cannot be read is not said.
    let _ = (&mut errors).take(LAST_WORDS_BYTES).read_to_end(&mut words);
    // The rest is read, lest the child waits for somebody to read it.
    let _ = std::io::copy(&mut errors, &mut std::io::sink());
    String::from_utf8_lossy(&words).into_owned()
}

/// As the allocator, the kernel and the threads' library put it.
fn is_out_of_memory(words: &str) -> bool {
    [
        "memory allocation of",
        "os error 12",
        "out of memory",
        "Cannot allocate memory",
        "os error 11",
    ]
    .iter()
    .any(|sign| words.contains(sign))
}

impl Turns {
    fn take(self: &Arc<Self>) -> Turn {
        let free = self.free();
        let mut free = self
            .bell
            .wait_while(free, |free| *free == 0)
            .expect("no code panics while it holds the count");
        *free -= 1;
        Turn(self.clone())
    }

    fn free(&self) -> std::sync::MutexGuard<'_, usize> {
        self.free
            .lock()
            .expect("no code panics while it holds the count")
    }
}

struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.bell.notify_one();
    }
}
