//! The session panel: what is recorded under which names.

use std::path::PathBuf;

use mien_config::{PrivacyKind, Recording, VideoKind};

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
