//! A block code in the picture that carries the frame's index and capture time.
//!
//! Two rows of 80 squares along the upper edge span the whole width: 64 bits of frame index, 64 bits of
//! capture time in nanoseconds, 32 bits of CRC-32 over both, most significant bit first, white for 1.
//! The squares grow and shrink with the picture, so the code can be read from a scaled copy as well.

use mien_face::{Frame, FrameView, PixelFormat};

const COLUMNS: usize = 80;
const ROWS: usize = 2;
/// Narrower squares are not drawn and cannot be trusted when read.
const SMALLEST_SQUARE: usize = 3;

/// Writes the frame's index and capture time along its upper edge. Pictures narrower than 240 pixels, or
/// lower than the code, and formats other than [`PixelFormat::Rgb8`] and [`PixelFormat::Bgr8`] stay
/// without.
pub fn draw_stamp(frame: &mut Frame) {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let packed = matches!(frame.format, PixelFormat::Rgb8 | PixelFormat::Bgr8);
    if !packed || frame.view().is_err() || !fits(width, height) {
        return;
    }
    let bits = encode(frame.frame_index, frame.capture_nanos);
    for row in 0..ROWS {
        for y in edge(row, width)..edge(row + 1, width) {
            let line = &mut frame.pixels[y * frame.stride..];
            for column in 0..COLUMNS {
                let value = if bits[row * COLUMNS + column] { 255 } else { 0 };
                line[3 * edge(column, width)..3 * edge(column + 1, width)].fill(value);
            }
        }
    }
}

/// Reads frame index and capture time from a picture of any size that was drawn with a stamp, whole and
/// in its own proportions. `None` when there is no code, or a damaged one.
#[must_use]
pub fn read_stamp(view: FrameView<'_>) -> Option<(u64, i64)> {
    let (width, height) = (view.width() as usize, view.height() as usize);
    if !fits(width, height) {
        return None;
    }
    let mut bits = [false; ROWS * COLUMNS];
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            bits[row * COLUMNS + column] = square_brightness(&view, column, row) >= 128;
        }
    }
    decode(&bits)
}

fn fits(width: usize, height: usize) -> bool {
    width >= SMALLEST_SQUARE * COLUMNS && height >= edge(ROWS, width)
}

/// Pixels before the `square`-th square, across as down.
fn edge(square: usize, width: usize) -> usize {
    square * width / COLUMNS
}

/// Mean brightness of the middle of a square.
fn square_brightness(view: &FrameView<'_>, column: usize, row: usize) -> u32 {
    let width = view.width() as usize;
    let middle = |square: usize| {
        let (from, to) = (edge(square, width), edge(square + 1, width));
        let margin = (to - from).div_ceil(3).min((to - from - 1) / 2);
        from + margin..to - margin
    };
    let (mut sum, mut count) = (0, 0);
    for y in middle(row) {
        for x in middle(column) {
            sum += u32::from(brightness(view, x, y));
            count += 1;
        }
    }
    sum / count.max(1)
}

fn brightness(view: &FrameView<'_>, x: usize, y: usize) -> u8 {
    let line = &view.pixels()[y * view.stride()..];
    match view.format() {
        PixelFormat::Rgb8 | PixelFormat::Bgr8 => line[3 * x + 1],
        PixelFormat::Yuyv => line[2 * x],
        PixelFormat::Nv12 => line[x],
    }
}

fn encode(frame_index: u64, capture_nanos: i64) -> [bool; ROWS * COLUMNS] {
    let mut payload = [0; 20];
    payload[..8].copy_from_slice(&frame_index.to_be_bytes());
    payload[8..16].copy_from_slice(&capture_nanos.to_be_bytes());
    let check = crc32(&payload[..16]);
    payload[16..].copy_from_slice(&check.to_be_bytes());
    std::array::from_fn(|i| payload[i / 8] >> (7 - i % 8) & 1 == 1)
}

fn decode(bits: &[bool; ROWS * COLUMNS]) -> Option<(u64, i64)> {
    let mut payload = [0u8; 20];
    for (i, &bit) in bits.iter().enumerate() {
        payload[i / 8] |= u8::from(bit) << (7 - i % 8);
    }
    let (data, check) = payload.split_at(16);
    let (index, nanos) = data.split_at(8);
    if crc32(data).to_be_bytes() != check {
        return None;
    }
    Some((u64::from_be_bytes(index.try_into().ok()?), i64::from_be_bytes(nanos.try_into().ok()?)))
}

/// CRC-32 of ISO-HDLC (reflected 0x04C11DB7), as in zlib.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn blank_pictures_carry_no_stamp() {
        for value in [0, 128, 255] {
            let pixels = vec![value; 640 * 480 * 3];
            let view = FrameView::new(&pixels, 640, 480, 1920, PixelFormat::Rgb8).unwrap();
            assert_eq!(read_stamp(view), None);
        }
    }

    #[test]
    fn every_width_from_240_round_trips() {
        for width in 240..1000 {
            let mut frame = Frame::empty();
            frame.reshape(width, 40, PixelFormat::Rgb8);
            frame.frame_index = u64::from(width) << 40 | 0x5a;
            frame.capture_nanos = -7_000_000_123 * i64::from(width);
            draw_stamp(&mut frame);
            let read = read_stamp(frame.view().unwrap());
            assert_eq!(read, Some((frame.frame_index, frame.capture_nanos)), "{width}");
        }
    }
}
