//! Headings of reStructuredText: lines of text with a line of punctuation below, and above if one likes. Which character
//! means which level is up to each document. Beside them, what a directive describes (`.. function:: open(file)`) heads
//! the lines that are indented below it, as reference manuals consist of little else.

use super::builder::{Builder, Outline};

/// The ends of the names of directives that describe one thing: `function`, `coroutinefunction`, `staticmethod`.
const DESCRIBING: [&str; 12] = [
    "attribute",
    "class",
    "data",
    "decorator",
    "describe",
    "envvar",
    "exception",
    "function",
    "method",
    "opcode",
    "option",
    "property",
];
/// The levels of descriptions are below those of all headings: the deeper the indent, the deeper the level.
const DESCRIPTION_LEVEL: usize = 100;

pub(super) fn outline(lines: &[&str]) -> Outline {
    let mut builder = Builder::new();
    let mut styles: Vec<Style> = Vec::new();
    let mut module = "";
    let mut next = 0;
    while next < lines.len() {
        let index = next;
        next += 1;
        let line = line(lines, index);
        if line.trim().is_empty() {
            continue;
        }
        if let Some((style, text, height)) = heading(lines, index) {
            let level = styles
                .iter()
                .position(|other| *other == style)
                .unwrap_or_else(|| {
                    styles.push(style);
                    styles.len() - 1
                });
            builder.heading(level, &plain(text), index);
            next = index + height;
            continue;
        }
        let level =
            DESCRIPTION_LEVEL + line.chars().take_while(|char| char.is_whitespace()).count();
        match directive(line) {
            Some(("module" | "currentmodule", name)) => module = name,
            Some((kind, text)) if DESCRIBING.iter().any(|end| kind.ends_with(end)) => {
                let is_foreign = ["describe", "envvar", "opcode", "option"]
                    .iter()
                    .any(|end| kind.ends_with(end));
                let is_of_module = level == DESCRIPTION_LEVEL && !is_foreign;
                let text = if is_of_module {
                    qualified(&plain(text), module)
                } else {
                    plain(text)
                };
                builder.description(level, &text, index);
            }
            _ => builder.end(level, index),
        }
    }
    builder.finish(lines.len())
}

/// The character of the line below a heading, and whether there is one above as well.
type Style = (char, bool);

/// The heading that begins at `index`, and how many lines it takes.
fn heading<'a>(lines: &[&'a str], index: usize) -> Option<(Style, &'a str, usize)> {
    let (first, second) = (
        line(lines, index).trim_end(),
        line(lines, index + 1).trim_end(),
    );
    if let Some(char) = rule(first) {
        let is_closed = line(lines, index + 2).trim_end() == first && !second.trim().is_empty();
        return is_closed.then_some(((char, true), second.trim(), 3));
    }
    let char = rule(second)?;
    let is_title = !first.is_empty()
        && !first.starts_with([' ', '\t'])
        && second.chars().count() >= first.chars().count().min(60);
    is_title.then_some(((char, false), first, 2))
}

/// The character that makes up the whole line, if it is one for headings.
fn rule(line: &str) -> Option<char> {
    let char = line.chars().next()?;
    let is_rule =
        line.len() >= 3 && char.is_ascii_punctuation() && line.chars().all(|other| other == char);
    is_rule.then_some(char)
}

/// The kind of a directive and what follows it: `function` and `open(file)` for `.. py:function:: open(file)`.
fn directive(line: &str) -> Option<(&str, &str)> {
    let (name, text) = line.trim_start().strip_prefix(".. ")?.split_once("::")?;
    let name = name.rsplit(':').next().unwrap_or(name);
    Some((name, text.trim())).filter(|(_, text)| !text.is_empty())
}

