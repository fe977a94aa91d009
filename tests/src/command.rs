//! The `hostel` command for tests: the same library, in a binary that cargo builds with them.

use std::process::ExitCode;

fn main() -> ExitCode {
    hostel_host::cli::main()
}
