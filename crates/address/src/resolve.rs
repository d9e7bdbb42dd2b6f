//! Secrets that are kept elsewhere, and the address with all of them.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::parts::{is_ambiguous, secret_ranges};
use crate::{SourceAddress, redact_text};

/// Longest secret.
const MOST_BYTES: u64 = 4096;
/// Shorter words are not looked for in texts of others: they stand in every sentence.
const LEAST_SECRET_BYTES: usize = 3;

/// Why an address has no secret. No message says it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment has no such variable, or it is empty.
    #[error("the environment variable {name} is not set; set it to the secret before Mien is started")]
    Variable {
        /// Its name.
        name: String,
    },
    /// The file gives no secret.
    #[error("{}: the secret cannot be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The address was copied from where it is shown.
    #[error(
        "the secret was taken out of this address (…); write it again, or name it: ${{NAME}} is the environment \
         variable NAME, ${{file:PATH}} a file"
    )]
    TakenOut,
    /// Where the password ends cannot be told.
    #[error("the password has characters that an address cannot hold; write / as %2F, ? as %3F, # as %23")]
    Ambiguous,
}

/// Where a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper<'a> {
    Variable(&'a str),
    File(&'a str),
}

/// The places of an address that stand for secrets kept elsewhere.
pub(crate) fn placeholders(address: &str) -> Vec<(Range<usize>, Keeper<'_>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = address[from..].find("${").map(|at| from + at) {
        let Some(end) = address[start..].find('}').map(|at| start + at) else { break };
        let inner = &address[start + 2..end];
        let keeper = match inner.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Some(Keeper::File(path)),
            Some(_) => None,
            None => is_variable(inner).then_some(Keeper::Variable(inner)),
        };
        found.extend(keeper.map(|keeper| (start..end + 1, keeper)));
        from = if keeper.is_some() { end + 1 } else { start + 2 };
    }
    found
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(crate) fn variables(address: &str) -> Vec<&str> {
    let name = |(_, keeper)| match keeper {
        Keeper::Variable(name) => Some(name),
        Keeper::File(_) => None,
    };
    placeholders(address).into_iter().filter_map(name).collect()
}

pub(crate) fn with_files(address: &str, mut change: impl FnMut(&Path) -> PathBuf) -> String {
    let mut result = address.to_owned();
    for (range, keeper) in placeholders(address).into_iter().rev() {
        if let Keeper::File(path) = keeper
            && let Some(path) = change(Path::new(path)).to_str()
            && !path.contains('}')
        {
            result.replace_range(range, &format!("${{file:{path}}}"));
        }
    }
    result
}

/// An address with its secrets filled in. It is not printed; what others say of it is cleaned by
/// [`hide_in`](Self::hide_in).
#[derive(Clone)]
pub struct ResolvedAddress {
    text: String,
    shown: String,
    secrets: Vec<String>,
}

impl ResolvedAddress {
    pub(crate) fn new(
        address: &SourceAddress,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SecretError> {
        let written = address.expose_secret();
        let shown = address.to_string();
        if !address.is_network() {
            return Ok(Self { text: written.to_owned(), shown, secrets: Vec::new() });
        }
        if address.lacks_secret() {
            return Err(SecretError::TakenOut);
        }
        if is_ambiguous(written) {
            return Err(SecretError::Ambiguous);
        }
        let mut secrets: Vec<String> =
            secret_ranges(written).into_iter().flat_map(|at| words(&written[at])).collect();
        let mut text = written.to_owned();
        for (range, keeper) in placeholders(written).into_iter().rev() {
            let secret = match keeper {
                Keeper::Variable(name) => variable(name)
                    .filter(|secret| !secret.is_empty())
                    .ok_or_else(|| SecretError::Variable { name: name.to_owned() })?,
                Keeper::File(path) => read_file(Path::new(path))?,
            };
            let encoded = percent_encoded(&secret);
            text.replace_range(range, &encoded);
            secrets.extend([secret, encoded]);
        }
        secrets.retain(|secret| secret.len() >= LEAST_SECRET_BYTES);
        // The longest first: a shorter one may be part of it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Ok(Self { text, shown, secrets })
    }

    /// The whole address: for whoever opens it.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.text
    }

    /// Whether it has secrets.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        self.text != self.shown
    }

    /// What somebody else says, with this address and its secrets hidden.
    #[must_use]
    pub fn hide_in(&self, text: &str) -> String {
        let mut text = text.replace(&self.text, &self.shown);
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), crate::HIDDEN);
        }
        redact_text(&text).into_owned()
    }
}

