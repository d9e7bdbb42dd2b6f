//! How large a picture may be, by the size of its file, checked before memory is taken for its pixels.
//!
//! A file of some hundred bytes can describe a picture that fills the memory. Photos have less than 20 pixels for each
//! byte of their file; what has many more is an empty surface, or was made to hurt.

/// Most pixels for each byte of the file.
const PIXELS_PER_BYTE: u64 = 64;
/// The same for formats that ffmpeg decodes as a whole, which takes it several times the memory.
const PIXELS_PER_BYTE_IN_FFMPEG: u64 = 16;
/// Fewest and most pixels that are allowed whatever the file's size.
const PIXELS: [u64; 2] = [1 << 25, 1 << 28];
/// Bytes of memory for each byte of the file.
const MEMORY_PER_BYTE: u64 = 768;
/// Least and most memory that reading one picture may take, in bytes.
const MEMORY: [u64; 2] = [768 << 20, 4 << 30];
/// Largest width and height of a network camera's picture in pixels.
pub(crate) const MAX_CAMERA_SIDE: u32 = 8192;
/// Most pixels of a network camera's picture.
pub(crate) const MAX_CAMERA_PIXELS: u64 = 1 << 26;

/// What one picture may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) pixels: u64,
    /// Bytes that its decoder and the copies on the way to red, green, blue take together.
    pub(crate) memory: u64,
}

impl Budget {
    /// Of a picture that has so many bytes in its file.
    pub(crate) fn of_bytes(bytes: u64) -> Self {
        Self {
            pixels: bytes.saturating_mul(PIXELS_PER_BYTE).clamp(PIXELS[0], PIXELS[1]),
            memory: bytes.saturating_mul(MEMORY_PER_BYTE).clamp(MEMORY[0], MEMORY[1]),
        }
    }

    /// Of one that ffmpeg decodes as a whole.
    pub(crate) fn in_ffmpeg(bytes: u64) -> Self {
        let pixels = bytes.saturating_mul(PIXELS_PER_BYTE_IN_FFMPEG).clamp(PIXELS[0], PIXELS[1]);
        Self { pixels, ..Self::of_bytes(bytes) }
    }

    /// The reason where a picture of this size is too large.
    pub(crate) fn check_size(self, width: u32, height: u32) -> Result<(), String> {
        if u64::from(width) * u64::from(height) <= self.pixels {
            return Ok(());
        }
        Err(format!(
            "{width} × {height} pixels are too many for it: at most {} million are read from a file of its size",
            self.pixels / 1_000_000
        ))
    }

    /// The reason where reading a picture of this size takes too much: `decoded` bytes as it is decoded, and
    /// `more_per_pixel` bytes of each pixel beside that.
    pub(crate) fn check_memory(
        self,
        [width, height]: [u32; 2],
        decoded: u64,
        more_per_pixel: u64,
    ) -> Result<(), String> {
        let pixels = u64::from(width) * u64::from(height);
        let needed = decoded.saturating_add(pixels.saturating_mul(more_per_pixel));
        if needed <= self.memory {
            return Ok(());
        }
        let [needed, most] = [needed, self.memory].map(|bytes| bytes >> 20);
        Err(format!(
            "{width} × {height} pixels of this kind take {needed} MiB: at most {most} MiB are taken for a file of \
             its size"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_fit_and_what_expands_does_not() {
        let photo = Budget::of_bytes(5 << 20);
        assert!(photo.check_size(12_000, 9_000).is_ok());
        assert!(photo.check_memory([12_000, 9_000], 3 * 108_000_000, 9).is_ok());
        let small = Budget::of_bytes(907);
        assert!(small.check_size(65_535, 65_535).unwrap_err().contains("at most 33 million"));
        // A megabyte of 16 bits a channel, with transparency.
        let (side, pixels) = (8000, 64_000_000);
        let dense = Budget::of_bytes(1_000_000);
        assert!(dense.check_size(side, side).is_ok());
        assert!(dense.check_memory([side; 2], 8 * pixels, 7).unwrap_err().contains("at most 768 MiB"));
        assert!(Budget::in_ffmpeg(1 << 20).pixels < 34_000_000);
    }
}
