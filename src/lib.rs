//! Mien as a library: what the program's commands are made of.
//!
//! [`run`] is the whole program. [`offline`] tracks a recorded or synthetic source from its first frame
//! to its last; the commands dress it up for the command line.

#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod output;

mod build_info;
mod cli;
mod commands;
#[cfg(feature = "gui")]
mod desktop;
mod doctor;
mod file_limit;
mod identity;
mod interrupt;
mod live;
mod logging;
mod names;
mod networks;
pub mod offline;
mod readiness;
mod visible;

pub use cli::run;
pub use live::{Live, Outlet};
pub use names::{Names, NamesByTrack};
pub use networks::{GpuChoice, NetworkOptions, Networks};
