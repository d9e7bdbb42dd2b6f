//! Still pictures of every kind, made here: what is read of them is what a person sees.

mod heif;

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use mien_capture::{Frame, Rotation, Source, SourceError, SourceKind, Step, open, rotated};

/// Red at the left, green at the right, with a blue stripe at the bottom.
fn flag(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y >= height * 3 / 4) {
        (_, true) => Rgb([0, 0, 250]),
        (true, _) => Rgb([250, 0, 0]),
        (false, _) => Rgb([0, 250, 0]),
    })
}

/// Colours of a frame's four corners: `r`, `g`, `b`, or `?`. Clockwise from the left top.
fn corners(frame: &Frame) -> String {
    let (right, bottom) = (frame.width as usize - 2, frame.height as usize - 2);
    let colour = |(x, y): (usize, usize)| {
        let at = y * frame.stride + 3 * x;
        let bright: Vec<bool> = frame.pixels[at..at + 3].iter().map(|value| *value > 128).collect();
        match bright[..] {
            [true, false, false] => 'r',
            [false, true, false] => 'g',
            [false, false, true] => 'b',
            _ => '?',
        }
    };
    [(1, 1), (right, 1), (right, bottom), (1, bottom)].into_iter().map(colour).collect()
}

/// All frames of a source.
fn read_all(source: &mut dyn Source) -> Vec<Result<Frame, SourceError>> {
    let mut seen = Vec::new();
    loop {
        let mut frame = Frame::empty();
        match source.next_frame(&mut frame) {
            Ok(Step::Frame) => seen.push(Ok(frame)),
            Ok(Step::End) => return seen,
            Err(error) => {
                assert!(error.is_recoverable(), "{error}");
                seen.push(Err(error));
            }
        }
    }
}

/// The one picture of a file, which is told of as it is.
fn read_one(path: &Path) -> Frame {
    let mut source = open(path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((source.info().kind, source.info().frame_count), (SourceKind::Images, Some(1)));
    let size = source.info().size;
    let mut frames = read_all(&mut *source);
    assert_eq!(frames.len(), 1, "{}", path.display());
    let frame = frames.remove(0).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(size, (frame.width, frame.height), "{}", path.display());
    frame
}

/// EXIF that says nothing but the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    bytes.extend([orientation, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// Corners of [`flag`] by orientation, as EXIF defines it.
const TURNED: [(u8, &str); 8] =
    [(1, "rgbb"), (2, "grbb"), (3, "bbrg"), (4, "bbgr"), (5, "rbbg"), (6, "brgb"), (7, "bgrb"), (8, "gbbr")];

#[test]
fn orientation_is_obeyed_in_every_format_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let picture = flag(64, 32);
    for (orientation, expected) in TURNED {
        let at = |ending: &str| folder.path().join(format!("{orientation}.{ending}"));
        let encode = |write: &dyn Fn(Cursor<&mut Vec<u8>>)| {
            let mut bytes = Vec::new();
            write(Cursor::new(&mut bytes));
            bytes
        };
        let webp = encode(&|to| {
            let mut encoder = WebPEncoder::new_lossless(to);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(&picture, 64, 32, ExtendedColorType::Rgb8).unwrap();
        });
        let png = encode(&|to| {
            let mut encoder = image::codecs::png::PngEncoder::new(to);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(&picture, 64, 32, ExtendedColorType::Rgb8).unwrap();
        });
        let jpeg = encode(&|to| {
            let mut encoder = image::codecs::jpeg::JpegEncoder::new(to);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(&picture, 64, 32, ExtendedColorType::Rgb8).unwrap();
        });
        let tiff = tiff(&[Page { orientation: u16::from(orientation), ..Page::new(&picture) }]);
        for (ending, bytes) in [("webp", webp), ("png", png), ("jpg", jpeg), ("tif", tiff)] {
            std::fs::write(at(ending), bytes).unwrap();
            let frame = read_one(&at(ending));
            assert_eq!(corners(&frame), expected, "orientation {orientation} of {ending}");
            let size = if orientation < 5 { (64, 32) } else { (32, 64) };
            assert_eq!((frame.width, frame.height), size, "orientation {orientation} of {ending}");
        }
    }
}

