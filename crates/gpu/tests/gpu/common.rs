//! What the tests on a GPU share.

use mien_face::{FrameView, PixelFormat};
use mien_gpu::{Device, DeviceBuffer, FrameLayout, Precision};
use mien_needs::{Need, skip};

pub const FORMATS: [PixelFormat; 4] =
    [PixelFormat::Rgb8, PixelFormat::Bgr8, PixelFormat::Yuyv, PixelFormat::Nv12];

/// The first GPU; without one the test is skipped.
pub fn device() -> Option<Device> {
    match Device::open(0) {
        Ok(device) => Some(device),
        Err(error) => {
            skip(Need::Gpu, error);
            None
        }
    }
}

/// How many random cases to try: MIEN_TEST_CASES, for slow checkers of memory accesses.
pub fn cases(usual: usize) -> usize {
    std::env::var("MIEN_TEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Numbers that look random and are the same in each run (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A whole number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    /// From `low` to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1u64 << 24) as f32)
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 56) as u8).collect()
    }
}

/// A frame of noise on host and device.
pub struct TestFrame {
    pub layout: FrameLayout,
    pub pixels: Vec<u8>,
    pub on_device: DeviceBuffer<u8>,
}

impl TestFrame {
    pub fn new(device: &Device, random: &mut Random, layout: FrameLayout) -> Self {
        let pixels = random.bytes(layout.bytes());
        let on_device = device.alloc_with("a test frame", &pixels).unwrap();
        Self { layout, pixels, on_device }
    }

    /// Of random size, format and stride.
    pub fn any(device: &Device, random: &mut Random, largest: usize) -> Self {
        let format = FORMATS[random.below(4)];
        let (mut width, mut height) = (1 + random.below(largest) as u32, 1 + random.below(largest) as u32);
        if matches!(format, PixelFormat::Yuyv | PixelFormat::Nv12) {
            (width, height) = (width.next_multiple_of(2), height.next_multiple_of(2));
        }
        let tight = format.row_bytes(width);
        let stride = match random.below(3) {
            0 => tight,
            1 => tight.next_multiple_of(16),
            _ => tight + random.below(40),
        };
        Self::new(device, random, FrameLayout::new(width, height, stride, format).unwrap())
    }

    pub fn view(&self) -> FrameView<'_> {
        let FrameLayout { width, height, stride, format } = self.layout;
        FrameView::new(&self.pixels, width, height, stride, format).unwrap()
    }
}

/// A buffer whose bytes are all 255: as numbers, not a number.
pub fn poisoned(device: &Device, bytes: usize) -> DeviceBuffer<u8> {
    let buffer = device.alloc("a test output", bytes).unwrap();
    device.stream().fill_bytes(&buffer, 0xff).unwrap();
    buffer
}

/// A network's input as 32-bit numbers.
pub fn numbers(device: &Device, buffer: &DeviceBuffer<u8>, precision: Precision) -> Vec<f32> {
    let mut bytes = vec![0; buffer.len()];
    device.stream().read(buffer, &mut bytes).unwrap();
    match precision {
        Precision::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Precision::F16 => {
            bytes.as_chunks::<2>().0.iter().map(|b| from_half(u16::from_le_bytes(*b))).collect()
        }
    }
}

/// IEEE 754 binary16.
fn from_half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

/// Holds numbers against the reference: 32-bit to the last bit, half within its rounding.
pub fn assert_same(found: &[f32], expected: &[f32], precision: Precision, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let same = match precision {
            Precision::F32 => found == expected,
            Precision::F16 => (found - expected).abs() <= expected.abs() / 2048.0 + 1e-7,
        };
        assert!(same, "{what}: number {i} is {found}, the host has {expected}");
    }
}
