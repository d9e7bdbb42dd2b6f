//! Names of result files: each different, none longer than file systems allow.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Longest file name that Linux and macOS allow, in bytes.
const LONGEST: usize = 255;
/// Room for what is put behind the name of an input: `.annotated.mkv`, or `.meta.json.part` while it is written.
const LONGEST_ENDING: usize = 15;

/// `name`, or the first of `name-2`, `name-3`, … that no other input of this run has. A name that would be too long
/// with an ending behind it is cut, and ends with a number made of the whole name.
pub fn unique_name(name: &str, given: &mut BTreeSet<String>) -> String {
    let free = candidates(name, "", LONGEST - LONGEST_ENDING).find(|name| !given.contains(name));
    let free = free.unwrap_or_default();
    given.insert(free.clone());
    free
}

/// Names of PNGs for pictures of these files, in their order: `a.png` for `a.png`, `a.jpg.png` for `a.jpg`,
/// `a.tif-page-2.png` for the second of several in a row that lie in `a.tif`.
#[must_use]
pub fn png_names(files: &[PathBuf]) -> Vec<String> {
    let mut given = BTreeSet::new();
    let mut page = 0;
    // A picture that is a PNG keeps its name, whatever comes before it.
    let own_name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let kept: BTreeSet<String> = files.iter().map(own_name).filter(|name| is_png(name)).collect();
    let name_of = |(at, file): (usize, &PathBuf)| {
        let is_same = |other: Option<&PathBuf>| other == Some(file);
        page = if at > 0 && is_same(files.get(at - 1)) { page + 1 } else { 1 };
        let own = own_name(file);
        let (stem, kept_by_another) = match is_png(&own) {
            true => (own[..own.len() - PNG.len()].to_owned(), false),
            false if page > 1 || is_same(files.get(at + 1)) => (format!("{own}-page-{page}"), true),
            false => (own.clone(), true),
        };
        let ending = if is_png(&own) { &own[own.len() - PNG.len()..] } else { PNG };
        let is_taken = |name: &String| given.contains(name) || (kept_by_another && kept.contains(name));
        let free = candidates(&stem, ending, LONGEST).find(|name| !is_taken(name)).unwrap_or_default();
        given.insert(free.clone());
        free
    };
    files.iter().enumerate().map(name_of).collect()
}

const PNG: &str = ".png";

fn is_png(name: &str) -> bool {
    name.len() > PNG.len()
        && name.is_char_boundary(name.len() - PNG.len())
        && name[name.len() - PNG.len()..].eq_ignore_ascii_case(PNG)
}

/// `STEM ENDING`, `STEM-2 ENDING`, … without the spaces, none longer than `longest` bytes.
fn candidates(stem: &str, ending: &str, longest: usize) -> impl Iterator<Item = String> {
    let numbers = std::iter::once(String::new()).chain((2..).map(|number: u32| format!("-{number}")));
    numbers.map(move |number| {
        let room = longest - ending.len() - number.len();
        format!("{}{number}{ending}", shortened(stem, room))
    })
}

/// A name of at most so many bytes: its beginning, and a number made of the whole where that is too long.
fn shortened(name: &str, room: usize) -> String {
    if name.len() <= room {
        return name.to_owned();
    }
    // FNV-1a, of 32 bits.
    let number =
        name.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let number = format!("~{number:08x}");
    let mut end = room - number.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{number}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_the_same_name_do_not_meet() {
        let mut names = BTreeSet::new();
        let given = ["clip", "clip", "other", "clip-2", "clip"].map(|name| unique_name(name, &mut names));
        assert_eq!(given, ["clip", "clip-2", "other", "clip-2-2", "clip-3"]);
    }

    #[test]
    fn long_names_fit_and_stay_different() {
        for length in [240, 241, 251, 255] {
            let mut names = BTreeSet::new();
            let long = "n".repeat(length);
            let other = format!("{}m", "n".repeat(length - 1));
            let given = [&long, &other, &long].map(|name| unique_name(name, &mut names));
            assert!(given.iter().all(|name| name.len() <= 240 && name.starts_with("nnn")), "{given:?}");
            assert_eq!(BTreeSet::from(given.clone()).len(), 3, "{given:?}");
            assert_eq!(given[0] == long, length == 240);
        }
        // Cut between characters.
        let name = unique_name(&"名".repeat(83), &mut BTreeSet::new());
        assert!(name.len() <= 240 && name.trim_start_matches('名').starts_with('~'), "{name}");
    }

    #[test]
    fn pictures_of_a_folder_do_not_meet() {
        let names = |files: &[&str]| {
            png_names(&files.iter().map(|file| PathBuf::from("d").join(file)).collect::<Vec<_>>())
        };
        assert_eq!(names(&["a.jpg", "a.PNG", "b.png"]), ["a.jpg.png", "a.PNG", "b.png"]);
        assert_eq!(names(&["a.jpg", "a.jpg.png"]), ["a.jpg-2.png", "a.jpg.png"]);
        let pages = ["s.tif-page-1.png", "s.tif-page-2.png", "t.tif.png"];
        assert_eq!(names(&["s.tif", "s.tif", "t.tif"]), pages);
        let long = format!("{}.jpg", "n".repeat(251));
        let given = names(&[&long, &long.replace(".jpg", ".bmp")]);
        assert!(given.iter().all(|name| name.len() == 255 && name.ends_with(PNG)) && given[0] != given[1]);
    }
}
