//! What stands behind a mnemonic: a register, one of the machine's own words, or a number.

use super::expression::Expression;
use super::parser::Parser;
use super::symbols::Symbols;
use super::token::Token;
use crate::instruction::Register;

/// An operand as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Register(Register),
    /// `I`
    Index,
    /// `[I]`
    AtIndex,
    /// `DT`
    Delay,
    /// `ST`
    Sound,
    /// `K`
    Key,
    /// `F`
    Digit,
    /// `HF`
    LargeDigit,
    /// `B`
    Decimal,
    /// `R`
    Flags,
    Value(Expression),
}

impl Operand {
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Self, String> {
        if parser.take('[') {
            return match parser.next() {
                Some(Token::Name(name)) if name.eq_ignore_ascii_case("I") => {
                    parser.expect(']').map(|()| Self::AtIndex)
                }
                _ => Err("only [I] can stand in brackets".to_owned()),
            };
        }
        if let [Token::Name(name), ..] = parser.rest()
            && let Some(word) = Self::reserved(name)
        {
            parser.next();
            return Ok(word);
        }
        Expression::parse(parser).map(Self::Value)
    }

    /// The operand with a name for a register replaced by the register.
    pub(super) fn resolved(&self, symbols: &Symbols) -> Self {
        match self {
            Self::Value(Expression::Name(name)) => symbols
                .register(name)
                .map_or_else(|| self.clone(), Self::Register),
            _ => self.clone(),
        }
    }

    fn reserved(word: &str) -> Option<Self> {
        let upper = word.to_ascii_uppercase();
        Some(match upper.as_str() {
            "I" => Self::Index,
            "DT" => Self::Delay,
            "ST" => Self::Sound,
            "K" => Self::Key,
            "F" => Self::Digit,
            "HF" => Self::LargeDigit,
            "B" => Self::Decimal,
            "R" => Self::Flags,
            _ => {
                let digit = upper.strip_prefix('V').filter(|digit| digit.len() == 1)?;
                Self::Register(Register::from_str_radix(digit, 16).ok()?)
            }
        })
    }

    /// The kind of operand, for messages.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Register(register) => format!("V{register:X}"),
            Self::Index => "I".to_owned(),
            Self::AtIndex => "[I]".to_owned(),
            Self::Delay => "DT".to_owned(),
            Self::Sound => "ST".to_owned(),
            Self::Key => "K".to_owned(),
            Self::Digit => "F".to_owned(),
            Self::LargeDigit => "HF".to_owned(),
            Self::Decimal => "B".to_owned(),
            Self::Flags => "R".to_owned(),
            Self::Value(Expression::Name(name)) => name.clone(),
            Self::Value(_) => "a number".to_owned(),
        }
    }
}

/// Whether `word` cannot be a name, because it is an operand already.
pub(super) fn is_reserved(word: &str) -> bool {
    Operand::reserved(word).is_some()
}
