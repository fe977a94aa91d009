//! The text of an HTML document, line for line: tags go, headings become those of Markdown, and every line stays the line
//! it was, so that the numbers of lines are those of the file. Enough for documentation; not a parser of HTML.

/// Elements whose content is not text.
const HIDDEN: [&str; 6] = ["script", "style", "head", "template", "svg", "nav"];

pub(crate) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut title = None;
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let (before, from_tag) = rest.split_at(start);
        text.push_str(&decode(before));
        let Some(tag) = Tag::parse(from_tag) else {
            text.push('<');
            rest = from_tag.get(1..).unwrap_or_default();
            continue;
        };
        let mut skipped = tag.source;
        if HIDDEN.contains(&tag.name.as_str()) && !tag.is_end {
            skipped = content_of(from_tag, &tag.name);
            title = title.or_else(|| title_in(skipped));
        }
        write_tag(&tag, &mut text);
        text.extend(skipped.chars().filter(|char| *char == '\n'));
        rest = from_tag.get(skipped.len()..).unwrap_or_default();
    }
    text.push_str(&decode(rest));
    match title {
        // In front of the first line, which is markup in a document that has a title.
        Some(title) if !text.contains("# ") => format!("# {title}{text}"),
        _ => text,
    }
}

struct Tag<'a> {
    /// From `<` to `>`.
    source: &'a str,
    name: String,
    is_end: bool,
}

impl<'a> Tag<'a> {
    /// The tag or comment that `html` begins with.
    fn parse(html: &'a str) -> Option<Self> {
        if html.starts_with("<!--") {
            let end = html.find("-->").map_or(html.len(), |end| end + 3);
            return Some(Self {
                source: html.get(..end)?,
                name: String::new(),
                is_end: false,
            });
        }
        let inner = html.get(1..)?;
        let is_end = inner.starts_with('/');
        let inner = inner.trim_start_matches('/');
        if !inner.starts_with(|char: char| char.is_ascii_alphabetic() || char == '!' || char == '?')
        {
            return None;
        }
        let source = html.get(..=html.find('>')?)?;
        let name = inner
            .split(|char: char| !char.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        Some(Self {
            source,
            name: name.to_ascii_lowercase(),
            is_end,
        })
    }

    fn heading_level(&self) -> Option<usize> {
        let level: usize = self.name.strip_prefix('h')?.parse().ok()?;
        (1..=6).contains(&level).then_some(level)
    }
}

/// What a tag is in text: the beginning of a heading or of an item, a space between cells, else nothing.
fn write_tag(tag: &Tag<'_>, text: &mut String) {
    match (tag.heading_level(), tag.name.as_str()) {
        (Some(level), _) if !tag.is_end => {
            // Only the start of a line makes a heading; one in the middle of a line is left as text.
            let line = text.rsplit('\n').next().unwrap_or_default();
            if line.trim().is_empty() {
                text.truncate(text.trim_end_matches([' ', '\t']).len());
                text.push_str(&"#".repeat(level));
                text.push(' ');
            }
        }
        (None, "li") if !tag.is_end => text.push_str("- "),
        (None, "td" | "th" | "br" | "p" | "div" | "dd" | "dt") => text.push(' '),
        _ => {}
    }
}

/// From a tag to its end tag, or to the end.
fn content_of<'a>(html: &'a str, name: &str) -> &'a str {
    let closing = format!("</{name}");
    let lower = html.to_ascii_lowercase();
    let end = lower
        .find(&closing)
        .and_then(|at| lower.get(at..)?.find('>').map(|length| at + length + 1));
    html.get(..end.unwrap_or(html.len())).unwrap_or(html)
}

fn title_in(head: &str) -> Option<String> {
    let lower = head.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower.get(start..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find('<')?;
    let title = decode(head.get(start..end)?)
        .split_whitespace()
        .collect::<Vec<&str>>()
        .join(" ");
    (!title.is_empty()).then_some(title)
}

/// The entities that text is full of; others stay as they are.
fn decode(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut decoded = String::with_capacity(text.len());
    let mut parts = text.split('&');
    decoded.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part
            .split_once(';')
            .and_then(|(name, rest)| Some((entity(name)?, rest)))
        {
            Some((char, rest)) => {
                decoded.push(char);
                decoded.push_str(rest);
            }
            None => {
                decoded.push('&');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    let known = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("copy", '©'),
        ("mdash", '—'),
        ("ndash", '–'),
        ("hellip", '…'),
        ("rsquo", '’'),
        ("lsquo", '‘'),
        ("rdquo", '”'),
        ("ldquo", '“'),
        ("para", '¶'),
        ("middot", '·'),
        ("times", '×'),
    ];
    known
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, char)| *char)
}

#[cfg(test)]
mod tests {
    use super::to_text;

    #[test]
    fn tags_go_and_lines_stay() {
        let html = "<!DOCTYPE html>\n<html><head>\n<title>A &amp; B</title><style>p {\n}</style></head>\n<body><p>one <b>two</b>\n&lt;three&gt; &#233;&unknown; 1 < 2</p></body>";
        assert_eq!(
            to_text(html),
            "# A & B\n\n\n\n one two\n<three> é&unknown; 1 < 2 "
        );
    }

    #[test]
    fn headings_and_items_become_those_of_markdown() {
        let html = "<h1 class=\"x\">Title</h1>\n  <h2>Part</h2>\n<ul>\n<li>item</li>\n</ul><script>\nif (a < b) {}\n</script>end";
        assert_eq!(to_text(html), "# Title\n## Part\n\n- item\n\n\nend");
    }

    #[test]
    fn broken_markup_does_not_end_the_text() {
        for (html, text) in [
            ("a < b", "a < b"),
            ("a <b", "a <b"),
            ("<!-- open", ""),
            ("<script>x", ""),
            ("", ""),
            ("é<i>ü</i>", "éü"),
        ] {
            assert_eq!(to_text(html), text);
        }
    }
}
