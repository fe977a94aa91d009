//! The schemas and the conversion say the same.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::engine::function::fuzz::{self, dice, dice::Dice};
use crate::engine::function::tests::guest;
use crate::engine::function::tests::wit_text::echo_world;

proptest! {
    #[test]
    fn what_is_written_fits_the_schema(shape in vec(any::<u8>(), 0..64), value in vec(any::<u8>(), 0..256)) {
        let shape = dice::shape(&mut Dice::new(&shape), dice::DEPTH);
        let function = described(&echo_world(&shape));
        // A list of bytes has another form.
        prop_assume!(function.input["properties"]["x"]["type"] == "array");
        let item: Value = serde_json::from_str(&fuzz::written(&shape, &dice::value(&mut Dice::new(&value), &shape)))?;
        prop_assert_eq!(problems(&function.input, &json!({"x": [item]})), Vec::<String>::new());
        prop_assert_eq!(problems(&function.output.expect("it returns a list"), &json!([item])), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_fit_the_schema_is_refused(
        shape in vec(any::<u8>(), 0..64),
        value in vec(any::<u8>(), 0..256),
        place in any::<Index>(),
        edit in any::<Index>(),
    ) {
        let shape = dice::shape(&mut Dice::new(&shape), dice::DEPTH);
        let function = described(&echo_world(&shape));
        prop_assume!(function.input["properties"]["x"]["type"] == "array");
        let mut arguments: Value = serde_json::from_str(&fuzz::written(&shape, &dice::value(&mut Dice::new(&value), &shape)))?;
        tamper(&mut arguments, place, edit);
        let arguments = json!({"x": [arguments]});
        let problems = problems(&function.input, &arguments);
        if !problems.is_empty() {
            let shape = fuzz::list_of(shape);
            let read = fuzz::read(&shape, &arguments.to_string());
            prop_assert!(read.is_err(), "{} was read as {:?}, but: {:?}", arguments, read, problems);
        }
    }
}

/// What the one function of a world is described as.
fn described(wit: &str) -> FunctionDocs {
    let component = guest::component(wit, &guest::echo(&["echo"]));
    let mut wit = read(&component).expect("it is a component");
    assert_eq!(wit.warnings, Vec::<String>::new());
    wit.functions.pop().expect("it has a function")
}

fn problems(schema: &Value, instance: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(schema).expect("the schema is one");
    validator
        .iter_errors(instance)
        .map(|error| error.to_string())
        .collect()
}

/// Puts something wrong somewhere. Left out is what is read though it is not written: an empty array for bytes, an empty
/// object for flags, and the short forms of names, numbers and variants.
fn tamper(value: &mut Value, place: Index, edit: Index) {
    let count = places(value);
    let mut wanted = place.index(count);
    let target = at(value, &mut wanted).expect("the place was counted");
    let strangers = [
        json!(null),
        json!(true),
        json!(5),
        json!(-5),
        json!(5.5),
        json!(1e300),
        json!("\u{1}"),
        json!({"q": 1}),
        json!(["\u{1}"]),
    ];
    match (edit.index(strangers.len() + 2), target) {
        (0, Value::Object(members)) => {
            drop(members.remove(&members.keys().next().cloned().unwrap_or_default()))
        }
        (0, Value::Array(items)) => drop(items.pop()),
        (1, Value::Object(members)) => drop(members.insert("stranger".to_owned(), json!(1))),
        (1, Value::Array(items)) => items.push(items.first().cloned().unwrap_or(json!("\u{1}"))),
        (other, target) => *target = strangers[other % strangers.len()].clone(),
    }
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(places).sum(),
        Value::Object(members) => members.values().map(places).sum(),
        _ => 0,
    }
}

fn at<'v>(value: &'v mut Value, wanted: &mut usize) -> Option<&'v mut Value> {
    if *wanted == 0 {
        return Some(value);
    }
    *wanted -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| at(item, wanted)),
        Value::Object(members) => members.values_mut().find_map(|member| at(member, wanted)),
        _ => None,
    }
}
