//! Every source, opened the way a person would.

use std::path::Path;
use std::process::Command;

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

/// What happens to a folder's pictures, in order: their red, or the reason.
fn read_all(source: &mut dyn mien_capture::Source) -> Vec<Result<u8, String>> {
    let mut frame = Frame::empty();
    let mut seen = Vec::new();
    loop {
        match source.next_frame(&mut frame) {
            Ok(Step::Frame) => seen.push(Ok(frame.pixels[0])),
            Ok(Step::End) => return seen,
            Err(error) => {
                assert!(error.is_recoverable(), "{error}");
                seen.push(Err(error.to_string()));
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn one_bad_file_does_not_end_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, red) in [("1.png", 1), ("3.png", 3), (".hidden.png", 9), ("._3.png", 9)] {
        picture(4, 4, red).save(at(name)).unwrap();
    }
    std::os::unix::fs::symlink("/nonexistent", at("2.png")).unwrap();
    // What would never end.
    std::os::unix::fs::symlink("/dev/zero", at("8.tif")).unwrap();
    assert!(Command::new("mkfifo").arg(at("9.png")).status().unwrap().success());
    picture(64, 64, 200).save(at("4.jpg")).unwrap();
    let jpeg = std::fs::read(at("4.jpg")).unwrap();
    std::fs::write(at("4.jpg"), &jpeg[..jpeg.len() - 50]).unwrap();
    for name in ["5.nef", "6.nef", "7.MP4", "notes.txt", ".8.tiff"] {
        std::fs::write(at(name), b"whatever").unwrap();
    }

    let mut source = open_path(folder.path()).unwrap();
    assert_eq!(source.info().frame_count, Some(6));
    let notice = source.notice().unwrap();
    assert!(notice.contains("3 files were left out (1 .mp4, 2 .nef)"), "{notice}");
    assert_eq!(source.notice(), None);
    let seen = read_all(&mut *source);
    assert_eq!([&seen[0], &seen[2]], [&Ok(1), &Ok(3)]);
    let reason = |at: usize| seen[at].as_ref().unwrap_err();
    assert!(reason(1).contains("2.png") && reason(1).contains("a link to nothing"), "{}", reason(1));
    assert!(reason(3).contains("4.jpg") && reason(3).contains("cut off"), "{}", reason(3));
    assert!([4, 5].iter().all(|at| reason(*at).contains("a pipe or a device")), "{seen:?}");
}

#[test]
fn a_jpeg_is_read_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.jpg");
    picture(64, 64, 200).save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for (trailing, frames) in [(&b""[..], 1), (b"\0\0trailing", 1), (&whole, 1)] {
        std::fs::write(&path, [&whole, trailing].concat()).unwrap();
        let seen = read_all(&mut *open_path(&path).unwrap());
        assert_eq!(seen.len(), frames);
        assert!(seen[0].is_ok(), "{seen:?}");
    }
    for cut in [whole.len() - 50, whole.len() - 2] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let seen = read_all(&mut *open_path(&path).unwrap());
        assert!(seen[0].as_ref().is_err_and(|reason| reason.contains("its end is missing")), "{seen:?}");
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refusal(&path);
}

/// Has ffmpeg make a file with these words before its name.
fn ffmpeg(words: &str, file: &Path) {
    assert!(Command::new("ffmpeg").args(words.split(' ')).arg(file).status().unwrap().success());
}

#[test]
fn pictures_that_move_are_read_as_videos() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let words = "-v error -f lavfi -i testsrc2=s=64x48:r=10:d=1";
    for (name, format) in [("moving.png", "apng"), ("moving.mjpeg", "mjpeg"), ("still.png", "image2")] {
        let frames = if format == "image2" { " -frames:v 1" } else { "" };
        ffmpeg(&format!("{words}{frames} -f {format}"), &at(name));
    }
    std::fs::copy(at("moving.mjpeg"), at("no-ending")).unwrap();
    for (name, kind, frames) in [
        ("moving.png", SourceKind::Video, 10),
        ("moving.mjpeg", SourceKind::Video, 10),
        ("no-ending", SourceKind::Video, 10),
        ("still.png", SourceKind::Images, 1),
    ] {
        let mut source = open_path(&at(name)).unwrap();
        assert_eq!(source.info().kind, kind, "{name}");
        assert_eq!(read_all(&mut *source).len(), frames, "{name}");
    }
}

#[test]
fn times_that_go_backwards_are_told_once() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let words = "-v error -f lavfi -i testsrc2=s=64x48:r=25:d=0.4,setsar=2 -c:v ffv1";
    ffmpeg(words, &at("one.mkv"));
    let one = std::fs::read(at("one.mkv")).unwrap();
    std::fs::write(at("two.mkv"), [one.clone(), one].concat()).unwrap();
    let mut source = open_path(&at("two.mkv")).unwrap();
    assert_eq!((source.info().size, source.info().pixel_aspect), ((128, 48), Some((2, 1))));
    let (mut frame, mut notices, mut times) = (Frame::empty(), Vec::new(), Vec::new());
    while source.next_frame(&mut frame).unwrap() == Step::Frame {
        notices.extend(source.notice().map(|notice| (frame.frame_index, notice)));
        times.push(frame.capture_nanos / 1_000_000);
    }
    assert_eq!(times, (0..20).map(|i| i * 40).collect::<Vec<_>>());
    assert_eq!(notices.len(), 1, "{notices:?}");
    let (at_frame, notice) = &notices[0];
    assert_eq!(*at_frame, 10);
    assert!(notice.contains("two.mkv") && notice.contains("go backwards at frame 10"), "{notice}");
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
    assert!(refusal(&at("text.png")).contains("it begins as no picture does"));
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
