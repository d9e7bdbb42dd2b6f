//! Which hardware encoder works here.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::Codec;

/// H.264 encoders that take ordinary pictures and the arguments of [`Codec::Hardware`].
const CANDIDATES: [&str; 1] = ["h264_nvenc"];

/// The first hardware encoder that encodes a test picture on this machine, if there is one. ffmpeg
/// lists encoders whose device or driver is missing, so each is tried; the answer is kept.
#[must_use]
pub fn hardware_codec() -> Option<Codec> {
    static FOUND: OnceLock<Option<&'static str>> = OnceLock::new();
    FOUND.get_or_init(|| CANDIDATES.into_iter().find(|name| encodes(name))).map(Codec::Hardware)
}

fn encodes(name: &'static str) -> bool {
    let codec = Codec::Hardware(name).arguments(mien_face::PixelFormat::Rgb8);
    let words =
        format!("-nostdin -v quiet -f lavfi -i testsrc=size=640x480:rate=30 -frames:v 3 {codec} -f null -");
    Command::new("ffmpeg")
        .args(words.split_ascii_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
