//! Lab Streaming Layer, in a process of its own.
//!
//! liblsl answers whoever reaches its ports: it evaluates their queries, keeps what they send, and holds their
//! connections open, all without a limit, and it ends the program when memory or threads run out. So nothing of it
//! is ever loaded by the process that records. The supervising process starts a child (this program again, as a
//! [`Launch`] says) that owns every outlet and makes every search; whatever happens to the child costs LSL a gap and
//! the recording nothing.
//!
//! # Roles
//! In the supervising process:
//! - [`Publisher`]: the outlets as the rest of the program sees them. Takes rows without ever waiting.
//! - `keeper`: starts the child, feeds it, watches it, ends it, starts the next one.
//! - `child`: one such process: its pipes, its end.
//! - `watch`: what a child may use. Threads that never sleep are moved out of everybody's way.
//! - `chatter`: a child's log, bounded.
//! - [`find_required`]: a search for streams of others, by a child of its own.
//!
//! In the child:
//! - [`serve`]: limits itself, then does what its standard input says.
//! - `outlets`: the only code that calls liblsl.
//!
//! Between them: `wire`, what goes to the child (rows as binary records, orders as JSON); `report`, what comes back;
//! `configuration`, the settings that liblsl reads.
//!
//! # The pipe
//! Its writing end never blocks. While the child takes nothing, rows wait in a queue of 256 frames, which drops its
//! oldest and counts them. A child that says nothing for [`SILENCE`] is ended and replaced.

mod chatter;
mod child;
mod configuration;
mod keeper;
mod launch;
mod limits;
mod outlets;
mod publisher;
mod report;
mod search;
mod serve;
mod watch;
mod wire;

pub use configuration::Reach;
pub use keeper::SILENCE;
pub use launch::{Launch, StreamError};
pub use limits::Limits;
pub use publisher::{LslNotice, Publisher, PublisherStatus};
pub use report::{RequiredStream, VisibleStream};
pub use search::find_required;
pub use serve::serve;

use std::path::PathBuf;

/// The liblsl that a child would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryInfo {
    /// Where it was found.
    pub path: PathBuf,
    /// Its version, such as `1.18`.
    pub version: String,
}

/// Looks for liblsl. This loads it: only for a process that can be done without.
///
/// # Errors
/// When there is none; the message says what to install.
pub fn library() -> Result<LibraryInfo, StreamError> {
    let library = lsl_sys::load().map_err(|error| StreamError::Refused(error.to_string()))?;
    let version = format!("{}.{}", library.version / 100, library.version % 100);
    Ok(LibraryInfo { path: library.path.clone(), version })
}