/// The full name, by which it is asked for: manuals leave out the module that they are about.
fn qualified(text: &str, module: &str) -> String {
    let is_qualified = module.is_empty()
        || text
            .strip_prefix(module)
            .is_some_and(|rest| rest.starts_with('.'));
    let name_end = text.find('(').unwrap_or(text.len());
    let is_name = text
        .split_at(name_end)
        .0
        .chars()
        .all(|char| char.is_alphanumeric() || matches!(char, '_' | '.'));
    if is_qualified || !is_name {
        text.to_owned()
    } else {
        format!("{module}.{text}")
    }
}

/// Without markup: ``:mod:`re` --- Regular expressions`` is `re --- Regular expressions`.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for (index, part) in text.split('`').enumerate() {
        let is_role = index % 2 == 1;
        let part = if is_role {
            part.split_once(" <")
                .map_or(part, |(shown, _)| shown)
                .trim_start_matches(['!', '~', '.'])
        } else {
            part
        };
        let before_role = part
            .rfind(':')
            .filter(|end| !is_role && *end + 1 == part.len());
        let part = match before_role.and_then(|end| part.get(..end)) {
            Some(role) => role.rsplit_once(':').map_or(part, |(before, _)| before),
            None => part,
        };
        plain.push_str(part);
    }
    plain.replace("\\*", "*").replace('\\', "")
}

fn line<'a>(lines: &[&'a str], index: usize) -> &'a str {
    lines.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{outline, plain};

    fn sections(text: &str) -> Vec<(String, u32, u32)> {
        let lines: Vec<&str> = text.lines().collect();
        let outline = outline(&lines);
        outline
            .sections
            .into_iter()
            .map(|section| (section.heading, section.first_line, section.last_line))
            .collect()
    }

    #[test]
    fn levels_follow_the_order_of_the_styles() {
        let text =
            "*****\nTitle\n*****\nintro\nPart\n====\ntext\nDetail\n------\nmore\nNext\n====\nend";
        let expected = [
            ("", 1, 4),
            ("Part", 5, 7),
            ("Part > Detail", 8, 10),
            ("Next", 11, 13),
        ];
        assert_eq!(
            sections(text),
            expected.map(|(heading, first, last)| (heading.to_owned(), first, last))
        );
    }

    #[test]
    fn descriptions_head_what_is_indented_below_them() {
        let text = "T\n===\n.. class:: A(x)\n\n   Text.\n\n   .. method:: A.run()\n\n      Runs.\n\n   Back.\n\nAfter.\n\n.. note:: no\n";
        let expected = [
            ("", 1, 2),
            ("A(x)", 3, 6),
            ("A(x) > A.run()", 7, 10),
            ("A(x)", 11, 12),
            ("", 13, 15),
        ];
        assert_eq!(
            sections(text),
            expected.map(|(heading, first, last)| (heading.to_owned(), first, last))
        );
    }

    #[test]
    fn descriptions_have_their_full_names() {
        let text = ".. module:: json\n\n.. function:: load(f)\n\n.. function:: json.dump(o)\n.. option:: all\n.. class:: A\n   .. method:: m()\n";
        let headings: Vec<String> = sections(text)
            .into_iter()
            .map(|(heading, ..)| heading)
            .collect();
        assert_eq!(
            headings,
            [
                "",
                "json.load(f)",
                "json.dump(o)",
                "all",
                "json.A",
                "json.A > m()"
            ]
        );
    }

    #[test]
    fn rules_without_a_title_are_no_headings() {
        assert_eq!(
            sections("a\n\n-----\n\nb\n--------------\n"),
            [(String::new(), 1, 4), (String::new(), 5, 6)]
        );
        assert_eq!(
            sections("====  ====\na     b\n====  ====\n"),
            [(String::new(), 1, 3)]
        );
    }

    #[test]
    fn markup_is_taken_out_of_headings() {
        for (text, expected) in [
            (
                ":mod:`re` --- Regular expressions",
                "re --- Regular expressions",
            ),
            ("The :class:`~os.PathLike` type", "The os.PathLike type"),
            ("Using :meth:`!run` and ``x``", "Using run and x"),
            ("f(\\*args)", "f(*args)"),
            ("Colons: yes", "Colons: yes"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }
}
