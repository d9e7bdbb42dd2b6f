//! Draws and saves pictures on a thread of its own.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use crossbeam_channel::{Receiver, Sender, bounded};
use mien_annotate::{Annotator, Overlays, write_png};
use mien_capture::{SourceInfo, SourceKind};
use mien_face::{Frame, FrameFaces};
use mien_ffmpeg::Encoder;
use mien_geometry::PreviewScaler;

use super::file_names::png_names;

/// Pictures that may wait to be drawn.
const WAITING: usize = 2;

/// A video (or PNGs, for images) with everything drawn that was tracked.
pub struct AnnotatedOutput {
    path: PathBuf,
    pictures: Sender<Picture>,
    spare_results: Receiver<Box<FrameFaces>>,
    thread: JoinHandle<Result<()>>,
}

struct Picture {
    frame: Frame,
    faces: Box<FrameFaces>,
}

/// Where pictures go.
enum Destination {
    /// A video; started with the first picture, which gives the size.
    Video { path: PathBuf, rate_hz: f64, encoder: Option<Encoder>, first_nanos: Option<i64>, fit: Box<Fit> },
    /// A PNG for each image, by the image's name.
    Images { folder: PathBuf, names: Vec<String> },
    /// The one PNG of a single image.
    Image { path: PathBuf },
}

impl AnnotatedOutput {
    /// `DIR/NAME.annotated.mkv` for a video, `DIR/NAME.annotated.png` for an image, the folder
    /// `DIR/NAME.annotated` for a folder of images. Frames are handed on to `recycler` when drawn.
    ///
    /// # Errors
    /// When there is such a file already and `overwrite` is off. Nothing is written before the first
    /// frame.
    pub fn create(
        folder: &Path,
        name: &str,
        info: &SourceInfo,
        vertical_fov_deg: f32,
        overwrite: bool,
        recycler: Sender<Frame>,
    ) -> Result<Self> {
        let (path, destination) = destination(folder, name, info);
        if path.exists() && !overwrite {
            let path = path.display();
            bail!("{path} exists already; choose another --out folder, or replace it with --overwrite");
        }
        let (pictures, waiting) = bounded::<Picture>(WAITING);
        let (spare, spare_results) = bounded(WAITING + 1);
        for _ in 0..=WAITING {
            spare.send(FrameFaces::boxed()).expect("there is room for all of them");
        }
        let annotator = Annotator::new(Overlays::default(), vertical_fov_deg);
        let thread =
            std::thread::spawn(move || draw_all(&waiting, &spare, &recycler, annotator, destination));
        Ok(Self { path, pictures, spare_results, thread })
    }

    /// The video, the picture or the folder of pictures.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands a frame and its faces over to be drawn; waits while too many are waiting. False when
    /// drawing has failed; [`AnnotatedOutput::finish`] tells why.
    pub fn add(&self, frame: Frame, faces: &FrameFaces) -> bool {
        let Ok(mut own) = self.spare_results.recv() else { return false };
        *own = *faces;
        self.pictures.send(Picture { frame, faces: own }).is_ok()
    }

    /// Draws what is waiting and completes the file.
    ///
    /// # Errors
    /// When something could not be written.
    pub fn finish(self) -> Result<()> {
        drop(self.pictures);
        self.thread.join().unwrap_or_else(|_| bail!("drawing {} failed", self.path.display()))
    }
}

fn destination(folder: &Path, name: &str, info: &SourceInfo) -> (PathBuf, Destination) {
    let at = |ending: &str| folder.join(format!("{name}.annotated{ending}"));
    match (info.kind, info.files.len()) {
        (SourceKind::Images, 1) => (at(".png"), Destination::Image { path: at(".png") }),
        (SourceKind::Images, _) => {
            (at(""), Destination::Images { folder: at(""), names: png_names(&info.files) })
        }
        _ => {
            let rate_hz = info.rate_hz.unwrap_or(30.0);
            let fit = Box::<Fit>::default();
            let video =
                Destination::Video { path: at(".mkv"), rate_hz, encoder: None, first_nanos: None, fit };
            (at(".mkv"), video)
        }
    }
}

