//! What callers and guests cannot make the host do.

use super::super::{Receiver, Unwritten};
use super::guest::{Guest, Outcome, component, dummy, echo};

fn nested(levels: usize) -> String {
    format!(
        "package a:b; world w {{ export echo: func(x: {}bool{}) -> {0}bool{1}; }}",
        "list<".repeat(levels),
        ">".repeat(levels)
    )
}

#[tokio::test]
async fn the_deepest_type_can_be_read_and_written() {
    // One more, and the component is not valid.
    let levels = 99;
    let mut guest = Guest::new(&component(&nested(levels), &echo(&["echo"]))).await;
    let value = format!("{}true{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(
        guest.call("echo", &format!("{{\"x\": {value}}}")).await,
        Outcome::Value(value)
    );
}

#[tokio::test]
async fn types_that_share_their_parts_are_small() {
    let tuples: String = (1..17)
        .map(|level| format!("type t{level} = tuple<t{0}, t{0}>;\n", level - 1))
        .collect();
    let world =
        format!("package a:b; world w {{ type t0 = u8; {tuples} export f: func(x: list<t16>); }}");
    let mut guest = Guest::new(&dummy(&world)).await;
    assert!(guest.plan("f").is_ok());
}

#[tokio::test]
async fn a_short_text_cannot_stand_for_endless_values() {
    let fields: Vec<String> = (0..200)
        .map(|index| format!("a{index}: option<u8>"))
        .collect();
    let world = format!(
        "package a:b; world w {{ record r {{ {} }} export echo: func(x: list<r>) -> list<r>; }}",
        fields.join(", ")
    );
    let mut guest = Guest::new(&component(&world, &echo(&["echo"]))).await;
    let function = guest.plan("echo").expect("it can be a tool");
    let many = |count| format!("{{\"x\": [{{}}{}]}}", ",{}".repeat(count));
    assert!(
        function
            .arguments(&many(1000), Receiver::None, &mut guest.handles)
            .is_ok()
    );
    let refused = function
        .arguments(&many(6000), Receiver::None, &mut guest.handles)
        .map(drop)
        .expect_err("it is too much");
    assert_eq!(
        (refused.expected.as_str(), refused.found.as_str()),
        ("at most 2097152 values in one call", "more")
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_called_off() {
    let world = "package a:b; world w { export text: func(x: string) -> string; export bytes: func(x: list<u8>) -> list<u8>;
        export bools: func(x: list<bool>) -> list<bool>; }";
    let mut guest = Guest::new(&component(world, &echo(&["text", "bytes", "bools"]))).await;
    for (name, value) in [
        ("text", "\"a\\nb\""),
        ("text", "\"\""),
        ("bytes", "\"AAEC\""),
        ("bools", "[true,false]"),
        ("bools", "[]"),
    ] {
        let json = format!("{{\"x\": {value}}}");
        for limit in 0..value.len() {
            let outcome = guest.call_within(name, &json, limit).await;
            assert_eq!(
                outcome,
                Outcome::Unwritten(Unwritten::TooLarge { limit }),
                "{value}"
            );
        }
        assert_eq!(
            guest.call_within(name, &json, value.len()).await,
            Outcome::Value(value.to_owned())
        );
    }
}
