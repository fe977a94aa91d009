//! The `hostel` command, as people run it: a process of its own.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

mod audit;
mod component;
mod help;
mod mistakes;
mod serve;
pub(crate) mod serving;
mod warmup;

/// The command with nothing of this process's environment.
pub(crate) fn hostel(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostel-under-test"));
    command
        .arg0("hostel")
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .current_dir(home);
    command
}

/// What a command said, and how it ended.
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) complaint: String,
}

pub(crate) fn run(home: &Path, arguments: &[&str]) -> Said {
    said(hostel(home, arguments).output().unwrap())
}

fn said(output: Output) -> Said {
    Said {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        complaint: String::from_utf8(output.stderr).unwrap(),
    }
}
