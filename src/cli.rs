//! The command line.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::build_info::VERSION;
use crate::commands::cameras::CamerasArguments;
use crate::commands::config::ConfigCommand;
use crate::commands::demo::DemoArguments;
use crate::commands::doctor::DoctorArguments;
use crate::commands::engines::EnginesCommand;
use crate::commands::export::ExportArguments;
use crate::commands::models::ModelsCommand;
use crate::commands::record::RecordArguments;
use crate::commands::run::{CameraArguments, RunArguments};
use crate::commands::session::SessionCommand;
use crate::commands::track::TrackArguments;
use crate::commands::worker::WorkerArguments;
use crate::{commands, file_limit, interrupt, logging};

/// Tracks faces: 478 landmarks, 52 blendshapes and head pose, live or from files. Without a command it
/// opens the app.
#[derive(Parser)]
#[command(name = "mien", version = VERSION, propagate_version = true)]
struct Cli {
    /// Say more on standard error (twice: everything); RUST_LOG overrides it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(flatten)]
    cameras: CameraArguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Track the faces in videos or images and write them as rows
    Track(TrackArguments),
    /// Track the synthetic camera for ten seconds and show what Mien does
    Demo(DemoArguments),
    /// Track cameras live, each in a process of its own
    Run(RunArguments),
    /// Record cameras live: data, video and markers into a session's folder
    Record(RecordArguments),
    /// Look at recorded sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Turn a recorded session into CSV, Parquet, OpenFace's CSV or Motion-BIDS
    Export(ExportArguments),
    /// List the cameras at this machine, their formats and rates
    Cameras(CamerasArguments),
    /// Check, show or begin a configuration file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at what Mien needs of this machine, and say what to type where something is missing
    Doctor(DoctorArguments),
    /// One camera's process (started by `run`)
    #[command(hide = true)]
    Worker(WorkerArguments),
    /// Build, list or remove TensorRT engines
    #[command(subcommand)]
    Engines(EnginesCommand),
    /// List, check or import model files
    #[command(subcommand)]
    Models(ModelsCommand),
}

impl Command {
    /// Whether it looks for Ctrl-C itself and finishes its files; the others end at once, which harms nothing.
    fn finishes_files(&self) -> bool {
        !matches!(
            self,
            Self::Cameras(_) | Self::Config(_) | Self::Doctor(_) | Self::Engines(_) | Self::Models(_)
        )
    }
}

/// The whole program: reads the command line, does what it says, and tells how it went. Exit codes: 0
/// done, 1 failed (with one line on standard error), 2 a command line that makes no sense.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if cli.command.is_some() && !cli.cameras.are_none() {
        let text = "give --config and --source after the command; before it, they are the app's";
        Cli::command().error(ErrorKind::ArgumentConflict, text).exit();
    }
    logging::start(cli.verbose);
    file_limit::be_told();
    if cli.command.as_ref().is_none_or(Command::finishes_files) {
        interrupt::listen();
    }
    let Some(command) = cli.command else { return report(commands::run::open_app(&cli.cameras)) };
    report(match command {
        Command::Track(arguments) => commands::track::run(&arguments),
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Record(arguments) => commands::record::run(&arguments),
        Command::Session(command) => commands::session::run(&command),
        Command::Export(arguments) => commands::export::run(&arguments),
        Command::Cameras(arguments) => commands::cameras::run(&arguments),
        Command::Config(command) => commands::config::run(&command),
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Worker(arguments) => commands::worker::run(&arguments),
        Command::Engines(command) => commands::engines::run(&command),
        Command::Models(command) => commands::models::run(&command),
    })
}

/// Tells how it went.
fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error!("mien: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, on one line. A cause that an error already quotes is not said twice.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    let parts = line.lines().map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let cause = || std::io::Error::other("disk\n on  fire");
        let quoting = mien_capture::SourceError::Unreadable { path: "a.png".into(), source: cause() };
        let line = one_line(&anyhow::Error::from(quoting).context("frame 3"));
        assert_eq!(line, "frame 3: a.png cannot be read: disk; on fire; check its permissions");
        assert_eq!(one_line(&anyhow::Error::from(cause()).context("outer")), "outer: disk; on fire");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
