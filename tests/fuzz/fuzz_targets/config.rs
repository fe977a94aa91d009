//! Arbitrary text as the configuration, in TOML and in JSON.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostel_host::fuzzing::config(data));
