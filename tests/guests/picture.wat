(;
// Answers with pictures, or what looks like one.
package test:picture@1.0.0;

interface tools {
    record labelled { name: string, frame: list<u8> }
    /// A PNG, as far as anybody looks.
    picture: func() -> list<u8>;
    framed: func() -> labelled;
    /// Bytes that are no picture.
    noise: func() -> list<u8>;
}

world guest {
    export tools;
}
;)
(data (i32.const 256) "\89PNG\0d\0a\1a\0a\00\00\00\0dIHDR.")
(data (i32.const 288) "just some bytes")

(func (export "test:picture/tools@1.0.0#picture") (result i32)
    (i32.store (i32.const 0) (i32.const 256))
    (i32.store (i32.const 4) (i32.const 17))
    (i32.const 0))

(func (export "test:picture/tools@1.0.0#framed") (result i32)
    (i32.store (i32.const 0) (i32.const 257))
    (i32.store (i32.const 4) (i32.const 3))
    (i32.store (i32.const 8) (i32.const 256))
    (i32.store (i32.const 12) (i32.const 17))
    (i32.const 0))

(func (export "test:picture/tools@1.0.0#noise") (result i32)
    (i32.store (i32.const 0) (i32.const 288))
    (i32.store (i32.const 4) (i32.const 15))
    (i32.const 0))
