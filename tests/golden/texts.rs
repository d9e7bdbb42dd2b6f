//! Files as texts.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use mien_tables::{
    EngineRecord, InputClock, InputRecord, MetaFile, ModelRecord, Outcome, Provenance, TableFormat,
    TableWriter,
};
use mien_xdf::{Event, Reader, Samples, Values};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::{faces, normal};

/// The tables that `mien track` writes of the frames.
pub fn track(folder: &Path, format: TableFormat) {
    let path = folder.join(format!("clip.{}", format.name()));
    let mut table = TableWriter::create(&path, format, false).unwrap().with_usual_size(640, 480);
    let meta = MetaFile::create(&path, format, provenance(), false).unwrap();
    for frame in faces::frames() {
        table.write(&frame).unwrap();
    }
    table.finish().unwrap();
    meta.finish(&Outcome { complete: true, frames: 9, frames_with_a_face: 8, ..Outcome::default() }).unwrap();
}

fn provenance() -> Provenance {
    Provenance {
        program: "mien".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        input: InputRecord {
            source: "clip.mp4".to_owned(),
            kind: "video".to_owned(),
            width: 640,
            height: 480,
            pixel_aspect: None,
            rate_hz: Some(30.0),
            clock: InputClock::StartOfInput,
            files: Vec::new(),
        },
        engine: EngineRecord { asked: "cpu".to_owned(), used: "cpu".to_owned(), reason: String::new() },
        models: vec![ModelRecord {
            role: "landmarks".to_owned(),
            file: "test.onnx".to_owned(),
            sha256: "ab".repeat(32),
            origin: "built in".to_owned(),
            input_shape: vec![3, 256, 256],
            engine: "cpu".to_owned(),
        }],
        absent: Vec::new(),
        settings: serde_json::json!({ "max_faces": 4 }),
    }
}

/// A file of an export: its name, then its content as far as it is the same in every run.
pub fn file(folder: &Path, name: &Path) -> String {
    let (path, shown) = (folder.join(name), name.to_string_lossy());
    let content = match name.extension().and_then(|extension| extension.to_str()) {
        // The recording itself, which a test of its own looks at.
        _ if shown.starts_with("sourcedata") => String::new(),
        Some("parquet") => parquet(&path),
        Some("csv") => csv(&fs::read_to_string(&path).unwrap()),
        Some("tsv") => tsv(&path, &shown),
        _ => normal::text(&fs::read_to_string(&path).unwrap()),
    };
    format!("=== {shown}\n{content}")
}

fn csv(content: &str) -> String {
    let header = content.lines().next().unwrap_or_default();
    let names: Vec<_> = header.split(',').map(str::to_owned).collect();
    if names == ["timestamp", "marker"] {
        let line = |line: &str| {
            let (timestamp, text) = line.split_once(',').expect("two columns");
            normal::marker(timestamp, text) + "\n"
        };
        return content.lines().map(line).collect();
    }
    normal::table(content.lines().map(str::to_owned), &names, ',')
}

fn tsv(path: &Path, shown: &str) -> String {
    let content = fs::read_to_string(path).unwrap();
    let names: Vec<String> = if shown.ends_with("_motion.tsv") {
        let channels = path.to_str().unwrap().replace("_motion.tsv", "_channels.tsv");
        let channels = fs::read_to_string(channels).unwrap();
        let names = channels.lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned());
        // The time since the first frame; `latency` elsewhere is how long a result took.
        names.map(|name| if name == "latency" { "time".to_owned() } else { name }).collect()
    } else {
        Vec::new()
    };
    let line = |line: &str| match line.split('\t').collect::<Vec<_>>().as_slice() {
        [_, duration, text] if text.starts_with("mien ") => format!("NOW\t{duration}\t{text}"),
        [file, time] if file.starts_with("motion/") && time.ends_with('Z') => format!("{file}\tTIME"),
        _ => line.to_owned(),
    };
    normal::table(content.lines().map(line), &names, '\t')
}

fn parquet(path: &Path) -> String {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let mut text = String::new();
    for column in schema.columns() {
        let _ = write!(text, "{}:{} ", column.name(), column.physical_type());
    }
    text.push('\n');
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let cells: Vec<_> =
            row.get_column_iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        if let [(_, timestamp), (name, text_of_marker)] = cells.as_slice()
            && name == "marker"
        {
            text += &normal::marker(timestamp, text_of_marker.trim_start_matches('"'));
        } else {
            let cells = cells.iter().map(|(name, value)| normal::value(name, value));
            text += &cells.collect::<Vec<_>>().join(" ");
        }
        text.push('\n');
    }
    text
}

/// Every stream's header, samples and footer.
pub fn streams(path: &Path) -> String {
    let mut reader = Reader::new(BufReader::new(File::open(path).unwrap())).unwrap();
    let mut texts = std::collections::BTreeMap::<u32, (Vec<String>, String)>::new();
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::StreamHeader { stream, info, xml } => {
                let labels = info.channels.iter().map(|channel| channel.label.clone()).collect();
                texts.insert(stream, (labels, format!("=== {}\n{}\n", info.name, normal::header(&xml))));
            }
            Event::Samples { stream, samples } => {
                let (labels, text) = texts.get_mut(&stream).unwrap();
                add(text, labels, &samples);
            }
            Event::Footer { stream, footer } => {
                let count = footer.sample_count;
                let _ = writeln!(texts.get_mut(&stream).unwrap().1, "{count:?} samples");
            }
            _ => {}
        }
    }
    texts.into_values().map(|(_, text)| text).collect()
}

fn add(text: &mut String, labels: &[String], samples: &Samples) {
    for (row, timestamp) in samples.timestamps.iter().enumerate() {
        let range = row * labels.len()..(row + 1) * labels.len();
        let values: Vec<String> = match &samples.values {
            Values::Float32(values) => values[range].iter().map(ToString::to_string).collect(),
            Values::Double64(values) => values[range].iter().map(ToString::to_string).collect(),
            Values::Integer(values) => values[range].iter().map(ToString::to_string).collect(),
            Values::String(values) => {
                let _ = writeln!(text, "{}", normal::marker(&timestamp.to_string(), &values[row]));
                continue;
            }
        };
        let values = labels.iter().zip(&values).map(|(label, value)| normal::value(label, value));
        let _ = writeln!(text, "{timestamp} {}", values.collect::<Vec<_>>().join(" "));
    }
}
