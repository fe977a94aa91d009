(;
// A backend in the natural form: a session holds a count, and `double` needs no session.
package test:counter@1.0.0;

interface tools {
    resource session {
        /// Refuses to start above 1000.
        constructor(start: option<u32>) -> result<session, string>;
        add: func(n: u32) -> u32;
        get: func() -> u32;
    }
    double: func(n: u32) -> u32;
}

world guest {
    export tools;
}
;)
(import "[export]test:counter/tools@1.0.0" "[resource-new]session" (func $new (param i32) (result i32)))

(global $count (mut i32) (i32.const 0))
(data (i32.const 256) "too much to start with")

(func (export "test:counter/tools@1.0.0#[constructor]session") (param $given i32) (param $start i32) (result i32)
    (if (i32.gt_u (local.get $start) (i32.const 1000)) (then
        (i32.store (i32.const 0) (i32.const 1))
        (i32.store (i32.const 4) (i32.const 256))
        (i32.store (i32.const 8) (i32.const 22))
        (return (i32.const 0))))
    (global.set $count (local.get $start))
    (i32.store (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (call $new (i32.const 1)))
    (i32.const 0))

(func (export "test:counter/tools@1.0.0#[method]session.add") (param $self i32) (param $n i32) (result i32)
    (global.set $count (i32.add (global.get $count) (local.get $n)))
    (global.get $count))

(func (export "test:counter/tools@1.0.0#[method]session.get") (param $self i32) (result i32)
    (global.get $count))

(func (export "test:counter/tools@1.0.0#double") (param $n i32) (result i32)
    (i32.mul (local.get $n) (i32.const 2)))
