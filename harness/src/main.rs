//! The `interregnum` command. Everything it does is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    interregnum::cli::main()
}
