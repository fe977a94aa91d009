//! `hostel audit`: is the log whole, where does it end, what is in it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::audit::{Broken, Query, Verified, files_of, head, show, verify};

use super::{Outcome, output, shown};

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say how many lines are whole, or which line breaks the chain and how. Status 1 if one does.
    #[command(
        after_help = "A chain shows every line that was changed, taken out, moved or put in. It cannot show that lines are missing at its end, nor that\nsomeone who may write the file wrote all of it anew. For that, note `hostel audit head` elsewhere now and then, and give it as --head."
    )]
    Verify(VerifyArgs),
    /// Print the hash of the last line, to be kept where whoever writes the log cannot reach it.
    Head(HeadArgs),
    /// Print lines: time, worker, what was done, to what, and the outcome.
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// All files of one log in any order, or the folder that holds them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A hash that `hostel audit head` printed earlier: its line has to be there.
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
    /// JSON instead of text for people.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct HeadArgs {
    /// The file that the host writes to, or its folder.
    file: PathBuf,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// All files of one log, or the folder that holds them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Lines of this worker.
    #[arg(long, value_name = "ID")]
    worker: Option<String>,
    /// Lines of this verb: execute, create_session, denied, ...
    #[arg(long, value_name = "VERB")]
    verb: Option<String>,
    /// Lines with this outcome: ok, tool_error, or the code of an error.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Lines since a time (2026-11-21T09:00:00Z) or for so long (15m, 2h, 3days).
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<SystemTime>,
    /// The lines as they are written.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &AuditArgs) -> Outcome {
    match &args.command {
        Command::Verify(args) => check(args),
        Command::Head(args) => {
            output::say(&head(&args.file)?.hash);
            Ok(())
        }
        Command::Show(args) => print(args),
    }
}

fn check(args: &VerifyArgs) -> Outcome {
    match verify(&whole(&args.files), args.head.as_deref()) {
        Ok(verified) => {
            output::say(&if args.json {
                good_json(&verified).to_string()
            } else {
                good(&verified)
            });
            Ok(())
        }
        Err(broken) => {
            if args.json {
                output::say(&bad_json(&broken).to_string());
            }
            Err(bad(&broken))
        }
    }
}

fn print(args: &ShowArgs) -> Outcome {
    let query = Query {
        worker: args.worker.clone(),
        verb: args.verb.clone(),
        outcome: args.outcome.clone(),
        since: args.since,
    };
    show(&whole(&args.files), &query, |line| {
        output::say(&if args.json {
            line.to_string()
        } else {
            row(line)
        });
    })
}

/// A folder stands for the files in it.
fn whole(files: &[PathBuf]) -> Vec<PathBuf> {
    let all = files.iter().flat_map(|file| {
        if file.is_dir() {
            files_of(file)
        } else {
            vec![file.clone()]
        }
    });
    all.collect()
}

fn when(text: &str) -> Result<SystemTime, String> {
    if let Ok(at) = humantime::parse_rfc3339_weak(text) {
        return Ok(at);
    }
    let ago: Duration = humantime::parse_duration(text)
        .map_err(|_| "write a time as 2026-11-21T09:00:00Z, or a span as 15m".to_owned())?;
    SystemTime::now()
        .checked_sub(ago)
        .ok_or_else(|| "that is too long ago".to_owned())
}

fn good(verified: &Verified) -> String {
    let Verified {
        lines,
        first,
        after,
        end,
        since_head,
    } = verified;
    let from = match after {
        None => String::new(),
        Some(_) => format!(", from line {first} on; older files were not looked at"),
    };
    let since = match since_head {
        None => String::new(),
        Some(since) => format!("; {since} since the hash that was noted"),
    };
    format!("{lines} lines are whole{from}{since}\nhead: {}", end.hash)
}

fn good_json(verified: &Verified) -> Value {
    json!({
        "whole": true,
        "lines": verified.lines,
        "first": verified.first,
        "after": verified.after,
        "head": verified.end.hash,
        "since_head": verified.since_head,
    })
}

fn bad(broken: &Broken) -> String {
    let place = match broken.line {
        Some(line) => format!("{}:{line}", shown(&broken.file)),
        None => shown(&broken.file),
    };
    format!(
        "{place}: {}: {}; {} lines before it are whole",
        broken.how, broken.reason, broken.lines
    )
}

fn bad_json(broken: &Broken) -> Value {
    json!({
        "whole": false,
        "file": shown(&broken.file),
        "line": broken.line,
        "how": broken.how,
        "reason": broken.reason,
        "lines": broken.lines,
    })
}

/// Time, worker, verb, what, outcome; tab-separated.
fn row(line: &Value) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or("-");
    let what = match text("action") {
        "-" => text("session"),
        action => action,
    };
    // What a caller wrote goes to a terminal here.
    let plain: String = what.chars().filter(|c| !c.is_control()).collect();
    [
        text("at"),
        text("worker"),
        text("verb"),
        &plain,
        text("outcome"),
    ]
    .join("\t")
}
