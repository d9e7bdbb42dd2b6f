//! The words that name a source.

use std::ffi::OsStr;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mien_address::SourceAddress;
use mien_synthetic::{Motion, SyntheticSettings};

use crate::images::is_image_name;
use crate::still::{Content, content};
use crate::synthetic::MAX_HEADS;
use crate::{ImageSource, Source, SourceError, SyntheticSource, VideoOptions, VideoSource};

/// A parsed source: what to open, with its options.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SourceSpec {
    /// `synthetic`, or with options, all of them optional:
    /// `synthetic?heads=2&width=640&height=480&fps=30&seed=0&motion=idle&stamp=0&seconds=10`.
    Synthetic(SyntheticSpec),
    /// A video, an image, or a folder of images.
    Path(PathBuf),
}

/// Options of the synthetic camera. Displayed as the word that [`SourceSpec::parse`] reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SyntheticSpec {
    /// What it shows.
    pub settings: SyntheticSettings,
    /// Where it ends, in seconds of camera time; `None` never.
    pub seconds: Option<f64>,
}

const MOTIONS: [(&str, Motion); 4] = [
    ("idle", Motion::Idle),
    ("turning", Motion::Turning),
    ("crossing", Motion::Crossing),
    ("still", Motion::Still),
];

impl fmt::Display for SyntheticSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SyntheticSettings { width, height, rate_hz, heads, seed, script, .. } = &self.settings;
        write!(f, "synthetic?heads={heads}&width={width}&height={height}&fps={rate_hz}&seed={seed}")?;
        if let Some((name, _)) = MOTIONS.iter().find(|(_, motion)| motion == script) {
            write!(f, "&motion={name}")?;
        }
        if self.settings.stamp {
            f.write_str("&stamp=1")?;
        }
        self.seconds.map_or(Ok(()), |seconds| write!(f, "&seconds={seconds}"))
    }
}

impl SourceSpec {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// For options that the synthetic camera does not have, and sources that cannot be opened as files.
    pub fn parse(spec: impl AsRef<OsStr>) -> Result<Self, SourceError> {
        let path = Path::new(spec.as_ref());
        // What is not UTF-8 can only be a file.
        let Some(spec) = path.to_str() else { return Ok(Self::Path(path.to_owned())) };
        let wrong = |reason: String| SourceError::Spec { spec: SourceAddress::new(spec).to_string(), reason };
        if spec.is_empty() {
            return Err(wrong("this name is empty; give a file, a folder or `synthetic`".to_owned()));
        }
        if spec == "synthetic" {
            return Ok(Self::Synthetic(SyntheticSpec::default()));
        }
        if let Some(options) = spec.strip_prefix("synthetic?") {
            return SyntheticSpec::parse(options).map(Self::Synthetic).map_err(wrong);
        }
        if spec.contains("://") && !path.exists() {
            return Err(wrong("this is an address; give a file, a folder or `synthetic`".to_owned()));
        }
        Ok(Self::Path(path.to_owned()))
    }

    /// Opens the source.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    pub fn open(&self) -> Result<Box<dyn Source>, SourceError> {
        self.open_with(&VideoOptions::default())
    }

    /// Opens the source; `options` say how it is to be read if it is a video.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    pub fn open_with(&self, options: &VideoOptions) -> Result<Box<dyn Source>, SourceError> {
        match self {
            Self::Synthetic(synthetic) => Ok(Box::new(SyntheticSource::new(synthetic))),
            Self::Path(path) => open_path(path, options),
        }
    }
}

impl SyntheticSpec {
    fn parse(options: &str) -> Result<Self, String> {
        let mut spec = Self::default();
        let settings = &mut spec.settings;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (key, value) =
                option.split_once('=').ok_or_else(|| format!("`{option}` lacks a value, as in heads=2"))?;
            match key {
                "heads" => settings.heads = ranged(key, value, 0, MAX_HEADS)?,
                "width" => settings.width = ranged(key, value, 1, 7680)?,
                "height" => settings.height = ranged(key, value, 1, 4320)?,
                "fps" => settings.rate_hz = ranged(key, value, 1.0, 1000.0)?,
                "seed" => settings.seed = ranged(key, value, 0, u64::MAX)?,
                "motion" => settings.script = motion(value)?,
                "stamp" => settings.stamp = ranged(key, value, 0, 1)? == 1,
                "seconds" => spec.seconds = Some(ranged(key, value, 0.0, 1e6)?),
                _ => {
                    let known = "heads, width, height, fps, seed, motion, stamp and seconds";
                    return Err(format!("the synthetic camera has no option `{key}`, only {known}"));
                }
            }
        }
        Ok(spec)
    }
}

fn motion(word: &str) -> Result<Motion, String> {
    let found = MOTIONS.into_iter().find(|(name, _)| *name == word);
    found
        .map(|(_, motion)| motion)
        .ok_or_else(|| format!("motion={word} must be one of {}", MOTIONS.map(|(name, _)| name).join(", ")))
}

fn ranged<T>(key: &str, value: &str, low: T, high: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    match value.parse::<T>() {
        Ok(number) if number >= low && number <= high => Ok(number),
        _ => Err(format!("{key}={value} must be a number from {low} to {high}")),
    }
}

/// Opens the source that a person typed: see [`SourceSpec`].
///
/// # Errors
/// When it names no source, does not exist or cannot be read.
pub fn open(spec: impl AsRef<OsStr>) -> Result<Box<dyn Source>, SourceError> {
    SourceSpec::parse(spec)?.open()
}

fn open_path(path: &Path, options: &VideoOptions) -> Result<Box<dyn Source>, SourceError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => SourceError::NotFound { path: path.to_owned() },
        _ => SourceError::Unreadable { path: path.to_owned(), source },
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Ok(Box::new(ImageSource::open_folder(path)?));
    }
    if !metadata.is_file() {
        return Err(SourceError::NoFile { path: path.to_owned() });
    }
    if metadata.len() == 0 {
        return Err(SourceError::Empty { path: path.to_owned() });
    }
    // By content first: a PNG is a PNG whatever its name; a damaged one is at least called one.
    match content(path).map_err(unreadable)? {
        Content::Still(_) => Ok(Box::new(ImageSource::open_file(path)?)),
        Content::Other if is_image_name(path) => Ok(Box::new(ImageSource::open_file(path)?)),
        Content::Moving | Content::Other => Ok(Box::new(VideoSource::open(path, options)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type() {
        let plain = SourceSpec::Synthetic(SyntheticSpec::default());
        assert_eq!(SourceSpec::parse("synthetic").unwrap(), plain);
        assert_eq!(SourceSpec::parse("synthetic?").unwrap(), plain);
        let typed = "synthetic?heads=2&seconds=1.5&fps=15&motion=crossing&stamp=1";
        let SourceSpec::Synthetic(two) = SourceSpec::parse(typed).unwrap() else { panic!("not synthetic") };
        assert_eq!((two.settings.heads, two.seconds, two.settings.rate_hz), (2, Some(1.5), 15.0));
        assert_eq!(SourceSpec::parse(two.to_string()).unwrap(), SourceSpec::Synthetic(two));
        assert_eq!(SourceSpec::parse("-x.mp4").unwrap(), SourceSpec::Path("-x.mp4".into()));
        for wrong in [
            "",
            "synthetic?heads=99",
            "synthetic?heads",
            "synthetic?faces=1",
            "synthetic?fps=NaN",
            "synthetic?motion=fly",
            "rtsp://cam",
        ] {
            assert!(SourceSpec::parse(wrong).is_err(), "{wrong}");
        }
    }
}
