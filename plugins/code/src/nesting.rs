//! Refuses sources that nest too deeply before the parser sees them: the parser recurses, and a stack that overflows is
//! a trap, which would cost the session.

use crate::code::ScriptError;

/// On the host's usual 512 KiB of stack the parser fails at about 100 levels.
const LEVELS_MAX: usize = 64;

/// Counts brackets outside of strings and comments. Regular expressions are not told apart from divisions, so an
/// unbalanced bracket in one counts: there would have to be dozens to matter.
pub(crate) fn check(source: &str) -> Result<(), ScriptError> {
    let mut depth = 0_usize;
    let mut line = 1;
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '"' | '\'' => skip_string(&mut chars, char),
            '/' if chars.peek() == Some(&'/') => skip_line(&mut chars),
            '/' if chars.peek() == Some(&'*') => line += skip_comment(&mut chars),
            '\n' => line += 1,
            _ => {}
        }
        if depth > LEVELS_MAX {
            let message = format!("brackets are nested more than {LEVELS_MAX} deep");
            return Err(ScriptError {
                name: "SyntaxError".into(),
                message,
                line: Some(line),
                ..ScriptError::default()
            });
        }
    }
    Ok(())
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// To the closing quote, or to the end of the line: no string goes further, but an apostrophe in a regular expression is
/// not a string.
fn skip_string(chars: &mut Chars<'_>, quote: char) {
    while let Some(char) = chars.next_if(|char| *char != '\n') {
        match char {
            '\\' => drop(chars.next_if(|char| *char != '\n')),
            _ if char == quote => return,
            _ => {}
        }
    }
}

fn skip_line(chars: &mut Chars<'_>) {
    while chars.next_if(|char| *char != '\n').is_some() {}
}

/// Returns how many lines the comment spans.
fn skip_comment(chars: &mut Chars<'_>) -> u32 {
    let mut lines = 0;
    chars.next();
    while let Some(char) = chars.next() {
        match char {
            '*' if chars.peek() == Some(&'/') => return lines,
            '\n' => lines += 1,
            _ => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{LEVELS_MAX, check};

    fn nested(open: &str, close: &str, levels: usize) -> String {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    }

    #[test]
    fn brackets_of_all_kinds_count() {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{a:", "}"),
            ("`${", "}`"),
            ("f(", ")"),
        ] {
            assert!(check(&nested(open, close, LEVELS_MAX)).is_ok(), "{open}");
            assert!(
                check(&nested(open, close, LEVELS_MAX + 1)).is_err(),
                "{open}"
            );
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let many = "(".repeat(500);
        for source in [
            format!("'{many}\\''"),
            format!("\"{many}\""),
            format!("// {many}\n1"),
            format!("/* \n{many} */ 1"),
        ] {
            assert!(check(&source).is_ok(), "{source}");
        }
        assert!(
            check(&format!("/'/; {many}")).is_ok(),
            "the rest of that line is taken for a string"
        );
        assert!(check(&format!("/'/;\n{many}")).is_err());
    }

    #[test]
    fn the_line_is_named() {
        let source = format!("/*\n*/\n{}", "[".repeat(LEVELS_MAX + 1));
        assert_eq!(check(&source).unwrap_err().line, Some(3));
    }
}
