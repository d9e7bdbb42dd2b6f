//! What an address answers that gives no pictures.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mien_address::ResolvedAddress;

use super::pipe::read_some;
use super::relay::Relay;
use crate::stream_input::PROTOCOLS;

/// How long the answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Bytes that tell what it is.
const ENOUGH: usize = 512;

/// Says what the address answers where that is text: a login page, say. Nothing where it is something else, or where
/// the address has a secret, which may not be an argument of a program.
pub(super) fn what_answers(address: &ResolvedAddress, relay: Option<&Relay>) -> Option<String> {
    if address.holds_secret() {
        return None;
    }
    // ffmpeg as a plain client, which hands on whatever it gets.
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "quiet", "-protocol_whitelist", PROTOCOLS, "-rw_timeout", "5000000"]);
    if let Some(relay) = relay {
        command.args(["-http_proxy", &relay.url()]).env_remove("no_proxy").env_remove("http_proxy");
    }
    command.args(["-f", "data", "-i", address.expose_secret()]);
    command.args("-map 0 -c copy -f data -flush_packets 1 pipe:1".split(' '));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let (mut bytes, deadline) = (vec![0; ENOUGH], Instant::now() + LIMIT);
    let mut count = 0;
    while count < ENOUGH {
        match read_some(&mut stdout, &mut bytes[count..], deadline) {
            Ok(more) => count += more,
            Err(_) => break,
        }
    }
    // Gone already is as good.
    let _gone = child.kill();
    let _gone = child.wait();
    words_for(&bytes[..count]).map(str::to_owned)
}

fn words_for(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes).trim_start_matches('\u{FEFF}').trim().to_ascii_lowercase();
    let is_text = !text.is_empty() && !text.chars().any(|c| c.is_control() && !c.is_whitespace());
    if !is_text || text.starts_with("#extm3u") || text.starts_with("--") || text.contains('\u{FFFD}') {
        return None;
    }
    Some(match text.starts_with('<') {
        true => {
            "it answers with a web page instead of pictures; give the address of the stream itself (the camera's \
             manual has it), with name and password if the page asks for them"
        }
        false => {
            "it answers with text instead of pictures; give the address of the stream itself (the camera's manual \
             has it)"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_pictures() {
        for page in ["<html>login</html>", "\u{FEFF}\n<!DOCTYPE html>", "<?xml version='1.0'?><error/>"] {
            assert!(words_for(page.as_bytes()).is_some_and(|words| words.contains("a web page")), "{page}");
        }
        assert!(words_for(b"{\"error\": \"login\"}").is_some_and(|words| words.contains("with text")));
        for other in
            [&b""[..], b"\xFF\xD8\xFF\xE0", b"\x89PNG\r\n\x1A\n", b"#EXTM3U\n", b"--frame\r\n", b"G@\0\x10"]
        {
            assert_eq!(words_for(other), None);
        }
    }
}
