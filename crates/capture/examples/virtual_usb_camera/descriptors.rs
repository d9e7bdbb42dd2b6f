//! What the camera says it is: USB descriptors, and the streaming parameters of USB Video Class 1.0.

/// The picture's formats, in the order of their descriptors (the class counts from 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// A JPEG for each frame.
    Mjpeg,
    /// Packed 4:2:2.
    Yuyv,
    /// Two planes, 4:2:0.
    Nv12,
}

pub const FORMATS: [PictureFormat; 3] = [PictureFormat::Mjpeg, PictureFormat::Yuyv, PictureFormat::Nv12];
/// Widths and heights that every format has.
pub const SIZES: [(u16, u16); 2] = [(640, 480), (320, 240)];
/// Frame intervals in units of 100 ns: 30, 15 and 5 frames a second.
pub const INTERVALS: [u32; 3] = [333_333, 666_666, 2_000_000];
/// Bytes of one payload, its header included: what one transfer of the driver takes.
pub const PAYLOAD_BYTES: u32 = 16_384;
/// The bulk endpoint of the pictures.
pub const VIDEO_ENDPOINT: u8 = 0x81;

/// Units with controls, by their ids.
pub const CAMERA_TERMINAL: u8 = 1;
pub const PROCESSING_UNIT: u8 = 2;

/// Vendor and product for tests, as pid.codes has set them aside.
pub const VENDOR: u16 = 0x1209;
pub const PRODUCT: u16 = 0x0001;

const VIDEO_CLASS: u8 = 0x0E;

