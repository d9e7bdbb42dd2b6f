//! A file that always ends with a whole row.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::TableError;

/// Rows are collected up to this many bytes before they are written.
const FLUSH_BYTES: usize = 128 << 10;

/// Creates a file for writing; an existing one is an error unless it may be overwritten.
pub(crate) fn create(path: &Path, overwrite: bool) -> Result<File, TableError> {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(path).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => TableError::Exists { path: path.to_owned() },
        _ => TableError::Create { path: path.to_owned(), source },
    })
}

pub(crate) struct RowFile {
    file: File,
    path: PathBuf,
    pending: Vec<u8>,
    kept_bytes: u64,
    broken: bool,
}

impl RowFile {
    pub(crate) fn new(file: File, path: &Path) -> Self {
        let pending = Vec::with_capacity(2 * FLUSH_BYTES);
        Self { file, path: path.to_owned(), pending, kept_bytes: 0, broken: false }
    }

    /// Where the next row goes; it must end with a line feed before [`RowFile::end_row`].
    pub(crate) fn row(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    pub(crate) fn end_row(&mut self) -> Result<(), TableError> {
        if self.pending.len() >= FLUSH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Hands every row to the system. On failure the file is cut after the last row that fits.
    pub(crate) fn flush(&mut self) -> Result<(), TableError> {
        if self.broken {
            self.pending.clear();
            return Ok(());
        }
        let (written, result) = write_what_fits(&mut self.file, &self.pending);
        let Err(source) = result else {
            self.kept_bytes += written as u64;
            self.pending.clear();
            return Ok(());
        };
        self.broken = true;
        let whole = self.pending[..written].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        self.kept_bytes += whole as u64;
        self.pending.clear();
        // A device (a pipe, /dev/full) cannot be cut, and need not be.
        let _ = self.file.set_len(self.kept_bytes);
        Err(TableError::Write { path: self.path.clone(), source, kept_bytes: self.kept_bytes })
    }
}

impl Drop for RowFile {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// Writes as much as goes; gives how much that was.
fn write_what_fits(file: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, then is full.
    struct Full {
        room: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room).min(7);
            self.room -= n;
            if n == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(n) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_fits_is_counted() {
        let (written, result) = write_what_fits(&mut Full { room: 20 }, &[1; 30]);
        assert_eq!(written, 20);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(write_what_fits(&mut Full { room: 30 }, &[1; 30]).1.is_ok());
    }
}
