//! What ffmpeg says of each picture while it decodes: its size, its time, and whether it is damaged.
//!
//! ffmpeg runs with the filter `showinfo` behind its scaler, which writes a line for each picture that leaves
//! it, and with `-debug_ts`, which writes a line for each picture that leaves the decoder. A complaint of the
//! decoder stands in its log before the lines of every picture that it concerns, and both lines of a picture
//! stand there before the picture is in the pipe: [`Log::take`] therefore knows all of a picture that can be
//! known.
//!
//! Since release 7 ffmpeg's threads write at once. What one of them says in one piece stays in one piece, but
//! may stand behind another's unfinished line, without its prefix.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::damage::{Complaint, Damage};

/// Longest wait for ffmpeg's words about a picture that is in the pipe already.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the log says of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PictureNews {
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// When it is to be shown, in microseconds; `None` when the file does not say.
    pub(crate) pts_micros: Option<i64>,
    /// Whether it is damaged, or made from one that is.
    pub(crate) is_damaged: bool,
}

/// ffmpeg's log, shared by the thread that reads it and the decoder.
pub(crate) struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    damage: Damage,
    /// Whether ffmpeg has opened the file: what it says before concerns its search for streams, and may repeat
    /// what the file says.
    decodes: bool,
    /// By pictures that left the decoder but not the filter yet: whether they are damaged.
    decoded: VecDeque<bool>,
    shown: VecDeque<PictureNews>,
    first_complaint: Option<String>,
    is_closed: bool,
}

/// Feeds a log line by line, and closes it when dropped.
pub(crate) struct Listener(Arc<Log>);

