//! Recordings against pyxdf, cut at every byte, and full of garbage.

mod fuzz;
mod garbage;
mod hostile;
mod pyxdf;
mod repair;
mod support;
