//! The session panel: what is recorded under which names.

use std::path::PathBuf;

use mien_config::{PrivacyKind, Recording, VideoKind};

use crate::backend::CAMERA_IS_NOT_LIVE;

/// What is wrong with the name of a subject, session, task, camera or participant, in words; `None` when
/// it is fine.
#[must_use]
pub fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("needs at least one character")
    } else if name.len() > 64 {
        Some("at most 64 characters")
    } else if !mien_config::is_name(name) {
        Some("only letters, digits, _ and -")
    } else {
        None
    }
}

/// The fields of the session panel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionForm {
    /// Subject.
    pub subject: String,
    /// Session.
    pub session: String,
    /// Task.
    pub task: String,
    /// Folder that receives the session folders.
    pub folder: String,
    /// How video is kept.
    pub video: VideoKind,
    /// How faces appear in the video.
    pub privacy: PrivacyKind,
}

impl SessionForm {
    /// The form that says what a configuration says.
    #[must_use]
    pub fn new(recording: &Recording) -> Self {
        Self {
            subject: recording.subject.clone(),
            session: recording.session.clone(),
            task: recording.task.clone(),
            folder: recording.dir.display().to_string(),
            video: recording.video,
            privacy: recording.privacy,
        }
    }

    /// The recording that the form asks for, with all else as configured.
    ///
    /// # Errors
    /// Names the first field that is wrong, and what it may hold.
    pub fn request(&self, configured: &Recording) -> Result<Recording, String> {
        for (field, value) in [("Subject", &self.subject), ("Session", &self.session), ("Task", &self.task)] {
            if let Some(problem) = name_problem(value) {
                return Err(format!("{field}: {problem}"));
            }
        }
        if self.folder.trim().is_empty() {
            return Err("Folder: choose where recordings go".to_owned());
        }
        Ok(Recording {
            dir: PathBuf::from(self.folder.trim()),
            subject: self.subject.clone(),
            session: self.session.clone(),
            task: self.task.clone(),
            video: self.video,
            privacy: self.privacy,
            ..configured.clone()
        })
    }
}

/// The warnings as they are shown: the cameras that are not live in one sentence, where the first of them stood.
#[must_use]
pub fn joined_warnings(warnings: &[String]) -> Vec<String> {
    let lost: Vec<&str> =
        warnings.iter().filter_map(|warning| warning.strip_suffix(CAMERA_IS_NOT_LIVE)).collect();
    let [others @ .., last] = lost.as_slice() else { return warnings.to_vec() };
    if others.is_empty() {
        return warnings.to_vec();
    }
    let mut sentence = Some(format!("{} and {last} are not live: their rows have gaps", others.join(", ")));
    let joined = |warning: &String| {
        if warning.ends_with(CAMERA_IS_NOT_LIVE) { sentence.take() } else { Some(warning.clone()) }
    };
    warnings.iter().filter_map(joined).collect()
}

/// The words for a way to keep video.
#[must_use]
pub fn video_label(kind: VideoKind) -> &'static str {
    match kind {
        VideoKind::H264 => "H.264, small",
        VideoKind::Ffv1 => "FFV1, lossless",
        VideoKind::None => "no video",
    }
}

/// The words for how faces appear.
#[must_use]
pub fn privacy_label(kind: PrivacyKind) -> &'static str {
    match kind {
        PrivacyKind::Full => "as captured",
        PrivacyKind::Blur => "blurred",
        PrivacyKind::Mesh => "mesh instead",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_that_are_not_live_are_told_in_one_sentence() {
        let warning = |name: &str| format!("{name}{CAMERA_IS_NOT_LIVE}");
        let one = ["The disk is nearly full".to_owned(), warning("left")];
        assert_eq!(joined_warnings(&one), one);
        let some = [warning("a"), one[0].clone(), warning("b"), warning("c")];
        let expected = ["a, b and c are not live: their rows have gaps".to_owned(), one[0].clone()];
        assert_eq!(joined_warnings(&some), expected);
        assert!(joined_warnings(&[]).is_empty());
    }

    #[test]
    fn the_form_starts_from_the_configuration_and_keeps_what_it_does_not_show() {
        let configured = Recording { min_free_gb: 3.5, subject: "s-7".into(), ..Recording::default() };
        let mut form = SessionForm::new(&configured);
        assert_eq!(form.request(&configured), Ok(configured.clone()));
        form.task = "../up".into();
        assert_eq!(form.request(&configured), Err("Task: only letters, digits, _ and -".to_owned()));
        form.task = "rest".into();
        form.privacy = PrivacyKind::Blur;
        let request = form.request(&configured).unwrap();
        assert_eq!((request.task.as_str(), request.min_free_gb), ("rest", 3.5));
        form.folder = "  ".into();
        assert!(form.request(&configured).is_err());
    }
}
