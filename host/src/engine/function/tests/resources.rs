//! Resources as handles: whose they are, when they are gone, and what a wrong one does.

use super::super::{Answer, Function, ParamError, Receiver, Unwritten, Verdict};
use super::guest::{Guest, HANDLES_MAX, Outcome, component};

const WORLD: &str = "
    package test:shop;
    world w { export shop; }
    interface shop {
        record config { start: u32 }
        resource session {
            constructor(config: config) -> result<session, string>;
            add: func(x: u32) -> result<u32, string>;
        }
        resource cart {
            constructor(size: u32);
            size: func() -> u32;
            merge: static func(a: cart, b: borrow<cart>) -> u32;
            two: static func(a: cart, b: cart);
        }
        resource coupon { constructor(); }
        open-many: func(count: u32) -> list<cart>;
        redeem: func(coupon: borrow<coupon>) -> u32;
        dropped: func() -> u32;
    }";

/// A resource is a number, its representation. Those that were dropped are counted.
const CORE: &str = r#"(module
    (import "[export]test:shop/shop" "[resource-new]session" (func $new_session (param i32) (result i32)))
    (import "[export]test:shop/shop" "[resource-new]cart" (func $new_cart (param i32) (result i32)))
    (import "[export]test:shop/shop" "[resource-rep]cart" (func $cart_rep (param i32) (result i32)))
    (import "[export]test:shop/shop" "[resource-drop]cart" (func $drop_cart (param i32)))
    (import "[export]test:shop/shop" "[resource-new]coupon" (func $new_coupon (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "too many")
    (global $dropped (mut i32) (i32.const 0))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "test:shop/shop#[constructor]session") (param $start i32) (result i32)
        (if (i32.lt_u (local.get $start) (i32.const 100))
            (then
                (i32.store (i32.const 16) (i32.const 0))
                (i32.store (i32.const 20) (call $new_session (local.get $start))))
            (else
                (i32.store (i32.const 16) (i32.const 1))
                (i32.store (i32.const 20) (i32.const 64))
                (i32.store (i32.const 24) (i32.const 8))))
        (i32.const 16))
    (func (export "test:shop/shop#[method]session.add") (param $start i32) (param $x i32) (result i32)
        (i32.store (i32.const 16) (i32.const 0))
        (i32.store (i32.const 20) (i32.add (local.get $start) (local.get $x)))
        (i32.const 16))
    (func (export "test:shop/shop#[dtor]session") (param i32))
    (func (export "test:shop/shop#[constructor]cart") (param $size i32) (result i32) (call $new_cart (local.get $size)))
    (func (export "test:shop/shop#[method]cart.size") (param $size i32) (result i32) (local.get $size))
    (func (export "test:shop/shop#[static]cart.merge") (param $a i32) (param $b i32) (result i32)
        (i32.add (call $cart_rep (local.get $a)) (local.get $b))
        (call $drop_cart (local.get $a)))
    (func (export "test:shop/shop#[static]cart.two") (param $a i32) (param $b i32)
        (call $drop_cart (local.get $a))
        (call $drop_cart (local.get $b)))
    (func (export "test:shop/shop#[dtor]cart") (param i32)
        (global.set $dropped (i32.add (global.get $dropped) (i32.const 1))))
    (func (export "test:shop/shop#[constructor]coupon") (result i32) (call $new_coupon (i32.const 9)))
    (func (export "test:shop/shop#redeem") (param $coupon i32) (result i32) (local.get $coupon))
    (func (export "test:shop/shop#dropped") (result i32) (global.get $dropped))
    (func (export "test:shop/shop#open-many") (param $count i32) (result i32) (local $index i32)
        (block $done (loop $next
            (br_if $done (i32.eq (local.get $index) (local.get $count)))
            (i32.store (i32.add (i32.const 128) (i32.mul (local.get $index) (i32.const 4))) (call $new_cart (local.get $index)))
            (local.set $index (i32.add (local.get $index) (i32.const 1)))
            (br $next)))
        (i32.store (i32.const 16) (i32.const 128))
        (i32.store (i32.const 20) (local.get $count))
        (i32.const 16)))"#;

async fn shop() -> Shop {
    Shop {
        guest: Guest::new(&component(WORLD, CORE)).await,
    }
}

struct Shop {
    guest: Guest,
}

impl Shop {
    async fn call(&mut self, name: &str, json: &str) -> Outcome {
        self.guest
            .call(&format!("test:shop/shop#{name}"), json)
            .await
    }

    async fn check(&mut self, name: &str, json: &str, value: &str) {
        assert_eq!(
            self.call(name, json).await,
            Outcome::Value(value.to_owned()),
            "{name} {json}"
        );
    }