/// Brings the frames of a video whose size changes on the way to the size of the first, in their own shape.
#[derive(Default)]
struct Fit {
    size: Option<[u32; 2]>,
    scaler: PreviewScaler,
    canvas: Vec<u8>,
}

impl Fit {
    /// The frame's pixels; in the middle of black ones where it has another size than the first, and smaller
    /// where it would not fit.
    fn pixels<'a>(&'a mut self, frame: &'a Frame) -> Result<&'a [u8]> {
        let own = [frame.width, frame.height];
        let [width, height] = *self.size.get_or_insert(own);
        if own == [width, height] {
            return Ok(&frame.pixels);
        }
        let ([own_width, own_height], pixels) = self.scaler.scale(&frame.view()?, [width, height]);
        let (row, own_row) = (3 * width as usize, 3 * own_width as usize);
        self.canvas.clear();
        self.canvas.resize(row * height as usize, 0);
        let (left, top) = (3 * ((width - own_width) / 2) as usize, ((height - own_height) / 2) as usize);
        let rows = self.canvas.chunks_exact_mut(row).skip(top);
        for (target, source) in rows.zip(pixels.chunks_exact(own_row)) {
            target[left..left + own_row].copy_from_slice(source);
        }
        Ok(&self.canvas)
    }
}

fn draw_all(
    waiting: &Receiver<Picture>,
    spare: &Sender<Box<FrameFaces>>,
    recycler: &Sender<Frame>,
    mut annotator: Annotator,
    mut destination: Destination,
) -> Result<()> {
    for Picture { mut frame, faces } in waiting {
        let seconds = frame.capture_nanos as f64 / 1e9;
        let caption = format!("{}   {seconds:.3} s", frame.frame_index);
        annotator.draw(&mut frame.pixels, frame.width, frame.height, &faces, &caption);
        destination.write(&frame)?;
        // Whoever is gone needs nothing back.
        let _ = spare.try_send(faces);
        let _ = recycler.try_send(frame);
    }
    destination.finish()
}

impl Destination {
    fn write(&mut self, frame: &Frame) -> Result<()> {
        let png = |path: &Path| write_png(path, &frame.pixels, frame.width, frame.height);
        match self {
            Self::Video { path, rate_hz, encoder, first_nanos, fit } => {
                let encoder = match encoder {
                    Some(encoder) => encoder,
                    None => encoder.insert(Encoder::create(path, frame.width, frame.height, *rate_hz)?),
                };
                // The times of a recorded session are far from 0.
                let first = *first_nanos.get_or_insert(frame.capture_nanos);
                encoder.write(fit.pixels(frame)?, frame.capture_nanos - first)?;
            }
            Self::Images { folder, names } => {
                let index = usize::try_from(frame.frame_index).unwrap_or(usize::MAX);
                let name = names.get(index).cloned().unwrap_or_else(|| format!("{index}.png"));
                std::fs::create_dir_all(&*folder)
                    .with_context(|| format!("cannot make the folder {}", folder.display()))?;
                png(&folder.join(name))?;
            }
            Self::Image { path } => png(path)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Video { encoder: Some(encoder), .. } => Ok(encoder.finish()?),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use mien_face::PixelFormat;

    use super::*;

    fn frame(width: u32, height: u32, level: u8) -> Frame {
        let mut frame = Frame::empty();
        frame.reshape(width, height, PixelFormat::Rgb8);
        frame.pixels.fill(level);
        frame
    }

    #[test]
    fn frames_of_another_size_keep_their_shape() {
        let mut fit = Fit::default();
        assert_eq!(fit.pixels(&frame(8, 4, 9)).unwrap(), [9; 8 * 4 * 3]);
        // Twice as high as wide: a stripe of two columns in the middle.
        let tall = fit.pixels(&frame(10, 20, 7)).unwrap().to_vec();
        let row: Vec<u8> = [[0; 9].as_slice(), &[7; 6], &[0; 9]].concat();
        assert_eq!(tall, row.repeat(4));
        let wide = frame(8, 2, 5);
        let small = fit.pixels(&wide).unwrap();
        assert_eq!(small, [[0; 24], [5; 24], [5; 24], [0; 24]].concat());
    }
}
