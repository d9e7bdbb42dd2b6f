//! liblsl's functions, found at run time.
//!
//! This crate takes the place of `lsl-sys` 0.1.1 (see `[patch.crates-io]` in the workspace manifest):
//! the `lsl` crate finds the same names and types here, but nothing is compiled or linked. [`load`]
//! looks for the library once:
//!
//! 1. the file that the environment variable `LSL_LIBRARY` names, and no other;
//! 2. the system's `liblsl.so`;
//! 3. `lib/` beside the executable, or in the repository that it was built in: only where the file and its folder
//!    belong to this user or root, and nobody else may write to them.
//!
//! Call [`load`] before anything of `lsl`. Where there is no library, every function here fails the
//! way liblsl reports failure (a null pointer, an error code), so that `lsl` gives errors.

#![allow(non_camel_case_types, non_upper_case_globals)]

mod functions;
mod library;
#[cfg(target_os = "linux")]
mod loopback;

pub use functions::*;
pub use library::{Library, LoadError, MINIMUM_VERSION, load};
#[cfg(target_os = "linux")]
pub use loopback::hear_this_machine_alone;

use std::os::raw::{c_int, c_uint};

macro_rules! handles {
    ($($(#[$doc:meta])* $handle:ident, $target:ident;)*) => {$(
        #[doc(hidden)]
        #[repr(C)]
        #[derive(Debug)]
        pub struct $target {
            _opaque: [u8; 0],
        }
        $(#[$doc])*
        pub type $handle = *mut $target;
    )*};
}

handles! {
    /// A stream's declaration.
    lsl_streaminfo, lsl_streaminfo_struct_;
    /// What samples are pushed into.
    lsl_outlet, lsl_outlet_struct_;
    /// What samples are pulled from.
    lsl_inlet, lsl_inlet_struct_;
    /// A node of a stream's metadata.
    lsl_xml_ptr, lsl_xml_ptr_struct_;
    /// A search for streams in the background.
    lsl_continuous_resolver, lsl_continuous_resolver_;
}

/// Format of a channel.
pub type lsl_channel_format_t = c_uint;
/// Channel format unknown.
pub const lsl_channel_format_t_cft_undefined: lsl_channel_format_t = 0;
/// Channels of 32-bit floats.
pub const lsl_channel_format_t_cft_float32: lsl_channel_format_t = 1;
/// Channels of 64-bit floats.
pub const lsl_channel_format_t_cft_double64: lsl_channel_format_t = 2;
/// Channels of text.
pub const lsl_channel_format_t_cft_string: lsl_channel_format_t = 3;
/// Channels of 32-bit integers.
pub const lsl_channel_format_t_cft_int32: lsl_channel_format_t = 4;
/// Channels of 16-bit integers.
pub const lsl_channel_format_t_cft_int16: lsl_channel_format_t = 5;
/// Channels of 8-bit integers.
pub const lsl_channel_format_t_cft_int8: lsl_channel_format_t = 6;
/// Channels of 64-bit integers.
pub const lsl_channel_format_t_cft_int64: lsl_channel_format_t = 7;

/// What a function reports.
pub type lsl_error_code_t = c_int;
/// No error.
pub const lsl_error_code_t_lsl_no_error: lsl_error_code_t = 0;
/// The time was up.
pub const lsl_error_code_t_lsl_timeout_error: lsl_error_code_t = -1;
/// The stream is gone.
pub const lsl_error_code_t_lsl_lost_error: lsl_error_code_t = -2;
/// An argument was wrong.
pub const lsl_error_code_t_lsl_argument_error: lsl_error_code_t = -3;
/// Something failed inside the library, or there is no library.
pub const lsl_error_code_t_lsl_internal_error: lsl_error_code_t = -4;
