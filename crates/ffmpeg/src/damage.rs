//! Which pictures are damaged, by what the decoder complains of and when.
//!
//! A damaged picture spoils those that are predicted from it, up to the next one that stands for itself.
//! Pictures leave the decoder in the order in which they are shown, some later than they were decoded: a
//! complaint may concern any that leaves from then on. In doubt a picture counts as damaged.

use std::collections::BTreeSet;

use crate::log::Line;

/// Packets that ffmpeg may have read ahead of its decoder.
const READ_AHEAD: u64 = 16;

/// Codecs whose pictures all stand for themselves and leave the decoder at once.
const INTRA_ONLY: [&str; 20] = [
    "mjpeg", "mjpegb", "png", "rawvideo", "huffyuv", "ffvhuff", "utvideo", "dvvideo", "prores", "dnxhd",
    "jpeg2000", "jpegls", "v210", "v410", "r210", "bmp", "tiff", "webp", "magicyuv", "cfhd",
];

/// Complaints that concern no pixel.
const HARMLESS: [&str; 6] = ["APP fields", "SEI type", "EXIF", "ICC profile", "closed caption", "timecode"];

/// Complaints of a decoder that still waits for a picture with which it can begin.
const NOT_BEGUN: [&str; 12] = [
    "non-existing PPS",
    "non-existing SPS",
    "does not exist",
    "no frame!",
    "decode_slice_header error",
    "PPS id out of range",
    "Missing reference picture, default is",
    "co located POCs unavailable",
    "mmco: unref short failure",
    "reference picture missing during reorder",
    "Could not find ref with POC",
    "Invalid frame dimensions 0x0",
];

/// What gives a complaint away that stands without its level.
const ALARMING: [&str; 8] = [
    "error while decoding",
    "concealing ",
    "decode_slice",
    "Could not find ref",
    "reference picture missing",
    "mismatching checksum",
    "Error while decoding stream",
    "Error submitting packet to decoder",
];

/// Something that ffmpeg found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// With what is decoded at this moment.
    Decoder,
    /// With the file, whose packets are decoded a little later.
    Container,
    /// With a packet before which others were lost: by its time of decoding, in the file's ticks.
    Packet { dts: Option<i64> },
    /// With the very picture whose line comes next.
    NextPicture,
    /// A packet gave no picture at all.
    NoPicture,
    /// There was nothing yet to begin with.
    NotBegun,
}

impl Complaint {
    /// What a line of the log complains of; `None` when of nothing that concerns the pictures of this stream.
    pub(crate) fn of(line: &Line<'_>, stream: u32) -> Option<Self> {
        let says = |words: &str| line.message.contains(words);
        if says("corrupt decoded frame") {
            return Some(Self::NextPicture);
        }
        if let Some((_, fields)) = line.message.split_once("Packet corrupt (stream = ") {
            // `0, dts = 165600).`
            let (number, dts) = fields.split_once(", dts = ")?;
            let dts = dts.split(')').next().and_then(|dts| dts.parse().ok());
            return (number.parse() == Ok(stream)).then_some(Self::Packet { dts });
        }
        // Old releases tell at the level of information that they conceal something.
        let alarms =
            matches!(line.level, "" | "info" | "warning") && ALARMING.iter().any(|words| says(words));
        if !(line.is_error() || alarms) || HARMLESS.iter().any(|words| says(words)) {
            return None;
        }
        if says("Error while decoding stream") || says("Error submitting packet to decoder") {
            return Some(Self::NoPicture);
        }
        let names = line.context.split_terminator("] ").filter_map(|context| context.strip_prefix('['));
        let names: Vec<&str> = names.filter_map(|context| context.split(" @ ").next()).collect();
        // What becomes of the pictures afterwards is no damage of the file.
        let is_output = |name: &&str| {
            [
                "out#",
                "vost#",
                "enc:",
                "vf#",
                "fc#",
                "nut",
                "rawvideo",
                "sws",
                "auto_scale",
                "Parsed_",
                "graph",
            ]
            .iter()
            .any(|output| name.starts_with(output))
        };
        if names.iter().any(is_output) {
            return None;
        }
        if NOT_BEGUN.iter().any(|words| says(words)) {
            return Some(Self::NotBegun);
        }
        // Demuxers are called by all the endings they know, or by the input's number.
        let is_container =
            |name: &&str| name.starts_with("in#") || name.contains(',') || DEMUXERS.contains(name);
        Some(if names.iter().any(is_container) { Self::Container } else { Self::Decoder })
    }
}

