//! A small recording whose contents are known chunk by chunk, and pyxdf to check against.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use mien_xdf::{Channel, ChannelFormat, FlushPolicy, Sink, StreamDescription, Writer};
use serde_json::{Value, json};

/// What a stream holds once the file has a given length.
#[derive(Clone, Default)]
pub struct Expected {
    pub name: &'static str,
    pub format: &'static str,
    pub timestamps: Vec<f64>,
    pub rows: Vec<Vec<Value>>,
}

impl Expected {
    pub fn json(&self) -> Value {
        let stamps: Vec<_> = self.timestamps.iter().map(|t| format!("{:x}", t.to_bits())).collect();
        json!({"name": self.name, "format": self.format, "timestamps": stamps, "rows": self.rows})
    }
}

/// The recording's bytes, and what had been written at each chunk's end.
pub struct Recording {
    pub bytes: Vec<u8>,
    pub states: Vec<(usize, Vec<Expected>)>,
}

/// Remembers where chunks end.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<(Vec<u8>, Vec<usize>)>>);

impl Sink for Tape {
    fn append(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        let mut tape = self.0.lock().unwrap();
        tape.0.extend_from_slice(chunk);
        let end = tape.0.len();
        tape.1.push(end);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn description(name: &str, format: ChannelFormat, channels: usize) -> StreamDescription {
    StreamDescription {
        name: name.to_owned(),
        content_type: "MoCap".to_owned(),
        format,
        nominal_rate_hz: 0.0,
        source_id: format!("test:{name}"),
        channels: (0..channels).map(|k| Channel::new(format!("c{k}"), "PositionX", "meters")).collect(),
        details: Vec::new(),
    }
}

/// Four streams (one of which stays empty), flushed after each round of samples.
pub fn small_recording(rounds: usize) -> Recording {
    let tape = Tape::default();
    let policy =
        FlushPolicy { flush_seconds: 0.0, sync_seconds: 1e9, offset_seconds: 2.0, boundary_seconds: 3.0 };
    let mut writer = Writer::new(tape.clone(), &[], policy, 100.0).unwrap();
    let mut expected: Vec<Expected> = Vec::new();
    let mut states = vec![(0, Vec::new())];
    let mut ids = Vec::new();
    let note = |expected: &[Expected], states: &mut Vec<(usize, Vec<Expected>)>| {
        let end = *tape.0.lock().unwrap().1.last().unwrap();
        states.push((end, expected.to_vec()));
    };
    note(&expected, &mut states);
    let formats = [
        ("pose", ChannelFormat::Float32, 3),
        ("markers", ChannelFormat::String, 1),
        ("frames", ChannelFormat::Double64, 2),
        ("codes", ChannelFormat::Int32, 1),
        ("silent", ChannelFormat::Float32, 2),
    ];
    for (name, format, channels) in formats {
        ids.push(writer.add_stream(&description(name, format, channels), 100.0).unwrap());
        // The header and the first offset are two chunks: after either the stream is there, empty.
        expected.push(Expected { name, format: format.name(), ..Expected::default() });
        let ends = tape.0.lock().unwrap().1.clone();
        states.push((ends[ends.len() - 2], expected.clone()));
        states.push((ends[ends.len() - 1], expected.clone()));
    }
    for round in 0..rounds {
        let now = 100.0 + round as f64;
        let timestamp = now + 0.1 + 1e-7 * round as f64;
        let pose = [round as f32 + 0.1, f32::NAN, -1e-38];
        let text = format!("round {round} <é>");
        let frames = [round as f64 / 3.0, f64::MAX];
        writer.push_f32(ids[0], timestamp, &pose).unwrap();
        writer.push_f32(ids[0], timestamp + 0.01, &pose).unwrap();
        writer.push_text(ids[1], timestamp, &[&text]).unwrap();
        writer.push_f64(ids[2], timestamp, &frames).unwrap();
        writer.push_i32(ids[3], timestamp, &[-(round as i32)]).unwrap();
        let before = tape.0.lock().unwrap().1.len();
        writer.tick(now).unwrap();
        let ends = tape.0.lock().unwrap().1.clone();
        let hex32 = pose.map(|value| json!(format!("{:x}", value.to_bits())));
        let hex64 = frames.map(|value| json!(format!("{:x}", value.to_bits())));
        let rows: [Vec<Vec<Value>>; 4] = [
            vec![hex32.to_vec(), hex32.to_vec()],
            vec![vec![json!(text)]],
            vec![hex64.to_vec()],
            vec![vec![json!(-(round as i32))]],
        ];
        for (index, rows) in rows.into_iter().enumerate() {
            for (k, row) in rows.into_iter().enumerate() {
                expected[index].timestamps.push(if k == 0 { timestamp } else { timestamp + 0.01 });
                expected[index].rows.push(row);
            }
            states.push((ends[before + index], expected.clone()));
        }
        states.extend(ends[before + 4..].iter().map(|&end| (end, expected.clone())));
    }
    writer.finish().unwrap();
    let tape = tape.0.lock().unwrap();
    states.extend(tape.1.iter().rev().take(formats.len()).rev().map(|&end| (end, expected.clone())));
    Recording { bytes: tape.0.clone(), states }
}

/// Runs `compare.py` where `./x test` has set up a Python; skips where it has not.
pub fn compare_with_pyxdf(folder: &Path, cases: &[Value]) {
    let Some(python) = mien_needs::python() else { return };
    let expected = folder.join("expected.json");
    std::fs::write(&expected, serde_json::to_vec(cases).unwrap()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/xdf/compare.py");
    let output = Command::new(python).arg(script).arg(&expected).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    println!("pyxdf: {}", said.lines().last().unwrap_or_default());
    assert!(output.status.success(), "{said}\n{complaint}");
}