/// A page of a TIFF that is written here.
struct Page<'a> {
    picture: &'a RgbImage,
    orientation: u16,
    /// 1 for a preview.
    subfile_type: u16,
    /// What its numbers mean: 2 for RGB.
    photometric: u16,
}

impl<'a> Page<'a> {
    fn new(picture: &'a RgbImage) -> Self {
        Self { picture, orientation: 1, subfile_type: 0, photometric: 2 }
    }
}

/// An uncompressed TIFF, least significant byte first.
fn tiff(pages: &[Page<'_>]) -> Vec<u8> {
    let mut file = b"II*\0".to_vec();
    let mut link = file.len();
    file.extend([0; 4]);
    for page in pages {
        let strip = file.len() as u32;
        file.extend_from_slice(page.picture);
        file.resize(file.len().next_multiple_of(2), 0);
        let bits = file.len() as u32;
        file.extend([8, 0, 8, 0, 8, 0]);
        let directory = file.len() as u32;
        file[link..link + 4].copy_from_slice(&directory.to_le_bytes());
        let (width, height) = page.picture.dimensions();
        let samples = if page.photometric == 2 { (3, bits) } else { (1, 8) };
        let entries: [(u16, u16, u32, u32); 10] = [
            (254, 4, 1, page.subfile_type.into()),
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, samples.0, samples.1),
            (259, 3, 1, 1),
            (262, 3, 1, page.photometric.into()),
            (273, 4, 1, strip),
            (274, 3, 1, page.orientation.into()),
            (277, 3, 1, samples.0),
            (279, 4, 1, page.picture.len() as u32),
        ];
        file.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        link = file.len();
        file.extend([0; 4]);
    }
    file
}

#[test]
fn every_page_of_a_tiff_is_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.TIFF");
    let (wide, tall, preview) = (flag(40, 20), flag(20, 44), flag(8, 4));
    let pages = [
        Page::new(&wide),
        Page { subfile_type: 1, ..Page::new(&preview) },
        Page::new(&tall),
        Page { orientation: 3, ..Page::new(&wide) },
    ];
    std::fs::write(&path, tiff(&pages)).unwrap();
    let mut source = open(&path).unwrap();
    assert_eq!((source.info().frame_count, source.info().files.len()), (Some(3), 3));
    let frames: Vec<Frame> = read_all(&mut *source).into_iter().map(Result::unwrap).collect();
    let seen: Vec<_> = frames.iter().map(|frame| (frame.frame_index, frame.width, corners(frame))).collect();
    let expected = [(0, 40, "rgbb"), (1, 20, "rgbb"), (2, 40, "bbrg")];
    assert_eq!(seen, expected.map(|(index, width, corners)| (index, width, corners.to_owned())));
    // In a folder, too, between its other pictures.
    flag(16, 16).save(folder.path().join("a.png")).unwrap();
    flag(18, 18).save(folder.path().join("t.bmp")).unwrap();
    let mut source = open(folder.path()).unwrap();
    let widths: Vec<u32> = read_all(&mut *source).into_iter().map(|frame| frame.unwrap().width).collect();
    assert_eq!(widths, [16, 40, 20, 40, 18]);
    // A stack that was cut off loses its last page, and says so.
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 60]).unwrap();
    let error = match open(&path) {
        Err(error) => error,
        Ok(mut source) => read_all(&mut *source).into_iter().find_map(Result::err).unwrap(),
    };
    assert!(error.to_string().contains("cut off"), "{error}");
}

#[test]
fn raw_files_are_refused_instead_of_their_previews() {
    let folder = tempfile::tempdir().unwrap();
    let preview = flag(8, 4);
    let only_preview = tiff(&[Page { subfile_type: 1, ..Page::new(&preview) }]);
    let sensor = tiff(&[Page::new(&preview), Page { photometric: 32_803, ..Page::new(&preview) }]);
    for (name, bytes) in [("a.NEF", &only_preview), ("b.tif", &only_preview), ("c.tif", &sensor)] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains(name) && error.contains("raw file"), "{error}");
    }
}

