//! Writes to the terminal. The only place of the command line that does.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line of the answer.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let line = shown(line, out.is_terminal());
    // A reader that goes away (`hostel tools | head`) is no error.
    let _ = writeln!(out, "{line}");
}

/// A line about the work, which is not its result.
pub(super) fn note(line: &str) {
    let mut out = std::io::stderr().lock();
    let line = shown(line, out.is_terminal());
    let _ = writeln!(out, "{line}");
}

/// A line that quotes a guest, which must not begin another one. Lines that follow are indented.
pub(super) fn quoted(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

/// A terminal does what control characters say, and a line may quote a guest. Files and pipes get the text as it is.
fn shown(line: &str, on_terminal: bool) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    if on_terminal && line.contains(steers) {
        return Cow::Owned(line.replace(steers, "\u{fffd}"));
    }
    Cow::Borrowed(line)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered_and_a_pipe_gets_the_text_as_it_is() {
        let text = "red\u{1b}[31m\tline\nnext\u{9b}2J";
        assert_eq!(shown(text, true), "red\u{fffd}[31m\tline\nnext\u{fffd}2J");
        assert_eq!(shown(text, false), text);
        assert_eq!(quoted("a\n{\"level\": 1}\n"), "a\n    {\"level\": 1}");
    }
}
