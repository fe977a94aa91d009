//! Numbers that the source leaves to be worked out: `sprite + 5 * (count - 1)`.

use super::parser::Parser;
use super::symbols::Symbols;
use super::token::Token;

/// How deep parentheses and minus signs nest, and how many operands a sum or a product has. The source is a stranger's,
/// and the stack is small.
const DEPTH_MAX: usize = 32;
const OPERANDS_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Number(i64),
    Name(String),
    /// `$`, the address of the statement it stands in.
    Here,
    Negative(Box<Self>),
    Binary(Box<Self>, char, Box<Self>),
}

impl Expression {
    /// Sums of products of numbers, names, `$` and expressions in parentheses.
    pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Self, String> {
        Self::sum(parser, 0)
    }

    fn sum(parser: &mut Parser<'_>, depth: usize) -> Result<Self, String> {
        Self::chain(parser, &['+', '-'], |parser| {
            Self::chain(parser, &['*', '/'], |parser| Self::atom(parser, depth))
        })
    }

    /// Operands joined by `signs`, grouped from the left.
    fn chain(
        parser: &mut Parser<'_>,
        signs: &[char],
        operand: impl Fn(&mut Parser<'_>) -> Result<Self, String>,
    ) -> Result<Self, String> {
        let mut left = operand(parser)?;
        for _ in 0..OPERANDS_MAX {
            let Some(sign) = signs.iter().copied().find(|&sign| parser.take(sign)) else {
                return Ok(left);
            };
            left = Self::Binary(Box::new(left), sign, Box::new(operand(parser)?));
        }
        Err(format!(
            "more than {OPERANDS_MAX} operands in one expression"
        ))
    }

    fn atom(parser: &mut Parser<'_>, depth: usize) -> Result<Self, String> {
        if depth > DEPTH_MAX {
            return Err(format!(
                "more than {DEPTH_MAX} parentheses inside each other"
            ));
        }
        match parser.next() {
            Some(Token::Number(number)) => Ok(Self::Number(*number)),
            Some(Token::Name(name)) => Ok(Self::Name(name.clone())),
            Some(Token::Sign('$')) => Ok(Self::Here),
            Some(Token::Sign('-')) => Ok(Self::Negative(Box::new(Self::atom(parser, depth + 1)?))),
            Some(Token::Sign('(')) => {
                let inner = Self::sum(parser, depth + 1)?;
                parser.expect(')')?;
                Ok(inner)
            }
            Some(token) => Err(format!(
                "expected a number or a name, found {}",
                token.show()
            )),
            None => Err("expected a number or a name, found the end of the line".to_owned()),
        }
    }

    /// The value, where the names mean what `symbols` says and `$` is `here`.
    pub(super) fn value(&self, symbols: &Symbols, here: u16) -> Result<i64, String> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Name(name) => symbols.value(name),
            Self::Here => Ok(here.into()),
            Self::Negative(inner) => Ok(-inner.value(symbols, here)?),
            Self::Binary(left, sign, right) => {
                let (left, right) = (left.value(symbols, here)?, right.value(symbols, here)?);
                let result = match sign {
                    '+' => left.checked_add(right),
                    '-' => left.checked_sub(right),
                    '*' => left.checked_mul(right),
                    _ if right == 0 => return Err("division by 0".to_owned()),
                    _ => left.checked_div(right),
                };
                result
                    .filter(|value| value.abs() <= i64::from(u32::MAX))
                    .ok_or_else(|| "the result is too large".to_owned())
            }
        }
    }
}
