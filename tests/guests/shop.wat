(;
// A component that knows nothing of Hostel: a resource that is no session, two functions of one name, and one at the root.
package test:shop@1.0.0;

interface north {
    greet: func() -> u32;
}

interface south {
    greet: func() -> u32;
}

interface carts {
    resource cart {
        constructor(items: u32);
        add: func(items: u32) -> u32;
        /// Both carts stay as they are.
        together: static func(one: borrow<cart>, other: borrow<cart>) -> u32;
    }
}

world guest {
    export north;
    export south;
    export carts;
    export version: func() -> u32;
}
;)
(import "[export]test:shop/carts@1.0.0" "[resource-new]cart" (func $new (param i32) (result i32)))

(func (export "test:shop/north@1.0.0#greet") (result i32)
    (i32.const 1))

(func (export "test:shop/south@1.0.0#greet") (result i32)
    (i32.const 2))

(func (export "version") (result i32)
    (i32.const 7))

;; A cart is the place of its number of items.
(func (export "test:shop/carts@1.0.0#[constructor]cart") (param $items i32) (result i32) (local $at i32)
    (local.set $at (call $alloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 4)))
    (i32.store (local.get $at) (local.get $items))
    (call $new (local.get $at)))

(func (export "test:shop/carts@1.0.0#[method]cart.add") (param $cart i32) (param $items i32) (result i32)
    (i32.store (local.get $cart) (i32.add (i32.load (local.get $cart)) (local.get $items)))
    (i32.load (local.get $cart)))

(func (export "test:shop/carts@1.0.0#[static]cart.together") (param $one i32) (param $other i32) (result i32)
    (i32.add (i32.load (local.get $one)) (i32.load (local.get $other))))