    async fn check_refused(&mut self, name: &str, json: &str, message: &str) {
        assert_eq!(
            self.call(name, json).await,
            Outcome::Refused(message.to_owned()),
            "{name} {json}"
        );
    }

    /// Drops what nobody can name any more.
    async fn sweep(&mut self) -> usize {
        let orphans = self.guest.handles.orphans();
        for orphan in &orphans {
            orphan
                .resource_drop_async(&mut self.guest.store)
                .await
                .expect("an orphan can be dropped");
        }
        orphans.len()
    }
}

#[tokio::test]
async fn a_handle_stands_for_a_resource() {
    let mut shop = shop().await;
    shop.check("[constructor]cart", r#"{"size": 5}"#, "\"cart#1\"")
        .await;
    shop.check("[constructor]cart", r#"{"size": 7}"#, "\"cart#2\"")
        .await;
    shop.check("[method]cart.size", r#"{"self": "cart#2"}"#, "7")
        .await;
    shop.check("[method]cart.size", r#"{"self": "cart#1"}"#, "5")
        .await;
    shop.check("[method]cart.size", r#"{"self": "cart#1"}"#, "5")
        .await;
}

#[tokio::test]
async fn a_handle_that_is_given_away_is_gone() {
    let mut shop = shop().await;
    shop.check("open-many", r#"{"count": 2}"#, r#"["cart#1","cart#2"]"#)
        .await;
    shop.check(
        "[static]cart.merge",
        r#"{"a": "cart#1", "b": "cart#2"}"#,
        "1",
    )
    .await;
    let gone = r#"/self: expected a handle of a cart, such as "cart#1", found "cart#1", which is no handle of this session"#;
    shop.check_refused("[method]cart.size", r#"{"self": "cart#1"}"#, gone)
        .await;
    shop.check("[method]cart.size", r#"{"self": "cart#2"}"#, "1")
        .await;
    shop.check("dropped", "", "1").await;
    // Its number is not given again.
    shop.check("open-many", r#"{"count": 1}"#, r#"["cart#3"]"#)
        .await;
}

#[tokio::test]
async fn nothing_is_given_away_unless_all_arguments_fit() {
    let mut shop = shop().await;
    shop.check("open-many", r#"{"count": 2}"#, r#"["cart#1","cart#2"]"#)
        .await;
    for (json, message) in [
        (
            r#"{"a": "cart#1", "b": "cart#9"}"#,
            r#"/b: expected a handle of a cart, such as "cart#1", found "cart#9", which is no handle of this session"#,
        ),
        (
            r#"{"a": "cart#1", "b": 1}"#,
            r#"/b: expected a handle of a cart, such as "cart#1", found 1"#,
        ),
        (
            r#"{"a": "cart#1", "b": "cart#1"}"#,
            r#"/b: expected a handle of a cart, such as "cart#1", found "cart#1", which the same call gives away"#,
        ),
        (
            r#"{"b": "cart#1", "a": "cart#1"}"#,
            r#"/a: expected a handle of a cart, such as "cart#1", found "cart#1", which the same call gives away"#,
        ),
        (
            r#"{"a": "cart#1", "b": "cart#2", "c": 1}"#,
            r#"/c: expected one of "a", "b", found the unknown argument "c""#,
        ),
        (
            r#"{"a": "cart#1", "b": "cart#2"} x"#,
            "expected well-formed JSON, found trailing characters at line 1 column 32",
        ),
    ] {
        shop.check_refused("[static]cart.merge", json, message)
            .await;
    }
    let twice = r#"/b: expected a handle of a cart, such as "cart#1", found "cart#1", which the same call gives away"#;
    shop.check_refused(
        "[static]cart.two",
        r#"{"a": "cart#1", "b": "cart#1"}"#,
        twice,
    )
    .await;
    shop.check(
        "[static]cart.two",
        r#"{"a": "cart#1", "b": "cart#2"}"#,
        "null",
    )
    .await;
    shop.check("dropped", "", "2").await;
}

#[tokio::test]
async fn a_handle_of_another_resource_never_reaches_the_guest() {
    let mut shop = shop().await;
    shop.check("[constructor]coupon", "", "\"coupon#1\"").await;
    shop.check("open-many", r#"{"count": 1}"#, r#"["cart#2"]"#)
        .await;
    let wrong = r#"/self: expected a handle of a cart, such as "cart#1", found "coupon#1", a handle of a coupon"#;
    shop.check_refused("[method]cart.size", r#"{"self": "coupon#1"}"#, wrong)
        .await;
    for handle in [
        "cart#1",
        "cart#02",
        "cart#+2",
        "cart# 2",
        "cart2",
        "#2",
        "cart#",
        "cart#99999999999999999999",
        "",
    ] {
        let json = format!("{{\"self\": {handle:?}}}");
        let message = format!(
            r#"/self: expected a handle of a cart, such as "cart#1", found {handle:?}, which is no handle of this session"#
        );
        shop.check_refused("[method]cart.size", &json, &message)
            .await;
    }
    shop.check("redeem", r#"{"coupon": "coupon#1"}"#, "9").await;
}

#[tokio::test]
async fn a_full_table_refuses_the_answer_and_keeps_the_session() {
    let mut shop = shop().await;
    shop.check("open-many", r#"{"count": 1}"#, r#"["cart#1"]"#)
        .await;
    let full = Outcome::Unwritten(Unwritten::TooManyHandles { limit: HANDLES_MAX });
    assert_eq!(shop.call("open-many", r#"{"count": 3}"#).await, full);
    assert_eq!(shop.sweep().await, 3);
    shop.check("dropped", "", "3").await;
    shop.check("[method]cart.size", r#"{"self": "cart#1"}"#, "0")
        .await;
    shop.check("open-many", r#"{"count": 2}"#, r#"["cart#4","cart#5"]"#)
        .await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_leaves_no_handles() {
    let mut shop = shop().await;
    let outcome = shop
        .guest
        .call_within("test:shop/shop#open-many", r#"{"count": 3}"#, 12)
        .await;
    assert_eq!(
        outcome,
        Outcome::Unwritten(Unwritten::TooLarge { limit: 12 })
    );
    assert!(shop.guest.handles.is_empty());
    assert_eq!(shop.sweep().await, 3);
    shop.check("dropped", "", "3").await;
}

#[tokio::test]
async fn what_is_left_can_be_dropped_in_the_end() {
    let mut shop = shop().await;
    let json = r#"{"count": 3}"#;
    shop.check("open-many", json, r#"["cart#1","cart#2","cart#3"]"#)
        .await;
    let drained = shop.guest.handles.drain();
    assert_eq!(drained.len(), 3);
    for resource in drained {
        let dropped = resource.resource_drop_async(&mut shop.guest.store).await;
        dropped.expect("it can be dropped");
    }
    assert!(shop.guest.handles.is_empty());
    shop.check("dropped", "", "3").await;
}

#[tokio::test]
async fn a_session_is_made_of_its_config_and_received_by_its_methods() {
    let mut shop = shop().await;
    let (constructor, answer) = construct(&mut shop, r#"{"start": 40}"#)
        .await
        .expect("the config fits");
    let session = Function::resource(answer).expect("it is a session");
    let add = shop
        .guest
        .plan("test:shop/shop#[method]session.add")
        .expect("it can be a tool");
    let refused = add.arguments(
        r#"{"self": "session#1", "x": 2}"#,
        Receiver::Session,
        &mut shop.guest.handles,
    );
    assert_eq!(
        refused.map(drop).map_err(|error| error.pointer),
        Err("/self".to_owned())
    );
    for _ in 0..2 {
        let arguments = add
            .arguments(r#"{"x": 2}"#, Receiver::Session, &mut shop.guest.handles)
            .expect("they fit");
        let func = shop.guest.func("test:shop/shop#[method]session.add");
        let answer = add
            .call(&func, &mut shop.guest.store, Some(session), arguments)
            .await
            .expect("it does not trap");
        let mut out = Vec::new();
        assert_eq!(
            add.write(&answer, &mut shop.guest.handles, 100, &mut out),
            Ok(Verdict::Value)
        );
        assert_eq!(out, b"42");
    }

    let (_, answer) = construct(&mut shop, r#"{"start": 100}"#)
        .await
        .expect("the config fits");
    let answer = Function::resource(answer).expect_err("it is an error");
    let mut out = Vec::new();
    assert_eq!(
        constructor.write(&answer, &mut shop.guest.handles, 100, &mut out),
        Ok(Verdict::ToolError)
    );
    assert_eq!(out, b"\"too many\"");

    let refused = construct(&mut shop, r#"{"strat": 1}"#)
        .await
        .map(drop)
        .expect_err("the config does not fit");
    assert_eq!(
        refused.to_string(),
        r#"/strat: expected one of "start", found the unknown field "strat"; did you mean "start"?"#
    );
}

async fn construct(shop: &mut Shop, config: &str) -> Result<(Function, Answer), ParamError> {
    let name = "test:shop/shop#[constructor]session";
    let constructor = shop.guest.plan(name).expect("it can be planned");
    let arguments = constructor.config_arguments(config, &mut shop.guest.handles)?;
    let func = shop.guest.func(name);
    let answer = constructor
        .call(&func, &mut shop.guest.store, None, arguments)
        .await
        .expect("it does not trap");
    Ok((constructor, answer))
}
