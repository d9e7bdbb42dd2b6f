//! Captured pictures.

/// How the bytes of a [`Frame`] are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Red, green, blue, one byte each.
    Rgb8,
    /// Blue, green, red, one byte each.
    Bgr8,
    /// Packed 4:2:2: Y0 U Y1 V, two bytes a pixel, even width.
    Yuyv,
    /// 4:2:0: a plane of Y, then a plane of interleaved U, V at half size; even width and height.
    /// Both planes have the same stride.
    Nv12,
}

impl PixelFormat {
    /// Fewest bytes that one row of the (first) plane takes.
    #[must_use]
    pub fn row_bytes(self, width: u32) -> usize {
        let width = width as usize;
        match self {
            Self::Rgb8 | Self::Bgr8 => 3 * width,
            Self::Yuyv => 2 * width,
            Self::Nv12 => width,
        }
    }

    /// Rows of `stride` bytes that a picture of this height takes, all planes together.
    #[must_use]
    pub fn rows(self, height: u32) -> usize {
        let height = height as usize;
        match self {
            Self::Rgb8 | Self::Bgr8 | Self::Yuyv => height,
            Self::Nv12 => height + height / 2,
        }
    }

    /// Whether the format can hold a picture of this size at all.
    #[must_use]
    pub fn fits(self, width: u32, height: u32) -> bool {
        match self {
            Self::Rgb8 | Self::Bgr8 => true,
            Self::Yuyv => width.is_multiple_of(2),
            Self::Nv12 => width.is_multiple_of(2) && height.is_multiple_of(2),
        }
    }
}

/// Why bytes cannot be read as a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// The width or height is zero, or odd where the format needs it even.
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The format asked for.
        format: PixelFormat,
    },
    /// Fewer bytes than width, height and stride need.
    TooShort {
        /// Bytes that the picture needs.
        needed: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// The bytes are a compressed picture, which has to be decoded first.
    Compressed,
}

impl std::error::Error for FrameError {}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Size { width, height, format } => {
                write!(f, "a {format:?} picture cannot measure {width}×{height}")
            }
            Self::TooShort { needed, found } => {
                write!(f, "the picture needs {needed} bytes, but has {found}")
            }
            Self::Compressed => f.write_str("the picture is a JPEG that nobody has decoded"),
        }
    }
}

/// A borrowed picture as its source gave it.
#[derive(Debug, Clone, Copy)]
pub enum Picture<'a> {
    /// Pixels.
    Raw(FrameView<'a>),
    /// A whole JPEG file, for whoever decodes it where the pixels are needed.
    Jpeg {
        /// The file.
        bytes: &'a [u8],
        /// Width in pixels, as the file's header has it.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}

impl<'a> Picture<'a> {
    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        match self {
            Self::Raw(view) => view.width(),
            Self::Jpeg { width, .. } => *width,
        }
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        match self {
            Self::Raw(view) => view.height(),
            Self::Jpeg { height, .. } => *height,
        }
    }

    /// The pixels.
    ///
    /// # Errors
    /// When they are compressed.
    pub fn raw(&self) -> Result<&FrameView<'a>, FrameError> {
        match self {
            Self::Raw(view) => Ok(view),
            Self::Jpeg { .. } => Err(FrameError::Compressed),
        }
    }
}

impl<'a> From<FrameView<'a>> for Picture<'a> {
    fn from(view: FrameView<'a>) -> Self {
        Self::Raw(view)
    }
}

/// Borrowed pixels: the input of every stage.
#[derive(Debug, Clone, Copy)]
pub struct FrameView<'a> {
    pixels: &'a [u8],
    width: u32,
    height: u32,
    stride: usize,
    format: PixelFormat,
}

impl<'a> FrameView<'a> {
    /// Reads `pixels` as rows of `stride` bytes.
    ///
    /// # Errors
    /// When the size does not fit the format, or `pixels` is too short.
    pub fn new(
        pixels: &'a [u8],
        width: u32,
        height: u32,
        stride: usize,
        format: PixelFormat,
    ) -> Result<Self, FrameError> {
        if width == 0 || height == 0 || !format.fits(width, height) {
            return Err(FrameError::Size { width, height, format });
        }
        let row = format.row_bytes(width);
        let needed = (stride.max(row)).saturating_mul(format.rows(height) - 1).saturating_add(row);
        if stride < row || pixels.len() < needed {
            return Err(FrameError::TooShort { needed, found: pixels.len() });
        }
        Ok(Self { pixels, width, height, stride, format })
    }

    /// The bytes, first row first.
    #[must_use]
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Bytes from one row to the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// How the bytes are to be read.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.format
    }
}

