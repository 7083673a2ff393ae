//! EDN, with tuples of both meanings: no bytes make the reader panic, and what it refuses it places.

#![no_main]

use interregnum_checker::history::edn::{self, Tuples};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for tuples in [Tuples::Plain, Tuples::Independent] {
        if let Err(error) = edn::read(bytes, "file", tuples) {
            assert!(error.to_string().starts_with("file:"), "{error}");
        }
    }
});
