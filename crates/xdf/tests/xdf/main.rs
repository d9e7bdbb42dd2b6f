//! Recordings against pyxdf, cut at every byte, and full of garbage.

mod garbage;
mod pyxdf;
mod repair;
mod support;
