//! Everything that needs a GPU: without one the tests say that they were skipped (see them with
//! `--nocapture`), or fail where MIEN_TEST_GPU=1 says that there must be one. MIEN_TEST_CASES lowers the
//! number of random cases, for `compute-sanitizer`.

mod common;
mod device;
mod jpeg;
mod pictures;
mod results;
