//! The configuration file: parsed, checked, resolved.
//!
//! Two stages. [`parse`] turns text into a [`Config`] in which unknown keys, wrong types and impossible
//! values are errors with file, line and what is allowed; files of earlier versions are migrated first.
//! [`load`] reads a file and resolves its relative paths against its folder.
//!
//! [`save`] writes changes back into the file, which keeps its comments, order and layout ([`edit`]).
//!
//! A [`Config`] is also what the supervising process sends its workers, as JSON.

mod check;
mod edit;
mod error;
mod load;
mod migrate;
pub mod paths;
mod save;
mod secrets;
mod sections;

pub use check::{MOST_CAMERAS, is_name};
pub use edit::edit;
pub use error::{ConfigError, Problem};
pub use load::{TEMPLATE, init, load, parse, print};
pub use migrate::{VERSION, migrate};
pub use save::{load_state, save, save_state, state_file, user_file};
pub use secrets::readable_secret;
pub use sections::{
    Camera, CameraFormat, Config, Detection, EngineKind, EngineSection, Gui, Lsl, LslReach, Models,
    NetworkChoice, Overlay, PrecisionKind, Preview, PrivacyKind, Recording, Rings, Smoothing, Theme,
    VideoKind,
};
