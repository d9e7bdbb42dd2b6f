//! How ffmpeg is told which stream to read.
//!
//! Every user of the machine can read the arguments of a program. An address with secrets therefore goes to ffmpeg's
//! standard input, as a list for its `concat` demuxer with this one stream; any other is an argument, as usual.

use std::borrow::Cow;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use mien_address::ResolvedAddress;

/// Protocols that a stream may use; others (`file:`, `concat:`) reach into this machine.
pub(crate) const PROTOCOLS: &str = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy,srt,crypto";

/// A stream, and the options with which it is opened, without their dashes.
pub(crate) struct StreamInput<'a> {
    pub address: &'a ResolvedAddress,
    pub options: Vec<(&'static str, Cow<'static, str>)>,
}

impl StreamInput<'_> {
    /// Adds the options of the input, and the input.
    pub fn add_to(&self, command: &mut Command) {
        let protocols =
            if self.address.holds_secret() { format!("{PROTOCOLS},pipe") } else { PROTOCOLS.to_owned() };
        command.args(["-protocol_whitelist", &protocols]);
        if self.address.holds_secret() {
            command.args(["-f", "concat", "-safe", "0", "-i", "pipe:0"]).stdin(Stdio::piped());
        } else {
            for (name, value) in &self.options {
                command.arg(format!("-{name}")).arg(&**value);
            }
            command.arg("-i").arg(self.address.expose_secret()).stdin(Stdio::null());
        }
    }

    /// Tells ffmpeg what its arguments do not.
    pub fn tell(&self, ffmpeg: &mut Child) {
        if let Some(mut input) = ffmpeg.stdin.take() {
            // One that has ended already says why elsewhere. The list is shorter than what a pipe holds.
            let _gone = input.write_all(self.list().as_bytes());
        }
    }

    fn list(&self) -> String {
        let mut list = format!("ffconcat version 1.0\nfile {}\n", quoted(self.address.expose_secret()));
        for (name, value) in &self.options {
            list.push_str(&format!("option {name} {value}\n"));
        }
        list
    }
}

/// A word as the list has it; control characters, which end it, as an address has them.
fn quoted(word: &str) -> String {
    let mut quoted = String::from("'");
    for c in word.chars() {
        match c {
            '\'' => quoted.push_str("'\\''"),
            _ if c.is_ascii_control() => quoted.push_str(&format!("%{:02X}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use mien_address::SourceAddress;

    use super::*;

    fn arguments_and_list(written: &str) -> (String, String) {
        let address = SourceAddress::new(written).resolve().unwrap();
        let input = StreamInput { address: &address, options: vec![("timeout", "5".into())] };
        let mut command = Command::new("ffmpeg");
        input.add_to(&mut command);
        (format!("{command:?}"), input.list())
    }

    #[test]
    fn an_address_with_a_secret_is_no_argument() {
        let (arguments, list) = arguments_and_list("rtsp://alice:it's\ts3cret@cam/?pwd=x");
        assert!(!arguments.contains("s3cret") && arguments.contains("pipe:0"), "{arguments}");
        assert!(
            list.contains("\nfile 'rtsp://alice:it'\\''s%09s3cret@cam/?pwd=x'\noption timeout 5\n"),
            "{list}"
        );
        let (arguments, _) = arguments_and_list("rtsp://cam/");
        assert!(arguments.contains("\"-timeout\" \"5\" \"-i\" \"rtsp://cam/\""), "{arguments}");
    }
}
