//! Rings within one process: what readers get and miss, and files that are not what they seem.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use mien_face::FrameFaces;
use mien_ring::{
    FacesEntry, PreviewHeader, ResultTimings, RingError, RingKind, RingReader, RingSpec, RingWriter,
    SegmentName, create_faces, create_preview, open_faces, open_preview,
};

const SPEC: RingSpec = RingSpec { payload_bytes: 64, slots: 8, layout_hash: 11, parameters: [0; 4] };

fn writer(dir: &Path) -> RingWriter {
    let name = SegmentName::new("session", "camera", RingKind::Faces).unwrap();
    RingWriter::create(dir, &name, SPEC, 3).unwrap()
}

fn read_next(reader: &mut RingReader) -> Option<(u64, u64, [u8; 64])> {
    let mut out = [0; 64];
    reader.next(&mut [&mut out]).map(|entry| (entry.number, entry.missed, out))
}

#[test]
fn readers_get_everything_in_order_while_they_keep_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    let mut reader = RingReader::open(writer.path(), 11).unwrap();
    assert_eq!(reader.epoch(), 3);
    assert_eq!(reader.writer().pid, std::process::id());
    assert_eq!(reader.progress_age(), None);
    for number in 0..50_u8 {
        assert_eq!(read_next(&mut reader), None);
        writer.publish(&[&[number; 64]]);
        assert_eq!(read_next(&mut reader), Some((u64::from(number), 0, [number; 64])));
    }
    assert_eq!(reader.missed(), 0);
}

#[test]
fn a_slow_reader_misses_the_oldest_and_knows_how_many() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    let mut slow = RingReader::open(writer.path(), 11).unwrap();
    let mut newest_only = RingReader::open(writer.path(), 11).unwrap();
    for number in 0..100_u8 {
        writer.publish(&[&[number; 64]]);
    }
    // One slot is always the next to be overwritten: 7 of 8 entries are left.
    assert_eq!(read_next(&mut slow), Some((93, 93, [93; 64])));
    assert_eq!(read_next(&mut slow), Some((94, 0, [94; 64])));
    assert_eq!(slow.missed(), 93);
    let mut out = [0; 64];
    let entry = newest_only.latest(&mut [&mut out]).unwrap();
    assert_eq!((entry.number, entry.missed, out), (99, 99, [99; 64]));
    assert_eq!(newest_only.latest(&mut [&mut out]), None);
    // Nor has who skips: it did not want them.
    let mut skipping = RingReader::open(writer.path(), 11).unwrap();
    assert!(skipping.skip() && !skipping.skip());
    writer.publish(&[&[100; 64]]);
    assert_eq!(read_next(&mut skipping), Some((100, 0, [100; 64])));
    assert_eq!(skipping.missed(), 0);
    // Who comes late has missed nothing.
    let mut late = RingReader::open(writer.path(), 11).unwrap();
    assert_eq!(read_next(&mut late), Some((94, 0, [94; 64])));
}

#[test]
fn a_waiting_reader_is_woken() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path());
    let reader = RingReader::open(writer.path(), 11).unwrap();
    assert!(!reader.wait(Duration::from_millis(1)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait(Duration::from_secs(60)));
        writer.publish(&[&[1; 64]]);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn segments_are_private_exclusive_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let name = SegmentName::new("session", "camera", RingKind::Faces).unwrap();
    let writer = RingWriter::create(dir.path(), &name, SPEC, 0).unwrap();
    let path = writer.path().to_path_buf();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(RingWriter::create(dir.path(), &name, SPEC, 0), Err(RingError::System { .. })));
    let reader = RingReader::open(&path, 11).unwrap();
    drop(writer);
    assert!(!path.exists());
    assert_eq!(reader.announced(), 0);
}

#[test]
fn results_and_pictures_come_back_as_they_went_in() {
    let dir = tempfile::tempdir().unwrap();
    let mut faces = FrameFaces::boxed();
    faces.frame_index = 12;
    faces.face_count = 1;
    faces.faces[0].track_id = 4;
    faces.faces[0].smoothed.landmarks[477] = [1.0, 2.0, 3.0];
    let timings = ResultTimings { started_nanos: 5, ..bytemuck::Zeroable::zeroed() };

    let mut writer = create_faces(dir.path(), "s", "c", 4, 1).unwrap();
    let mut reader = open_faces(writer.path()).unwrap();
    writer.publish(&faces, &timings);
    let mut entry = FacesEntry::boxed();
    assert!(reader.latest(&mut entry).is_some());
    assert_eq!((&entry.frame, entry.timings), (&*faces, timings));

    let mut writer = create_preview(dir.path(), "s", "c", [33, 17], 2, 1).unwrap();
    let mut reader = open_preview(writer.path()).unwrap();
    let mut header: Box<PreviewHeader> = bytemuck::allocation::zeroed_box();
    header.set_faces(&faces);
    (header.width, header.height) = (31, 17);
    let rgb: Vec<u8> = (0..31 * 17 * 3).map(|index| index as u8).collect();
    writer.publish(&header, &rgb);
    let mut picture = reader.picture();
    assert!(reader.latest(&mut picture).is_some());
    assert_eq!(picture.header, header);
    assert_eq!(picture.header.faces()[0].landmarks[477], [1.0, 2.0]);
    assert_eq!(picture.rgb(), rgb);

    assert!(open_faces(writer.path()).is_err());
}

