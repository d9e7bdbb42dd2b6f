//! Garbage never makes the reader panic, loop for ever or take much memory.

use crate::support::small_recording;
use mien_xdf::{KeepOriginal, Reader};
use proptest::prelude::*;

/// Reads to the end or the first error; gives the number of events.
fn read(bytes: &[u8]) -> usize {
    match Reader::new(bytes) {
        Ok(reader) => reader.take_while(Result::is_ok).count(),
        Err(_) => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let mut file = b"XDF:".to_vec();
        file.extend_from_slice(&bytes);
        read(&file);
    }

    #[test]
    fn a_recording_with_random_bytes_in_it(
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut bytes = small_recording(3).bytes;
        for (place, value) in hits {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        read(&bytes);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.xdf");
        std::fs::write(&file, &bytes).unwrap();
        if mien_xdf::repair(&file, KeepOriginal::BeyondUnfinishedChunk).is_ok() {
            prop_assert!(mien_xdf::check(&file).unwrap().damages.is_empty());
        }
    }
}

#[test]
fn a_huge_length_takes_no_memory() {
    let mut file = b"XDF:".to_vec();
    file.push(8);
    file.extend_from_slice(&(1u64 << 60).to_le_bytes());
    assert_eq!(read(&file), 0);
    // A samples chunk that claims 2⁶³ samples.
    let recording = small_recording(1);
    let mut file = recording.bytes.clone();
    let mut content = vec![3, 0];
    content.extend_from_slice(&2u32.to_le_bytes());
    content.push(8);
    content.extend_from_slice(&(1u64 << 63).to_le_bytes());
    file.extend_from_slice(&[1, content.len() as u8]);
    file.extend_from_slice(&content);
    assert!(read(&file) > 10);
}
