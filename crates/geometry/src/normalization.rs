//! How pixels become a network's input.

/// Order and range of a network's three input planes: `(byte - mean) × scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization {
    /// Which of red (0), green (1) and blue (2) each plane takes.
    pub channels: [usize; 3],
    /// Subtracted from the byte, one a plane.
    pub mean: [f32; 3],
    /// Factor after the subtraction.
    pub scale: f32,
}

impl Normalization {
    /// RetinaFace: blue, green, red minus the means of ImageNet's training pictures, 104, 117, 123.
    pub const RETINAFACE: Self = Self { channels: [2, 1, 0], mean: [104.0, 117.0, 123.0], scale: 1.0 };
    /// Red, green, blue from 0 to 1: MediaPipe's landmark model.
    pub const UNIT_RGB: Self = Self { channels: [0, 1, 2], mean: [0.0; 3], scale: 1.0 / 255.0 };
    /// Red, green, blue from −1 to 1: MediaPipe's BlazeFace.
    pub const SIGNED_RGB: Self = Self { channels: [0, 1, 2], mean: [127.5; 3], scale: 1.0 / 127.5 };
}