/// Names of common demuxers; others are taken for decoders, whose complaints reach less far ahead.
const DEMUXERS: [&str; 8] = ["avi", "mpegts", "mpeg", "ogg", "flv", "asf", "nut", "mxf"];

/// Which pictures are damaged.
#[derive(Debug, Clone)]
pub(crate) struct Damage {
    stream: u32,
    is_intra_only: bool,
    /// Pictures by which a complaint may be ahead of the last picture that is to leave before it.
    lead: u64,
    /// The number of the picture that leaves the decoder next.
    next: u64,
    is_active: bool,
    /// The first picture with which it may end.
    heals_from: u64,
    /// Whether the decoder said that it had nothing to begin with.
    waits: bool,
    /// Times of packets that are the last ones before another recording in the same file.
    joins: BTreeSet<i64>,
}

impl Damage {
    /// For stream number `stream` of a codec whose decoder keeps back `delay` pictures, and decodes `ahead`
    /// pictures at once.
    pub(crate) fn new(stream: u32, codec: &str, delay: u32, ahead: u32) -> Self {
        let is_intra_only = INTRA_ONLY.contains(&codec);
        let lead = if is_intra_only { 0 } else { 2 * u64::from(delay) + u64::from(ahead) };
        let joins = BTreeSet::new();
        Self { stream, is_intra_only, lead, next: 0, is_active: false, heals_from: 0, waits: false, joins }
    }

    /// Where recordings are joined: a container that counts its packets takes that for a loss.
    pub(crate) fn with_joins(self, joins: BTreeSet<i64>) -> Self {
        Self { joins, ..self }
    }

    /// The stream's number in its file.
    pub(crate) fn stream(&self) -> u32 {
        self.stream
    }

    /// Takes a complaint; whether it concerns pictures that are still to come.
    pub(crate) fn hear(&mut self, complaint: Complaint) -> bool {
        let reach = match complaint {
            Complaint::Decoder => self.lead,
            Complaint::Packet { dts: Some(dts) } if self.joins.contains(&dts) => return false,
            Complaint::Container | Complaint::Packet { .. } => self.lead + READ_AHEAD,
            Complaint::NextPicture => 0,
            Complaint::NotBegun if self.next == 0 => {
                (self.waits, self.is_active) = (true, false);
                return false;
            }
            // Nothing is made from what was not there, and the next picture stands for itself.
            Complaint::NoPicture if self.is_intra_only || (self.waits && self.next == 0) => {
                self.is_active = false;
                return self.is_intra_only;
            }
            Complaint::NotBegun | Complaint::NoPicture => self.lead,
        };
        self.is_active = true;
        self.heals_from = self.heals_from.max(self.next + reach + 1);
        true
    }

    /// Whether the decoder had to wait for a picture with which it could begin.
    pub(crate) fn waited(&self) -> bool {
        self.waits
    }

    /// Whether all that was complained of so far is that there was nothing to begin with.
    pub(crate) fn has_not_begun(&self) -> bool {
        self.waits && self.next == 0 && !self.is_active
    }

