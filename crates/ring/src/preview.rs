//! The ring of pictures.
//!
//! A picture carries what belongs drawn over it, so that an overlay never lies on another frame.

use std::mem::offset_of;
use std::path::Path;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};
use mien_face::{FaceBox, FrameFaces, HeadPose, LANDMARK_COUNT, MAX_FACES};

use crate::layout::hash_numbers;
use crate::{Entry, RingError, RingKind, RingReader, RingSpec, RingWriter, SegmentName};

/// A face, as far as it is drawn over a picture; smoothed values.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct OverlayFace {
    /// As in [`Face`](mien_face::Face).
    pub track_id: u32,
    /// The detector's confidence 0–1.
    pub score: f32,
    /// Box in pixels of the captured frame.
    pub bounds: FaceBox,
    /// Landmarks: x, y in pixels of the captured frame.
    pub landmarks: [[f32; 2]; LANDMARK_COUNT],
    /// Head pose.
    pub pose: HeadPose,
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct PreviewHeader {
    /// Number of the frame at its source, from 0.
    pub frame_index: u64,
    /// When the frame was captured, on the monotonic clock.
    pub capture_nanos: i64,
    /// Width of the captured frame in pixels: the overlay's coordinates.
    pub frame_width: u32,
    /// Height of the captured frame in pixels.
    pub frame_height: u32,
    /// Width of the picture in pixels; at most the ring's.
    pub width: u32,
    /// Height of the picture in pixels; at most the ring's.
    pub height: u32,
    /// How many of `faces` count.
    pub face_count: u32,
    /// Zero.
    pub reserved: u32,
    /// The faces; those from `face_count` on are zero.
    pub faces: [OverlayFace; MAX_FACES],
}

impl PreviewHeader {
    /// What belongs drawn over the frame that `frame` was found in.
    pub fn set_faces(&mut self, frame: &FrameFaces) {
        self.frame_index = frame.frame_index;
        self.capture_nanos = frame.capture_nanos;
        self.frame_width = frame.frame_width;
        self.frame_height = frame.frame_height;
        self.face_count = frame.faces().len() as u32;
        self.faces = [OverlayFace::zeroed(); MAX_FACES];
        for (overlay, face) in self.faces.iter_mut().zip(frame.faces()) {
            overlay.track_id = face.track_id;
            overlay.score = face.score;
            overlay.bounds = face.bounds;
            overlay.pose = face.smoothed.pose;
            for (target, source) in overlay.landmarks.iter_mut().zip(&face.smoothed.landmarks) {
                *target = [source[0], source[1]];
            }
        }
    }

    /// The faces. A count out of range (a damaged slot) is cut to [`MAX_FACES`].
    #[must_use]
    pub fn faces(&self) -> &[OverlayFace] {
        &self.faces[..(self.face_count as usize).min(MAX_FACES)]
    }
}

const HEADER_BYTES: usize = size_of::<PreviewHeader>();
const _: () = assert!(HEADER_BYTES.is_multiple_of(8));

/// Sizes and places of all that an entry is made of, but for the pixels.
const LAYOUT_HASH: u64 = hash_numbers(&[
    1, // the meaning of the fields; to be raised when it changes but no size does
    HEADER_BYTES as u64,
    offset_of!(PreviewHeader, faces) as u64,
    size_of::<OverlayFace>() as u64,
    offset_of!(OverlayFace, landmarks) as u64,
    offset_of!(OverlayFace, pose) as u64,
]);

/// Most pixels along one side of a preview.
const MAX_SIDE: u64 = 8192;

fn pixel_bytes(width: u64, height: u64) -> u64 {
    width * height * 3
}

/// A picture and what belongs drawn over it.
pub struct PreviewPicture {
    /// What the picture shows.
    pub header: Box<PreviewHeader>,
    /// Pixels: rows of `3 · header.width` bytes, red, green, blue; what follows the last row is garbage.
    pub pixels: Vec<u8>,
}

impl PreviewPicture {
    /// The picture's rows.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        let bytes = pixel_bytes(u64::from(self.header.width), u64::from(self.header.height)) as usize;
        &self.pixels[..bytes.min(self.pixels.len())]
    }
}

