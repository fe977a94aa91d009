//! Arbitrary bytes as a snapshot file, and as changes of a good one.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostel_host::fuzzing::snapshot(data));
