//! The synthetic camera: rendered, moving people with known landmarks, pose and expression.
//!
//! [`SyntheticCamera`] draws the canonical face over a skull with hair, ears, neck and shoulders, by a
//! small software rasteriser: no file, network or graphics device is needed. What it draws is a function
//! of [`SyntheticSettings`] and time alone, and [`SyntheticCamera::truth`] tells where every landmark
//! really is. The demo and many tests run on it; a face detector and a landmark model trained on
//! photographs find its faces.
//!
//! Coordinates are those of `mien_face`. With [`SyntheticSettings::stamp`] each picture carries its own
//! index and capture time, which [`read_stamp`] reads back from the screen's copy of it.

mod appearance;
mod body;
mod camera;
mod expression;
mod eyes;
mod head;
mod lens;
mod motion;
mod random;
mod raster;
mod skin;
mod stamp;
mod texture;
mod vector;

pub use camera::{SyntheticCamera, SyntheticFace, SyntheticSettings};
pub use expression::Expression;
pub use motion::{HeadState, Motion};
pub use stamp::{draw_stamp, read_stamp};
