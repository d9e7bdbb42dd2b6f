//! The settings that liblsl reads.
//!
//! liblsl looks for `lsl_api.cfg` in the current folder first, where anybody may have put one, and its `[log]`
//! section names a file that liblsl appends to. So a child gets one configuration, made here: the user's own, but
//! for its log, which comes to Mien.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};

use crate::StreamError;

/// The variable that names liblsl's configuration.
pub(crate) const VARIABLE: &str = "LSLAPICFG";
/// What liblsl would read in the current folder.
const CURRENT_FOLDER: &str = "lsl_api.cfg";
/// A configuration has some hundred bytes.
const MOST_BYTES: u64 = 1 << 16;
/// Warnings and errors.
const LOG: &str = "\n[log]\nlevel = -1\n";
/// Streams are announced to, and looked for on, this machine only.
const MACHINE: &str = "\n[ports]\nIPv6 = disable\n\
    [multicast]\nResolveScope = machine\nAddressesOverride = {127.0.0.1}\nListenAddress = 127.0.0.1\n\
    Interfaces = {127.0.0.1}\nTTLOverride = 0\n[lab]\nKnownPeers = {127.0.0.1}\n";

/// Who is to find the streams, and where streams are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// As liblsl's own configuration says: without one, whoever is on the network.
    #[default]
    Network,
    /// Programs on this machine. What comes to the outlets' ports from elsewhere is dropped by the system.
    Machine,
}

/// A configuration that a child of this process can read, as long as this lives.
pub(crate) struct Configuration {
    memory: OwnedFd,
}

impl Configuration {
    /// Puts the configuration together.
    ///
    /// # Errors
    /// When the user's own cannot be read, or the system has no memory for it.
    pub fn new(reach: Reach) -> Result<Self, StreamError> {
        let own = match own_file()? {
            Some(path) => read(&path)?,
            None => String::new(),
        };
        let text = match reach {
            Reach::Network => without_sections(&own, &["log"]) + LOG,
            Reach::Machine => without_sections(&own, &["log", "ports", "multicast", "lab"]) + MACHINE + LOG,
        };
        // The child inherits it: so it is not closed when a program is started.
        let memory = memfd_create("lsl_api.cfg", MemfdFlags::empty()).map_err(|error| refused(&error))?;
        let mut file = File::from(memory);
        file.write_all(text.as_bytes()).map_err(|error| refused(&error))?;
        Ok(Self { memory: file.into() })
    }

    /// Where a child finds it.
    pub fn path_in_child(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.memory.as_raw_fd()).into()
    }
}

fn refused(error: &dyn std::fmt::Display) -> StreamError {
    StreamError::Refused(format!("liblsl's configuration cannot be handed over: {error}"))
}

/// The configuration that the user or the machine has: what `LSLAPICFG` names, else the user's own, else the
/// machine's. The last two are passed over where others may write to them, and one in the current folder always is.
fn own_file() -> Result<Option<PathBuf>, StreamError> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return Ok(Some(named.into()));
    }
    static TOLD: AtomicBool = AtomicBool::new(false);
    // Each child asks again.
    let is_first = !TOLD.swap(true, Ordering::Relaxed);
    if is_first && Path::new(CURRENT_FOLDER).exists() {
        tracing::warn!(
            "{CURRENT_FOLDER} in the current folder is not read; if it is yours, name it in {VARIABLE}"
        );
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let homes = home.map(|home| home.join("lsl_api/lsl_api.cfg"));
    let usual = homes.into_iter().chain([PathBuf::from("/etc/lsl_api/lsl_api.cfg")]);
    for path in usual.filter(|path| path.exists()) {
        match mien_trust::open(&path) {
            Ok(_) => return Ok(Some(path)),
            Err(error) if is_first => tracing::warn!("{error}"),
            Err(_) => {}
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<String, StreamError> {
    let failed =
        |reason: String| StreamError::Refused(format!("liblsl's configuration {} {reason}", path.display()));
    let metadata = path.metadata().map_err(|error| failed(format!("cannot be read: {error}")))?;
    if !metadata.is_file() {
        return Err(failed(format!("is no file; see {VARIABLE}")));
    }
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
        .map_err(|error| failed(format!("cannot be read: {error}")))?;
    Ok(text)
}

/// An INI text without some of its sections.
fn without_sections(text: &str, left_out: &[&str]) -> String {
    let mut kept = String::new();
    let mut keeps = true;
    for line in text.lines() {
        let section = line.trim().strip_prefix('[').and_then(|rest| rest.split_once(']'));
        if let Some((name, _)) = section {
            keeps = !left_out.iter().any(|left_out| name.trim().eq_ignore_ascii_case(left_out));
        }
        // Some readers of INI files take `log.file = …` anywhere for what it says.
        let dotted = left_out.iter().any(|section| {
            line.trim_start()
                .to_ascii_lowercase()
                .strip_prefix(section)
                .is_some_and(|rest| rest.starts_with('.'))
        });
        if keeps && !dotted {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_file_is_never_handed_on() {
        let own = "[lab]\nSessionID = mine\n [Log]\nfile = /etc/passwd\nlevel=9\n[ports]\nIPv6=disable\n\
                   log.file = x\n";
        let kept = without_sections(own, &["log"]);
        assert_eq!(kept, "[lab]\nSessionID = mine\n[ports]\nIPv6=disable\n");
        assert_eq!(without_sections("log.file = x\n[log]\n", &["log"]), "");
    }

    #[test]
    fn a_child_reads_what_was_put_together() {
        let configuration = Configuration::new(Reach::Machine).unwrap();
        let text = std::fs::read_to_string(configuration.path_in_child()).unwrap();
        assert!(text.contains("ListenAddress = 127.0.0.1") && text.ends_with(LOG), "{text}");
    }
}
