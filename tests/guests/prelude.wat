;; Appended to every guest: one memory, and an allocator that only goes forward and traps where no memory is left.
;; Below 4096 are return areas and text; the heap begins there.
(memory (export "memory") 1)
(global $heap (mut i32) (i32.const 4096))
(func $alloc (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32)
    (result i32) (local $at i32) (local $short i32)
    (local.set $at (i32.and
        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.set $short (i32.sub (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
    (if (i32.gt_s (local.get $short) (i32.const 0))
        (then (if (i32.eq (i32.const -1)
            (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $short) (i32.const 16)))))
            (then unreachable))))
    (local.get $at))
