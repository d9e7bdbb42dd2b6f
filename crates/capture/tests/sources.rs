//! Every source, opened the way a person would.

use std::path::Path;

use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use mien_capture::{Frame, SourceError, SourceKind, Step, open};

fn open_path(path: &Path) -> Result<Box<dyn mien_capture::Source>, SourceError> {
    open(path.to_str().expect("a temporary folder's name"))
}

fn refusal(path: &Path) -> String {
    let error = open_path(path).err().unwrap_or_else(|| panic!("{} was opened", path.display())).to_string();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(error.contains(&name), "{error} does not name {name}");
    assert!(!error.contains('\n'), "{error}");
    error
}

fn picture(width: u32, height: u32, red: u8) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([red, (x % 256) as u8, (y % 256) as u8]))
}

#[test]
fn a_folder_of_images_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    for (name, width, red) in [("f10.png", 5, 10), ("f2.png", 3, 2), ("f1.PNG", 4, 1)] {
        picture(width, 7, red).save_with_format(folder.path().join(name), image::ImageFormat::Png).unwrap();
    }
    picture(8, 8, 30).save(folder.path().join("g.jpg")).unwrap();
    std::fs::write(folder.path().join("f3.png"), b"not a picture").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"nothing to see").unwrap();

    let mut source = open_path(folder.path()).unwrap();
    assert_eq!((source.info().kind, source.info().frame_count), (SourceKind::Images, Some(5)));
    assert_eq!(source.info().size, (4, 7));
    let mut frame = Frame::empty();
    let mut seen = Vec::new();
    loop {
        match source.next_frame(&mut frame) {
            Ok(Step::Frame) => {
                frame.view().unwrap();
                seen.push((frame.frame_index, frame.width, frame.pixels[0]));
            }
            Ok(Step::End) => break,
            Err(error) => {
                assert!(error.is_recoverable() && error.to_string().contains("f3.png"), "{error}");
            }
        }
    }
    // The unreadable one keeps its number: a gap, not a shift.
    assert_eq!(seen[..3], [(0, 4, 1), (1, 3, 2), (3, 5, 10)]);
    assert_eq!(seen[3].0, 4);
}

#[test]
fn one_pixel_is_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dot.png");
    picture(1, 1, 9).save(&path).unwrap();
    let mut source = open_path(&path).unwrap();
    let mut frame = Frame::empty();
    assert_eq!(source.next_frame(&mut frame).unwrap(), Step::Frame);
    assert_eq!((frame.width, frame.height, &frame.pixels[..]), (1, 1, &[9, 0, 0][..]));
    assert_eq!(source.next_frame(&mut frame).unwrap(), Step::End);
    assert_eq!(source.info().name, "dot");
}

#[test]
fn grey_sixteen_bit_and_transparent_pictures_become_rgb() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grey.png");
    let file = std::fs::File::create(&path).unwrap();
    let bytes: Vec<u8> = [0u16, 0x8080, 0xFFFF, 0x4040].iter().flat_map(|v| v.to_ne_bytes()).collect();
    image::codecs::png::PngEncoder::new(file).write_image(&bytes, 2, 2, ExtendedColorType::L16).unwrap();
    let mut frame = Frame::empty();
    assert_eq!(open_path(&path).unwrap().next_frame(&mut frame).unwrap(), Step::Frame);
    assert_eq!(frame.pixels, [0, 0, 0, 128, 128, 128, 255, 255, 255, 64, 64, 64]);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(refusal(&at("missing.mp4")).contains("does not exist"));
    std::fs::write(at("zero.mp4"), b"").unwrap();
    assert!(refusal(&at("zero.mp4")).contains("0 bytes"));
    std::fs::create_dir(at("empty-folder")).unwrap();
    assert!(refusal(&at("empty-folder")).contains("no images"));
    std::fs::write(at("text.png"), b"hello").unwrap();
    assert!(refusal(&at("text.png")).contains("neither PNG nor JPEG"));
    assert!(refusal(Path::new("/dev/null")).contains("neither a file nor a folder"));
}

#[test]
fn a_picture_that_claims_to_be_huge_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.png");
    picture(4, 4, 0).save(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]); // 65,536 × 65,536 in the header.
    std::fs::write(&path, &bytes).unwrap();
    refusal(&path);
}

#[test]
fn cut_pictures_end_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.png");
    picture(64, 64, 0).save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for cut in [1, 8, 30, bytes.len() / 2, bytes.len() - 20] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let error = match open_path(&path) {
            Err(error) => error,
            Ok(mut source) => source.next_frame(&mut Frame::empty()).expect_err("cut short"),
        };
        assert!(error.to_string().contains("cut.png"), "{error}");
    }
}

#[test]
fn the_synthetic_camera_ends_where_asked_and_keeps_its_buffer() {
    let mut source = open("synthetic?width=160&height=120&fps=25&seconds=0.2").unwrap();
    assert_eq!(source.info().frame_count, Some(5));
    let mut frame = Frame::empty();
    let mut times = Vec::new();
    let mut buffers = Vec::new();
    while source.next_frame(&mut frame).unwrap() == Step::Frame {
        times.push(frame.capture_nanos / 1_000_000);
        buffers.push(frame.pixels.as_ptr());
    }
    assert_eq!(times, [0, 40, 80, 120, 160]);
    assert!(buffers.iter().all(|&buffer| buffer == buffers[0]));
}
