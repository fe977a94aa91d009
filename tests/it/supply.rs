//! What comes in as a component: whether somebody approved it, what is other than before, and what compiling it may take.

use hostel_tests::Guest;

mod approve;
mod compile;
mod lock;

/// A backend with one tool, and what it says of it.
#[derive(Clone)]
struct Note {
    about: &'static str,
    read_only: bool,
    imports: &'static str,
    params: &'static str,
}

impl Note {
    const FIRST: Self = Self {
        about: "Keeps a note.",
        read_only: true,
        imports: "",
        params: "n: u32",
    };

    fn component(&self) -> Vec<u8> {
        let Self {
            about,
            imports,
            params,
            ..
        } = self;
        let wit = format!(
            "package test:note@1.0.0;\nworld guest {{\n{imports}\n/// {about}\nexport note: func({params}) -> u32;\n}}\n"
        );
        let locals = if params.contains(',') {
            "(param i32 i32)"
        } else {
            "(param i32)"
        };
        // An import that nobody calls is left out.
        let import = if imports.is_empty() {
            ""
        } else {
            "(import \"wasi:random/random@0.2.0\" \"get-random-u64\" (func (result i64)))"
        };
        let core = format!("{import}(func (export \"note\") {locals} (result i32) (i32.const 1))");
        let mut component = Guest::text(&format!("(;\n{wit};)\n{core}")).component();
        append(&mut component, "hostel-wit", wit.as_bytes());
        let read_only = self.read_only;
        let hints =
            format!(r#"{{"version": 1, "tools": {{"note": {{"read_only": {read_only}}}}}}}"#);
        append(&mut component, "hostel-tools", hints.as_bytes());
        component
    }
}

/// Appends a custom section, as `hostel pack` does.
fn append(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let leb = |mut n: usize| {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(n & 0x7f).unwrap();
            n >>= 7;
            bytes.push(if n == 0 { low } else { low | 0x80 });
            if n == 0 {
                return bytes;
            }
        }
    };
    let mut body = leb(name.len());
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(data);
    component.push(0);
    component.extend(leb(body.len()));
    component.extend(body);
}