impl Log {
    /// A log for a video whose pictures leave its decoder as `damage` says.
    pub(crate) fn new(damage: Damage) -> Arc<Self> {
        let state = State {
            damage,
            decodes: false,
            decoded: VecDeque::new(),
            shown: VecDeque::new(),
            first_complaint: None,
            is_closed: false,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// What feeds it.
    pub(crate) fn listener(self: &Arc<Self>) -> Listener {
        Listener(Arc::clone(self))
    }

    /// What is known of the next picture in the pipe, or `None` when ffmpeg has ended or says nothing.
    pub(crate) fn take(&self) -> Option<PictureNews> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            if let Some(news) = state.shown.pop_front() {
                return Some(news);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.is_closed || left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The first thing that ffmpeg found wrong with the pictures.
    pub(crate) fn first_complaint(&self) -> Option<String> {
        self.lock().first_complaint.clone()
    }

    /// Whether there was nothing to begin with at the beginning.
    pub(crate) fn began_late(&self) -> bool {
        self.lock().damage.waited()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, line: &Line<'_>) {
        let mut state = self.lock();
        if !state.decodes {
            state.decodes = line.level == "info" && line.message.starts_with("Stream mapping:");
            return;
        }
        let mut part = *line;
        while let Some((before, news, after)) = next_news(part.message) {
            state.hear(&Line { message: before, ..part });
            match news {
                News::Decoded { is_key } => state.decode(is_key),
                News::Shown(shown) => state.show(shown),
            }
            // Another thread's words stand without their prefix.
            part = Line { context: "", level: "", message: after };
        }
        state.hear(&part);
        self.changed.notify_all();
    }
}

impl State {
    fn decode(&mut self, is_key: bool) {
        let is_damaged = self.damage.picture(is_key);
        self.decoded.push_back(is_damaged);
    }

    fn show(&mut self, shown: Shown) {
        // An ffmpeg that has no such lines of its decoder: what is heard counts from here.
        let is_damaged = self.decoded.pop_front().unwrap_or_else(|| self.damage.picture(shown.is_key));
        let Shown { size, pts_micros, .. } = shown;
        self.shown.push_back(PictureNews { size, pts_micros, is_damaged });
    }

    fn hear(&mut self, line: &Line<'_>) {
        let Some(complaint) = Complaint::of(line, self.damage.stream()) else { return };
        if self.damage.hear(complaint) {
            self.first_complaint.get_or_insert_with(|| line.message.trim().to_owned());
        } else if self.damage.has_not_begun() {
            self.first_complaint = None;
        }
    }
}

impl Listener {
    /// Takes a line; gives it back without its prefixes if it tells of an error.
    pub(crate) fn hear(&self, line: &str) -> Option<String> {
        let line = Line::parse(line);
        self.0.hear(&line);
        // The pipe's own times are of no use, and may be what they like.
        let concerns_pipe = line.message.contains("non monotonically increasing dts");
        (line.is_error() && !concerns_pipe).then(|| line.message.to_owned())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

/// A line of ffmpeg's log at `-loglevel level+…`, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Who says it: `[h264 @ 0x55d5c8] `, with the brackets; several, or none.
    pub(crate) context: &'a str,
    /// `error`, `warning`, …; empty where the prefix is missing.
    pub(crate) level: &'a str,
    /// What is said.
    pub(crate) message: &'a str,
}

impl<'a> Line<'a> {
    /// Takes the prefixes off.
    pub(crate) fn parse(line: &'a str) -> Self {
        let mut rest = line;
        while let Some((inside, after)) = rest.strip_prefix('[').and_then(|inside| inside.split_once("] ")) {
            if !inside.contains(" @ 0x") {
                let context = &line[..line.len() - rest.len()];
                return Self { context, level: inside, message: after.trim_end() };
            }
            rest = after;
        }
        Self { context: "", level: "", message: line.trim_end() }
    }

    /// Whether it tells of something that went wrong.
    pub(crate) fn is_error(&self) -> bool {
        matches!(self.level, "error" | "fatal" | "panic")
    }
}

/// What is said of one picture.
enum News {
    /// It leaves the decoder.
    Decoded { is_key: bool },
    /// It leaves the filters.
    Shown(Shown),
}

struct Shown {
    size: (u32, u32),
    pts_micros: Option<i64>,
    is_key: bool,
}

/// The first news of a picture in a message, with what stands before and behind it.
fn next_news(message: &str) -> Option<(&str, News, &str)> {
    let decoded = message.find("decoder -> ");
    let shown = find_shown(message).filter(|shown| decoded.is_none_or(|decoded| shown.0 < decoded));
    if let Some((start, end, shown)) = shown {
        return Some((&message[..start], News::Shown(shown), &message[end..]));
    }
    let start = decoded?;
    // `decoder -> pts:0 … keyframe:1 frame_type:1 time_base:1/25` ends its line.
    let fields = &message[start..];
    // 1 is an intra picture, 0 one of a codec that does not say.
    let is_intra = matches!(field(fields, "frame_type:"), Some("0" | "1"));
    let is_key = field(fields, "keyframe:") == Some("1") && is_intra;
    Some((&message[..start], News::Decoded { is_key }, ""))
}

/// Where `n:   3 pts:  72000 … s:360x480 … iskey:0 type:B ` stands, and what it says.
fn find_shown(message: &str) -> Option<(usize, usize, Shown)> {
    let (start, _) = message.match_indices("n:").find(|(at, _)| {
        let rest = message[at + 2..].trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        rest.starts_with(" pts:")
    })?;
    let text = &message[start..];
    let kind = text.find(" type:")? + " type:".len();
    let fields = &text[..text.len().min(kind + 1)];
    let (width, height) = field(fields, " s:")?.split_once('x')?;
    let shown = Shown {
        size: (width.parse().ok()?, height.parse().ok()?),
        pts_micros: field(fields, " pts:")?.parse().ok(),
        is_key: field(fields, "iskey:") == Some("1")
            && matches!(text.as_bytes().get(kind), Some(b'I' | b'?')),
    };
    Some((start, start + fields.len(), shown))
}

/// The word after a name, which blanks may precede.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let at = text.find(name)? + name.len();
    text[at..].split_ascii_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECODED: [&str; 2] = [
        "[info] decoder -> ist_index:0 type:video frame_pts:0 frame_pts_time:0 best_effort_ts:0 \
         best_effort_ts_time:0 keyframe:1 frame_type:1 time_base:1/15360",
        "[vist#0:0/h264 @ 0x55c2d867ed80] [dec:h264 @ 0x55c2d86a8080] [info] decoder -> pts:0 pts_time:0 \
         pkt_dts:0 pkt_dts_time:0 duration:512 duration_time:0.0333333 keyframe:0 frame_type:2 time_base:1/15360",
    ];

    fn shown(pts: &str, size: &str) -> String {
        format!(
            "[Parsed_showinfo_3 @ 0x55b0] [info] n:   0 pts: {pts:>6} pts_time:0       duration: 40000 \
             duration_time:0.04    fmt:rgb24 cl:unspecified sar:1/1 s:{size} i:P iskey:1 type:I "
        )
    }

    fn log(codec: &str) -> (Arc<Log>, Listener) {
        let log = Log::new(Damage::new(0, codec, 0, 0));
        let listener = log.listener();
        assert_eq!(listener.hear("[info] Stream mapping:"), None);
        (log, listener)
    }

    #[test]
    fn lines_come_apart() {
        let line = Line::parse("[h264 @ 0x1] [dec:h264 @ 0x2] [error] left [block] unavailable ");
        assert_eq!((line.level, line.message), ("error", "left [block] unavailable"));
        assert_eq!(line.context, "[h264 @ 0x1] [dec:h264 @ 0x2] ");
        assert!(line.is_error());
        assert_eq!(Line::parse("[warning] a.mp4: corrupt").context, "");
        for rest in ["", "no level", "[", "[h264 @ 0x1] ", "  [info] indented"] {
            assert_eq!(Line::parse(rest), Line { context: "", level: "", message: rest.trim_end() });
        }
    }

    #[test]
    fn a_picture_is_known_once_both_lines_are_there() {
        let (log, listener) = log("h264");
        for line in [DECODED[0], DECODED[1], &shown("-20000", "360x480"), &shown("NOPTS", "64x48")] {
            assert_eq!(listener.hear(line), None);
        }
        drop(listener);
        let known = |size, pts_micros| Some(PictureNews { size, pts_micros, is_damaged: false });
        assert_eq!(log.take(), known((360, 480), Some(-20_000)));
        assert_eq!(log.take(), known((64, 48), None));
        assert_eq!(log.take(), None);
    }

    #[test]
    fn threads_may_write_into_each_others_lines() {
        let (log, listener) = log("h264");
        let bare = |line: &str| Line::parse(line).message.to_owned();
        listener.hear(DECODED[0]);
        listener.hear(&format!("[info]   Stream #0:0{} {}", bare(&shown("5", "8x8")), bare(DECODED[1])));
        listener.hear(&format!("{} error while decoding MB 0 14, bytestream 68", shown("6", "9x8")));
        listener.hear(&format!(", rgb24{}", bare(DECODED[1])));
        listener.hear(&shown("7", "9x8"));
        drop(listener);
        let known = |size, pts, is_damaged| Some(PictureNews { size, pts_micros: Some(pts), is_damaged });
        assert_eq!(log.take(), known((8, 8), 5, false));
        assert_eq!(log.take(), known((9, 8), 6, false));
        assert_eq!(log.take(), known((9, 8), 7, true));
    }

    #[test]
    fn what_is_said_while_the_file_is_opened_is_no_damage() {
        let log = Log::new(Damage::new(0, "mjpeg", 0, 0));
        let listener = log.listener();
        let complaint = "[mjpeg @ 0x1] [error] error y=3 x=4";
        assert_eq!(listener.hear(complaint).as_deref(), Some("error y=3 x=4"));
        // A title that a file may have.
        listener.hear(&format!("[info]     title           : {}", shown("5", "1x1")));
        for line in ["[info] Stream mapping:", DECODED[0], &shown("0", "8x8")] {
            listener.hear(line);
        }
        assert_eq!((log.take().unwrap().is_damaged, log.first_complaint()), (false, None));
        for line in [complaint, DECODED[0], &shown("1", "8x8"), &shown("2", "8x8")] {
            listener.hear(line);
        }
        assert!(log.take().unwrap().is_damaged, "the picture after the complaint");
        assert!(!log.take().unwrap().is_damaged, "the next one stands for itself");
        assert_eq!(log.first_complaint().as_deref(), Some("error y=3 x=4"));
    }
}