#[test]
fn pictures_of_all_kinds_are_pictures_whatever_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = [
        ("bmp", ImageFormat::Bmp),
        ("gif", ImageFormat::Gif),
        ("jpg", ImageFormat::Jpeg),
        ("pgm", ImageFormat::Pnm),
        ("png", ImageFormat::Png),
        ("tif", ImageFormat::Tiff),
        ("webp", ImageFormat::WebP),
    ];
    for (ending, format) in kinds {
        for name in
            [format!("a.{ending}"), format!("my%20dog %03d.{ending}"), format!("{ending}-without-ending")]
        {
            let path = folder.path().join(name);
            flag(32, 16).save_with_format(&path, format).unwrap();
            assert_eq!(corners(&read_one(&path)), "rgbb", "{}", path.display());
        }
    }
    let mut source = open(folder.path()).unwrap();
    assert_eq!(source.info().frame_count, Some(14));
    assert!(read_all(&mut *source).into_iter().all(|frame| corners(&frame.unwrap()) == "rgbb"));
}

#[test]
fn what_ffmpeg_reads_is_a_picture_too() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("flag.png");
    flag(32, 16).save(&png).unwrap();
    for name in ["a.tga", "50%d.tga", "a*.jp2", "a.qoi"] {
        let path = folder.path().join(name);
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&png)
            .args(["-frames:v", "1", "-f", "image2pipe", "-c:v"])
            .arg(match path.extension().unwrap().to_str().unwrap() {
                "tga" => "targa",
                "jp2" => "jpeg2000",
                other => other,
            })
            .arg("pipe:1")
            .output()
            .unwrap();
        if !made.status.success() {
            println!("this ffmpeg writes no {name}");
            continue;
        }
        std::fs::write(&path, made.stdout).unwrap();
        let frame = read_one(&path);
        assert_eq!((frame.width, frame.height), (32, 16), "{name}");
        assert_eq!(corners(&frame), "rgbb", "{name}");
    }
    // TIFFs whose colours nothing else here reads.
    let path = folder.path().join("palette.tif");
    let words = ["-pix_fmt", "pal8", "-frames:v", "1", "-update", "1"];
    let made =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&png).args(words).arg(&path).status().unwrap();
    if made.success() {
        assert_eq!(corners(&read_one(&path)), "rgbb");
    } else {
        println!("this ffmpeg makes no palettes");
    }
}

#[test]
fn what_is_transparent_is_grey() {
    let folder = tempfile::tempdir().unwrap();
    let hidden = RgbaImage::from_fn(6, 1, |x, _| Rgba([250, 10, 0, [0, 0, 255, 255, 51, 204][x as usize]]));
    for (ending, has_shades) in [("png", true), ("webp", true), ("tif", true), ("gif", false)] {
        let path = folder.path().join(format!("hidden.{ending}"));
        hidden.save(&path).unwrap();
        let frame = read_one(&path);
        let pixel = |x: usize| &frame.pixels[3 * x..3 * x + 3];
        assert_eq!([pixel(0), pixel(1)], [[128; 3]; 2], "{ending}");
        assert!(pixel(3)[0] >= 248 && pixel(3)[1] <= 12, "{ending}: {:?}", pixel(3));
        if has_shades {
            assert_eq!([pixel(4), pixel(5)], [[152, 104, 102], [226, 34, 26]], "{ending}");
        }
    }
}

#[test]
fn a_folder_is_read_in_the_order_of_decimal_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let names =
        ["1732800000.065795", "1732800000.197789", "1732800000.3285", "1732800000.39703", "1732800001.1"];
    for (name, width) in names.iter().zip(1..) {
        flag(width, 4).save(folder.path().join(format!("{name}.png"))).unwrap();
    }
    let mut source = open(folder.path()).unwrap();
    let widths: Vec<u32> = read_all(&mut *source).into_iter().map(|frame| frame.unwrap().width).collect();
    assert_eq!(widths, [1, 2, 3, 4, 5]);
}

