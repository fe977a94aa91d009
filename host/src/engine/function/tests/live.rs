//! Every type through a live guest that returns what it gets.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::fuzz::{self, dice, dice::Dice};
use super::super::shape::{Integer, Shape};
use super::guest::{Guest, Outcome, component, echo};
use super::wit_text::echo_world;

proptest! {
    // Every case compiles a component.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_guest_returns_what_it_was_given(shape in vec(any::<u8>(), 0..48), value in vec(any::<u8>(), 0..256)) {
        let shape = dice::shape(&mut Dice::new(&shape), dice::DEPTH);
        let item = dice::value(&mut Dice::new(&value), &shape);
        let text = fuzz::written(&shape, &item);
        // A list of bytes is written in another form.
        prop_assume!(shape != Shape::Integer(Integer::U8));
        let list = format!("[{text}]");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
        let outcome = runtime.block_on(async {
            let mut guest = Guest::new(&component(&echo_world(&shape), &echo(&["echo"]))).await;
            guest.call("echo", &format!("{{\"x\":{list}}}")).await
        });
        prop_assert_eq!(outcome, Outcome::Value(list));
    }
}
