//! One line of source: a label, and what it puts into memory.

use super::encode;
use super::expression::Expression;
use super::operand::Operand;
use super::parser::Parser;
use super::symbols::Symbols;
use super::token::{Token, tokens};
use crate::instruction::Register;

/// A line that has been read. Most lines have one of the two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) label: Option<String>,
    pub(super) action: Option<Action>,
}

/// What a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Instruction(String, Vec<Operand>),
    /// `DB`
    Bytes(Vec<Datum>),
    /// `DW`
    Words(Vec<Expression>),
    /// `DS`: so many zeros.
    Space(Expression),
    /// `ORG`: go on at this address.
    Origin(Expression),
    /// `name EQU value`
    Constant(String, Expression),
    /// `name EQU Vx`
    Alias(String, Register),
}

/// An item of `DB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Datum {
    Byte(Expression),
    Text(String),
}

impl Statement {
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let tokens = tokens(line)?;
        let mut parser = Parser::new(&tokens);
        let label = match tokens.as_slice() {
            [Token::Name(label), Token::Sign(':'), ..] => {
                parser.next();
                parser.next();
                Some(label.clone())
            }
            _ => None,
        };
        let action = Action::parse(&mut parser)?;
        parser.expect_end()?;
        Ok(Self { label, action })
    }
}

impl Action {
    fn parse(parser: &mut Parser<'_>) -> Result<Option<Self>, String> {
        let word = match parser.next() {
            None => return Ok(None),
            Some(Token::Name(word)) => word,
            Some(token) => return Err(format!("expected an instruction, found {}", token.show())),
        };
        let is_definition = match parser.rest() {
            [Token::Name(equ), ..] => equ.eq_ignore_ascii_case("EQU"),
            [Token::Sign('='), ..] => true,
            _ => false,
        };
        if is_definition {
            parser.next();
            return Self::definition(word, parser).map(Some);
        }
        let mnemonic = word.to_ascii_uppercase();
        let action = match mnemonic.as_str() {
            "DB" => Self::Bytes(at_least_one(parser.list(Datum::parse)?, "DB")?),
            "DW" => Self::Words(at_least_one(parser.list(Expression::parse)?, "DW")?),
            "DS" => Self::Space(Expression::parse(parser)?),
            "ORG" => Self::Origin(Expression::parse(parser)?),
            _ if encode::is_mnemonic(&mnemonic) => {
                Self::Instruction(mnemonic, parser.list(Operand::parse)?)
            }
            _ => {
                return Err(format!(
                    "there is no instruction {word}; a label is followed by a colon, a constant by EQU"
                ));
            }
        };
        Ok(Some(action))
    }

    fn definition(name: &str, parser: &mut Parser<'_>) -> Result<Self, String> {
        match Operand::parse(parser)? {
            Operand::Register(register) => Ok(Self::Alias(name.to_owned(), register)),
            Operand::Value(value) => Ok(Self::Constant(name.to_owned(), value)),
            other => Err(format!(
                "{name} can stand for a number or a register, not for {}",
                other.show()
            )),
        }
    }

    /// How many bytes it takes at `here`. Space and origin need names that are defined above them.
    pub(super) fn size(&self, symbols: &Symbols, here: u16) -> Result<usize, String> {
        Ok(match self {
            Self::Instruction(..) => 2,
            Self::Words(words) => 2 * words.len(),
            Self::Bytes(data) => data.iter().map(Datum::size).sum(),
            Self::Space(count) => {
                encode::number::<u16>(count, symbols, here, 0..=0xFFF, "a count of bytes")?.into()
            }
            Self::Origin(address) => {
                let address: u16 = encode::number(address, symbols, here, 0..=0xFFF, "an address")?;
                let gap = address.checked_sub(here);
                gap.ok_or_else(|| format!("ORG goes back from 0x{here:03X} to 0x{address:03X}"))?
                    .into()
            }
            Self::Constant(..) | Self::Alias(..) => 0,
        })
    }
}

impl Datum {
    fn parse(parser: &mut Parser<'_>) -> Result<Self, String> {
        match parser.rest() {
            [Token::Text(text), ..] => {
                parser.next();
                Ok(Self::Text(text.clone()))
            }
            _ => Expression::parse(parser).map(Self::Byte),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Byte(_) => 1,
            Self::Text(text) => text.len(),
        }
    }
}

fn at_least_one<T>(items: Vec<T>, directive: &str) -> Result<Vec<T>, String> {
    if items.is_empty() {
        Err(format!("{directive} needs at least one value"))
    } else {
        Ok(items)
    }
}