#[test]
fn small_files_do_not_take_large_memory() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = match open(&path) {
            Err(error) => error,
            Ok(mut source) => read_all(&mut *source).remove(0).expect_err(name),
        };
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("too many"), "{text}");
    };
    let encoded = |format| {
        let mut bytes = Cursor::new(Vec::new());
        flag(64, 64).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let mut jpeg = encoded(ImageFormat::Jpeg);
    let size = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap() + 5;
    jpeg[size..size + 4].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
    refused("bomb.jpg", &jpeg);
    let mut png = encoded(ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x80, 0, 0, 0, 0x80, 0]);
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    refused("bomb.png", &png);
    let mut bmp = encoded(ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[0, 0x7F, 0, 0, 0, 0x7F, 0, 0]);
    refused("bomb.bmp", &bmp);
    let mut tiff = tiff(&[Page::new(&flag(64, 64))]);
    for tag in [[0, 1, 4, 0], [1, 1, 4, 0]] {
        let at = tiff.windows(4).position(|bytes| bytes == tag).unwrap();
        tiff[at + 8..at + 12].copy_from_slice(&30_000_u32.to_le_bytes());
    }
    refused("bomb.tif", &tiff);
    refused("bomb.ppm", b"P6\n30000 30000\n255\n");
}

/// Of a PNG's chunk.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn a_folder_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    flag(8, 8).save(folder.path().join("a.png")).unwrap();
    for name in ["b.mp4", "c.MOV", "d.nef", "notes.txt", ".e.mp4"] {
        std::fs::write(folder.path().join(name), b"whatever").unwrap();
    }
    let notice = open(folder.path()).unwrap().notice().unwrap();
    assert!(notice.contains("3 files were left out (1 .mov, 1 .mp4, 1 .nef)"), "{notice}");
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_are_names() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    for name in
        [&b"caf\xE9.png"[..], b"\xFF\xFE.png", b"--.png", b"a\nb.png", b"file:a.png", b"\xF0\x9F\x90\xB6.png"]
    {
        let path = folder.path().join(std::ffi::OsStr::from_bytes(name));
        flag(8, 8).save_with_format(&path, ImageFormat::Png).unwrap();
        assert_eq!(corners(&read_one(&path)), "rgbb", "{}", path.display());
    }
    assert_eq!(open(folder.path()).unwrap().info().frame_count, Some(6));
}

#[test]
fn pictures_are_turned_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flag.png");
    flag(32, 16).save(&path).unwrap();
    for (rotation, size, expected) in [
        (Rotation::None, (32, 16), "rgbb"),
        (Rotation::Clockwise90, (16, 32), "brgb"),
        (Rotation::Half, (32, 16), "bbrg"),
        (Rotation::Clockwise270, (16, 32), "gbbr"),
    ] {
        let mut source = rotated(open(&path).unwrap(), rotation);
        assert_eq!(source.info().size, size);
        let frame = read_all(&mut *source).remove(0).unwrap();
        assert_eq!(((frame.width, frame.height), corners(&frame).as_str()), (size, expected));
    }
}

/// The picture of a HEIC or AVIF file that is written here.
fn read_heif(name: &str, file: &[u8]) -> Frame {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, file).unwrap();
    read_one(&path)
}

