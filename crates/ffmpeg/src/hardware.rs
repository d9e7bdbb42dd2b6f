//! Which hardware encoder works here.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use crate::process::Process;

/// How long an encoder may take for one picture; drivers that hang are known.
const PATIENCE: Duration = Duration::from_secs(5);

/// An H.264 encoder in hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HardwareEncoder {
    /// NVIDIA.
    Nvenc,
    /// Intel, through Quick Sync.
    Qsv,
    /// Intel and AMD on Linux, through the device `/dev/dri/renderD…` of this number.
    Vaapi(u32),
    /// Apple.
    VideoToolbox,
    /// Small boards on Linux, such as the Raspberry Pi 4.
    V4l2M2m,
}

/// In the order in which they are tried on this system: a graphics card's own before what all cards share.
const CANDIDATES: &[HardwareEncoder] = if cfg!(target_os = "macos") {
    &[HardwareEncoder::VideoToolbox]
} else if cfg!(target_os = "linux") {
    &[
        HardwareEncoder::Nvenc,
        HardwareEncoder::Qsv,
        HardwareEncoder::Vaapi(128),
        HardwareEncoder::Vaapi(129),
        HardwareEncoder::V4l2M2m,
    ]
} else {
    &[HardwareEncoder::Nvenc, HardwareEncoder::Qsv]
};

impl HardwareEncoder {
    /// Its name, as ffmpeg has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nvenc => "h264_nvenc",
            Self::Qsv => "h264_qsv",
            Self::Vaapi(_) => "h264_vaapi",
            Self::VideoToolbox => "h264_videotoolbox",
            Self::V4l2M2m => "h264_v4l2m2m",
        }
    }

    /// ffmpeg's arguments ahead of the input.
    pub(crate) fn device_arguments(self) -> String {
        match self {
            Self::Vaapi(number) => format!("-vaapi_device /dev/dri/renderD{number}"),
            _ => String::new(),
        }
    }

    /// ffmpeg's arguments for the output. Of every encoder's: about the quality of libx264 at 20, and no
    /// picture kept back.
    pub(crate) fn arguments(self) -> String {
        let even = "-vf pad=ceil(iw/2)*2:ceil(ih/2)*2";
        let name = self.name();
        let (pixels, quality) = match self {
            Self::Nvenc => ("yuv420p", "-b:v 0 -cq 20 -bf 0 -delay 0"),
            Self::Qsv => ("nv12", "-global_quality 20 -bf 0 -async_depth 1"),
            Self::Vaapi(_) => ("nv12,hwupload", "-qp 20 -bf 0 -async_depth 1"),
            Self::VideoToolbox => ("nv12", "-q:v 65 -realtime 1 -bf 0"),
            Self::V4l2M2m => ("yuv420p", "-b:v 8M"),
        };
        format!("{even},format={pixels} -g 60 -c:v {name} {quality}")
    }
}

/// The first hardware encoder that encodes a picture on this machine, if there is one. ffmpeg lists
/// encoders whose device or driver is missing, so each is tried; the answer is kept. The log tells what was
/// tried and taken.
#[must_use]
pub fn hardware_encoder() -> Option<HardwareEncoder> {
    static FOUND: OnceLock<Option<HardwareEncoder>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let trial = try_all(OsStr::new("ffmpeg"));
        trial.log();
        trial.taken
    })
}

/// What came of the search.
#[derive(Debug, PartialEq, Eq)]
struct Trial {
    /// Those that do not work here, in the order tried, and why.
    refused: Vec<(HardwareEncoder, String)>,
    taken: Option<HardwareEncoder>,
}

