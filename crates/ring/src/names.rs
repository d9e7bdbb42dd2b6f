//! Names of segments, and the removal of leftovers.
//!
//! A name says whose it is: `mien.SESSION.CAMERA.KIND.PIDNS.PID.START.RANDOM`. So a leftover is recognised
//! without opening it: what a killed process left half made is never mapped, only unlinked.

use std::path::{Path, PathBuf};

use procfs::process::Process;

use crate::RingError;

/// Where Linux keeps shared memory.
pub const SHM_DIR: &str = "/dev/shm";

const PREFIX: &str = "mien";

/// A process, told apart from a later one that got the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Number of the process.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did.
    pub start_ticks: u64,
}

impl ProcessId {
    /// This process.
    #[must_use]
    pub fn current() -> Self {
        let pid = std::process::id();
        Self { pid, start_ticks: start_ticks(pid).unwrap_or(0) }
    }

    /// Whether the process still runs. A zombie does not; an unreadable `/proc` counts as alive, so that
    /// nothing in use is ever removed.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        match i32::try_from(self.pid).map(|pid| Process::new(pid).and_then(|process| process.stat())) {
            Ok(Ok(stat)) => stat.starttime == self.start_ticks && !matches!(stat.state, 'Z' | 'X'),
            Ok(Err(procfs::ProcError::NotFound(_))) | Err(_) => false,
            Ok(Err(_)) => true,
        }
    }
}

fn start_ticks(pid: u32) -> Option<u64> {
    Some(Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?.starttime)
}

/// The pid namespace of this process: numbers of processes mean nothing in another one.
fn pid_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino())
}

/// What a ring carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RingKind {
    /// Pictures for people.
    Preview,
    /// Results.
    Faces,
}

impl RingKind {
    fn text(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Faces => "faces",
        }
    }
}

/// Whether a session or a camera may be called so: 1 to 64 of `A–Z a–z 0–9 _ -`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The name of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentName {
    /// The session that the segment belongs to.
    pub session: String,
    /// The camera.
    pub camera: String,
    /// What the ring carries.
    pub kind: RingKind,
    /// The process that made the segment and removes it.
    pub owner: ProcessId,
    pid_namespace: u64,
    random: u64,
}

impl SegmentName {
    /// A name for a segment of this process, never used before.
    ///
    /// # Errors
    /// When the session or the camera is not a name (see [`is_name`]).
    pub fn new(session: &str, camera: &str, kind: RingKind) -> Result<Self, RingError> {
        for name in [session, camera] {
            if !is_name(name) {
                let reason = format!("`{name}` is not a name: 1 to 64 of A–Z a–z 0–9 _ -");
                return Err(RingError::Spec { reason });
            }
        }
        let mut random = [0; 8];
        // Without random numbers (a kernel that has just started) the pid still keeps names apart.
        let _filled = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::NONBLOCK);
        Ok(Self {
            session: session.into(),
            camera: camera.into(),
            kind,
            owner: ProcessId::current(),
            pid_namespace: pid_namespace(),
            random: u64::from_ne_bytes(random),
        })
    }

    /// The name of the file.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!(
            "{PREFIX}.{}.{}.{}.{:x}.{}.{}.{:016x}",
            self.session,
            self.camera,
            self.kind.text(),
            self.pid_namespace,
            self.owner.pid,
            self.owner.start_ticks,
            self.random
        )
    }

    /// Reads the name of a file; nothing when it is none of ours.
    #[must_use]
    pub fn parse(file_name: &str) -> Option<Self> {
        let parts: Vec<&str> = file_name.split('.').collect();
        let [PREFIX, session, camera, kind, namespace, pid, start, random] = parts[..] else {
            return None;
        };
        let kind = [RingKind::Preview, RingKind::Faces].into_iter().find(|known| known.text() == kind)?;
        if !is_name(session) || !is_name(camera) {
            return None;
        }
        Some(Self {
            session: session.into(),
            camera: camera.into(),
            kind,
            owner: ProcessId { pid: pid.parse().ok()?, start_ticks: start.parse().ok()? },
            pid_namespace: u64::from_str_radix(namespace, 16).ok()?,
            random: u64::from_str_radix(random, 16).ok()?,
        })
    }
}

/// Removes the segments in `dir` whose process is gone, and says which.
///
/// Safe at any time, next to any number of running sessions: segments of living processes and of other
/// pid namespaces (containers that share `/dev/shm`) stay.
///
/// # Errors
/// When the folder cannot be read. A segment that cannot be removed (another user's) is passed over.
pub fn remove_stale(dir: &Path) -> Result<Vec<PathBuf>, RingError> {
    let failed = |source| RingError::System { path: dir.to_path_buf(), action: "list", source };
    let namespace = pid_namespace();
    let mut removed = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(SegmentName::parse);
        let stale = name.is_some_and(|name| name.pid_namespace == namespace && !name.owner.is_alive());
        if stale && std::fs::remove_file(&path).is_ok() {
            removed.push(path);
        }
    }
    Ok(removed)
}

/// Removes one segment's name; processes that have it open keep it until they let go. No error when it
/// is gone already.
///
/// # Errors
/// When `path` is not the path of a segment, or the system refuses.
pub fn remove_segment(path: &Path) -> Result<(), RingError> {
    if path.file_name().and_then(|name| name.to_str()).and_then(SegmentName::parse).is_none() {
        let reason = "its name is not one that Mien gives".into();
        return Err(RingError::Foreign { path: path.to_path_buf(), reason });
    }
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(RingError::System { path: path.to_path_buf(), action: "remove", source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went_in() {
        let name = SegmentName::new("s-1", "cam_2", RingKind::Faces).unwrap();
        assert_eq!(SegmentName::parse(&name.file_name()), Some(name.clone()));
        assert!(name.owner.is_alive());
        assert_ne!(name, SegmentName::new("s-1", "cam_2", RingKind::Faces).unwrap());
        let longest = "x".repeat(64);
        let name = SegmentName::new(&longest, &longest, RingKind::Preview).unwrap();
        assert!(name.file_name().len() < 255);
    }

    #[test]
    fn names_with_dots_slashes_or_too_much_are_refused() {
        for bad in ["", "a.b", "a/b", "..", "ä", "a b", &"x".repeat(65)] {
            assert!(SegmentName::new(bad, "c", RingKind::Faces).is_err(), "{bad}");
            assert!(SegmentName::new("s", bad, RingKind::Faces).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_leftovers_of_dead_processes_go() {
        let dir = tempfile::tempdir().unwrap();
        let mine = SegmentName::new("s", "c", RingKind::Faces).unwrap();
        // The number of a living process, but not its start: somebody who had the number before.
        let mut earlier = mine.clone();
        earlier.owner.start_ticks += 1;
        let mut gone = mine.clone();
        gone.owner.pid = u32::MAX;
        let mut elsewhere = gone.clone();
        elsewhere.pid_namespace += 1;
        let names = [&mine, &earlier, &gone, &elsewhere].map(SegmentName::file_name);
        for name in names.iter().map(String::as_str).chain(["mien.s.c.faces.1.2.3", "other"]) {
            std::fs::write(dir.path().join(name), "half made").unwrap();
        }
        let mut removed = remove_stale(dir.path()).unwrap();
        removed.sort();
        let mut expected = [dir.path().join(&names[1]), dir.path().join(&names[2])];
        expected.sort();
        assert_eq!(removed, expected);
        assert!(remove_segment(&dir.path().join("other")).is_err());
        assert!(remove_segment(&dir.path().join(&names[0])).is_ok());
        assert!(remove_segment(&dir.path().join(&names[0])).is_ok());
    }
}
