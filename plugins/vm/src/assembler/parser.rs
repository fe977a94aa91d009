//! A walk over the tokens of one line.

use super::token::Token;

/// The tokens that are still to be read.
pub(super) struct Parser<'a> {
    rest: &'a [Token],
}

impl<'a> Parser<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self { rest: tokens }
    }

    pub(super) fn rest(&self) -> &'a [Token] {
        self.rest
    }

    pub(super) fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Reads `sign` if it comes next.
    pub(super) fn take(&mut self, sign: char) -> bool {
        let found = matches!(self.rest, [Token::Sign(next), ..] if *next == sign);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, sign: char) -> Result<(), String> {
        match self.next() {
            Some(Token::Sign(found)) if *found == sign => Ok(()),
            Some(token) => Err(format!("expected {sign}, found {}", token.show())),
            None => Err(format!("expected {sign}, found the end of the line")),
        }
    }

    pub(super) fn expect_end(&self) -> Result<(), String> {
        match self.rest {
            [] => Ok(()),
            [token, ..] => Err(format!(
                "expected the end of the line, found {}",
                token.show()
            )),
        }
    }

    /// One item or more, with commas between them, up to the end of the line. No item is an empty list.
    pub(super) fn list<T>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        while !self.rest.is_empty() {
            items.push(item(self)?);
            if !self.take(',') {
                self.expect_end()?;
            } else if self.rest.is_empty() {
                return Err(
                    "expected something after the comma, found the end of the line".to_owned(),
                );
            }
        }
        Ok(items)
    }
}
