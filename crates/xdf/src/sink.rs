//! Where chunks go.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use mien_folder::Folder;

use crate::XdfError;
use crate::sums::{SumsWriter, sums_name};

/// Where chunks go.
pub trait Sink {
    /// Appends all of `chunk`, or, on an error, nothing of it.
    ///
    /// # Errors
    /// What the system says.
    fn append(&mut self, chunk: &[u8]) -> io::Result<()>;

    /// Returns once everything appended survives a power cut.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.extend_from_slice(chunk);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that takes a chunk whole or, when the disk is full, not at all. Checksums of its chunks are written
/// beside it.
#[derive(Debug)]
pub struct FileSink {
    file: File,
    path: PathBuf,
    length: u64,
    /// None for a file that was there before.
    sums: Option<SumsWriter>,
}

impl FileSink {
    /// Makes a new file; one that exists is never touched. While it is written it is locked, so that
    /// nobody repairs it meanwhile.
    ///
    /// # Errors
    /// When the file exists or cannot be made.
    pub fn create(path: &Path) -> Result<Self, XdfError> {
        let (folder, name) = Folder::of_file(path).map_err(XdfError::io("cannot create", path))?;
        Self::create_in(&folder, &name)
    }

    /// [`create`](Self::create) in an open folder.
    ///
    /// # Errors
    /// When the file exists or cannot be made.
    pub fn create_in(folder: &Folder, name: &OsStr) -> Result<Self, XdfError> {
        let path = folder.join(name);
        let file = folder.create_new(name).map_err(XdfError::io("cannot create", &path))?;
        // Some network file systems have no locks; there the recording goes without.
        let _ = file.try_lock();
        let sums = SumsWriter::create(folder, &sums_name(name))
            .map_err(XdfError::io("cannot create sums of", &path))?;
        Ok(Self { file, path, length: 0, sums: Some(sums) })
    }

    /// Opens a file to append after its first `length` bytes; what follows them is cut off.
    pub(crate) fn reopen(folder: &Folder, name: &OsStr, length: u64) -> Result<Self, XdfError> {
        let path = folder.join(name);
        let open = || -> io::Result<File> {
            let mut file = folder.open_to_change(name)?;
            let _ = file.try_lock();
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = open().map_err(XdfError::io("cannot repair", &path))?;
        Ok(Self { file, path, length, sums: None })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Empties the file.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.length = 0;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0)).map(|_| ())
    }
}

impl Sink for FileSink {
    fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        // One system call in the ordinary case, so a killed process leaves the chunk whole or absent.
        if let Err(error) = self.file.write_all(chunk) {
            // A full disk takes part of a chunk: what arrived of it goes again.
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            let message = format!("{}: {error}", self.path.display());
            return Err(io::Error::new(error.kind(), message));
        }
        if let Some(sums) = &mut self.sums {
            sums.add(chunk, self.length == 0);
        }
        self.length += chunk.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if let Some(sums) = &mut self.sums {
            sums.write();
        }
        Ok(())
    }
}
