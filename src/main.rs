//! The `mien` program.

fn main() -> std::process::ExitCode {
    mien::run()
}
