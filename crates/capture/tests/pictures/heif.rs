//! Writes HEIC and AVIF files as ISO/IEC 23008-12 describes them.

use std::io::Write;
use std::process::{Command, Stdio};

use image::RgbImage;

/// Coded pictures, with their decoder's settings.
pub struct Coded {
    /// `hvcC` or `av1C`.
    configuration: Vec<u8>,
    pictures: Vec<Vec<u8>>,
}

/// Has ffmpeg encode a picture of a video at this rate with these words.
fn encode(picture: &RgbImage, rate: &str, words: &str) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let mut ffmpeg = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            &format!("{width}x{height}"),
            "-framerate",
            rate,
            "-i",
            "-",
        ])
        .args(words.split(' '))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    ffmpeg.stdin.take().unwrap().write_all(picture).unwrap();
    let output = ffmpeg.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// HEVC pictures that share their settings.
pub fn encode_hevc(pictures: &[RgbImage]) -> Coded {
    let words = "-frames:v 1 -pix_fmt yuv420p -c:v libx265 -x265-params log-level=none:info=0:crf=10 -f hevc";
    let mut coded = Coded { configuration: Vec::new(), pictures: Vec::new() };
    for picture in pictures {
        let mut sets: Vec<Vec<u8>> = Vec::new();
        let mut data = Vec::new();
        // Whatever rate a picture says that it is shown at, it is one picture.
        for unit in units(&encode(picture, "1/25", words)) {
            // Parameter sets are of the types 32 to 34, pictures below 32.
            match unit[0] >> 1 & 0x3F {
                32..=34 => sets.push(unit),
                0..=31 => data.extend([&(unit.len() as u32).to_be_bytes()[..], &unit].concat()),
                _ => {}
            }
        }
        let mut configuration = vec![0; 23];
        configuration[0] = 1;
        configuration[21] = 3; // Lengths of four bytes.
        configuration[22] = sets.len() as u8;
        for set in &sets {
            configuration.extend([0x80 | (set[0] >> 1 & 0x3F), 0, 1]);
            configuration.extend((set.len() as u16).to_be_bytes());
            configuration.extend(set);
        }
        coded.configuration = configuration;
        coded.pictures.push(data);
    }
    coded
}

/// An AV1 picture.
pub fn encode_av1(picture: &RgbImage) -> Coded {
    let words = "-frames:v 1 -pix_fmt yuv420p -c:v libaom-av1 -still-picture 1 -crf 10 -b:v 0 -f obu";
    // A temporal delimiter comes first, which the container leaves out.
    let data = encode(picture, "25", words)[2..].to_vec();
    Coded { configuration: vec![0x81, 0, 0x0C, 0], pictures: vec![data] }
}

/// The units of an HEVC stream, without their start codes.
fn units(stream: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> = (0..stream.len() - 3).filter(|&at| stream[at..at + 3] == [0, 0, 1]).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let unit = |(start, end): (&usize, usize)| {
        let bytes = &stream[start + 3..end];
        let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes[..length].to_vec()
    };
    starts.iter().zip(ends).map(unit).collect()
}

fn boxed(kind: &str, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind.as_bytes(), &content].concat()
}

fn short(number: usize) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

