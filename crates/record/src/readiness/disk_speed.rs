//! How fast the disk takes data.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::RecordError;

/// Most that is written for the measurement.
const MOST_BYTES: usize = 32 << 20;
/// Longest time that writing may take, before what was written is pushed to the disk.
const LONGEST: Duration = Duration::from_millis(300);

/// Bytes a second that arrive on the disk of `folder`, which exists. What is written for it has no name and
/// is gone afterwards, also when the program is killed meanwhile.
pub(super) fn disk_speed(folder: &Path) -> Result<f64, RecordError> {
    let failed = || RecordError::io("write a test file in", folder);
    let mut file = tempfile::tempfile_in(folder).map_err(failed())?;
    // Noise, for disks and file systems that compress.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let block: Vec<u8> = (0..1 << 20)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    let start = Instant::now();
    let mut written = 0;
    while written < MOST_BYTES && start.elapsed() < LONGEST {
        file.write_all(&block).map_err(failed())?;
        written += block.len();
    }
    file.sync_data().map_err(failed())?;
    Ok(written as f64 / start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(disk_speed(folder.path()).unwrap() > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(disk_speed(&folder.path().join("nothing")).is_err());
    }
}
