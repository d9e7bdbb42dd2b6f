//! A file that counts what is written to it, and keeps nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags};

/// How long to wait for more, where there is nothing to be read.
const PAUSE: Duration = Duration::from_millis(1);

/// A pipe with a name, for a program that writes to files only. Pictures that are encoded for a measurement have
/// faces in them, which nobody has agreed to record yet: they never get to the disk.
pub(super) struct Drain {
    _folder: tempfile::TempDir,
    path: PathBuf,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Drain {
    /// A drain that is called like `name`.
    pub fn create(name: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("mien-").tempdir()?;
        let path = folder.path().join(name);
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Opened to be read before anybody writes, which must not wait for each other.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let pipe = File::from(rustix::fs::open(&path, flags, Mode::empty())?);
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let thread =
            std::thread::Builder::new().name("drain".to_owned()).spawn(move || drain(pipe, &until))?;
        Ok(Self { _folder: folder, path, is_over, thread })
    }

    /// What a program is to write to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes came, once nobody writes any more.
    pub fn finish(self) -> u64 {
        self.is_over.store(true, Ordering::Release);
        self.thread.join().unwrap_or(0)
    }
}

/// Reads until it is over and nothing is left.
fn drain(mut pipe: File, is_over: &AtomicBool) -> u64 {
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        let was_over = is_over.load(Ordering::Acquire);
        match pipe.read(&mut buffer) {
            Ok(count) if count > 0 => bytes += count as u64,
            // Nobody writes, or nobody does at this moment.
            _ if was_over => return bytes,
            _ => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_written_is_counted_and_kept_nowhere() {
        let drain = Drain::create("a.mkv").unwrap();
        let path = drain.path().to_owned();
        let mut file = File::options().write(true).open(&path).unwrap();
        for _ in 0..100 {
            file.write_all(&[7; 12_345]).unwrap();
        }
        drop(file);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        assert_eq!(drain.finish(), 1_234_500);
        assert!(!path.parent().unwrap().exists());
        assert_eq!(Drain::create("b.mkv").unwrap().finish(), 0, "nobody wrote");
    }
}
