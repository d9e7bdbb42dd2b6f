//! Addresses of cameras: printed, logged and stored without their secrets.
//!
//! A [`SourceAddress`] is what a person wrote as a camera's source. `Display`, `Debug` and `Serialize` give it with
//! `…` in the place of every secret: user and password (`http://…@cam/video`), values of the query other than
//! well-known harmless ones (`?user=…&pwd=…`), the fragment, and parts of the path that look like a key. Words that
//! are no network address (`synthetic`, `usb:ID`, files) are given as they are.
//!
//! Two methods give the secret, and only they: [`SourceAddress::expose_secret`], what was written, for the user's
//! own configuration file and the pipe to a camera's process; and [`ResolvedAddress::expose_secret`], what a camera
//! is called by.
//!
//! A secret need not be written out: `${NAME}` stands for the environment variable `NAME`, `${file:PATH}` for the
//! first line of a file. These names are no secret and are shown.

mod hide;
mod parts;
mod resolve;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use resolve::{ResolvedAddress, SecretError};
pub use text::{find_addresses, redact_text};

/// What is shown in the place of a secret.
pub const HIDDEN: &str = "…";

/// What takes the place of each byte of a secret where the text may not change its length.
const MASK: char = '*';

/// What a person wrote as a camera's source; its secrets are not shown.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct SourceAddress(String);

impl SourceAddress {
    /// Takes what a person wrote.
    #[must_use]
    pub fn new(written: impl Into<String>) -> Self {
        Self(written.into())
    }

    /// What was written, secrets included: for the user's own configuration file and for the camera's own process.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// Whether a secret is written out in it.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        !parts::secret_ranges(&self.0).is_empty()
    }

    /// Whether it is an address in the network.
    #[must_use]
    pub fn is_network(&self) -> bool {
        self.0.contains("://")
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Whether its secret was taken out: it was copied from where it is only shown.
    #[must_use]
    pub fn lacks_secret(&self) -> bool {
        self.is_network() && (self.0.contains(HIDDEN) || parts::is_masked(&self.0))
    }

    /// The same address with `*` for every byte of its secrets: it takes the room of the original.
    #[must_use]
    pub fn masked(&self) -> String {
        hide::replaced(&self.0, |secret| MASK.to_string().repeat(secret.len()))
    }

    /// What a person made of the address as it was shown: each `…` stands for the secret that it hides, as long as
    /// there are as many of them as before.
    #[must_use]
    pub fn edited(&self, shown: &str) -> Self {
        let secrets = parts::secret_ranges(&self.0);
        let pieces: Vec<&str> = shown.split(HIDDEN).collect();
        if pieces.len() != secrets.len() + 1 {
            return Self::new(shown);
        }
        let mut written = pieces[0].to_owned();
        for (secret, piece) in secrets.into_iter().zip(&pieces[1..]) {
            written.push_str(&self.0[secret]);
            written.push_str(piece);
        }
        Self(written)
    }

    /// The same address with the paths of its `${file:PATH}` changed.
    #[must_use]
    pub fn with_files(&self, change: impl FnMut(&Path) -> PathBuf) -> Self {
        if self.is_network() { Self(resolve::with_files(&self.0, change)) } else { self.clone() }
    }

    /// The names of the environment variables that it takes secrets from.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        if self.is_network() { resolve::variables(&self.0) } else { Vec::new() }
    }

    /// The address with its secrets filled in, by which the camera is called.
    ///
    /// # Errors
    /// When an environment variable or a file that it names gives no secret, when its secret was taken out, or when
    /// its password cannot be told from the rest.
    pub fn resolve(&self) -> Result<ResolvedAddress, SecretError> {
        ResolvedAddress::new(self, |name| std::env::var(name).ok())
    }
}

impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hide::replaced(&self.0, |_| HIDDEN.to_owned()))
    }
}

impl fmt::Debug for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Serialize for SourceAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SourceAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl From<String> for SourceAddress {
    fn from(written: String) -> Self {
        Self(written)
    }
}

impl From<&str> for SourceAddress {
    fn from(written: &str) -> Self {
        Self(written.to_owned())
    }
}

impl From<&String> for SourceAddress {
    fn from(written: &String) -> Self {
        Self(written.clone())
    }
}

impl PartialEq<str> for SourceAddress {
    fn eq(&self, written: &str) -> bool {
        self.0 == written
    }
}

impl PartialEq<&str> for SourceAddress {
    fn eq(&self, written: &&str) -> bool {
        self.0 == *written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_method_of_that_name_gives_the_secret() {
        let address = SourceAddress::new("http://alice:s3cret@cam/video?pwd=pa55&fps=30");
        let shown = "http://…@cam/video?pwd=…&fps=30";
        assert_eq!(address.to_string(), shown);
        assert_eq!(format!("{address:?} {:#?}", Some(&address)).matches(shown).count(), 2);
        assert_eq!(serde_json::to_string(&address).unwrap(), format!("\"{shown}\""));
        assert_eq!(address.expose_secret(), "http://alice:s3cret@cam/video?pwd=pa55&fps=30");
        let read: SourceAddress = serde_json::from_str("\"http://alice:s3cret@cam\"").unwrap();
        assert_eq!(read, "http://alice:s3cret@cam");
        assert!(read.holds_secret() && !read.lacks_secret());
        assert!(SourceAddress::new(shown).lacks_secret() && !SourceAddress::new(shown).holds_secret());
    }

    #[test]
    fn what_is_edited_where_it_is_shown_keeps_its_secret() {
        let address = SourceAddress::new("http://alice:s3cret@cam/video?pwd=pa55");
        assert_eq!(address.edited("http://…@cam/video?pwd=…"), address);
        assert_eq!(address.edited("http://…@cam2/v?pwd=…"), "http://alice:s3cret@cam2/v?pwd=pa55");
        assert_eq!(address.edited("http://bob:new@cam/video"), "http://bob:new@cam/video");
        assert_eq!(address.edited("synthetic"), "synthetic");
        let plain = SourceAddress::new("usb:1");
        assert_eq!(plain.edited("usb:2"), "usb:2");
    }

    #[test]
    fn a_mask_takes_the_room_of_the_secret() {
        let address = SourceAddress::new("http://al:sé@cam/?pwd=x");
        assert_eq!(address.masked(), "http://******@cam/?pwd=*");
        assert_eq!(address.masked().len(), address.expose_secret().len());
        let masked = SourceAddress::new(address.masked());
        assert!(masked.lacks_secret() && !masked.holds_secret());
    }
}
