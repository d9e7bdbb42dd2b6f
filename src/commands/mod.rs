//! The commands.

pub(crate) mod demo;
pub(crate) mod models;
pub(crate) mod track;