/// Writes pictures.
pub struct PreviewWriter {
    ring: RingWriter,
}

/// Makes a camera's ring of pictures of at most `size` (width, height) pixels in `dir`; `slots` is a power
/// of two.
///
/// # Errors
/// As [`RingWriter::create`].
pub fn create_preview(
    dir: &Path,
    session: &str,
    camera: &str,
    size: [u32; 2],
    slots: u64,
    epoch: u64,
) -> Result<PreviewWriter, RingError> {
    let spec = spec(size, slots)?;
    let name = SegmentName::new(session, camera, RingKind::Preview)?;
    Ok(PreviewWriter { ring: RingWriter::create(dir, &name, spec, epoch)? })
}

pub(crate) fn spec([width, height]: [u32; 2], slots: u64) -> Result<RingSpec, RingError> {
    let (width, height) = (u64::from(width), u64::from(height));
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        let reason = format!("a preview of {width}×{height} pixels; each side is 1 to {MAX_SIDE}");
        return Err(RingError::Spec { reason });
    }
    Ok(RingSpec {
        payload_bytes: HEADER_BYTES as u64 + pixel_bytes(width, height),
        slots,
        layout_hash: LAYOUT_HASH,
        parameters: [width, height, 0, 0],
    })
}

impl PreviewWriter {
    /// Most pixels that a picture of this ring has: width, height.
    #[must_use]
    pub fn size(&self) -> [u32; 2] {
        [self.ring.spec().parameters[0] as u32, self.ring.spec().parameters[1] as u32]
    }

    /// Writes one picture over the oldest; returns the entry's number, from 0. `rgb` holds rows of
    /// `3 · header.width` bytes; what the ring has no room for is cut off.
    pub fn publish(&mut self, header: &PreviewHeader, rgb: &[u8]) -> u64 {
        self.ring.publish(&[bytemuck::bytes_of(header), rgb])
    }

    /// Where readers find the ring.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.ring.path()
    }
}

/// Reads pictures.
pub struct PreviewReader {
    ring: RingReader,
    size: [u32; 2],
}

/// Opens a camera's ring of pictures.
///
/// # Errors
/// As [`RingReader::open`], and when the size in the header is not that of the entries.
pub fn open_preview(path: &Path) -> Result<PreviewReader, RingError> {
    let ring = RingReader::open(path, LAYOUT_HASH)?;
    let [width, height, ..] = ring.spec().parameters;
    if width > MAX_SIDE
        || height > MAX_SIDE
        || ring.spec().payload_bytes != HEADER_BYTES as u64 + pixel_bytes(width, height)
    {
        let reason = format!("its entries do not hold pictures of {width}×{height}");
        return Err(RingError::Foreign { path: path.to_path_buf(), reason });
    }
    Ok(PreviewReader { ring, size: [width as u32, height as u32] })
}

impl PreviewReader {
    /// Most pixels that a picture of this ring has: width, height.
    #[must_use]
    pub fn size(&self) -> [u32; 2] {
        self.size
    }

    /// A picture to read into.
    #[must_use]
    pub fn picture(&self) -> PreviewPicture {
        let bytes = pixel_bytes(u64::from(self.size[0]), u64::from(self.size[1])) as usize;
        PreviewPicture { header: bytemuck::allocation::zeroed_box(), pixels: vec![0; bytes] }
    }

    /// Copies the newest picture, unless it was read before. On `None` the picture holds garbage.
    pub fn latest(&mut self, picture: &mut PreviewPicture) -> Option<Entry> {
        let PreviewPicture { header, pixels } = picture;
        let entry = self.ring.latest(&mut [bytemuck::bytes_of_mut(&mut **header), pixels])?;
        // The ring holds no larger picture: a header that says so is damaged.
        (header.width <= self.size[0] && header.height <= self.size[1]).then_some(entry)
    }

    /// Counts all pictures that there are as read, without copying them; whether there was one.
    pub fn skip(&mut self) -> bool {
        self.ring.skip()
    }

    /// Sleeps until there is a picture that was not read, or the time is over. Returns whether there is.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.ring.wait(timeout)
    }

    /// Which life of the worker this is.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.ring.epoch()
    }

    /// Pictures that this reader did not get.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.ring.missed()
    }
}
