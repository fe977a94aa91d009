//! One line of source as tokens.

/// A word, number or sign of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Number(i64),
    Text(String),
    Sign(char),
}

impl Token {
    /// The token as the author wrote it, for messages.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("{text:?}"),
            Self::Sign(sign) => sign.to_string(),
        }
    }
}

/// Splits a line. A semicolon outside of quotes starts a comment.
pub(super) fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == ';' {
            break;
        }
        let (token, length) = token(rest, first)?;
        tokens.push(token);
        rest = rest.split_at(length).1.trim_start();
    }
    Ok(tokens)
}

/// The token at the start of `text`, and its length in bytes.
fn token(text: &str, first: char) -> Result<(Token, usize), String> {
    match first {
        '"' => quoted(text).map(|(content, length)| (Token::Text(content.to_owned()), length)),
        '%' => picture(text),
        '#' => number(text, 1, 16),
        '0' if text.starts_with("0x") || text.starts_with("0X") => number(text, 2, 16),
        '0' if text.starts_with("0b") || text.starts_with("0B") => number(text, 2, 2),
        '0'..='9' => number(text, 0, 10),
        'A'..='Z' | 'a'..='z' | '_' => {
            let length = length_while(text, |c| c.is_ascii_alphanumeric() || c == '_');
            Ok((Token::Name(text.split_at(length).0.to_owned()), length))
        }
        ',' | ':' | '+' | '-' | '*' | '/' | '(' | ')' | '[' | ']' | '=' | '$' => {
            Ok((Token::Sign(first), 1))
        }
        _ => Err(format!("{first:?} means nothing here")),
    }
}

fn quoted(text: &str) -> Result<(&str, usize), String> {
    let end = text
        .char_indices()
        .skip(1)
        .find(|(_, c)| *c == '"')
        .ok_or("the text has no closing quote")?
        .0;
    let content = text.get(1..end).expect("both quotes are one byte");
    Ok((content, end + 1))
}

/// A number in binary, where `.` is 0 and `#` is 1, so that sprites can be drawn: `%..####..`.
fn picture(text: &str) -> Result<(Token, usize), String> {
    let length = 1 + length_while(text.split_at(1).1, |c| matches!(c, '0' | '1' | '.' | '#'));
    let pixels = text.split_at(length).0.split_at(1).1;
    if pixels.is_empty() || pixels.len() > 16 {
        return Err(format!(
            "% is followed by 1 to 16 pixels, each 0, 1, . or #; here are {}",
            pixels.len()
        ));
    }
    let value = pixels.chars().fold(0, |value, pixel| {
        value << 1 | i64::from(matches!(pixel, '1' | '#'))
    });
    Ok((Token::Number(value), length))
}

fn number(text: &str, prefix: usize, radix: u32) -> Result<(Token, usize), String> {
    let length = prefix
        + length_while(text.split_at(prefix).1, |c| {
            c.is_ascii_alphanumeric() || c == '_'
        });
    let written = text.split_at(length).0;
    let digits = written.split_at(prefix).1.replace('_', "");
    match u32::from_str_radix(&digits, radix) {
        Ok(value) => Ok((Token::Number(value.into()), length)),
        Err(_) => Err(format!(
            "{written} is not a number: write 10, 0x0A, #0A, 0b1010 or %....#.#."
        )),
    }
}

fn length_while(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split() {
        let shown = |line| {
            tokens(line).map(|tokens| tokens.iter().map(Token::show).collect::<Vec<_>>().join(" "))
        };
        let cases = [
            ("", ""),
            ("   ; LD V0", ""),
            ("loop:LD V0,[I] ; x", "loop : LD V0 , [ I ]"),
            ("10 0x1F #1F 0b101 1_000", "10 31 31 5 1000"),
            ("%..####.. %101", "60 5"),
            ("DB \"a;b\", $-2", "DB \"a;b\" , $ - 2"),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (line, message) in [
            ("LD V0, 0xZZ", "0xZZ is not a number"),
            ("99999999999", "99999999999 is not a number"),
            ("DB \"abc", "no closing quote"),
            ("LD V0 & 3", "'&' means nothing here"),
            ("é", "'é' means nothing here"),
            ("DB %", "here are 0"),
        ] {
            let found = tokens(line).unwrap_err();
            assert!(found.contains(message), "{line}: {found}");
        }
    }
}
