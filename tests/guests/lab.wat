(;
// Does on request whatever a guest can do to its host. Its hooks are chosen by the test: see `Guest::hook`.
package test:lab@1.0.0;

interface tools {
    /// Adds to the count that this instance keeps.
    add: func(n: u32) -> u32;
    /// Adds, but only after a wait in the host.
    add-later: func(n: u32, ms: u32) -> u32;
    echo: func(text: string) -> string;
    /// The tool's own error.
    fail: func(text: string) -> result<u32, string>;
    /// Waits in the host.
    sleep: func(ms: u32);
    trap: func();
    /// Writes to standard error and traps.
    complain: func(text: string);
    spin: func();
    recurse: func();
    /// Takes memory until there is no more, and then traps.
    hoard: func();
    /// Takes pages of memory; -1 when the host says no.
    grow: func(pages: u32) -> s32;
    /// Takes pages of memory and fills all of it above the first page, in bytes of 0x5a.
    dirty: func(pages: u32);
    /// Takes pages of memory and counts the words in it that are not zero, above the first page.
    residue: func(pages: u32) -> u32;
    /// Answers with so many letters.
    large: func(bytes: u32) -> string;
    /// Writes to standard output, so often.
    print: func(text: string, times: u32);
    /// Writes a structured line.
    log: func(text: string);
    /// Hands the text out as a part of its result, so often, and how often that was refused.
    hand-out: func(text: string, times: u32) -> u32;
    /// Reports its progress and waits in the host, so often; answers with the steps.
    work: func(text: string, steps: u32, ms: u32) -> u32;
    environment: func() -> list<tuple<string, string>>;
    /// What `initialize` was told: 0 id, 1 name, 2 worker, 3 config.
    told: func(what: u32) -> string;
    /// A number that `warmup` drew.
    seed: func() -> u64;
    /// Makes a folder of a random name in the first granted folder; false when the host says no.
    mark: func() -> bool;
}

world guest {
    import wasi:io/poll@0.2.0;
    import wasi:io/streams@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;
    import wasi:random/random@0.2.0;
    import wasi:cli/environment@0.2.0;
    import wasi:cli/stdout@0.2.0;
    import wasi:cli/stderr@0.2.0;
    import wasi:filesystem/preopens@0.2.0;
    import wasi:filesystem/types@0.2.0;
    import hostel:backend/log@0.1.0;
    import hostel:backend/progress@0.1.0;
    export tools;
}
;)
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop_pollable (param i32)))
(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop_stream (param i32)))
(import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
(import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
(import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
(import "wasi:filesystem/types@0.2.0" "[method]descriptor.create-directory-at"
    (func $create_directory (param i32 i32 i32 i32)))
(import "wasi:filesystem/types@0.2.0" "[resource-drop]descriptor" (func $drop_directory (param i32)))
(import "hostel:backend/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
(import "hostel:backend/progress@0.1.0" "report" (func $report (param i64 i32 i64 i32 i32)))
(import "hostel:backend/progress@0.1.0" "partial" (func $partial (param i32 i32 i32)))

(global $count (mut i32) (i32.const 0))
(global $seed (mut i64) (i64.const 0))
(data (i32.const 256) "not today")
(data (i32.const 272) "0123456789abcdef")
;; One field of a log line: ("kind", "test").
(data (i32.const 288) "kindtest")
(data (i32.const 304) "\20\01\00\00\04\00\00\00\24\01\00\00\04\00\00\00")

;; Tools.

(func (export "test:lab/tools@1.0.0#add") (param $n i32) (result i32)
    (global.set $count (i32.add (global.get $count) (local.get $n)))
    (global.get $count))

(func (export "test:lab/tools@1.0.0#add-later") (param $n i32) (param $ms i32) (result i32)
    (call $sleep (local.get $ms))
    (global.set $count (i32.add (global.get $count) (local.get $n)))
    (global.get $count))

(func $text (export "test:lab/tools@1.0.0#echo") (param $text i32) (param $length i32) (result i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (i32.const 0))

(func $refusal (export "test:lab/tools@1.0.0#fail") (param $text i32) (param $length i32) (result i32)
    (i32.store (i32.const 0) (i32.const 1))
    (i32.store (i32.const 4) (local.get $text))
    (i32.store (i32.const 8) (local.get $length))
    (i32.const 0))

(func $sleep (export "test:lab/tools@1.0.0#sleep") (param $ms i32) (local $pollable i32)
    (local.set $pollable
        (call $subscribe (i64.mul (i64.extend_i32_u (local.get $ms)) (i64.const 1000000))))
    (call $block (local.get $pollable))
    (call $drop_pollable (local.get $pollable)))

(func (export "test:lab/tools@1.0.0#trap")
    unreachable)

(func (export "test:lab/tools@1.0.0#complain") (param $text i32) (param $length i32)
    (call $write (call $stderr) (local.get $text) (local.get $length) (i32.const 16))
    unreachable)

(func $spin (export "test:lab/tools@1.0.0#spin")
    (loop $for_ever (br $for_ever)))

(func $recurse (export "test:lab/tools@1.0.0#recurse")
    (call $recurse)
    (call $recurse))

(func $hoard (export "test:lab/tools@1.0.0#hoard")
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable)

(func (export "test:lab/tools@1.0.0#grow") (param $pages i32) (result i32)
    (memory.grow (local.get $pages)))

(func (export "test:lab/tools@1.0.0#dirty") (param $pages i32)
    (drop (memory.grow (local.get $pages)))
    (memory.fill (i32.const 65536) (i32.const 0x5a)
        (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 65536))))

(func (export "test:lab/tools@1.0.0#residue") (param $pages i32) (result i32) (local $at i32) (local $end i32) (local $found i32)
    (drop (memory.grow (local.get $pages)))
    (local.set $end (i32.mul (memory.size) (i32.const 65536)))
    (local.set $at (i32.const 65536))
    (loop $words
        (local.set $found (i32.add (local.get $found) (i32.ne (i32.load (local.get $at)) (i32.const 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br_if $words (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $found))

(func (export "test:lab/tools@1.0.0#large") (param $bytes i32) (result i32) (local $at i32)
    (local.set $at (call $alloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $bytes)))
    (memory.fill (local.get $at) (i32.const 97) (local.get $bytes))
    (call $text (local.get $at) (local.get $bytes)))

(func (export "test:lab/tools@1.0.0#print") (param $text i32) (param $length i32) (param $times i32) (local $out i32)
    (local.set $out (call $stdout))
    (block $done (loop $again
        (br_if $done (i32.eqz (local.get $times)))
        (call $write (local.get $out) (local.get $text) (local.get $length) (i32.const 16))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $again)))
    (call $drop_stream (local.get $out)))

(func (export "test:lab/tools@1.0.0#log") (param $text i32) (param $length i32)
    (call $log (i32.const 3) (local.get $text) (local.get $length) (i32.const 304) (i32.const 1)))

(func (export "test:lab/tools@1.0.0#hand-out")
    (param $text i32) (param $length i32) (param $times i32) (result i32) (local $refused i32)
    (block $done (loop $again
        (br_if $done (i32.eqz (local.get $times)))
        (call $partial (local.get $text) (local.get $length) (i32.const 16))
        (local.set $refused (i32.add (local.get $refused) (i32.load8_u (i32.const 16))))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $again)))
    (local.get $refused))

(func (export "test:lab/tools@1.0.0#work")
    (param $text i32) (param $length i32) (param $steps i32) (param $ms i32) (result i32) (local $step i32)
    (block $done (loop $again
        (br_if $done (i32.ge_u (local.get $step) (local.get $steps)))
        (local.set $step (i32.add (local.get $step) (i32.const 1)))
        (call $report (i64.extend_i32_u (local.get $step)) (i32.const 1) (i64.extend_i32_u (local.get $steps))
            (local.get $text) (local.get $length))
        (call $sleep (local.get $ms))
        (br $again)))
    (local.get $steps))

(func (export "test:lab/tools@1.0.0#environment") (result i32)
    (call $environment (i32.const 0))
    (i32.const 0))

(func (export "test:lab/tools@1.0.0#told") (param $what i32) (result i32) (local $at i32)
    (local.set $at (i32.add (i32.const 512) (i32.mul (local.get $what) (i32.const 8))))
    (call $text (i32.load (local.get $at)) (i32.load (i32.add (local.get $at) (i32.const 4)))))

(func (export "test:lab/tools@1.0.0#seed") (result i64)
    (global.get $seed))

(func (export "test:lab/tools@1.0.0#mark") (result i32)
    (call $mark (i32.const 109)))

;; Makes a folder: a letter and 16 random digits. Every hook that leaves a mark can be counted from outside.
(func $mark (param $letter i32) (result i32) (local $random i64) (local $at i32)
    (call $directories (i32.const 16))
    (if (i32.eqz (i32.load (i32.const 20))) (then (return (i32.const 0))))
    (i32.store8 (i32.const 64) (local.get $letter))
    (local.set $random (call $random))
    (local.set $at (i32.const 65))
    (loop $digits
        (i32.store8 (local.get $at) (i32.load8_u (i32.add
            (i32.const 272) (i32.wrap_i64 (i64.and (local.get $random) (i64.const 15))))))
        (local.set $random (i64.shr_u (local.get $random) (i64.const 4)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $digits (i32.lt_u (local.get $at) (i32.const 81))))
    (call $create_directory (i32.load (i32.load (i32.const 16))) (i32.const 64) (i32.const 17) (i32.const 32))
    (call $drop_directory (i32.load (i32.load (i32.const 16))))
    (i32.eqz (i32.load8_u (i32.const 32))))

;; What a hook does: the builder puts one of these functions in the place of $ok below.

(func $ok (param $letter i32) (result i32)
    (i32.store (i32.const 0) (i32.const 0))
    (i32.const 0))

(func $leave_mark (param $letter i32) (result i32)
    (drop (call $mark (local.get $letter)))
    (call $ok (local.get $letter)))

(func $refuse (param $letter i32) (result i32)
    (call $refusal (i32.const 256) (i32.const 9)))

(func $trap_now (param $letter i32) (result i32)
    unreachable)

(func $hoard_now (param $letter i32) (result i32)
    (call $hoard)
    unreachable)

(func $hang (param $letter i32) (result i32)
    (call $spin)
    unreachable)

;; Waits ten seconds in the host, and is content then.
(func $linger (param $letter i32) (result i32)
    (call $sleep (i32.const 10000))
    (call $leave_mark (local.get $letter)))

;; Waits ten seconds in the host, and refuses then.
(func $linger_and_refuse (param $letter i32) (result i32)
    (drop (call $linger (local.get $letter)))
    (call $refuse (local.get $letter)))

;; Makes a folder named by the letter alone, and refuses if there is one.
(func $fail_second_time (param $letter i32) (result i32)
    (call $directories (i32.const 16))
    (i32.store8 (i32.const 64) (local.get $letter))
    (call $create_directory (i32.load (i32.load (i32.const 16))) (i32.const 64) (i32.const 1) (i32.const 32))
    (call $drop_directory (i32.load (i32.load (i32.const 16))))
    (if (i32.load8_u (i32.const 32)) (then (return (call $refuse (local.get $letter)))))
    (call $ok (local.get $letter)))

(func (export "hostel:backend/warmup@0.1.0#warmup") (result i32)
    (global.set $seed (call $random))
    (call $ok (; warmup ;) (i32.const 119)))

(func (export "hostel:backend/session@0.1.0#initialize")
    (param $id i32) (param $id_length i32) (param $name i32) (param $name_length i32)
    (param $worker i32) (param $worker_length i32) (param $labels i32) (param $labels_length i32)
    (param $temporary i32) (param $config i32) (param $config_length i32) (result i32)
    (i32.store (i32.const 512) (local.get $id))
    (i32.store (i32.const 516) (local.get $id_length))
    (i32.store (i32.const 520) (local.get $name))
    (i32.store (i32.const 524) (local.get $name_length))
    (i32.store (i32.const 528) (local.get $worker))
    (i32.store (i32.const 532) (local.get $worker_length))
    (i32.store (i32.const 536) (local.get $config))
    (i32.store (i32.const 540) (local.get $config_length))
    (call $ok (; initialize ;) (i32.const 105)))

(func (export "hostel:backend/session@0.1.0#cleanup") (result i32)
    (call $ok (; cleanup ;) (i32.const 99)))

(func (export "hostel:backend/shutdown@0.1.0#shutdown")
    (drop (call $ok (; shutdown ;) (i32.const 115))))
