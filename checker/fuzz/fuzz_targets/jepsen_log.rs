//! Lines of a Jepsen log: no bytes make the reader panic, and what it refuses it places.

#![no_main]

use interregnum_checker::history::jepsen_log;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = jepsen_log::read(bytes, "file") {
        assert!(error.to_string().starts_with("file:"), "{error}");
    }
});