fn size_box([width, height]: [u32; 2]) -> Vec<u8> {
    boxed("ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()])
}

/// A picture in one piece, of this type and size.
pub fn single_file(coded: &Coded, kind: &str, size: [u32; 2]) -> Vec<u8> {
    let settings = if kind == "av01" { "av1C" } else { "hvcC" };
    let properties = [boxed(settings, &[&coded.configuration]), size_box(size)];
    let brand = if kind == "av01" { "avif" } else { "heic" };
    file(brand, &[(kind, vec![1, 2])], &properties, &[], ("dimg", &[], 1), &coded.pictures)
}

/// A picture in HEVC, of which the first coded one says what is transparent in the second.
pub fn file_with_alpha(coded: &Coded, size: [u32; 2]) -> Vec<u8> {
    let name = b"urn:mpeg:hevc:2015:auxid:1\0";
    let properties =
        [boxed("hvcC", &[&coded.configuration]), size_box(size), boxed("auxC", &[&[0; 4], name])];
    let items = [("hvc1", vec![1, 2, 3]), ("hvc1", vec![1, 2])];
    file("heic", &items, &properties, &[], ("auxl", &[2], 1), &coded.pictures)
}

/// Pictures side by side, in so many columns and rows; the whole is of this size, and turned so.
pub fn grid_file(coded: &Coded, [columns, rows]: [u8; 2], size: [u32; 2], turns: &[[u8; 5]]) -> Vec<u8> {
    let [width, height] = size.map(|side| short(side as usize));
    let grid = [&[0, 0, rows - 1, columns - 1][..], &width, &height].concat();
    let mut properties = vec![boxed("hvcC", &[&coded.configuration]), size_box([64, 64]), size_box(size)];
    let mut of_grid = vec![3];
    for turn in turns {
        properties.push(boxed(std::str::from_utf8(&turn[..4]).unwrap(), &[&turn[4..]]));
        of_grid.push(properties.len() as u8);
    }
    let mut items = vec![("hvc1", vec![1, 2]); coded.pictures.len()];
    items.push(("grid", of_grid));
    let parts: Vec<usize> = (1..=coded.pictures.len()).collect();
    file("heic", &items, &properties, &grid, ("dimg", &parts, items.len()), &coded.pictures)
}

/// A file of these items, each with its type and the numbers of its properties; the last one is shown. One reference goes
/// from an item to others. A grid's own
/// bytes are given; all others have their bytes in `pictures`.
fn file(
    brand: &str,
    items: &[(&str, Vec<u8>)],
    properties: &[Vec<u8>],
    grid: &[u8],
    reference: (&str, &[usize], usize),
    pictures: &[Vec<u8>],
) -> Vec<u8> {
    let start = boxed("ftyp", &[brand.as_bytes(), &[0; 4], b"mif1"]);
    let description = |first: usize| description(items, properties, grid, reference, pictures, first);
    // Its length does not depend on where the pictures lie.
    let first = start.len() + description(0).len() + 8;
    [start, description(first), boxed("mdat", &[&pictures.concat()])].concat()
}

fn description(
    items: &[(&str, Vec<u8>)],
    properties: &[Vec<u8>],
    grid: &[u8],
    reference: (&str, &[usize], usize),
    pictures: &[Vec<u8>],
    first: usize,
) -> Vec<u8> {
    let (mut entries, mut locations, mut associations) = (Vec::new(), Vec::new(), Vec::new());
    let mut offset = first;
    for (number, (kind, numbers)) in (1..).zip(items) {
        entries.extend(boxed("infe", &[&[2, 0, 0, 0], &short(number), &[0, 0], kind.as_bytes(), &[0]]));
        let is_grid = *kind == "grid";
        let (place, length) = if is_grid { (0, grid.len()) } else { (offset, pictures[number - 1].len()) };
        offset += if is_grid { 0 } else { length };
        locations.extend([&short(number)[..], &[0, u8::from(is_grid), 0, 0], &short(1)].concat());
        locations.extend([(place as u32).to_be_bytes(), (length as u32).to_be_bytes()].concat());
        associations.extend([&short(number)[..], &[numbers.len() as u8], numbers].concat());
    }
    let count = short(items.len());
    let (kind, to, from) = reference;
    let numbers: Vec<u8> = to.iter().flat_map(|item| short(*item)).collect();
    let references = boxed(kind, &[&short(from), &short(to.len()), &numbers]);
    let mut boxes = vec![
        boxed("hdlr", &[&[0; 8], b"pict", &[0; 13]]),
        boxed("pitm", &[&[0; 4], &count]),
        boxed("iloc", &[&[1, 0, 0, 0, 0x44, 0], &count, &locations]),
        boxed("iinf", &[&[0; 4], &count, &entries]),
        boxed(
            "iprp",
            &[
                &boxed("ipco", &[&properties.concat()]),
                &boxed("ipma", &[&[0; 4], &(items.len() as u32).to_be_bytes(), &associations]),
            ],
        ),
    ];
    if !to.is_empty() {
        boxes.push(boxed("iref", &[&[0; 4], &references]));
        boxes.push(boxed("idat", &[grid]));
    }
    boxed("meta", &[&[0; 4], &boxes.concat()])
}
