//! What tests need beyond the Rust toolchain: programs, libraries, permissions, reference data.
//!
//! A test that lacks something calls [`skip`] and returns. It then passes without having run, which only its output
//! says. Where `MIEN_TEST_MUST_RUN` lists the need, [`skip`] panics instead: `./x test` lists what it has installed,
//! the continuous integration also what its machine permits. `MIEN_TEST_MUST_RUN="ffmpeg gpu"` is such a list.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The variable that lists, with spaces between them, the needs that must be met.
pub const MUST_RUN: &str = "MIEN_TEST_MUST_RUN";
/// The variable with the Python interpreter that has the packages of `tests/python/requirements.txt`.
pub const PYTHON: &str = "MIEN_TEST_PYTHON";
/// The variable with the folder of reference data: `models`, `clips` and `reference`, as README.md describes them.
pub const REFERENCE: &str = "MIEN_TEST_REFERENCE";

/// Something that a test needs and a machine may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The program ffmpeg.
    Ffmpeg,
    /// An encoder that not every ffmpeg has.
    Encoder,
    /// Python with the packages that results are compared with.
    Python,
    /// The library liblsl.
    Liblsl,
    /// Permission for a network or mount namespace.
    Namespace,
    /// The rights of root.
    Root,
    /// Permission to run the program as another user.
    OtherUser,
    /// A system without liblsl.
    NoLiblsl,
    /// An X server with OpenGL, and the tools that operate it.
    Screen,
    /// An NVIDIA GPU with its driver, and TensorRT where the test uses it.
    Gpu,
    /// A machine without a GPU.
    NoGpu,
    /// The library nvJPEG.
    NvJpeg,
    /// The reference data, which are not part of the repository.
    Reference,
}

impl Need {
    /// The word for it in `MIEN_TEST_MUST_RUN`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Encoder => "encoder",
            Self::Python => "python",
            Self::Liblsl => "liblsl",
            Self::Namespace => "namespace",
            Self::Root => "root",
            Self::OtherUser => "other-user",
            Self::NoLiblsl => "no-liblsl",
            Self::Screen => "screen",
            Self::Gpu => "gpu",
            Self::NoGpu => "no-gpu",
            Self::NvJpeg => "nvjpeg",
            Self::Reference => "reference",
        }
    }

    /// Whether this list of needs holds it.
    fn is_listed(self, must_run: &str) -> bool {
        must_run.split_whitespace().any(|word| word == self.word())
    }

    /// Whether `MIEN_TEST_MUST_RUN` holds it.
    pub fn must_be_met(self) -> bool {
        std::env::var(MUST_RUN).is_ok_and(|list| self.is_listed(&list))
    }
}

impl Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// Says that a test does not run, and why.
///
/// # Panics
///
/// Where `MIEN_TEST_MUST_RUN` lists the need.
#[track_caller]
pub fn skip(need: Need, why: impl Display) {
    assert!(!need.must_be_met(), "{MUST_RUN} lists {need}, but {why}");
    eprintln!("skipped ({need}): {why}");
}

/// Whether ffmpeg is installed; otherwise the test is skipped.
#[track_caller]
pub fn ffmpeg() -> bool {
    let version = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status();
    let found = version.is_ok_and(|status| status.success());
    if !found {
        skip(Need::Ffmpeg, "ffmpeg is not installed");
    }
    found
}

/// Whether ffmpeg is installed and has this encoder; otherwise the test is skipped.
#[track_caller]
pub fn ffmpeg_with_encoder(encoder: &str) -> bool {
    if !ffmpeg() {
        return false;
    }
    let output = Command::new("ffmpeg").args(["-hide_banner", "-encoders"]).output();
    let found = output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).split_whitespace().any(|word| word == encoder)
    });
    if !found {
        skip(Need::Encoder, format_args!("this ffmpeg lacks {encoder}"));
    }
    found
}

/// The Python interpreter with the packages that results are compared with; otherwise the test is skipped.
#[track_caller]
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os(PYTHON).map(PathBuf::from);
    if python.is_none() {
        skip(Need::Python, format_args!("{PYTHON} is unset (`./x test` sets it)"));
    }
    python
}

/// The arguments with which `unshare` makes a network namespace here; otherwise the test is skipped.
#[track_caller]
pub fn network_namespace() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["--net"], &["--net", "--map-root-user"]];
    let found = ways.into_iter().find(|arguments| {
        let mut probe = Command::new("unshare");
        probe.args(*arguments).args(["sh", "-c", "ip link set lo up"]).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    });
    if found.is_none() {
        skip(Need::Namespace, "there is no permission for a network namespace");
    }
    found
}

/// A file or folder of the reference data; otherwise the test is skipped.
#[track_caller]
pub fn reference(path: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os(REFERENCE).map(PathBuf::from) else {
        skip(Need::Reference, format_args!("{REFERENCE} is unset (the folder that has {path})"));
        return None;
    };
    let path = folder.join(path);
    if !path.exists() {
        skip(Need::Reference, format_args!("there is no {}", path.display()));
        return None;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_listed_by_its_whole_word() {
        assert!(Need::Gpu.is_listed(" ffmpeg  gpu"));
        assert!(!Need::Gpu.is_listed("no-gpu gpus ffmpeg"));
        assert!(!Need::Gpu.is_listed(""));
    }
}