#[test]
fn the_tiles_of_a_phones_photo_are_put_together() {
    if !mien_needs::ffmpeg_with_encoder("libx265") {
        return;
    }
    // 2 × 2 tiles of 64 pixels for a photo of 120 × 100: the last ones reach beyond it.
    let whole = flag(120, 100);
    let tile = |column: u32, row: u32| {
        RgbImage::from_fn(64, 64, |x, y| *whole.get_pixel((64 * column + x).min(119), (64 * row + y).min(99)))
    };
    let tiles: Vec<RgbImage> =
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(column, row)| tile(column, row)).to_vec();
    let coded = heif::encode_hevc(&tiles);
    for (turns, size, expected) in [
        (&[][..], (120, 100), "rgbb"),
        (&[*b"irot\x01"], (100, 120), "gbbr"),
        (&[*b"irot\x02"], (120, 100), "bbrg"),
        (&[*b"irot\x03"], (100, 120), "brgb"),
        (&[*b"imir\x00"], (120, 100), "bbgr"),
        (&[*b"imir\x01"], (120, 100), "grbb"),
    ] {
        let frame = read_heif("photo.HEIC", &heif::grid_file(&coded, [2, 2], [120, 100], turns));
        assert_eq!((frame.width, frame.height), size, "{turns:?}");
        assert_eq!(corners(&frame), expected, "{turns:?}");
    }
    let frame = read_heif("photo.heic", &heif::grid_file(&coded, [2, 2], [120, 100], &[]));
    let wrong = frame.pixels.iter().zip(whole.iter()).filter(|(a, b)| a.abs_diff(**b) > 60).count();
    assert!(wrong < frame.pixels.len() / 20, "{wrong} of {}", frame.pixels.len());
}

#[test]
fn a_heif_picture_in_one_piece_is_read() {
    if mien_needs::ffmpeg_with_encoder("libx265") {
        let coded = heif::encode_hevc(&[flag(64, 64)]);
        assert_eq!(corners(&read_heif("one.heic", &heif::single_file(&coded, "hvc1", [64, 64]))), "rgbb");
        // The left half is transparent. What is coded has 16 for black.
        let alpha = RgbImage::from_fn(64, 64, |x, _| Rgb([if x < 32 { 0 } else { 255 }; 3]));
        let coded = heif::encode_hevc(&[alpha, flag(64, 64)]);
        let frame = read_heif("hidden.heic", &heif::file_with_alpha(&coded, [64, 64]));
        let left = &frame.pixels[3 * 5..3 * 5 + 3];
        assert!(left.iter().all(|value| value.abs_diff(128) < 20), "{left:?}");
        assert_eq!(corners(&frame)[1..3], *"gb");
    }
    if mien_needs::ffmpeg_with_encoder("libaom-av1") {
        let coded = heif::encode_av1(&flag(64, 64));
        assert_eq!(corners(&read_heif("one.avif", &heif::single_file(&coded, "av01", [64, 64]))), "rgbb");
    }
}

#[test]
fn a_heif_file_that_lacks_something_is_refused() {
    if !mien_needs::ffmpeg_with_encoder("libx265") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let coded = heif::encode_hevc(&[flag(64, 64), flag(64, 64)]);
    let whole = heif::grid_file(&coded, [2, 1], [128, 64], &[]);
    let huge = heif::grid_file(&coded, [2, 1], [60_000, 60_000], &[]);
    let missing = heif::grid_file(&coded, [3, 1], [192, 64], &[]);
    let uncovered = heif::grid_file(&coded, [2, 1], [192, 64], &[]);
    let mut damaged = whole.clone();
    let picture = damaged.len() - 40;
    damaged[picture..].fill(0xFF);
    for (name, bytes) in [
        ("cut.heic", &whole[..whole.len() - 30]),
        ("half.heic", &whole[..300]),
        ("start.heic", &whole[..20]),
        ("huge.heic", &huge),
        ("missing.heic", &missing),
        ("uncovered.heic", &uncovered),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = match open(&path) {
            Err(error) => error,
            Ok(mut source) => read_all(&mut *source).remove(0).expect_err(name),
        };
        assert!(error.to_string().contains(name) && !error.to_string().contains('\n'), "{error}");
    }
    // Whatever bytes are changed, there is a picture or an error.
    let path = folder.path().join("changed.heic");
    for at in (0..whole.len().min(700)).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x5A;
        std::fs::write(&path, &changed).unwrap();
        if let Ok(mut source) = open(&path)
            && at % 5 == 0
        {
            read_all(&mut *source);
        }
    }
}
