//! The app over real cameras: joins the window (`mien-gui`) with supervisor, streams and recordings.
//!
//! Two threads of ours. The window's thread draws and only ever looks: newest pictures, results, states.
//! The control thread does what may take long: it owns streams and recording, and carries out commands.
//! One more thread a camera sleeps until there is a result and wakes the window.

mod backend;
mod control;
mod feed;
mod log;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use mien_config::Config;
use mien_gui::AppOptions;

use crate::build_info::VERSION;
use crate::commands::run::options as supervisor_options;

/// Opens the window over the configuration's cameras; returns when it is closed.
pub(crate) fn open(config: Config, file: Option<PathBuf>) -> Result<()> {
    let log = log::Log::new();
    let mut options = supervisor_options(config.clone(), None)?;
    options.log = {
        let log = Arc::clone(&log);
        Arc::new(move |camera, line| log.worker_line(camera, line))
    };
    let supervisor = Arc::new(mien_supervisor::start(options)?);
    let about = vec![
        ("Mien".to_owned(), VERSION.to_owned()),
        (
            "Configuration".to_owned(),
            file.as_ref().map_or("built-in defaults".to_owned(), |file| file.display().to_string()),
        ),
        ("Engine asked for".to_owned(), config.engine.kind.name().to_owned()),
    ];
    let app =
        AppOptions { vertical_fov_deg: config.detection.vertical_fov_deg, about, ..AppOptions::default() };
    let backend = backend::DesktopBackend::new(supervisor, config, log);
    mien_gui::run(Box::new(backend), app)
        .map_err(|error| anyhow!("no window can be opened: {error}; `mien run --headless` works without one"))
}
