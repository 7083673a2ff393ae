//! See `interregnum_node::fuzzing::frames`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| interregnum_node::fuzzing::frames(bytes));
