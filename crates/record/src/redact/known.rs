//! Which addresses with secrets a session names.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mien_address::{SourceAddress, find_addresses};
use mien_folder::Folder;
use mien_xdf::{Event, Reader};
use roxmltree::Document;

use crate::session_file::{DATA_FILE, SessionFile};

/// Endings of files that are text.
const TEXTS: [&str; 9] = ["toml", "json", "jsonl", "csv", "tsv", "txt", "md", "log", "xml"];
/// Longest line that is looked at in one piece.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Every address with a secret that the session's files name, each once. A file that cannot be read names none.
pub(super) fn addresses(folder: &Path, files: &[PathBuf]) -> Vec<SourceAddress> {
    let mut known = Known::default();
    if let Ok(session) = SessionFile::read(folder) {
        session.cameras.iter().for_each(|camera| known.add(camera.source.expose_secret()));
        known.configuration(&session.configuration);
    }
    known.headers(&folder.join(DATA_FILE));
    let is_text = |path: &&PathBuf| {
        path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| TEXTS.contains(&ending))
    };
    files.iter().filter(is_text).for_each(|path| known.text_file(path));
    known.0.into_iter().map(SourceAddress::from).collect()
}

#[derive(Default)]
struct Known(BTreeSet<String>);

impl Known {
    fn add(&mut self, written: &str) {
        if SourceAddress::from(written).holds_secret() {
            self.0.insert(written.to_owned());
        }
    }

    fn text(&mut self, text: &str) {
        find_addresses(text).into_iter().for_each(|range| self.add(&text[range]));
    }

    fn configuration(&mut self, text: &str) {
        let Ok(table) = text.parse::<toml::Table>() else { return };
        let cameras = table.get("cameras").and_then(toml::Value::as_array);
        let source =
            |camera: &toml::Value| camera.get("source").and_then(toml::Value::as_str).map(str::to_owned);
        cameras.into_iter().flatten().filter_map(source).for_each(|source| self.add(&source));
    }

    fn header(&mut self, xml: &str) {
        let Ok(document) = Document::parse(xml) else { return };
        for text in document.descendants().filter_map(|node| node.text()) {
            self.add(text.trim());
            self.text(text);
        }
    }

    /// All that stream headers say, as far as the data can be read.
    fn headers(&mut self, path: &Path) {
        let Ok(file) = open(path) else { return };
        let Ok(mut reader) = Reader::new(BufReader::with_capacity(1 << 20, file)) else { return };
        while let Ok(Some(event)) = reader.next_event() {
            match event {
                Event::StreamHeader { xml, .. } => self.header(&xml),
                // Mien writes all headers first.
                Event::Samples { .. } => return,
                _ => {}
            }
        }
    }

    fn text_file(&mut self, path: &Path) {
        let Ok(file) = open(path) else { return };
        // Somebody may have linked a file of the user's own here: what only such a file names is left alone.
        if !file.metadata().is_ok_and(|file| file.nlink() == 1) {
            return;
        }
        let (mut file, mut line) = (BufReader::new(file), Vec::new());
        while matches!(file.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line), Ok(count) if count > 0)
        {
            self.text(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
}

/// Opens a regular file; links, pipes and devices are refused.
fn open(path: &Path) -> std::io::Result<File> {
    let (folder, name) = Folder::of_file(path)?;
    folder.open_file(name)
}