impl PictureFormat {
    fn guid(self) -> [u8; 16] {
        let code = match self {
            Self::Nv12 => *b"NV12",
            _ => *b"YUY2",
        };
        let rest = [0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
        let mut guid = [0; 16];
        guid[..4].copy_from_slice(&code);
        guid[4..].copy_from_slice(&rest);
        guid
    }

    fn bits_per_pixel(self) -> u32 {
        if self == Self::Nv12 { 12 } else { 16 }
    }

    /// Most bytes of a picture.
    pub fn frame_bytes(self, (width, height): (u16, u16)) -> u32 {
        u32::from(width) * u32::from(height) * self.bits_per_pixel() / 8
    }
}

pub fn device() -> Vec<u8> {
    let ([v0, v1], [p0, p1]) = (VENDOR.to_le_bytes(), PRODUCT.to_le_bytes());
    // A device whose functions are told by interface associations; names are strings 1 to 3.
    vec![18, 1, 0, 2, 0xEF, 2, 1, 64, v0, v1, p0, p1, 0, 1, 1, 2, 3, 1]
}

pub fn string(index: u8, serial: &str) -> Option<Vec<u8>> {
    let text = match index {
        0 => return Some(vec![4, 3, 0x09, 0x04]),
        1 => "Mien",
        2 => "Virtual camera",
        3 => serial,
        _ => return None,
    };
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Some([vec![2 + units.len() as u8, 3], units].concat())
}

pub fn configuration() -> Vec<u8> {
    let control = control_interface();
    let streaming = streaming_interface();
    let endpoint = vec![7, 5, VIDEO_ENDPOINT, 2, 0, 2, 0];
    let association = vec![8, 0x0B, 0, 2, VIDEO_CLASS, 3, 0, 2];
    let body = [
        association,
        vec![9, 4, 0, 0, 0, VIDEO_CLASS, 1, 0, 2],
        control,
        vec![9, 4, 1, 0, 1, VIDEO_CLASS, 2, 0, 0],
        streaming,
        endpoint,
    ]
    .concat();
    let [low, high] = (9 + body.len() as u16).to_le_bytes();
    [vec![9, 2, low, high, 2, 1, 0, 0x80, 250], body].concat()
}

/// A camera with exposure, a processing unit with brightness, and the way out over USB.
fn control_interface() -> Vec<u8> {
    let camera = vec![18, 0x24, 2, CAMERA_TERMINAL, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x0A, 0, 0];
    let processing = vec![11, 0x24, 5, PROCESSING_UNIT, CAMERA_TERMINAL, 0, 0, 2, 1, 0, 0];
    let output = vec![9, 0x24, 3, 3, 0x01, 0x01, 0, PROCESSING_UNIT, 0];
    let units = [camera, processing, output].concat();
    let [low, high] = (13 + units.len() as u16).to_le_bytes();
    let [c0, c1, c2, c3] = 48_000_000_u32.to_le_bytes();
    [vec![13, 0x24, 1, 0, 1, low, high, c0, c1, c2, c3, 1, 1], units].concat()
}

fn streaming_interface() -> Vec<u8> {
    let formats: Vec<u8> =
        FORMATS.iter().zip(1..).flat_map(|(format, index)| describe(*format, index)).collect();
    let count = FORMATS.len() as u8;
    let [low, high] = (13 + u16::from(count) + formats.len() as u16).to_le_bytes();
    let header = vec![13 + count, 0x24, 1, count, low, high, VIDEO_ENDPOINT, 0, 3, 0, 0, 0, 1];
    [header, vec![0; FORMATS.len()], formats].concat()
}

fn describe(format: PictureFormat, index: u8) -> Vec<u8> {
    let sizes = SIZES.len() as u8;
    let (head, frame_kind) = match format {
        PictureFormat::Mjpeg => (vec![11, 0x24, 6, index, sizes, 1, 1, 0, 0, 0, 0], 7),
        _ => {
            let bits = format.bits_per_pixel() as u8;
            let guid = format.guid().to_vec();
            ([vec![27, 0x24, 4, index, sizes], guid, vec![bits, 1, 0, 0, 0, 0]].concat(), 5)
        }
    };
    let frames = SIZES.iter().zip(1..).flat_map(|(size, index)| frame(format, frame_kind, *size, index));
    let colour = [6, 0x24, 0x0D, 1, 1, 4];
    head.into_iter().chain(frames).chain(colour).collect()
}

fn frame(format: PictureFormat, kind: u8, size: (u16, u16), index: u8) -> Vec<u8> {
    let bytes = format.frame_bytes(size);
    let rate = |interval: u32| bytes * 8 * (10_000_000 / interval);
    let mut frame = vec![26 + 4 * INTERVALS.len() as u8, 0x24, kind, index, 0];
    frame.extend(size.0.to_le_bytes());
    frame.extend(size.1.to_le_bytes());
    frame.extend(rate(INTERVALS[INTERVALS.len() - 1]).to_le_bytes());
    frame.extend(rate(INTERVALS[0]).to_le_bytes());
    frame.extend(bytes.to_le_bytes());
    frame.extend(INTERVALS[0].to_le_bytes());
    frame.push(INTERVALS.len() as u8);
    INTERVALS.iter().for_each(|interval| frame.extend(interval.to_le_bytes()));
    frame
}

/// What driver and camera agree on before pictures flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    pub format: PictureFormat,
    pub size: (u16, u16),
    pub interval: u32,
}

impl Default for Agreement {
    fn default() -> Self {
        Self { format: FORMATS[0], size: SIZES[0], interval: INTERVALS[0] }
    }
}

impl Agreement {
    /// What the driver asks for, as near as the camera has it.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let at = |place: usize| usize::from(bytes.get(place).copied().unwrap_or(1)).max(1) - 1;
        let asked =
            bytes.get(4..8).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let nearest = INTERVALS.into_iter().min_by_key(|interval| interval.abs_diff(asked));
        Self {
            format: FORMATS[at(2).min(FORMATS.len() - 1)],
            size: SIZES[at(3).min(SIZES.len() - 1)],
            interval: nearest.unwrap_or(INTERVALS[0]),
        }
    }

    /// The 26 bytes of the class's probe and commit controls.
    pub fn to_bytes(self) -> Vec<u8> {
        let place = |found: Option<usize>| 1 + found.unwrap_or(0) as u8;
        let mut bytes = vec![1, 0];
        bytes.push(place(FORMATS.iter().position(|format| *format == self.format)));
        bytes.push(place(SIZES.iter().position(|size| *size == self.size)));
        bytes.extend(self.interval.to_le_bytes());
        bytes.extend([0; 10]);
        bytes.extend(self.format.frame_bytes(self.size).to_le_bytes());
        bytes.extend(PAYLOAD_BYTES.to_le_bytes());
        bytes
    }
}
