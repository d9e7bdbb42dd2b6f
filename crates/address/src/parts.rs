//! Where in an address its secrets are.

use std::ops::Range;

use crate::resolve::placeholders;
use crate::{HIDDEN, MASK};

/// Stands for the bytes of placeholders while the rest is taken apart: their `:` and `/` mean nothing here.
const PLACEHOLDER: char = '\u{1}';
/// Names of a query whose values are settings of the picture, not secrets.
#[rustfmt::skip]
const HARMLESS: [&str; 61] = [
    "action", "audio", "bitrate", "brightness", "buffer_size", "cam", "camera", "ch", "channel", "clock", "codec",
    "color", "compression", "container", "contrast", "date", "duration", "fifo_size", "format", "fps", "framerate",
    "h", "height", "imagesize", "index", "input", "latency", "listen", "localaddr", "localport", "mirror", "mode",
    "multicast", "overlay", "overrun_nonfatal", "pkt_size", "profile", "proto", "quality", "rate", "resolution",
    "reuse", "rotation", "size", "stream", "streamtype", "subtype", "tcp", "text", "timeout", "timestamp", "transport",
    "ttl", "type", "udp", "unicast", "video", "videobitrate", "videocodec", "w", "width",
];
/// Words without a value that may stand in a query.
const HARMLESS_WORDS: [&str; 6] = ["enablesrtp", "listen", "multicast", "tcp", "udp", "unicast"];
/// Longest harmless value.
const MOST_HARMLESS_BYTES: usize = 16;

/// The byte ranges of what is secret in an address, in their order; empty where it is none.
pub(crate) fn secret_ranges(address: &str) -> Vec<Range<usize>> {
    let Some(start) = address.find("://").map(|at| at + 3) else { return Vec::new() };
    let text = without_placeholders(address);
    let mut secrets = Secrets { text: &text, ranges: Vec::new() };
    let path = secrets.authority(start);
    let fragment = text[path..].find('#').map_or(text.len(), |at| path + at);
    let query = text[path..fragment].find('?').map_or(fragment, |at| path + at);
    secrets.path(path..query);
    secrets.query((query + 1).min(fragment)..fragment);
    secrets.hide((fragment + 1).min(text.len())..text.len());
    secrets.ranges
}

/// Whether the password in an address has characters that end the part in which it stands, so that it cannot be
/// told where it ends.
pub(crate) fn is_ambiguous(address: &str) -> bool {
    let Some(start) = address.find("://").map(|at| at + 3) else { return false };
    let text = without_placeholders(address);
    let rest = &text[start..];
    userinfo_end(rest).is_some_and(|at| at > rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// Whether a secret was overwritten.
pub(crate) fn is_masked(address: &str) -> bool {
    let other = address.replace(MASK, "x");
    secret_ranges(&other).into_iter().any(|secret| address[secret].chars().all(|c| c == MASK))
}

/// The same text, of the same length, with the bytes of placeholders replaced.
fn without_placeholders(address: &str) -> String {
    let mut text = address.to_owned();
    for (range, _) in placeholders(address) {
        let room = range.len();
        text.replace_range(range, &PLACEHOLDER.to_string().repeat(room));
    }
    text
}

/// Where the `@` behind user and password is.
fn userinfo_end(rest: &str) -> Option<usize> {
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    // `alice:pass/word@host`: what is before the slash is no host and port.
    let (host, port) = authority.rsplit_once(':')?;
    let is_host = host.contains('.') || host.starts_with('[') || host.eq_ignore_ascii_case("localhost");
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if is_host && is_port { None } else { rest.rfind('@') }
}

struct Secrets<'a> {
    text: &'a str,
    ranges: Vec<Range<usize>>,
}

impl Secrets<'_> {
    /// Notes a secret, unless there is none, it is hidden already, or only its name stands there.
    fn hide(&mut self, range: Range<usize>) {
        let secret = &self.text[range.clone()];
        let is_of = |mark: char| secret.chars().all(|c| c == mark);
        if secret != HIDDEN && !is_of(PLACEHOLDER) && !is_of(MASK) {
            self.ranges.push(range);
        }
    }

    /// User and password; where the path begins.
    fn authority(&mut self, start: usize) -> usize {
        let rest = &self.text[start..];
        let mut host = start;
        if let Some(at) = userinfo_end(rest) {
            let userinfo = &rest[..at];
            // A user whose password is only named is no secret.
            let password = userinfo.split_once(':').map_or(userinfo, |(_, password)| password);
            if password.is_empty() || !password.chars().all(|c| c == PLACEHOLDER) {
                self.hide(start..start + at);
            }
            host += at + 1;
        }
        host + self.text[host..].find(['/', '?', '#']).unwrap_or(self.text.len() - host)
    }

    fn path(&mut self, range: Range<usize>) {
        for part in pieces(self.text, range, &['/']) {
            let text = &self.text[part.clone()];
            match text.find('=') {
                Some(at) => self.hide(part.start + at + 1..part.end),
                None if is_key(text) => self.hide(part),
                None => {}
            }
        }
    }

    fn query(&mut self, range: Range<usize>) {
        for part in pieces(self.text, range, &['&', ';']) {
            match self.text[part.clone()].split_once('=') {
                Some((name, value)) if is_harmless(name, value) => {}
                Some((name, _)) => self.hide(part.start + name.len() + 1..part.end),
                None if is_one_of(&HARMLESS_WORDS, &self.text[part.clone()]) => {}
                None => self.hide(part),
            }
        }
    }
}

