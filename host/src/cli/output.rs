//! Writes to the terminal. The only place of the command line that does.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line of the answer.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that goes away (`hostel tools | head`) is no error.
    let _ = writeln!(out, "{line}");
}

/// A line about the work, which is not its result.
pub(super) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

pub(super) fn complain(message: &str) {
    note(&format!("error: {message}"));
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar(what: &'static str, length: usize) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() && length > 0 {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(length as u64), target).with_prefix(what);
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg} {elapsed}")
        .map(|style| style.progress_chars("=> "));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
