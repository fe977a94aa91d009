//! Doc comments as descriptions. WIT has no docs for parameters, so lines like ``- `limit`: how many at most`` in the
//! docs of a function are taken for them.

use std::collections::BTreeMap;

/// The docs of a function, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prose {
    /// What is left without the lines about parameters.
    pub(super) description: Option<String>,
    /// By the parameter's WIT name.
    pub(super) parameters: BTreeMap<String, String>,
}

impl Prose {
    /// Takes lines about `parameters` (WIT names) out of `text`. A line belongs to the one before it if it is indented.
    pub(super) fn of(text: &str, parameters: &[&str]) -> Prose {
        let mut prose = Prose::default();
        let mut lines: Vec<&str> = Vec::new();
        let mut current: Option<&str> = None;
        for line in text.lines() {
            if let Some((name, about)) = item(line, parameters) {
                if current.is_none() {
                    drop_heading(&mut lines);
                }
                current = Some(name);
                prose.parameters.insert(name.to_owned(), about.to_owned());
                continue;
            }
            let continued = line.starts_with([' ', '\t']) && !line.trim().is_empty();
            match current
                .filter(|_| continued)
                .and_then(|name| prose.parameters.get_mut(name))
            {
                Some(about) => *about = format!("{about} {}", line.trim()),
                None => {
                    current = None;
                    lines.push(line.trim_end());
                }
            }
        }
        prose.description = clean(&lines.join("\n"));
        prose
    }
}

/// A text without blank edges; None if nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// ``- `name`: about``.
fn item<'p, 't>(line: &'t str, parameters: &[&'p str]) -> Option<(&'p str, &'t str)> {
    let line = line
        .trim_start()
        .strip_prefix(['-', '*'])?
        .trim_start()
        .strip_prefix('`')?;
    let (name, about) = line.split_once('`')?;
    let about = about.trim_start().strip_prefix(':')?.trim();
    let parameter = parameters
        .iter()
        .find(|parameter| **parameter == name || parameter.replace('-', "_") == name)?;
    Some((parameter, about))
}

/// A heading that is left with nothing below it.
fn drop_heading(lines: &mut Vec<&str>) {
    let Some(last) = lines.iter().rposition(|line| !line.is_empty()) else {
        return;
    };
    let heading = lines
        .get(last)
        .map(|line| line.trim_matches([' ', '#', ':', '*']).to_ascii_lowercase());
    if matches!(
        heading.as_deref(),
        Some("parameters" | "arguments" | "params" | "args")
    ) {
        lines.truncate(last);
    }
}
