//! What ffmpeg writes, read with a deadline.

use std::io::{ErrorKind, Read};
use std::process::ChildStdout;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

const BUFFER_BYTES: usize = 1 << 16;
/// Longest line and most lines of a part's header, and largest part, in bytes.
const MAX_LINE_BYTES: usize = 256;
const MAX_LINES: usize = 16;
const MAX_PART_BYTES: usize = 1 << 26;

/// Why there is no next picture.
pub(super) enum Fault {
    /// None came in time.
    Late,
    /// The stream has ended.
    Ended,
    /// What came makes no sense.
    Format,
    /// What came is no JPEG.
    NoJpeg,
    /// The picture is damaged; the next one may be whole.
    Damaged(String),
}

/// Reads with a deadline.
pub(super) struct Pipe {
    stdout: ChildStdout,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
}

impl Pipe {
    pub(super) fn new(stdout: ChildStdout) -> Self {
        Self { stdout, buffer: vec![0; BUFFER_BYTES], from: 0, to: 0 }
    }

    /// Reads the header of the next part of a `multipart` stream: the bytes of its content.
    pub(super) fn part(&mut self, deadline: Instant) -> Result<usize, Fault> {
        let mut length = None;
        for _ in 0..MAX_LINES {
            let line = self.line(deadline)?;
            if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().ok().filter(|&length| length <= MAX_PART_BYTES);
                }
            } else if let (true, Some(length)) = (line.is_empty(), length) {
                return Ok(length);
            }
        }
        Err(Fault::Format)
    }

    fn line(&mut self, deadline: Instant) -> Result<String, Fault> {
        let mut line = String::new();
        loop {
            match self.byte(deadline)? {
                b'\n' => return Ok(line.trim_end().to_owned()),
                byte if line.len() < MAX_LINE_BYTES && byte.is_ascii() => line.push(char::from(byte)),
                _ => return Err(Fault::Format),
            }
        }
    }

    fn byte(&mut self, deadline: Instant) -> Result<u8, Fault> {
        if self.from == self.to {
            self.to = read_some(&mut self.stdout, &mut self.buffer, deadline)?;
            self.from = 0;
        }
        self.from += 1;
        Ok(self.buffer[self.from - 1])
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8], deadline: Instant) -> Result<(), Fault> {
        let mut done = bytes.len().min(self.to - self.from);
        bytes[..done].copy_from_slice(&self.buffer[self.from..self.from + done]);
        self.from += done;
        while done < bytes.len() {
            done += read_some(&mut self.stdout, &mut bytes[done..], deadline)?;
        }
        Ok(())
    }
}

/// Reads what there is, at least one byte.
pub(super) fn read_some(
    stdout: &mut ChildStdout,
    bytes: &mut [u8],
    deadline: Instant,
) -> Result<usize, Fault> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(Fault::Late),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Err(Fault::Ended),
        }
        return match stdout.read(bytes) {
            Ok(0) => Err(Fault::Ended),
            Ok(count) => Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => Err(Fault::Ended),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use mien_face::Frame;

    use super::super::jpeg::Jpegs;
    use super::*;

    fn jpeg(side: u32, shade: u8) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(side, side, image::Rgb([shade; 3]));
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    /// Parts of a camera's stream, as a network can change them on their way.
    #[test]
    fn fuzz_multipart() {
        let part = |jpeg: Vec<u8>| {
            let head =
                format!("--next\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
            [head.as_bytes(), &jpeg, b"\r\n"].concat()
        };
        let sound = [[part(jpeg(32, 9)), part(jpeg(48, 200))].concat(), part(jpeg(16, 90))];
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("stream");
        mien_fuzz::fuzz("multipart", &sound, 3000, |input| {
            std::fs::write(&path, input).unwrap();
            let file = OwnedFd::from(std::fs::File::open(&path).unwrap());
            let (mut pipe, mut jpegs, mut frame) = (Pipe::new(file.into()), Jpegs::default(), Frame::empty());
            let deadline = Instant::now() + Duration::from_secs(60);
            while let Ok(length) = pipe.part(deadline) {
                let mut bytes = vec![0; length];
                if pipe.fill(&mut bytes, deadline).is_err() {
                    return;
                }
                let _damaged = jpegs.unpack(&bytes, length % 2 == 0, &mut frame);
            }
        });
    }
}
