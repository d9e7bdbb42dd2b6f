//! The files of a folder that may come from somebody else.
//!
//! A [`Folder`] is opened once; every later step names a file in that open folder and not a path, so nobody can
//! put another folder in its place meanwhile. Files are opened only when they are regular files: symbolic links,
//! pipes and devices are refused by name ([`Refusal`]). New files are made only where no file of that name is
//! (`O_EXCL`), so a planted link never decides where something is written.
//!
//! New files can be read by their owner, and by a group where the folder lets a group in.

mod refusal;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat};

pub use refusal::Refusal;

/// Flags of every file that is opened. A pipe that nobody writes to must not make the opening wait.
const SAFELY: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
/// Read and write for the owner.
const OWNERS_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Everything for the owner.
const OWNERS_FOLDER: Mode = Mode::RWXU;

/// Opens a regular file that somebody names, for reading. Links are followed, for whoever names it means it; what
/// they lead to must be a file, since reading a pipe or a device may never end.
///
/// # Errors
/// A [`Refusal`] for a folder, a pipe, a socket or a device; what the system says.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Opening alone has effects on some devices.
    if let Some(refusal) = Refusal::of(&rustix::fs::stat(path)?) {
        return Err(refusal.into());
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
    Refusal::of(&rustix::fs::fstat(&descriptor)?)
        .map_or_else(|| Ok(File::from(descriptor)), |it| Err(it.into()))
}

/// Reads a regular file as text; `most` bytes at most. See [`open_regular`].
///
/// # Errors
/// As [`open_regular`]; `FileTooLarge` for a longer file; `InvalidData` for one that is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = open_regular(path)?.take(most + 1).read_to_string(&mut text);
    if text.len() as u64 > most || (read.is_err() && std::fs::metadata(path)?.len() > most) {
        let words = format!("it is larger than {} KiB, too large for a file of this kind", most >> 10);
        return Err(io::Error::new(ErrorKind::FileTooLarge, words));
    }
    read?;
    Ok(text)
}

