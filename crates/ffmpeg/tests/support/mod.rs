//! Inputs that ffmpeg makes, and what is read of them.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::process::Command;

use mien_face::Frame;
use mien_ffmpeg::{DecodeOptions, Decoder, FfmpegError};

/// Runs ffmpeg in a folder to make an input.
pub fn ffmpeg(words: &str, folder: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(words.split(' ')).current_dir(folder);
    assert!(command.status().unwrap().success(), "ffmpeg {words}");
}

/// A frame without its pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub micros: i64,
    pub size: (u32, u32),
    pub is_damaged: bool,
    /// Columns and rows of the box that is white: left, right, top, bottom; nothing without one.
    pub white: Option<[usize; 4]>,
    /// A sum of the pixels that tells different pictures apart.
    pub hash: u64,
}

/// Reads a video to its end.
pub fn read(path: &Path, options: &DecodeOptions) -> (Decoder, Vec<Read>, Option<FfmpegError>) {
    let mut decoder = Decoder::open_with(path, options).unwrap_or_else(|error| panic!("{error}"));
    let (mut frame, mut frames) = (Frame::empty(), Vec::new());
    loop {
        match decoder.next_frame(&mut frame) {
            Ok(true) => frames.push(look(&frame)),
            Ok(false) => return (decoder, frames, None),
            Err(error) => return (decoder, frames, Some(error)),
        }
    }
}

fn look(frame: &Frame) -> Read {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let white = |x: usize, y: usize| frame.pixels[(y * width + x) * 3] > 128;
    let columns: Vec<usize> = (0..width).filter(|&x| (0..height).any(|y| white(x, y))).collect();
    let rows: Vec<usize> = (0..height).filter(|&y| (0..width).any(|x| white(x, y))).collect();
    let ends = |all: &[usize]| Some([*all.first()?, *all.last()? + 1]);
    let white =
        ends(&columns).zip(ends(&rows)).map(|([left, right], [top, bottom])| [left, right, top, bottom]);
    let hash = frame.pixels.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Read {
        micros: frame.capture_nanos / 1000,
        size: (frame.width, frame.height),
        is_damaged: frame.damaged,
        white,
        hash,
    }
}

/// Whether a box is where it is expected, give or take what coding and scaling do.
pub fn is_near(found: Option<[usize; 4]>, expected: [usize; 4]) -> bool {
    found.is_some_and(|found| found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2))
}