/// The pieces of a part of a text between separators.
fn pieces(text: &str, range: Range<usize>, separators: &[char]) -> Vec<Range<usize>> {
    let base = text.as_ptr() as usize;
    let piece = |piece: &str| {
        let start = piece.as_ptr() as usize - base;
        start..start + piece.len()
    };
    text[range].split(separators).map(piece).collect()
}

fn is_harmless(name: &str, value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '-' | '_' | ':');
    is_one_of(&HARMLESS, name) && value.len() <= MOST_HARMLESS_BYTES && value.chars().all(is_plain)
}

fn is_one_of(words: &[&str], text: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether a part of a path looks like a key: long, of letters and digits mixed, or a user with a password.
fn is_key(text: &str) -> bool {
    let letters = |text: &str| text.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let is_mixed = |piece: &str| piece.len() >= 12 && letters(piece) > 0 && digits(piece) > 0;
    text.contains(':')
        || text.split(['.', '_', '-']).any(is_mixed)
        || (text.len() >= 24 && letters(text) >= 4 && digits(text) >= 4)
}

#[cfg(test)]
mod tests {
    use crate::SourceAddress;

    #[test]
    fn secrets_are_hidden_wherever_cameras_take_them() {
        for (written, shown) in [
            ("rtsp://user:pass@10.0.0.1/a?b=c@d", "rtsp://…@10.0.0.1/a?b=…"),
            ("http://10.0.0.1/mail@x", "http://10.0.0.1/mail@x"),
            ("http://a:p@ss@host", "http://…@host"),
            ("https://t0ken@host:8443/x", "https://…@host:8443/x"),
            ("http://alice:@host", "http://…@host"),
            ("http://alice:p/ss#w?rd@host/video", "http://…@host/video"),
            ("http://alice:12/34@host/video", "http://…@host/video"),
            ("http://[fe80::1]:80/mail@x", "http://[fe80::1]:80/mail@x"),
            (
                "http://cam/v?user=al&pwd=s3&resolution=640x480",
                "http://cam/v?user=…&pwd=…&resolution=640x480",
            ),
            ("http://cam/v?PWD=s3;Camera=2;admin:s3", "http://cam/v?PWD=…;Camera=2;…"),
            ("http://cam/v?camera=$ecret", "http://cam/v?camera=…"),
            ("http://cam/v?token=#abc", "http://cam/v?token=#…"),
            ("rtsp://cam/user=admin_password=tlJw_channel=1.sdp", "rtsp://cam/user=…"),
            ("rtsps://cam:7441/Wk2cTQoSNpHQ1Vgn?enableSrtp", "rtsps://cam:7441/…?enableSrtp"),
            ("http://cam/550e8400-e29b-41d4-a716-446655440000/x", "http://cam/…/x"),
            ("http://cam/alice:s3cret/v", "http://cam/…/v"),
            ("srt://cam:9000?mode=caller&passphrase=long", "srt://cam:9000?mode=caller&passphrase=…"),
            ("udp://@239.0.0.1:1234", "udp://@239.0.0.1:1234"),
            ("rtsp://cam/Streaming/Channels/101", "rtsp://cam/Streaming/Channels/101"),
            ("rtsp://cam/h264Preview_01_main", "rtsp://cam/h264Preview_01_main"),
            ("synthetic?heads=2&width=640", "synthetic?heads=2&width=640"),
            ("/home/a:b@c/clip.mp4", "/home/a:b@c/clip.mp4"),
            ("http://…@cam/?pwd=…", "http://…@cam/?pwd=…"),
            ("", ""),
        ] {
            assert_eq!(SourceAddress::new(written).to_string(), shown, "{written}");
        }
    }

    #[test]
    fn names_of_secrets_are_shown() {
        for written in [
            "http://alice:${CAM_PASSWORD}@cam/video",
            "http://${CAM_TOKEN}@cam/video",
            "http://alice:${file:/run/secrets/a:b@c}@cam/?pwd=${PWD2}#${X}",
            "rtsp://cam/${KEY}/1",
        ] {
            let address = SourceAddress::new(written);
            assert_eq!((address.to_string().as_str(), address.holds_secret()), (written, false));
        }
        for (written, shown) in [
            ("http://alice:x${CAM}@cam/", "http://…@cam/"),
            ("http://cam/?pwd=${A}b", "http://cam/?pwd=…"),
            ("http://al:${not a name}@cam/", "http://…@cam/"),
        ] {
            assert_eq!(SourceAddress::new(written).to_string(), shown);
        }
    }
}
