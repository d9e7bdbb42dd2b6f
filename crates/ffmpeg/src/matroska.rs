//! Writes raw pictures as a Matroska stream that ffmpeg reads from a pipe.
//!
//! Element identifiers are those of RFC 9559. Every picture is a cluster of its own, so that the times
//! are not bound to the 16 bits of a block's relative time stamp.

use std::io::{self, Write};

use mien_face::PixelFormat;

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const CLUSTER: u32 = 0x1F43_B675;
/// Nanoseconds of one tick.
const TICK_NANOS: u64 = 1000;

/// Builds an element of known size.
#[derive(Default)]
struct Element(Vec<u8>);

impl Element {
    fn uint(mut self, id: u32, value: u64) -> Self {
        put(&mut self.0, id, &value.to_be_bytes());
        self
    }

    fn bytes(mut self, id: u32, value: &[u8]) -> Self {
        put(&mut self.0, id, value);
        self
    }

    fn child(self, id: u32, child: Self) -> Self {
        self.bytes(id, &child.0)
    }
}

fn put_id(out: &mut Vec<u8>, id: u32) {
    out.extend(id.to_be_bytes().into_iter().skip_while(|&byte| byte == 0));
}

/// Sizes are written with eight bytes.
fn put_size(out: &mut Vec<u8>, size: u64) {
    out.extend_from_slice(&(size | 1 << 56).to_be_bytes());
}

fn put(out: &mut Vec<u8>, id: u32, content: &[u8]) {
    put_id(out, id);
    put_size(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Writes what precedes the first picture: tight rows of this size and format.
pub(crate) fn write_headers(
    out: &mut impl Write,
    width: u32,
    height: u32,
    format: PixelFormat,
    rate_hz: f64,
) -> io::Result<()> {
    let four_cc = match format {
        PixelFormat::Rgb8 => b"RGB\x18",
        PixelFormat::Bgr8 => b"BGR\x18",
        PixelFormat::Yuyv => b"YUY2",
        PixelFormat::Nv12 => b"NV12",
    };
    let mut stream = Vec::new();
    let ebml = Element::default()
        .uint(0x4286, 1) // EBMLVersion
        .uint(0x42F7, 1) // EBMLReadVersion
        .uint(0x42F2, 4) // EBMLMaxIDLength
        .uint(0x42F3, 8) // EBMLMaxSizeLength
        .bytes(0x4282, b"matroska") // DocType
        .uint(0x4287, 4) // DocTypeVersion
        .uint(0x4285, 2); // DocTypeReadVersion
    put(&mut stream, EBML, &ebml.0);
    put_id(&mut stream, SEGMENT);
    stream.extend_from_slice(&[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]); // Length unknown.
    let info = Element::default()
        .uint(0x2A_D7B1, TICK_NANOS) // TimestampScale
        .bytes(0x4D80, b"mien") // MuxingApp
        .bytes(0x5741, b"mien"); // WritingApp
    put(&mut stream, INFO, &info.0);
    let video = Element::default()
        .uint(0xB0, u64::from(width)) // PixelWidth
        .uint(0xBA, u64::from(height)) // PixelHeight
        .bytes(0x2E_B524, four_cc); // UncompressedFourCC
    let track = Element::default()
        .uint(0xD7, 1) // TrackNumber
        .uint(0x73C5, 1) // TrackUID
        .uint(0x83, 1) // TrackType: video
        .bytes(0x86, b"V_UNCOMPRESSED") // CodecID
        .uint(0x23_E383, (1e9 / rate_hz) as u64) // DefaultDuration
        .child(0xE0, video); // Video
    put(&mut stream, TRACKS, &Element::default().child(0xAE, track).0);
    out.write_all(&stream)
}

/// Writes one picture, to be shown at `nanos` (not negative) from the start.
pub(crate) fn write_picture(out: &mut impl Write, nanos: u64, pixels: &[u8]) -> io::Result<()> {
    // SimpleBlock: track 1, at the cluster's own time, a key frame.
    const BLOCK: [u8; 4] = [0x81, 0, 0, 0x80];
    let mut head = Vec::with_capacity(64);
    let timestamp = Element::default().uint(0xE7, nanos / TICK_NANOS);
    let block_bytes = (BLOCK.len() + pixels.len()) as u64;
    put_id(&mut head, CLUSTER);
    put_size(&mut head, timestamp.0.len() as u64 + 1 + 8 + block_bytes);
    head.extend_from_slice(&timestamp.0);
    put_id(&mut head, 0xA3);
    put_size(&mut head, block_bytes);
    head.extend_from_slice(&BLOCK);
    out.write_all(&head)?;
    out.write_all(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        let mut out = Vec::new();
        put(&mut out, 0x42_86, &[1]);
        assert_eq!(out, [0x42, 0x86, 0x01, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn a_picture_is_a_cluster_of_the_stated_size() {
        let mut out = Vec::new();
        write_picture(&mut out, 33_366_000, &[7; 30]).unwrap();
        let size = u64::from_be_bytes(out[4..12].try_into().unwrap()) & ((1 << 56) - 1);
        assert_eq!(size as usize, out.len() - 12);
    }
}