/// A captured picture that owns its bytes and is filled again and again by its source.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The bytes; rows of `stride`, or a JPEG file.
    pub pixels: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: usize,
    /// How the bytes are to be read.
    pub format: PixelFormat,
    /// Whether the bytes are a JPEG file; `stride` and `format` mean nothing then.
    pub is_jpeg: bool,
    /// When the picture was taken, on the monotonic clock (see `mien-clock`).
    pub capture_nanos: i64,
    /// Number of the frame at its source, from 0; gaps are frames that were dropped.
    pub frame_index: u64,
    /// Whether the source knows that pixels are not as they were taken: bytes were lost or changed on the way.
    pub damaged: bool,
}

impl Frame {
    /// A frame with no pixels yet, for a source to fill.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            pixels: Vec::new(),
            width: 0,
            height: 0,
            stride: 0,
            format: PixelFormat::Rgb8,
            is_jpeg: false,
            capture_nanos: 0,
            frame_index: 0,
            damaged: false,
        }
    }

    /// Makes room for an undamaged picture with tight rows; keeps the buffer when it is large enough.
    pub fn reshape(&mut self, width: u32, height: u32, format: PixelFormat) {
        self.width = width;
        self.height = height;
        self.format = format;
        self.is_jpeg = false;
        self.damaged = false;
        self.stride = format.row_bytes(width);
        self.pixels.resize(self.stride * format.rows(height), 0);
    }

    /// Takes a JPEG file of a picture of this size as it is; keeps the buffer when it is large enough.
    pub fn set_jpeg(&mut self, jpeg: &[u8], width: u32, height: u32) {
        self.pixels.clear();
        self.pixels.extend_from_slice(jpeg);
        (self.width, self.height, self.stride, self.is_jpeg) = (width, height, 0, true);
        self.damaged = false;
    }

    /// Borrows the picture, whether it is pixels or compressed.
    ///
    /// # Errors
    /// When the fields do not describe a picture (an empty frame, for one).
    pub fn picture(&self) -> Result<Picture<'_>, FrameError> {
        let Self { ref pixels, width, height, is_jpeg, format, .. } = *self;
        if !is_jpeg {
            return self.view().map(Picture::Raw);
        }
        if width == 0 || height == 0 {
            return Err(FrameError::Size { width, height, format });
        }
        Ok(Picture::Jpeg { bytes: pixels, width, height })
    }

    /// Borrows the pixels.
    ///
    /// # Errors
    /// When the fields do not describe a picture (an empty frame, for one), or it is compressed.
    pub fn view(&self) -> Result<FrameView<'_>, FrameError> {
        if self.is_jpeg {
            return Err(FrameError::Compressed);
        }
        FrameView::new(&self.pixels, self.width, self.height, self.stride, self.format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_refuses_what_does_not_fit() {
        let bytes = [0; 12];
        assert!(FrameView::new(&bytes, 2, 2, 6, PixelFormat::Rgb8).is_ok());
        assert!(FrameView::new(&bytes, 2, 2, 7, PixelFormat::Rgb8).is_err());
        assert!(FrameView::new(&bytes, 2, 3, 6, PixelFormat::Rgb8).is_err());
        assert!(FrameView::new(&bytes, 0, 2, 6, PixelFormat::Rgb8).is_err());
        assert!(FrameView::new(&bytes, 3, 2, 6, PixelFormat::Yuyv).is_err());
        assert!(FrameView::new(&bytes, 4, 2, 4, PixelFormat::Nv12).is_ok());
        assert!(FrameView::new(&bytes, 1, u32::MAX, usize::MAX, PixelFormat::Rgb8).is_err());
    }

    #[test]
    fn a_jpeg_is_no_pixels() {
        let mut frame = Frame::empty();
        frame.reshape(64, 48, PixelFormat::Rgb8);
        frame.set_jpeg(b"a file", 64, 48);
        assert_eq!(frame.view().unwrap_err(), FrameError::Compressed);
        let picture = frame.picture().unwrap();
        assert!(matches!(picture, Picture::Jpeg { bytes: b"a file", width: 64, height: 48 }));
        assert!(picture.raw().is_err());
        frame.set_jpeg(b"a file", 0, 48);
        assert!(frame.picture().is_err());
        frame.reshape(64, 48, PixelFormat::Nv12);
        assert_eq!(frame.picture().unwrap().raw().unwrap().stride(), 64);
    }

    #[test]
    fn reshaping_keeps_the_buffer() {
        let mut frame = Frame::empty();
        assert!(frame.view().is_err());
        frame.reshape(64, 48, PixelFormat::Rgb8);
        frame.damaged = true;
        let address = frame.pixels.as_ptr();
        frame.reshape(32, 48, PixelFormat::Nv12);
        assert_eq!(address, frame.pixels.as_ptr());
        assert!(!frame.damaged, "the next picture is another one");
        assert!(frame.view().is_ok());
    }
}