    /// The next picture leaves the decoder; whether it is damaged. `is_key` says that it stands for itself.
    pub(crate) fn picture(&mut self, is_key: bool) -> bool {
        if self.is_active && is_key && self.next >= self.heals_from {
            self.is_active = false;
        }
        self.next += 1;
        self.is_active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these pictures are damaged: `I` stands for itself, `p` does not; the other letters are complaints.
    fn damaged(codec: &str, delay: u32, ahead: u32, events: &str) -> String {
        let mut damage = Damage::new(0, codec, delay, ahead);
        let mut found = String::new();
        for event in events.chars() {
            match event {
                'I' | 'p' => found.push(if damage.picture(event == 'I') { 'x' } else { '.' }),
                _ => {
                    damage.hear(match event {
                        '!' => Complaint::Decoder,
                        'c' => Complaint::NextPicture,
                        'x' => Complaint::NoPicture,
                        _ => Complaint::NotBegun,
                    });
                }
            }
        }
        found
    }

    #[test]
    fn damage_lasts_to_the_next_picture_that_stands_for_itself() {
        assert_eq!(damaged("h264", 0, 0, "Ip!ppIp"), "..xx..");
        assert_eq!(
            damaged("h264", 0, 0, "Ip!IpIp"),
            "..xx..",
            "the complaint may be about this very picture"
        );
        assert_eq!(damaged("h264", 1, 0, "Ip!pIpIp"), "..xxx..", "or about one that is shown later");
        assert_eq!(
            damaged("h264", 0, 3, "Ip!IpIpIp"),
            "..xxxx..",
            "the more so where many are decoded at once"
        );
        assert_eq!(damaged("h264", 2, 0, "IpcppIp"), "..xx..", "what is said of a picture is exact");
    }

    #[test]
    fn pictures_that_stand_for_themselves_are_damaged_alone() {
        assert_eq!(damaged("mjpeg", 0, 9, "I!III!!I"), ".x..x");
        assert_eq!(damaged("mjpeg", 0, 9, "I!xII"), "...", "what cannot be decoded is missing, not the next");
    }

    #[test]
    fn a_recording_that_begins_in_the_middle_is_whole_from_its_first_picture() {
        assert_eq!(damaged("h264", 2, 0, "wxwxIppp"), "....");
        assert_eq!(damaged("h264", 2, 0, "wxwx!Ippp"), "xxxx", "another complaint is one");
        assert_eq!(damaged("h264", 2, 0, "Ipwxppppp"), "..xxxxx");
    }

    #[test]
    fn a_join_of_two_recordings_is_no_loss() {
        let mut damage = Damage::new(0, "h264", 0, 0).with_joins([7].into());
        assert!(!damage.hear(Complaint::Packet { dts: Some(7) }));
        assert!(!damage.picture(false));
        assert!(damage.hear(Complaint::Packet { dts: Some(8) }));
        assert!(damage.picture(false));
    }

    fn complaint(line: &str) -> Option<Complaint> {
        Complaint::of(&Line::parse(line), 1)
    }

    #[test]
    fn what_counts_as_a_complaint() {
        for (line, expected) in [
            ("[h264 @ 0x1] [error] error while decoding MB 0 14, bytestream 6838", Some(Complaint::Decoder)),
            ("[mov,mp4,m4a,3gp,3g2,mj2 @ 0x1] [error] Invalid size", Some(Complaint::Container)),
            (
                "[mpegts @ 0x1] [warning] Packet corrupt (stream = 1, dts = 165600).",
                Some(Complaint::Packet { dts: Some(165_600) }),
            ),
            (
                "[in#0/mpegts @ 0x1] [warning] Packet corrupt (stream = 1, dts = NOPTS), dropping it.",
                Some(Complaint::Packet { dts: None }),
            ),
            ("[mpegts @ 0x1] [warning] Packet corrupt (stream = 2, dts = 165600).", None),
            ("[warning] a.mp4: corrupt decoded frame in stream 1", Some(Complaint::NextPicture)),
            (
                "[vist#0:1/h264 @ 0x1] [dec:h264 @ 0x2] [warning] corrupt decoded frame",
                Some(Complaint::NextPicture),
            ),
            ("[error] Error while decoding stream #0:1: Invalid data", Some(Complaint::NoPicture)),
            ("[h264 @ 0x1] [error] non-existing PPS 0 referenced", Some(Complaint::NotBegun)),
            ("[mjpeg @ 0x1] [error] unable to decode APP fields: Invalid data", None),
            ("[h264 @ 0x1] [info] concealing 689 DC errors", Some(Complaint::Decoder)),
            ("[info] Metadata:", None),
            ("cabac error while decoding MB 3 4", Some(Complaint::Decoder)),
            ("[swscaler @ 0x1] [warning] deprecated pixel format used", None),
            ("[vost#0:0/rawvideo @ 0x1] [error] Error encoding a frame", None),
        ] {
            assert_eq!(complaint(line), expected, "{line}");
        }
    }
}
