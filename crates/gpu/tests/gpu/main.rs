//! Everything that needs a GPU; without one the tests are skipped. MIEN_TEST_CASES lowers the number of random cases,
//! for `compute-sanitizer`.

mod common;
mod device;
mod jpeg;
mod pictures;
mod results;
