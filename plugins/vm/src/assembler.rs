//! The assembler: source text to a program, in two passes.
//!
//! The first pass gives every name its meaning and every line its address, the second writes the bytes. All errors are
//! reported at once, each with its line. The language is described for authors in `LANGUAGE`.

mod encode;
mod expression;
mod operand;
mod parser;
mod statement;
mod symbols;
mod token;

#[cfg(test)]
mod tests;

use crate::machine::{PROGRAM_AT, PROGRAM_BYTES_MAX};
use statement::{Action, Datum, Statement};
use symbols::{Symbol, Symbols};

/// The longest source, in bytes: some hundred times the longest program.
pub(crate) const SOURCE_BYTES_MAX: usize = 256 * 1024;

/// How many errors are told at once.
const ERRORS_MAX: usize = 20;

/// A program, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assembled {
    pub(crate) program: Vec<u8>,
    /// The labels and their addresses, in the order of the addresses.
    pub(crate) labels: Vec<(String, u16)>,
    /// Every line of the source behind the address and the bytes that it became.
    pub(crate) listing: String,
}

/// A line that takes part in the program, with its number and its address.
struct Placed {
    line: usize,
    address: u16,
    action: Action,
}

/// The errors of a source: line and message.
#[derive(Default)]
struct Errors(Vec<(usize, String)>);

/// Turns source text into the bytes of a program.
///
/// # Errors
/// One line each: `line 12: there is no label lop`.
pub(crate) fn assemble(source: &str) -> Result<Assembled, String> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(format!(
            "the source has {} bytes: {SOURCE_BYTES_MAX} are the most",
            source.len()
        ));
    }
    let mut errors = Errors::default();
    let (placed, symbols) = place(source, &mut errors);
    let mut program = Vec::new();
    let mut bytes_of_line = vec![None; source.lines().count() + 1];
    for statement in &placed {
        // An origin leaves a gap before its line; it is filled with zeros.
        program.resize(usize::from(statement.address - PROGRAM_AT), 0);
        match statement.action.bytes(&symbols, statement.address) {
            Err(message) => errors.add(statement.line, message),
            Ok(bytes) => {
                program.extend_from_slice(&bytes);
                if let Some(place) = bytes_of_line.get_mut(statement.line) {
                    *place = Some((statement.address, bytes));
                }
            }
        }
    }
    errors.none()?;
    Ok(Assembled {
        program,
        labels: symbols.labels(),
        listing: listing(source, &bytes_of_line),
    })
}

/// The first pass.
fn place(source: &str, errors: &mut Errors) -> (Vec<Placed>, Symbols) {
    let mut symbols = Symbols::default();
    let mut placed = Vec::new();
    let mut here = PROGRAM_AT;
    for (line, text) in (1..).zip(source.lines()) {
        match place_line(text, here, &mut symbols) {
            Err(message) => errors.add(line, message),
            Ok((address, end, action)) => {
                here = end;
                placed.extend(action.map(|action| Placed {
                    line,
                    address,
                    action,
                }));
            }
        }
    }
    (placed, symbols)
}

/// Reads a line and defines its names. The answer is its address, the one behind it, and what it puts there.
fn place_line(
    text: &str,
    here: u16,
    symbols: &mut Symbols,
) -> Result<(u16, u16, Option<Action>), String> {
    let statement = Statement::parse(text)?;
    let size = statement
        .action
        .as_ref()
        .map_or(Ok(0), |action| action.size(symbols, here))?;
    let end = end_of(here, size)?;
    let address = if matches!(statement.action, Some(Action::Origin(_))) {
        end
    } else {
        here
    };
    if let Some(label) = &statement.label {
        symbols.define(label, Symbol::Label(address))?;
    }
    match &statement.action {
        Some(Action::Constant(name, value)) => {
            let value = value
                .value(symbols, here)
                .map_err(|message| format!("{message} above this line"))?;
            symbols.define(name, Symbol::Constant(value))?;
        }
        Some(Action::Alias(name, register)) => symbols.define(name, Symbol::Register(*register))?,
        _ => {}
    }
    Ok((address, end, statement.action))
}

/// The address behind `size` bytes at `here`, if the program may reach so far.
fn end_of(here: u16, size: usize) -> Result<u16, String> {
    let end = usize::from(here) + size;
    if end > usize::from(PROGRAM_AT) + PROGRAM_BYTES_MAX {
        return Err(format!(
            "the program grows beyond {PROGRAM_BYTES_MAX} bytes"
        ));
    }
    Ok(u16::try_from(end).expect("memory ends long before addresses do"))
}

impl Action {
    /// The second pass: the bytes at `here`.
    fn bytes(&self, symbols: &Symbols, here: u16) -> Result<Vec<u8>, String> {
        match self {
            Self::Instruction(mnemonic, operands) => {
                let operands: Vec<_> = operands
                    .iter()
                    .map(|operand| operand.resolved(symbols))
                    .collect();
                encode::encode(mnemonic, &operands, symbols, here)
                    .map(|instruction| instruction.encode().to_be_bytes().to_vec())
            }
            Self::Bytes(data) => data.iter().try_fold(Vec::new(), |mut bytes, datum| {
                match datum {
                    Datum::Byte(value) => bytes.push(encode::byte(value, symbols, here)?),
                    Datum::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                }
                Ok(bytes)
            }),
            Self::Words(words) => words.iter().try_fold(Vec::new(), |mut bytes, value| {
                bytes.extend_from_slice(&encode::word(value, symbols, here)?);
                Ok(bytes)
            }),
            Self::Space(_) => self.size(symbols, here).map(|size| vec![0; size]),
            Self::Origin(_) | Self::Constant(..) | Self::Alias(..) => Ok(Vec::new()),
        }
    }
}

/// `200  6005      loop: LD V0, 5`, with the first bytes of what a line became.
fn listing(source: &str, bytes_of_line: &[Option<(u16, Vec<u8>)>]) -> String {
    let line = |(text, placed): (&str, &Option<(u16, Vec<u8>)>)| match placed {
        Some((address, bytes)) if !bytes.is_empty() => {
            let shown: String = bytes
                .iter()
                .take(4)
                .map(|byte| format!("{byte:02X}"))
                .collect();
            let more = if bytes.len() > 4 { ".." } else { "" };
            format!("{address:03X}  {:<10}  {text}\n", format!("{shown}{more}"))
        }
        _ => format!("{:17}{text}\n", ""),
    };
    source
        .lines()
        .zip(bytes_of_line.iter().skip(1))
        .map(line)
        .collect()
}

impl Errors {
    fn add(&mut self, line: usize, message: String) {
        self.0.push((line, message));
    }

    /// The answer where there are none, else all of them in the order of their lines.
    fn none(mut self) -> Result<(), String> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort_by_key(|(line, _)| *line);
        let mut lines: Vec<String> = self
            .0
            .iter()
            .take(ERRORS_MAX)
            .map(|(line, message)| format!("line {line}: {message}"))
            .collect();
        if self.0.len() > ERRORS_MAX {
            lines.push(format!("and {} more", self.0.len() - ERRORS_MAX));
        }
        Err(lines.join("\n"))
    }
}
