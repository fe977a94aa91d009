//! The programs that come with the machine, written in its own assembly.

use std::sync::OnceLock;

use crate::assembler::assemble;
use crate::quirks::Model;

/// A program with its source. The comment at the top of the source says what it does.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) model: Model,
    pub(crate) source: &'static str,
    pub(crate) bytes: Vec<u8>,
}

const SOURCES: [(&str, Model, &str); 5] = [
    (
        "counter",
        Model::Chip8,
        include_str!("../programs/counter.asm"),
    ),
    (
        "keypad",
        Model::Chip8,
        include_str!("../programs/keypad.asm"),
    ),
    ("maze", Model::Chip8, include_str!("../programs/maze.asm")),
    (
        "paddle",
        Model::Chip8,
        include_str!("../programs/paddle.asm"),
    ),
    (
        "banner",
        Model::SuperChip,
        include_str!("../programs/banner.asm"),
    ),
];

/// All programs. The first call assembles them; after a warmup that is in every session's memory already.
pub(crate) fn all() -> &'static [Program] {
    static PROGRAMS: OnceLock<Vec<Program>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let program = |(name, model, source)| {
            let assembled = assemble(source).expect("a test assembles every program");
            Program {
                name,
                model,
                source,
                bytes: assembled.program,
            }
        };
        SOURCES.into_iter().map(program).collect()
    })
}

/// The program of that name.
pub(crate) fn find(name: &str) -> Result<&'static Program, String> {
    all()
        .iter()
        .find(|program| program.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = all().iter().map(|program| program.name).collect();
            format!("there is no example {name}: there are {}", names.join(", "))
        })
}

impl Program {
    /// What the program does: the comment at the top of its source.
    #[must_use]
    pub(crate) fn description(&self) -> String {
        let comment = self.source.lines().map_while(|line| line.strip_prefix(';'));
        comment
            .map(str::trim)
            .collect::<Vec<&str>>()
            .join(" ")
            .trim()
            .to_owned()
    }
}

#[cfg(test)]
mod tests;
