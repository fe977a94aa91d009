//! The document as a page for people: one file, no script, nothing from elsewhere.

use serde_json::Value;

use crate::tool::Tools;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
h1,h2{font-weight:600}code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f6f6f4;padding:.7rem;overflow:auto}\
details{border-top:1px solid #ddd;padding:.4rem 0}summary{cursor:pointer}b.m{display:inline-block;width:4.5rem;text-transform:uppercase;font-size:12px}\
table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}.q{color:#666}\
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}pre{background:#222}details{border-color:#333}a{color:#8bf}.q{color:#999}}";

pub(super) fn render(document: &Value, tools: &Tools) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>Hostel</title><style>{STYLE}</style><h1>Hostel</h1><p>{}</p><p>For programs: <a href=/openapi.json>openapi.json</a></p>",
        escaped(text(document, &["info", "description"]))
    );
    page.push_str("<h2>Tools</h2><table>");
    for tool in tools.iter() {
        let about = tool.description.as_deref().unwrap_or_default();
        let first = about.lines().next().unwrap_or_default();
        page.push_str(&format!(
            "<tr><td><code><a href=\"/v1/tools/{name}\">{name}</a></code><td>{}",
            escaped(first),
            name = escaped(&tool.full_name),
        ));
    }
    page.push_str("</table><h2>Routes</h2>");
    for (path, methods) in members(document, "paths") {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            write_operation(&mut page, path, method, operation);
        }
    }
    page.push_str("<h2>Types</h2>");
    let schemas = document.pointer("/components/schemas");
    for (name, schema) in schemas.and_then(Value::as_object).into_iter().flatten() {
        page.push_str(&format!(
            "<details id=\"{name}\"><summary><code>{name}</code></summary><pre>{}</pre></details>",
            pretty(schema),
            name = escaped(name),
        ));
    }
    page
}

fn write_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    page.push_str(&format!(
        "<details><summary><b class=m>{method}</b> <code>{}</code> <span class=q>{}</span></summary><p>{}</p>",
        escaped(path),
        escaped(text(operation, &["summary"])),
        escaped(text(operation, &["description"])),
    ));
    let parameters = operation.get("parameters").and_then(Value::as_array);
    page.push_str("<table>");
    for parameter in parameters.into_iter().flatten() {
        page.push_str(&format!(
            "<tr><td><code>{}</code><td class=q>{}<td>{}",
            escaped(text(parameter, &["name"])),
            escaped(text(parameter, &["in"])),
            escaped(text(parameter, &["description"])),
        ));
    }
    page.push_str("</table>");
    if let Some(body) = operation.pointer("/requestBody/content/application~1json") {
        let example = body.get("example").map(pretty).unwrap_or_default();
        page.push_str(&format!("<p>Body: {}</p><pre>{example}</pre>", link(body)));
    }
    page.push_str("<table>");
    for (status, response) in members(operation, "responses") {
        let contents = members(response, "content").map(|(_, content)| link(content));
        page.push_str(&format!(
            "<tr><td><code>{}</code><td>{}<td>{}",
            escaped(status),
            escaped(text(response, &["description"])),
            contents.collect::<Vec<_>>().join(" "),
        ));
    }
    page.push_str("</table></details>");
}

/// To the type in the same page.
fn link(content: &Value) -> String {
    let reference = text(content, &["schema", "$ref"]);
    match reference.rsplit_once('/') {
        Some((_, name)) => format!("<a href=\"#{name}\">{name}</a>", name = escaped(name)),
        None => String::new(),
    }
}

fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    let found = path.iter().try_fold(value, |value, name| value.get(name));
    found.and_then(Value::as_str).unwrap_or_default()
}

fn pretty(value: &Value) -> String {
    escaped(&format!("{value:#}"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
