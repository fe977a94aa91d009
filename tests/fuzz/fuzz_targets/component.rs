//! Arbitrary bytes as a component, up to the list of its tools; nothing is compiled.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostel_host::fuzzing::component(data));
