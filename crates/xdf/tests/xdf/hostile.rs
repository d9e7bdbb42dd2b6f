//! Files made to take long or much memory: small ones stay cheap.

use std::fs;
use std::time::{Duration, Instant};

use mien_xdf::{ChannelFormat, Event, KeepOriginal, MAX_CHUNK_BYTES, Reader, XdfError, check, repair};

use crate::support::small_recording;

/// What any command may take for a file of a megabyte, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

fn header(number: u32, channels: &str, described: usize) -> Vec<u8> {
    let xml = format!(
        "<info><name>s{number}</name><channel_count>{channels}</channel_count><nominal_srate>1</nominal_srate>\
         <channel_format>int8</channel_format><desc>{}</desc></info>",
        "<channel/>".repeat(described)
    );
    chunk(2, &[&number.to_le_bytes()[..], xml.as_bytes()].concat())
}

fn chunk(tag: u16, content: &[u8]) -> Vec<u8> {
    let mut chunk = vec![4];
    chunk.extend_from_slice(&(content.len() as u32 + 2).to_le_bytes());
    chunk.extend_from_slice(&tag.to_le_bytes());
    chunk.extend_from_slice(content);
    chunk
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"XDF:".to_vec(), chunk(1, b"<info/>"), chunks.concat()].concat()
}

/// Checks and repairs; how long that took.
fn time(bytes: &[u8]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.xdf");
    fs::write(&path, bytes).unwrap();
    let begin = Instant::now();
    check(&path).unwrap();
    repair(&path, KeepOriginal::Always).unwrap();
    assert!(check(&path).unwrap().is_sound());
    begin.elapsed()
}

#[test]
fn damage_in_a_small_file_is_passed_in_little_time() {
    let most = 512 << 10;
    // Every few bytes a chunk seems to begin that reaches to the end of the file.
    let long_chunks = |tag: u8, content: &[u8]| {
        let mut bytes = file(&[header(1, "1", 0)]);
        bytes.push(0xee);
        while bytes.len() < most {
            let left = (most - bytes.len()).saturating_sub(5) as u32;
            bytes.push(4);
            bytes.extend_from_slice(&left.to_le_bytes());
            bytes.extend_from_slice(&[tag, 0]);
            bytes.extend_from_slice(content);
        }
        bytes
    };
    let unknown = file(&[[1, 2, 99, 0].repeat(most / 4), vec![0xee; 3]]);
    let unknown_after_damage =
        file(&[header(1, "1", 0), [vec![0xee], vec![1, 2, 99, 0]].concat().repeat(most / 5)]);
    let many_streams: Vec<_> = (0..3000).map(|number| header(number, "1", 0)).collect();
    let offsets: Vec<_> = (0..10_000u32)
        .map(|number| {
            [vec![0xee], chunk(4, &[&(number % 3000).to_le_bytes()[..], &[0; 16]].concat())].concat()
        })
        .collect();
    let cases = [
        ("file headers", long_chunks(1, b"<")),
        ("stream headers", long_chunks(2, b"\x01\0\0\0<")),
        ("samples", long_chunks(3, b"\x01\0\0\0\x04\x00\x00\x01\x00")),
        ("unknown chunks", unknown),
        ("unknown chunks between damage", unknown_after_damage),
        ("damage among many streams", file(&[many_streams.concat(), offsets.concat()])),
        ("lengths of eight bytes", [file(&[]), vec![8; most]].concat()),
    ];
    for (name, bytes) in cases {
        let took = time(&bytes);
        println!("{name}: {:.2} s for {} kB", took.as_secs_f64(), bytes.len() >> 10);
        assert!(took < PATIENCE, "{name}: {took:?}");
    }
}

#[test]
fn boundaries_are_found_when_patience_is_over() {
    let recording = small_recording(9);
    let mut bytes = recording.bytes.clone();
    // Damage in front of the first boundary, and far more false beginnings than anybody looks at.
    let mut junk = Vec::new();
    for _ in 0..300_000 {
        junk.extend_from_slice(&[4, 0, 0, 0x10, 0, 1, 0, b'<']);
    }
    let place = recording.states[16].0;
    bytes.splice(place..place, junk);
    bytes.extend(vec![0; 3 << 20]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.xdf");
    fs::write(&path, &bytes).unwrap();
    let report = check(&path).unwrap();
    let samples: u64 = report.streams.iter().map(|stream| stream.totals.sample_count).sum();
    assert!(samples >= 25, "{samples}: {:?}", report.damages);
}

#[test]
fn channels_that_nobody_describes_are_limited_over_all_streams() {
    let read = |chunks: &[Vec<u8>]| {
        let bytes = file(chunks);
        Reader::new(bytes.as_slice()).unwrap().find_map(Result::err)
    };
    let refused = |error: Option<XdfError>| {
        let said = error.expect("refused").to_string();
        assert!(said.contains("channel count"), "{said}");
    };
    refused(read(&[header(1, "1048576", 0)]));
    refused(read(&[header(1, "18446744073709551615", 0)]));
    let many: Vec<_> = (0..20).map(|number| header(number, "10000", 0)).collect();
    refused(read(&many));
    assert!(read(&many[..6]).is_none());
    // A header that names each of them is as long as they are many.
    assert!(read(&[header(1, "100000", 100_000)]).is_none());
    let bytes = file(&[header(1, "100000", 100_000)]);
    let mut events = Reader::new(bytes.as_slice()).unwrap();
    assert!(matches!(
        events.nth(1).unwrap().unwrap(),
        Event::StreamHeader { info, .. } if info.channel_count == 100_000 && info.format == ChannelFormat::Int8
    ));
}

#[test]
fn no_chunk_is_longer_than_its_limit() {
    let mut bytes = file(&[header(1, "1", 0)]);
    bytes.push(8);
    bytes.extend_from_slice(&(MAX_CHUNK_BYTES + 1).to_le_bytes());
    bytes.extend_from_slice(&[3, 0, 1, 0, 0, 0]);
    let error = Reader::new(bytes.as_slice()).unwrap().find_map(Result::err).unwrap();
    assert!(error.to_string().contains("its length cannot be right"), "{error}");
}
