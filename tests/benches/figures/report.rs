//! Writes what was found: two tables for people, one document for programs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a report is what this program is for"
)]

use std::process::ExitCode;

use serde_json::json;

use crate::bench::Bench;
use crate::figure::{Absolute, Figure, Outcome};
use crate::process::load_average;
use crate::rows::Row;

mod table;

use table::Table;

pub(crate) struct Report {
    host: String,
    quick: bool,
    cores: usize,
    load_before: f64,
    load_after: f64,
    figures: Vec<Figure>,
    absolutes: Vec<Absolute>,
    notes: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn begin(bench: &Bench) -> Self {
        let notes = [
            "bare axum: axum and serde_json in a process of its own, one worker per core as at the host's doors, the host's allocator (mimalloc), the same bodies in and envelopes of the same shape and size out",
            "processor time is the server's own, never that of the load, which runs on the same machine",
        ];
        Self {
            host: bench.hostel.display().to_string(),
            quick: bench.pace.quick,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load_before: load_average(),
            load_after: 0.0,
            figures: Vec::new(),
            absolutes: Vec::new(),
            notes: notes.map(str::to_owned).to_vec(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: &str, outcome: Result<Outcome, String>) {
        match outcome {
            Ok(outcome) => {
                for figure in &outcome.figures {
                    progress(&format!("  {}: {}", figure.name, measured(figure)));
                }
                self.figures.extend(outcome.figures);
                self.absolutes.extend(outcome.absolutes);
                self.notes.extend(outcome.notes);
            }
            Err(error) => {
                progress(&format!("  {row}: {error}"));
                self.failures.push(format!("{row}: {error}"));
            }
        }
    }

    pub(crate) fn end(&mut self) {
        self.load_after = load_average();
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.failures.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    pub(crate) fn print(&self, as_json: bool) -> Result<(), String> {
        if as_json {
            let text = serde_json::to_string_pretty(&self.to_json());
            println!("{}", text.map_err(|error| error.to_string())?);
            return Ok(());
        }
        println!(
            "\n{} on {} cores, load average {} before and {} after{}\n",
            self.host,
            self.cores,
            self.load_before,
            self.load_after,
            if self.quick {
                "; quick: for a look, not for a claim"
            } else {
                ""
            }
        );
        print!("{}\n{}", self.figures_table(), self.absolutes_table());
        println!("\nNotes");
        for note in &self.notes {
            println!("- {note}");
        }
        for failure in &self.failures {
            println!("- FAILED {failure}");
        }
        Ok(())
    }

    fn figures_table(&self) -> Table {
        let mut table = Table::new(&[
            "figure", "measured", "min", "max", "reach", "beyond", "verdict", "what",
        ]);
        for figure in &self.figures {
            let (reach, beyond) = figure
                .goal
                .map(|goal| goal.shown(figure.unit))
                .unwrap_or_default();
            let verdict = figure.verdict().map_or("", |verdict| verdict.as_str());
            table.add([
                figure.name.clone(),
                measured(figure),
                shown(figure.least()),
                shown(figure.most()),
                reach,
                beyond,
                verdict.to_owned(),
                figure.what.clone(),
            ]);
        }
        table
    }

    fn absolutes_table(&self) -> Table {
        let mut table = Table::new(&[
            "row",
            "case",
            "cpu us/request",
            "per second",
            "p50 us",
            "p99 us",
            "note",
        ]);
        let number = |value: Option<f64>| value.map(|value| format!("{value:.1}"));
        for absolute in &self.absolutes {
            table.add([
                absolute.row.to_owned(),
                absolute.case.clone(),
                number(absolute.cpu_us).unwrap_or_default(),
                number(absolute.per_second).unwrap_or_default(),
                number(absolute.p50_us).unwrap_or_default(),
                number(absolute.p99_us).unwrap_or_default(),
                absolute.note.clone(),
            ]);
        }
        table
    }

    fn to_json(&self) -> serde_json::Value {
        let figures: Vec<_> = self
            .figures
            .iter()
            .map(|figure| {
                json!({
                    "name": figure.name, "what": figure.what, "unit": figure.unit.trim(), "goal": figure.goal,
                    "median": figure.median(), "min": figure.least(), "max": figure.most(), "rounds": figure.rounds,
                    "verdict": figure.verdict(),
                })
            })
            .collect();
        json!({
            "host": self.host, "quick": self.quick, "cores": self.cores,
            "load_average": {"before": self.load_before, "after": self.load_after},
            "figures": figures, "absolutes": self.absolutes, "notes": self.notes, "failures": self.failures,
        })
    }
}

fn measured(figure: &Figure) -> String {
    shown(figure.median()) + figure.unit
}

/// Two digits that say something, also of a ratio far below one.
fn shown(value: f64) -> String {
    if value.abs() < 0.1 && value != 0.0 {
        format!("{value:.4}")
    } else {
        format!("{value:.2}")
    }
}

pub(crate) fn list(rows: &[&Row]) {
    let mut table = Table::new(&["row", "about"]);
    for row in rows {
        table.add([row.name.to_owned(), row.about.to_owned()]);
    }
    print!("{table}");
}

pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

pub(crate) fn complain(text: &str) {
    eprintln!("error: {text}");
}
