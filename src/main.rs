//! The `mien` program.

fn main() {}