impl Trial {
    fn log(&self) {
        let refused: Vec<_> =
            self.refused.iter().map(|(encoder, reason)| format!("{}: {reason}", encoder.name())).collect();
        match self.taken {
            Some(encoder) if refused.is_empty() => tracing::info!("video is encoded by {}", encoder.name()),
            Some(encoder) => {
                tracing::info!(
                    "video is encoded by {} (tried before: {})",
                    encoder.name(),
                    refused.join("; ")
                );
            }
            None => {
                tracing::info!("no hardware encoder works here ({}): libx264 encodes", refused.join("; "))
            }
        }
    }
}

fn try_all(program: &OsStr) -> Trial {
    let mut refused = Vec::new();
    for &encoder in CANDIDATES {
        match encode_one(program, encoder) {
            Ok(()) => return Trial { refused, taken: Some(encoder) },
            Err(reason) => refused.push((encoder, reason)),
        }
    }
    Trial { refused, taken: None }
}

/// Encodes a picture as a recording would; why it did not work.
fn encode_one(program: &OsStr, encoder: HardwareEncoder) -> Result<(), String> {
    let words = format!(
        "-nostdin -hide_banner -v error {} -f lavfi -i testsrc=size=640x480:rate=30 -frames:v 1 {} -f null -",
        encoder.device_arguments(),
        encoder.arguments()
    );
    let arguments = words.split_ascii_whitespace().map(OsString::from);
    let nothing = Path::new("-");
    let mut ffmpeg = Process::start_at(program, "ffmpeg", arguments, Stdio::null(), nothing)
        .map_err(|error| error.to_string())?;
    let Some(status) = ffmpeg.wait_within(PATIENCE) else {
        return Err(format!("took longer than {} s", PATIENCE.as_secs()));
    };
    if status.success() {
        return Ok(());
    }
    let ending = ffmpeg.wait(nothing).map_err(|error| error.to_string())?;
    Err(ending.last_words.split("; ").next().filter(|words| !words.is_empty()).unwrap_or("failed").to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// An ffmpeg that notes its arguments, and whose encoder `works` does.
    fn fake(folder: &Path, works: &str) -> OsString {
        let program = folder.join("ffmpeg");
        let script = format!(
            "#!/bin/sh\necho \"$*\" >>'{}/said'\ncase \"$*\" in *'{works}'*) exit 0 ;; esac\n\
             echo '[enc @ 0x12] no such device' >&2\nexit 187\n",
            folder.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program.into_os_string()
    }

    #[test]
    fn each_is_tried_in_order_until_one_encodes() {
        let folder = tempfile::tempdir().unwrap();
        let trial = try_all(&fake(folder.path(), "renderD129"));
        assert_eq!(trial.taken, Some(HardwareEncoder::Vaapi(129)));
        let reason = || "no such device".to_owned();
        let expected = CANDIDATES[..3].iter().map(|&encoder| (encoder, reason())).collect::<Vec<_>>();
        assert_eq!(trial.refused, expected);
        let said = fs::read_to_string(folder.path().join("said")).unwrap();
        let names = ["h264_nvenc", "h264_qsv", "h264_vaapi", "h264_vaapi"];
        assert_eq!(said.lines().count(), 4);
        for (line, name) in said.lines().zip(names) {
            assert!(line.contains(&format!("-c:v {name} ")) && line.contains("-frames:v 1"), "{line}");
        }
        let vaapi = said.lines().last().unwrap();
        let (device, input) = (vaapi.find("-vaapi_device /dev/dri/renderD129"), vaapi.find("-i testsrc"));
        assert!(device.unwrap() < input.unwrap() && vaapi.contains("format=nv12,hwupload"), "{vaapi}");
    }

    #[test]
    fn where_none_works_all_reasons_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let trial = try_all(&fake(folder.path(), "nothing of this"));
        assert_eq!((trial.taken, trial.refused.len()), (None, CANDIDATES.len()));
        let trial = try_all(OsStr::new("/nowhere/ffmpeg"));
        assert_eq!(trial.taken, None);
        assert!(trial.refused[0].1.contains("ffmpeg"), "{trial:?}");
    }
}
