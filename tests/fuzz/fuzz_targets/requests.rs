//! Arbitrary bytes as the body of a request, at every door.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostel_host::fuzzing::requests(data));
