//! Arbitrary bytes as the sections that carry a component's texts.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostel_host::fuzzing::sections(data));
