//! See `interregnum_node::fuzzing::power_failure`.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("there is a place for files"));

fuzz_target!(|bytes: &[u8]| interregnum_node::fuzzing::power_failure(DIR.path(), bytes));
