//! Divides a document by its headings, in whichever way its format writes them.

mod builder;
mod html;
mod markdown;
mod rst;

pub(crate) use builder::{Outline, Section};
pub(crate) use html::to_text as html_to_text;

use crate::folder::Format;

/// The title and the sections of a document. The sections follow each other and cover all lines.
pub(crate) fn outline(lines: &[&str], format: Format) -> Outline {
    match format {
        Format::Markdown | Format::Html => markdown::outline(lines),
        Format::ReStructuredText => rst::outline(lines),
        Format::Plain => builder::Builder::new().finish(lines.len()),
    }
}
