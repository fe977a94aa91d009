(;
// Asks the host for more of everything than it can have: handles, pollables, random bytes, header fields, lists, lines of log.
package test:flood@1.0.0;

interface tools {
    resource thing {
        constructor();
    }
    /// Makes so many things that wait, keeps them all, and answers with their number.
    pollables: func(count: u32) -> u32;
    /// Waits for one thing under so many names at once.
    poll: func(count: u32) -> u32;
    /// Takes so many random bytes at once.
    random: func(bytes: u64) -> u64;
    /// Gives a set of HTTP headers so many fields of so many bytes, and answers with how many it took.
    fields: func(count: u32, bytes: u32) -> u32;
    /// Makes resources of its own and keeps them.
    things: func(count: u32) -> u32;
    /// Answers with so many empty lists.
    lists: func(count: u32) -> list<list<u8>>;
    /// Answers with so many empty records of many names.
    records: func(count: u32) -> list<record-of-names>;
    /// Writes a line of so many empty fields, so often.
    lines: func(fields: u32, times: u32);
    /// Writes to standard output in the largest pieces there are, so often.
    print: func(times: u32);
    /// Takes so many more elements of a table; -1 when the host says no.
    elements: func(count: u32) -> s32;
    /// The clocks: monotonic, its resolution, nanoseconds of the day's.
    clocks: func() -> tuple<u64, u64, u32>;

    record record-of-names {
        a-name-that-is-long-enough-to-be-felt-when-it-is-repeated: bool,
        another-name-that-is-long-enough-to-be-felt-as-well: bool,
    }
}

world guest {
    import wasi:io/poll@0.2.0;
    import wasi:io/streams@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;
    import wasi:clocks/wall-clock@0.2.0;
    import wasi:random/random@0.2.0;
    import wasi:cli/stdout@0.2.0;
    import wasi:http/types@0.2.0;
    import hostel:backend/log@0.1.0;
    export tools;
}
;)
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
(import "wasi:clocks/monotonic-clock@0.2.0" "resolution" (func $resolution (result i64)))
(import "wasi:clocks/wall-clock@0.2.0" "now" (func $time (param i32)))
(import "wasi:io/poll@0.2.0" "poll" (func $poll (param i32 i32 i32)))
(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.0" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(import "hostel:backend/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
(import "[export]test:flood/tools@1.0.0" "[resource-new]thing" (func $new (param i32) (result i32)))

(data (i32.const 256) "x-flood")
;; What a terminal and a reader of logs would obey: ESC [ 2 J, and a line of its own.
(data (i32.const 272) "\1b[2J\0a{\22level\22:\22ERROR\22}")

(func (export "test:flood/tools@1.0.0#[constructor]thing") (result i32)
    (call $new (i32.const 0)))

(func (export "test:flood/tools@1.0.0#pollables") (param $count i32) (result i32) (local $made i32)
    (block $done (loop $more
        (br_if $done (i32.ge_u (local.get $made) (local.get $count)))
        (drop (call $subscribe (i64.const 1000000000000)))
        (local.set $made (i32.add (local.get $made) (i32.const 1)))
        (br $more)))
    (local.get $made))

(func (export "test:flood/tools@1.0.0#poll") (param $count i32) (result i32) (local $at i32) (local $end i32) (local $one i32)
    (local.set $one (call $subscribe (i64.const 0)))
    (local.set $at (call $alloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul (local.get $count) (i32.const 4))))
    (local.set $end (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const 4))))
    (block $done (loop $more
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (i32.store (local.get $at) (local.get $one))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $more)))
    (call $poll (i32.sub (local.get $end) (i32.mul (local.get $count) (i32.const 4))) (local.get $count) (i32.const 32))
    (i32.load (i32.const 36)))

(func (export "test:flood/tools@1.0.0#random") (param $bytes i64) (result i64)
    (call $random (local.get $bytes) (i32.const 32))
    (i64.load32_u (i32.const 36)))

(func (export "test:flood/tools@1.0.0#fields") (param $count i32) (param $bytes i32) (result i32)
    (local $made i32) (local $fields i32) (local $value i32)
    (local.set $fields (call $fields))
    (local.set $value (call $alloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $bytes)))
    (memory.fill (local.get $value) (i32.const 97) (local.get $bytes))
    (block $done (loop $more
        (br_if $done (i32.ge_u (local.get $made) (local.get $count)))
        (call $append (local.get $fields) (i32.const 256) (i32.const 7) (local.get $value) (local.get $bytes) (i32.const 32))
        (br_if $done (i32.load8_u (i32.const 32)))
        (local.set $made (i32.add (local.get $made) (i32.const 1)))
        (br $more)))
    (local.get $made))

(func (export "test:flood/tools@1.0.0#things") (param $count i32) (result i32) (local $made i32)
    (block $done (loop $more
        (br_if $done (i32.ge_u (local.get $made) (local.get $count)))
        (drop (call $new (i32.const 0)))
        (local.set $made (i32.add (local.get $made) (i32.const 1)))
        (br $more)))
    (local.get $made))

(func (export "test:flood/tools@1.0.0#lists") (param $count i32) (result i32)
    (i32.store (i32.const 0) (call $alloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul (local.get $count) (i32.const 8))))
    (i32.store (i32.const 4) (local.get $count))
    (i32.const 0))

(func (export "test:flood/tools@1.0.0#records") (param $count i32) (result i32)
    (i32.store (i32.const 0) (call $alloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul (local.get $count) (i32.const 2))))
    (i32.store (i32.const 4) (local.get $count))
    (i32.const 0))

(func (export "test:flood/tools@1.0.0#lines") (param $fields i32) (param $times i32) (local $at i32)
    (local.set $at (call $alloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul (local.get $fields) (i32.const 16))))
    (block $done (loop $more
        (br_if $done (i32.eqz (local.get $times)))
        (call $log (i32.const 4) (i32.const 272) (i32.const 22) (local.get $at) (local.get $fields))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $more))))

(func (export "test:flood/tools@1.0.0#print") (param $times i32) (local $out i32) (local $at i32)
    (local.set $out (call $stdout))
    (local.set $at (call $alloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4096)))
    (memory.fill (local.get $at) (i32.const 97) (i32.const 4096))
    (block $done (loop $more
        (br_if $done (i32.eqz (local.get $times)))
        (call $write (local.get $out) (local.get $at) (i32.const 4096) (i32.const 32))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $more))))

(table $table 1 funcref)
(func (export "test:flood/tools@1.0.0#elements") (param $count i32) (result i32)
    (table.grow $table (ref.null func) (local.get $count)))

(func (export "test:flood/tools@1.0.0#clocks") (result i32)
    (call $time (i32.const 32))
    (i64.store (i32.const 0) (call $now))
    (i64.store (i32.const 8) (call $resolution))
    (i32.store (i32.const 16) (i32.load (i32.const 40)))
    (i32.const 0))