/// A folder that was opened once.
#[derive(Debug)]
pub struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder. Links in `path` itself are followed: whoever names it means it.
    ///
    /// # Errors
    /// When there is none or the system refuses.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let there = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let descriptor = rustix::fs::open(there, flags, Mode::empty())?;
        Ok(Self { descriptor, path: path.to_owned() })
    }

    /// Opens the folder in which a file lies; gives the file's name with it.
    ///
    /// # Errors
    /// When the path names no file, or the folder cannot be opened.
    pub fn of_file(path: &Path) -> io::Result<(Self, OsString)> {
        let name = path.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        Ok((Self::open(path.parent().unwrap_or(Path::new("")))?, name.to_owned()))
    }

    /// Makes a new folder that only its owner can open, and opens it.
    ///
    /// # Errors
    /// `AlreadyExists` when anything has that name, or when the system refuses.
    pub fn create_private(path: &Path) -> io::Result<Self> {
        rustix::fs::mkdir(path, OWNERS_FOLDER)?;
        Self::open(path)
    }

    /// Lets a group read the folder, its files and those that are made in it from now on.
    ///
    /// # Errors
    /// When the system refuses, for instance because the owner is no member of the group.
    pub fn share_with(&self, group: u32) -> io::Result<()> {
        rustix::fs::fchown(&self.descriptor, None, Some(Gid::from_raw(group)))?;
        // With the set-group-ID bit, files that other programs make here get the group, too.
        let mode = OWNERS_FOLDER | Mode::RGRP | Mode::XGRP | Mode::SGID;
        Ok(rustix::fs::fchmod(&self.descriptor, mode)?)
    }

    /// The path by which it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of a file in it, for messages.
    #[must_use]
    pub fn join(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path.join(name.as_ref())
    }

    /// Permission bits of the folder.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn mode(&self) -> io::Result<u32> {
        Ok(Mode::from_raw_mode(rustix::fs::fstat(&self.descriptor)?.st_mode).bits())
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// A [`Refusal`] for a link or anything else that is no regular file; what the system says.
    pub fn open_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.open_regular(name.as_ref(), OFlags::RDONLY)
    }

    /// Opens a regular file to change it in place. One that has a second name is refused: the change would be
    /// made to a file elsewhere, too.
    ///
    /// # Errors
    /// Like [`open_file`](Self::open_file).
    pub fn open_to_change(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let file = self.open_regular(name.as_ref(), OFlags::RDWR)?;
        if rustix::fs::fstat(&file)?.st_nlink > 1 {
            return Err(Refusal::SecondName.into());
        }
        Ok(file)
    }

    fn open_regular(&self, name: &OsStr, access: OFlags) -> io::Result<File> {
        let name = one_name(name)?;
        let opened = rustix::fs::openat(&self.descriptor, name, access | SAFELY, Mode::empty());
        let descriptor = match opened {
            Ok(descriptor) => descriptor,
            // The system's own words for a link are hard to understand; for a pipe there may be none.
            Err(error) => return Err(self.refusal(name).map_or(error.into(), Into::into)),
        };
        let stat = rustix::fs::fstat(&descriptor)?;
        Refusal::of(&stat).map_or_else(|| Ok(File::from(descriptor)), |refusal| Err(refusal.into()))
    }

    /// Why a file of this name is not opened, whatever the system says.
    fn refusal(&self, name: &OsStr) -> Option<Refusal> {
        Refusal::of(&self.stat(name).ok()?)
    }

    fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.descriptor, one_name(name)?, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Whether anything has this name, also a link that leads nowhere.
    #[must_use]
    pub fn has(&self, name: impl AsRef<OsStr>) -> bool {
        self.stat(name.as_ref()).is_ok()
    }

    /// Whether `file` is what has this name now: it was neither removed nor replaced.
    #[must_use]
    pub fn is_there(&self, name: impl AsRef<OsStr>, file: &File) -> bool {
        let (Ok(there), Ok(open)) = (self.stat(name.as_ref()), rustix::fs::fstat(file)) else { return false };
        (there.st_dev, there.st_ino) == (open.st_dev, open.st_ino) && open.st_nlink > 0
    }

    /// Whether the folder still has the path by which it was opened.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let there = if self.path.as_os_str().is_empty() { Path::new(".") } else { &self.path };
        let (Ok(there), Ok(open)) = (rustix::fs::stat(there), rustix::fs::fstat(&self.descriptor)) else {
            return false;
        };
        (there.st_dev, there.st_ino) == (open.st_dev, open.st_ino)
    }

    /// Makes a new file for writing and reading.
    ///
    /// # Errors
    /// `AlreadyExists` when anything has that name, also a link; what the system says.
    pub fn create_new(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let group =
            Mode::from_raw_mode(rustix::fs::fstat(&self.descriptor)?.st_mode) & (Mode::RGRP | Mode::ROTH);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = OWNERS_FILE | group;
        let file = File::from(rustix::fs::openat(&self.descriptor, one_name(name.as_ref())?, flags, mode)?);
        if group.contains(Mode::RGRP) {
            // The folder was opened to the group on purpose; the process's umask may say otherwise.
            rustix::fs::fchmod(&file, OWNERS_FILE | Mode::RGRP | (current_mode(&file)? & Mode::ROTH))?;
        }
        Ok(file)
    }

    /// Makes a new file with the name of one that is only kept for a moment. What an earlier run has left under
    /// this name is removed first; a link is not.
    ///
    /// # Errors
    /// A [`Refusal`] where anything but a regular file has the name; what the system says.
    pub fn create_scratch(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        match self.create_new(name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if let Some(refusal) = self.refusal(name) {
                    return Err(refusal.into());
                }
                // Only the name goes: were it a second name of another file, that one would stay.
                self.remove(name)?;
                self.create_new(name)
            }
            made => made,
        }
    }

    /// Makes a new file `NAME`, or where that is taken `NAME-2`, `NAME-3`, …; gives the name with it.
    ///
    /// # Errors
    /// What the system says.
    pub fn create_numbered(&self, name: impl AsRef<OsStr>) -> io::Result<(File, OsString)> {
        self.first_free(name.as_ref(), |name| self.create_new(name))
    }

    /// Gives a file a second name, `NAME`, or where that is taken `NAME-2`, `NAME-3`, …
    ///
    /// # Errors
    /// What the system says; some file systems have no second names.
    pub fn link_numbered(&self, file: impl AsRef<OsStr>, name: impl AsRef<OsStr>) -> io::Result<OsString> {
        let file = one_name(file.as_ref())?;
        let link = |name: &OsStr| {
            let there = &self.descriptor;
            Ok(rustix::fs::linkat(there, file, there, one_name(name)?, AtFlags::empty())?)
        };
        Ok(self.first_free(name.as_ref(), link)?.1)
    }

    /// Gives a file a second name elsewhere.
    ///
    /// # Errors
    /// What the system says; another file system takes no second names.
    pub fn link_to(&self, file: impl AsRef<OsStr>, to: &Path) -> io::Result<()> {
        let file = one_name(file.as_ref())?;
        Ok(rustix::fs::linkat(&self.descriptor, file, rustix::fs::CWD, to, AtFlags::empty())?)
    }

    fn first_free<T>(
        &self,
        name: &OsStr,
        mut make: impl FnMut(&OsStr) -> io::Result<T>,
    ) -> io::Result<(T, OsString)> {
        let mut number = 1u64;
        loop {
            let mut candidate = name.to_owned();
            if number > 1 {
                candidate.push(format!("-{number}"));
            }
            match make(&candidate) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
                Ok(made) => return Ok((made, candidate)),
            }
        }
    }

    /// Gives a file another name; what had that name is gone.
    ///
    /// # Errors
    /// What the system says.
    pub fn rename(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> io::Result<()> {
        let (from, to) = (one_name(from.as_ref())?, one_name(to.as_ref())?);
        Ok(rustix::fs::renameat(&self.descriptor, from, &self.descriptor, to)?)
    }

    /// Removes a file's name.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.descriptor, one_name(name.as_ref())?, AtFlags::empty())?)
    }

    /// The names in the folder, in order; with each whether it is a regular file.
    ///
    /// # Errors
    /// What the system says.
    pub fn entries(&self) -> io::Result<Vec<(OsString, bool)>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let is_file = self.stat(name).is_ok_and(|stat| Refusal::of(&stat).is_none());
            entries.push((name.to_owned(), is_file));
        }
        entries.sort();
        Ok(entries)
    }

    /// Returns once renames and new names survive a power cut.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }
}

fn current_mode(file: &File) -> io::Result<Mode> {
    Ok(Mode::from_raw_mode(rustix::fs::fstat(file)?.st_mode))
}

/// A name of a file in the folder itself.
fn one_name(name: &OsStr) -> io::Result<&OsStr> {
    let is_one = Path::new(name).file_name() == Some(name);
    if is_one { Ok(name) } else { Err(Refusal::Elsewhere.into()) }
}

impl Refusal {
    fn of(stat: &Stat) -> Option<Self> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => None,
            FileType::Symlink => Some(Self::Link),
            FileType::Directory => Some(Self::Folder),
            _ => Some(Self::NoFile),
        }
    }
}
