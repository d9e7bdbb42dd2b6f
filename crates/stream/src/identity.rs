//! What tells the streams of one program from those of another.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};

/// Programs with the same names that are told apart.
const MOST: u32 = 1000;

/// What tells a camera's streams from those of another program, of another user or machine.
///
/// The same setup (machine, user, prefix, camera, source) has the same identity in every run, so that consumers find
/// its streams again. A program that starts while another of the same names runs on this machine gets the next
/// number, in its streams' names; one of the same setup in their source ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamIdentity {
    /// Stands for the setup in source ids: hexadecimal digits; empty leaves it out.
    pub setup: String,
    /// Which program of this setup it is; 0 and 1 are the first.
    pub setup_number: u32,
    /// Which program of these stream names it is; 0 and 1 are the first.
    pub name_number: u32,
}

impl StreamIdentity {
    /// The identity of a camera's streams (`camera` and its address without secrets), or of the markers (both empty),
    /// while nobody publishes them.
    #[must_use]
    pub fn new(prefix: &str, camera: &str, source: &str) -> Self {
        let parts = [&machine_id(), &user_id(), prefix, camera, source];
        Self { setup: format!("{:012x}", hash(&parts) >> 16), setup_number: 1, name_number: 1 }
    }

    /// The same for a program that publishes: takes the first numbers that no running program on this machine has.
    /// They are this program's until it ends, however often it asks.
    #[must_use]
    pub fn claim(prefix: &str, camera: &str, source: &str) -> Self {
        let identity = Self::new(prefix, camera, source);
        Self {
            setup_number: number(&format!("setup {}", identity.setup)),
            name_number: number(&format!("name {prefix} {camera}")),
            ..identity
        }
    }

    /// The first part of the streams' names.
    #[must_use]
    pub fn prefix(&self, prefix: &str) -> String {
        match self.name_number {
            0 | 1 => prefix.to_owned(),
            number => format!("{prefix}-{number}"),
        }
    }

    /// The part of source ids that stands for setup and program, with its separator.
    pub(crate) fn source_part(&self) -> String {
        match (self.setup.as_str(), self.setup_number) {
            ("", _) => String::new(),
            (setup, 0 | 1) => format!("{setup}:"),
            (setup, number) => format!("{setup}.{number}:"),
        }
    }
}

/// FNV-1a: the same in every version of this program.
fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What Linux calls a machine by; computers of a lab may have the same host name.
fn machine_id() -> String {
    std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned()
}

#[cfg(unix)]
fn user_id() -> String {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").map(|process| process.uid().to_string()).unwrap_or_default()
}

#[cfg(not(unix))]
fn user_id() -> String {
    std::env::var("USERNAME").unwrap_or_default()
}

/// The numbers that a program has, by key, with what keeps others from them.
type Numbers = HashMap<String, (u32, Option<Kept>)>;

/// Those of this program.
static NUMBERS: Mutex<Option<Numbers>> = Mutex::new(None);

/// The first number of this key that no running program has.
fn number(key: &str) -> u32 {
    let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
    let numbers = numbers.get_or_insert_default();
    numbers.entry(key.to_owned()).or_insert_with(|| first_free(key)).0
}

fn first_free(key: &str) -> (u32, Option<Kept>) {
    for number in 1..=MOST {
        match keep(&format!("mien-lsl {:016x} {number}", hash(&[key]))) {
            Ok(kept) => return (number, Some(kept)),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            // Where nothing can be kept, nobody is told apart.
            Err(_) => break,
        }
    }
    (1, None)
}

/// A name that one process at a time can have; the system frees it when the process ends, however it ends.
#[cfg(target_os = "linux")]
type Kept = std::os::unix::net::UnixListener;

#[cfg(target_os = "linux")]
fn keep(name: &str) -> std::io::Result<Kept> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

#[cfg(not(target_os = "linux"))]
type Kept = ();

#[cfg(not(target_os = "linux"))]
fn keep(_name: &str) -> std::io::Result<Kept> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_is_the_same_in_every_run_and_no_other() {
        let of = |prefix, camera, source| StreamIdentity::new(prefix, camera, source).setup;
        let one = of("mien", "front", "usb:1");
        assert_eq!((one.len(), &one), (12, &of("mien", "front", "usb:1")));
        for other in [of("mien", "front", "usb:2"), of("mien", "side", "usb:1"), of("lab", "front", "usb:1")]
        {
            assert_ne!(one, other);
        }
        assert_ne!(of("a", "bc", ""), of("ab", "c", ""));
    }

    #[test]
    fn numbers_are_kept_by_who_has_them() {
        let key = format!("test {}", std::process::id());
        assert_eq!((number(&key), number(&key)), (1, 1), "its own");
        // As another program would find it.
        let (second, kept) = first_free(&key);
        assert_eq!(second, 2);
        assert_eq!(first_free(&key).0, 3);
        drop(kept);
        assert_eq!(first_free(&key).0, 2, "free again");
    }

    #[test]
    fn the_first_has_the_plain_names() {
        let mut identity = StreamIdentity::new("mien", "front", "usb:1");
        assert_eq!(identity.prefix("mien"), "mien");
        assert_eq!(identity.source_part(), format!("{}:", identity.setup));
        (identity.name_number, identity.setup_number) = (3, 2);
        assert_eq!(identity.prefix("mien"), "mien-3");
        assert_eq!(identity.source_part(), format!("{}.2:", identity.setup));
        assert_eq!(StreamIdentity::default().source_part(), "");
    }
}
