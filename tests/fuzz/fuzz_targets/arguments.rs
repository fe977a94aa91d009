//! Arbitrary text as the arguments of an arbitrary function.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostel_host::fuzzing::arguments(data));