impl fmt::Display for ResolvedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for ResolvedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown)
    }
}

/// How a secret of an address may be told again: with its user and alone, encoded and not.
fn words(secret: &str) -> Vec<String> {
    let password = secret.split_once(':').map_or(secret, |(_, password)| password);
    [secret, password].into_iter().flat_map(|word| [word.to_owned(), percent_decoded(word)]).collect()
}

fn read_file(path: &Path) -> Result<String, SecretError> {
    let failed = |reason: String| SecretError::File { path: path.to_owned(), reason };
    let of_system = |error: std::io::Error| failed(error.to_string());
    // A pipe or a device might never end.
    if !std::fs::metadata(path).map_err(of_system)?.is_file() {
        return Err(failed("it is no regular file".to_owned()));
    }
    let mut line = Vec::new();
    let file = File::open(path).map_err(of_system)?;
    BufReader::new(file.take(MOST_BYTES)).read_until(b'\n', &mut line).map_err(of_system)?;
    let line = String::from_utf8(line).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    let secret = line.trim_end_matches(['\n', '\r']);
    if secret.is_empty() { Err(failed("its first line is empty".to_owned())) } else { Ok(secret.to_owned()) }
}

/// For any place in an address.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|code| u8::from_str_radix(code, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(written: &str) -> Result<ResolvedAddress, SecretError> {
        let variable = |name: &str| match name {
            "CAM" => Some("p@ss/w:rd".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        ResolvedAddress::new(&SourceAddress::new(written), variable)
    }

    #[test]
    fn secrets_come_from_variables_and_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "two words\nsecond line\n").unwrap();
        let written = format!("http://alice:${{CAM}}@cam/?pwd=${{file:{}}}", file.display());
        let address = resolved(&written).unwrap();
        assert_eq!(address.expose_secret(), "http://alice:p%40ss%2Fw%3Ard@cam/?pwd=two%20words");
        assert_eq!(address.to_string(), written);
        assert_eq!(SourceAddress::new(&written).variables(), ["CAM"]);
        assert!(address.holds_secret() && !format!("{address:?}").contains("p@ss"));
        assert!(!resolved("http://cam/").unwrap().holds_secret());
        // Only addresses in the network have secrets.
        assert_eq!(resolved("/data/${CAM}.mp4").unwrap().expose_secret(), "/data/${CAM}.mp4");
        assert_eq!(resolved("http://cam/${}").unwrap().expose_secret(), "http://cam/${}");
    }

    #[test]
    fn a_missing_secret_is_named_and_told_by_nobody() {
        let error = |written: &str| resolved(written).err().unwrap().to_string();
        assert!(error("http://a:${NONE}@cam").contains("variable NONE is not set"));
        assert!(error("http://a:${EMPTY}@cam").contains("variable EMPTY is not set"));
        assert!(error("http://a:${file:/nowhere/x}@cam").starts_with("/nowhere/x: "));
        assert!(error("http://a:${file:/dev/zero}@cam").contains("no regular file"));
        assert!(error("http://…@cam").contains("taken out"));
        assert!(error("http://a:s3/cret@cam").contains("%2F"));
    }

    #[test]
    fn what_others_say_is_cleaned() {
        let address = resolved("http://alice:s3%20cret@cam/?pwd=pa55").unwrap();
        for said in [
            "Impossible to open 'http://alice:s3%20cret@cam/?pwd=pa55'",
            "http://alice:s3 cret@cam: 401",
            "GET /?pwd=pa55 HTTP/1.1",
            "user alice:s3 cret refused",
            "redirected to http://alice:s3%20cret@cam/other?pwd=pa55",
        ] {
            let clean = address.hide_in(said);
            assert!(!clean.contains("cret") && !clean.contains("pa55"), "{clean}");
        }
        let of_variable = resolved("http://alice:${CAM}@cam/").unwrap();
        let clean = of_variable
            .hide_in("bad password p@ss/w:rd (p%40ss%2Fw%3Ard) of http://alice:p%40ss%2Fw%3Ard@cam/");
        assert_eq!(clean, "bad password … (…) of http://alice:${CAM}@cam/");
    }

    #[test]
    fn relative_files_belong_to_a_folder() {
        let address = SourceAddress::new("http://a:${file:cam.txt}@cam/?x=${file:/abs}&y=${V}");
        let moved = address.with_files(|path| Path::new("/etc/mien").join(path));
        assert_eq!(moved, "http://a:${file:/etc/mien/cam.txt}@cam/?x=${file:/abs}&y=${V}");
    }
}
