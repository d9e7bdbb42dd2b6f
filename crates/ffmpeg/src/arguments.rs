//! What ffmpeg is told when it is to decode a video.

use std::ffi::OsString;
use std::path::Path;

use crate::VideoInfo;
use crate::limits::{FORMATS, Limits, PROTOCOLS};
use crate::probe::SQUARE_PIXELS;
use crate::process::file_url;

/// What becomes of an edit list, which says which part of the pictures is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EditList {
    Obeyed,
    Ignored,
}

/// How many pictures are decoded at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// As many as ffmpeg likes; its complaints come early by as much.
    Many,
    /// One: complaints come when they are due.
    One,
}

impl Threads {
    /// Most pictures that the decoder is ahead by.
    pub(crate) fn ahead(self) -> u32 {
        match self {
            // ffmpeg takes no more than 16 by itself.
            Self::Many => 17,
            Self::One => 0,
        }
    }
}

/// One run of ffmpeg over the video.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) threads: Threads,
    pub(crate) edit_list: EditList,
}

impl Pass {
    /// The command line, with all that [`Log`](crate::log::Log) listens to.
    pub(crate) fn arguments(self, path: &Path, info: &VideoInfo, limits: &Limits) -> Vec<OsString> {
        let version = Version::parse(&info.ffmpeg_version);
        let mut arguments: Vec<OsString> = Vec::new();
        push(&mut arguments, "-nostdin -hide_banner -nostats -v repeat+level+info -debug_ts");
        push(&mut arguments, &format!("-protocol_whitelist {PROTOCOLS} -format_whitelist {FORMATS}"));
        push(&mut arguments, &limits.options());
        // Times come as the file has them: ffmpeg would close gaps and undo steps back without a word.
        push(&mut arguments, "-copyts -err_detect crccheck");
        let pixels = u64::from(info.width) * u64::from(info.height);
        match (self.threads, limits.threads(pixels)) {
            (Threads::One, _) => push(&mut arguments, "-threads 1"),
            (Threads::Many, Some(threads)) => push(&mut arguments, &format!("-threads {threads}")),
            (Threads::Many, None) => {}
        }
        if self.edit_list == EditList::Ignored {
            push(&mut arguments, "-ignore_editlist 1");
        }
        if info.turn.is_some() {
            push(&mut arguments, "-noautorotate");
        }
        arguments.push("-i".into());
        arguments.push(file_url(path));
        push(&mut arguments, &format!("-map 0:{} -map_metadata -1 -map_chapters -1", info.stream));
        // Each picture is made upright and its pixels square; none is scaled to the size of another.
        if version.has("autoscale") {
            push(&mut arguments, "-noautoscale");
        }
        let shapes = info.shapes.as_deref().unwrap_or_default();
        let turn = info.turn.unwrap_or_default();
        // What is transparent is black, whatever colour hides there.
        let opaque = if info.has_alpha { "format=gbrap,premultiply=inplace=1," } else { "" };
        let quick = if version.has("checksum") { "=checksum=0" } else { "" };
        push(
            &mut arguments,
            &format!("-vf settb=1/1000000,{shapes}{turn}{opaque}{SQUARE_PIXELS},showinfo{quick}"),
        );
        push(&mut arguments, "-pix_fmt rgb24 -c:v rawvideo");
        // Every frame once; the encoder's clock would else tick once per average frame.
        push(&mut arguments, version.passthrough());
        push(&mut arguments, "-enc_time_base 1:1000000 -f nut -write_index 0 pipe:1");
        arguments
    }
}

fn push(arguments: &mut Vec<OsString>, words: &str) {
    arguments.extend(words.split_ascii_whitespace().map(OsString::from));
}

/// An ffmpeg's release; a build from its repository counts as the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) struct Version(u32, u32);

impl Version {
    pub(crate) fn parse(version: &str) -> Self {
        // `n7.1` is the name of a release, too.
        let mut numbers = version.trim_start_matches('n').split(|c: char| !c.is_ascii_digit());
        let major = numbers.next().and_then(|n| n.parse().ok());
        let minor = numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
        Self(major.unwrap_or(u32::MAX), minor)
    }

    /// The option with which every picture comes once and at its own time.
    pub(crate) fn passthrough(self) -> &'static str {
        if self.has("fps_mode") { "-fps_mode passthrough" } else { "-vsync passthrough" }
    }

    /// Whether this release knows an option, or has a habit.
    pub(crate) fn has(self, option: &str) -> bool {
        self >= match option {
            // It renamed `-vsync`, and later ones drop the old name.
            "fps_mode" => Self(5, 1),
            // It gives all pictures the shape of pixels that the stream has at its beginning.
            "fixed aspect" => Self(7, 0),
            "autoscale" | "checksum" => Self(4, 4),
            _ => Self(0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_each_release() {
        for old in ["4.4.2-0ubuntu0.22.04.1", "5.0.1", "3.4"] {
            assert!(!Version::parse(old).has("fps_mode"), "{old}");
        }
        for new in ["5.1.9-0+deb12u1", "6.0", "7.1.1", "n8.1.2", "N-118123-gabcdef", ""] {
            assert!(Version::parse(new).has("fps_mode") && Version::parse(new).has("autoscale"), "{new}");
        }
        assert!(!Version::parse("4.3.8").has("autoscale") && Version::parse("4.4").has("autoscale"));
    }
}
