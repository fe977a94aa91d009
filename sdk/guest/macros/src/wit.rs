//! Writes a backend down as WIT: one package, the interface `tools`, and the world `backend` that exports it.

use crate::{
    model::{
        Backend, Case, Constructor, Fails, Field, Function, Parameter, Payload, Receiver, Resource,
        Shape, Type, TypeDef,
    },
    names::escaped,
};

/// The whole text. wit-bindgen reads it, and the component carries it for its docs.
pub(crate) fn text(backend: &Backend) -> String {
    let mut page = Page::default();
    page.docs(&backend.docs);
    page.line(&format!("package {};", backend.package.id()));
    page.gap();
    page.docs(&backend.docs);
    page.open("interface tools");
    for definition in &backend.types {
        page.definition(definition);
    }
    for resource in &backend.resources {
        page.resource(resource);
    }
    for function in &backend.functions {
        page.function(function, "");
        page.gap();
    }
    page.close();
    page.gap();
    page.open("world backend");
    page.line("export tools;");
    page.close();
    page.text
}

/// A type in WIT.
fn type_text(ty: &Type) -> String {
    match ty {
        Type::Plain(name) => (*name).to_owned(),
        Type::List(item) => format!("list<{}>", type_text(item)),
        Type::Option(item) => format!("option<{}>", type_text(item)),
        Type::Result(ok, error) => result_text(ok.as_deref(), error.as_deref()),
        Type::Tuple(items) => tuple_text(items),
        Type::Named(name) | Type::Own(name) => escaped(name),
        Type::Borrow(name) => format!("borrow<{}>", escaped(name)),
    }
}

fn result_text(ok: Option<&Type>, error: Option<&Type>) -> String {
    match (ok.map(type_text), error.map(type_text)) {
        (None, None) => "result".to_owned(),
        (Some(ok), None) => format!("result<{ok}>"),
        (ok, Some(error)) => format!("result<{}, {error}>", ok.as_deref().unwrap_or("_")),
    }
}

fn tuple_text(items: &[Type]) -> String {
    format!(
        "tuple<{}>",
        items.iter().map(type_text).collect::<Vec<_>>().join(", ")
    )
}

/// One type stands for itself, several for a tuple.
fn group_text(items: &[Type]) -> String {
    match items {
        [item] => type_text(item),
        items => tuple_text(items),
    }
}

fn parameters_text(parameters: &[Parameter]) -> String {
    let one = |parameter: &Parameter| {
        format!("{}: {}", escaped(&parameter.name), type_text(&parameter.ty))
    };
    parameters.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// WIT has no docs for parameters: they become lines of the function's docs, which the host takes apart again.
fn docs_with_parameters(docs: &[String], parameters: &[Parameter]) -> Vec<String> {
    let documented = parameters
        .iter()
        .filter(|parameter| !parameter.docs.is_empty());
    let lines: Vec<String> = documented
        .map(|parameter| {
            let words: Vec<&str> = parameter
                .docs
                .iter()
                .map(|line| line.trim())
                .filter(|line| !line.is_empty())
                .collect();
            format!(" - `{}`: {}", parameter.name, words.join(" "))
        })
        .collect();
    let gap = (!docs.is_empty() && !lines.is_empty()).then(String::new);
    docs.iter().cloned().chain(gap).chain(lines).collect()
}

#[derive(Default)]
struct Page {
    text: String,
    depth: usize,
}

impl Page {
    fn definition(&mut self, definition: &TypeDef) {
        if let Shape::Variant(cases) = &definition.shape {
            for case in cases {
                self.payload_record(case);
            }
        }
        self.docs(&definition.docs);
        let name = escaped(&definition.name);
        match &definition.shape {
            Shape::Record(fields) => self.record(&name, fields),
            Shape::Tuple(items) => self.line(&format!("type {name} = {};", group_text(items))),
            Shape::Flags(fields) => {
                self.open(&format!("flags {name}"));
                for field in fields {
                    self.docs(&field.docs);
                    self.line(&format!("{},", escaped(&field.name)));
                }
                self.close();
            }
            Shape::Enum(cases) => self.cases(&format!("enum {name}"), cases),
            Shape::Variant(cases) => self.cases(&format!("variant {name}"), cases),
        }
        self.gap();
    }

    fn record(&mut self, name: &str, fields: &[Field]) {
        self.open(&format!("record {name}"));
        for field in fields {
            self.docs(&field.docs);
            self.line(&format!(
                "{}: {},",
                escaped(&field.name),
                type_text(&field.ty)
            ));
        }
        self.close();
    }

    fn payload_record(&mut self, case: &Case) {
        if let Payload::Record(name, fields) = &case.payload {
            self.docs(&case.docs);
            self.record(&escaped(name), fields);
            self.gap();
        }
    }

    fn cases(&mut self, head: &str, cases: &[Case]) {
        self.open(head);
        for case in cases {
            self.docs(&case.docs);
            let payload = match &case.payload {
                Payload::None => String::new(),
                Payload::Tuple(items) => format!("({})", group_text(items)),
                Payload::Record(name, _) => format!("({})", escaped(name)),
            };
            self.line(&format!("{}{payload},", escaped(&case.name)));
        }
        self.close();
    }

    fn resource(&mut self, resource: &Resource) {
        self.docs(&resource.docs);
        self.open(&format!("resource {}", escaped(&resource.name)));
        if let Some(constructor) = &resource.constructor {
            self.constructor(constructor, &resource.name);
        }
        for function in &resource.functions {
            self.gap();
            self.function(
                function,
                if function.receiver == Receiver::None {
                    "static "
                } else {
                    ""
                },
            );
        }
        self.close();
        self.gap();
    }

    fn constructor(&mut self, constructor: &Constructor, resource: &str) {
        self.docs(&docs_with_parameters(
            &constructor.docs,
            &constructor.parameters,
        ));
        let result = match &constructor.fails {
            Fails::Never => String::new(),
            Fails::With(error) => {
                format!(
                    " -> {}",
                    result_text(Some(&Type::Own(resource.to_owned())), error.as_ref())
                )
            }
        };
        self.line(&format!(
            "constructor({}){result};",
            parameters_text(&constructor.parameters)
        ));
    }

    fn function(&mut self, function: &Function, kind: &str) {
        self.docs(&docs_with_parameters(&function.docs, &function.parameters));
        let result = function
            .result
            .as_ref()
            .map(|ty| format!(" -> {}", type_text(ty)))
            .unwrap_or_default();
        let parameters = parameters_text(&function.parameters);
        self.line(&format!(
            "{}: {kind}func({parameters}){result};",
            escaped(&function.name)
        ));
    }

    fn docs(&mut self, lines: &[String]) {
        for line in lines {
            self.line(&format!("///{line}"));
        }
    }

    fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        // A block ends with its last item, not with the empty line that follows each item.
        while self.text.ends_with("\n\n") {
            self.text.pop();
        }
        self.line("}");
    }

    /// An empty line, except at the beginning of a block.
    fn gap(&mut self) {
        if !self.text.ends_with("{\n") {
            self.text.push('\n');
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&"    ".repeat(self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }
}
