//! The kernels, each behind a type.

#[cfg(feature = "measure")]
mod apart;
mod crop;
mod decode;
mod landmarks;
mod letterbox;
mod preview;
mod ptx;

#[cfg(feature = "measure")]
pub use apart::LetterboxApart;
pub use crop::{Crop, CropOptions};
pub use decode::RetinaFaceDecode;
pub use landmarks::LandmarksFinish;
pub use letterbox::Letterbox;
pub use preview::Preview;

use crate::DeviceBuffer;

/// Shared memory that every GPU grants a block without being asked.
const SHARED_BYTES: usize = 48 * 1024;

/// A control block's or result block's single element.
fn expect_one<T: bytemuck::Pod>(what: &'static str, buffer: &DeviceBuffer<T>) -> Result<(), crate::GpuError> {
    buffer.expect_len(what, 1)
}