#[test]
fn a_camera_takes_as_much_room_as_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let _faces = create_faces(dir.path(), "s", "c", 8, 0).unwrap();
    let _preview = create_preview(dir.path(), "s", "c", [33, 17], 4, 0).unwrap();
    let files = std::fs::read_dir(dir.path()).unwrap().flatten();
    let taken: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(mien_ring::camera_bytes(8, [33, 17], 4).unwrap(), taken);
    assert!(mien_ring::camera_bytes(8, [0, 17], 4).is_err());
    let room = mien_ring::room(dir.path()).unwrap();
    assert!(room.total_bytes >= room.free_bytes && room.free_bytes > 0);
    assert!(mien_ring::room(Path::new("/nowhere")).is_err());
}

#[test]
fn missing_files_folders_and_links_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let real = writer(dir.path());
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(real.path(), &link).unwrap();
    for path in [dir.path(), &dir.path().join("nothing"), &link, Path::new("/dev/zero")] {
        assert!(RingReader::open(path, 11).is_err(), "{}", path.display());
    }
}

/// A small generator of numbers (Marsaglia's xorshift64), so that failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Whatever a file holds, opening it ends in an error or in a reader that reads within bounds.
#[test]
fn hostile_files_are_refused_without_a_panic() {
    let dir = tempfile::tempdir_in(mien_ring::SHM_DIR).unwrap();
    let mut real = writer(dir.path());
    for number in 0..20_u8 {
        real.publish(&[&[number; 64]]);
    }
    let good = std::fs::read(real.path()).unwrap();
    let path = dir.path().join("hostile");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..4_000 {
        let mut bytes = good.clone();
        match random.below(4) {
            0 => bytes = (0..random.below(2 * good.len())).map(|_| random.next() as u8).collect(),
            1 => bytes.truncate(random.below(good.len())),
            2 => bytes.resize(good.len() + 1 + random.below(10_000), 0),
            _ => {
                for _ in 0..=random.below(4) {
                    let word = random.below(64) * 8;
                    let value = match random.below(3) {
                        0 => random.next(),
                        1 => u64::MAX - random.next() % 4,
                        _ => random.next() % 64,
                    };
                    bytes[word..word + 8].copy_from_slice(&value.to_ne_bytes());
                }
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let Ok(mut reader) = RingReader::open(&path, 11) else {
            refused += 1;
            continue;
        };
        opened += 1;
        let mut out = [0; 200];
        for _ in 0..3 {
            reader.next(&mut [&mut out]);
            reader.latest(&mut [&mut out]);
        }
        std::hint::black_box((reader.heartbeat_age(), reader.progress_age(), reader.wait(Duration::ZERO)));
    }
    // Both kinds must occur, or the test tests nothing.
    assert!(opened > 100 && refused > 100, "{opened} opened, {refused} refused");
}

/// A ring's file belongs to this user alone, but a worker that has gone mad may write anything into it.
#[test]
fn fuzz_rings() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut faces = create_faces(dir.path(), "session", "camera", 2, 1).unwrap();
    faces.publish(&bytemuck::Zeroable::zeroed(), &bytemuck::Zeroable::zeroed());
    let mut preview = create_preview(dir.path(), "session", "camera", [16, 8], 2, 1).unwrap();
    preview.publish(&bytemuck::Zeroable::zeroed(), &[9; 16 * 8 * 3]);
    let sound = [faces.path(), preview.path()].map(|path| std::fs::read(path).unwrap());
    let path = faces.path().to_owned();
    drop((faces, preview));
    mien_fuzz::fuzz("rings", &sound, 2000, |input| {
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, input).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        if let Ok(mut reader) = open_faces(&path) {
            let mut entry = FacesEntry::boxed();
            (0..4).for_each(|_| assert!(reader.next(&mut entry).is_none_or(|entry| entry.number < u64::MAX)));
            let _ =
                (reader.latest(&mut entry), reader.progress_age(), reader.heartbeat_age(), reader.missed());
        }
        if let Ok(mut reader) = open_preview(&path) {
            let mut picture = reader.picture();
            let _ = (reader.latest(&mut picture), reader.missed());
            let _ = (picture.rgb().len(), picture.header.faces().len());
        }
    });
}
