//! The app over real cameras: joins the window (`mien-gui`) with supervisor, streams and recordings.
//!
//! Two threads of ours. The window's thread draws and only ever looks: newest pictures, results, states.
//! The control thread does what may take long: it owns streams and recording, and carries out commands.
//! One more thread a camera sleeps until there is a result and wakes the window.

mod backend;
mod board;
mod cameras;
mod control;
mod devices;
mod feed;
mod load;
mod log;
mod session;
mod settings;
mod streams;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use mien_config::Config;
use mien_gui::AppOptions;

use crate::build_info::VERSION;
use crate::commands::run::options as supervisor_options;

pub(crate) use settings::Place;

/// What `mien run` asks of a run with a window, too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Errand {
    /// When the window closes by itself, in seconds.
    pub seconds: Option<f64>,
    /// Where the run's statistics go at its end.
    pub stats: Option<PathBuf>,
    /// Where a trace goes, from the start to the end.
    pub trace: Option<PathBuf>,
}

/// Opens the window over the configuration's cameras; returns when it is closed.
pub(crate) fn open(config: Config, place: Place, errand: Errand) -> Result<()> {
    let log = log::Log::new();
    let mut options = supervisor_options(config.clone(), errand.trace.clone())?;
    options.log = {
        let log = Arc::clone(&log);
        Arc::new(move |camera, line| log.worker_line(camera, line))
    };
    let supervisor = Arc::new(mien_supervisor::start(options)?);
    let kept = place
        .file
        .as_ref()
        .map_or("nowhere, for this run only".to_owned(), |file| file.display().to_string());
    let about = vec![
        ("Mien".to_owned(), VERSION.to_owned()),
        ("Settings are kept in".to_owned(), kept),
        ("Engine asked for".to_owned(), config.engine.kind.name().to_owned()),
    ];
    let window = settings::remembered_window();
    let backend = backend::DesktopBackend::new(supervisor, config, place, errand, log);
    mien_gui::run(Box::new(backend), AppOptions { about, window, ..AppOptions::default() })
        .map_err(|error| anyhow!("no window can be opened: {error}; `mien run --headless` works without one"))
}
