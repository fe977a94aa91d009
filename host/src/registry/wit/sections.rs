//! The custom sections that carry texts, wherever they are: a toolchain keeps them in the core module that it wraps, and a
//! packer appends them to the finished component.

use std::borrow::Cow;

use wasmparser::{CustomSectionReader, Parser, Payload};

/// WIT text, whose doc comments are wanted.
const WIT: &str = "hostel-wit";
/// Titles and hints of tools, as JSON.
const TOOLS: &str = "hostel-tools";
/// The docs of a WIT package in the format of wit-parser, as other hosts' tools inject it.
const PACKAGE_DOCS: &str = "package-docs";

/// A section may have at most this many bytes.
const BYTES_MAX: usize = 4 << 20;
/// At most this many sections are read.
const SECTIONS_MAX: usize = 64;

/// The sections of one component, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Sections<'a> {
    pub(super) wit: Vec<&'a [u8]>,
    pub(super) tools: Vec<&'a [u8]>,
    pub(super) package_docs: Vec<&'a [u8]>,
    /// Where the names of the `package-docs` sections begin.
    package_docs_names: Vec<usize>,
}

impl<'a> Sections<'a> {
    /// Looks for sections until the end, or until the bytes stop making sense; the decoder will say why.
    pub(super) fn find(component: &'a [u8], warnings: &mut Vec<String>) -> Sections<'a> {
        let mut sections = Sections::default();
        let customs = Parser::new(0)
            .parse_all(component)
            .map_while(Result::ok)
            .filter_map(|payload| match payload {
                Payload::CustomSection(section) => Some(section),
                _ => None,
            });
        for section in customs {
            sections.add(&section, warnings);
        }
        sections
    }

    fn add(&mut self, section: &CustomSectionReader<'a>, warnings: &mut Vec<String>) {
        let name = section.name();
        if name == PACKAGE_DOCS {
            self.package_docs_names
                .extend(section.data_offset().checked_sub(name.len()));
        }
        let kind = match name {
            WIT => &mut self.wit,
            TOOLS => &mut self.tools,
            PACKAGE_DOCS => &mut self.package_docs,
            _ => return,
        };
        if section.data().len() > BYTES_MAX {
            warnings.push(format!(
                "a section {name} is not read: it is larger than {BYTES_MAX} bytes"
            ));
        } else if kind.len() >= SECTIONS_MAX {
            warnings.push(format!(
                "a section {name} is not read: there are more than {SECTIONS_MAX}"
            ));
        } else {
            kind.push(section.data());
        }
    }

    /// The component for the decoder, which would apply `package-docs` itself and fail if it does not fit: in a finished
    /// component it never does. Under another name the section is ignored.
    pub(super) fn without_package_docs<'c>(&self, component: &'c [u8]) -> Cow<'c, [u8]> {
        let mut component = Cow::Borrowed(component);
        for start in &self.package_docs_names {
            if let Some(first) = component.to_mut().get_mut(*start) {
                *first = b'-';
            }
        }
        component
    }
}
