//! `mien session check`: what a session holds, and making a killed one whole.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use mien_record::{SessionReport, check_session};

/// Commands about recorded sessions.
#[derive(Subcommand)]
pub(crate) enum SessionCommand {
    /// Say what a session holds; make one that was killed whole
    Check(CheckArguments),
}

/// Arguments of `mien session check`.
#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The session's folder
    #[arg(value_name = "DIR")]
    session: PathBuf,
    /// Change nothing; exit code 1 when something is wrong
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(command: &SessionCommand) -> Result<()> {
    let SessionCommand::Check(arguments) = command;
    let report = check_session(&arguments.session, !arguments.dry_run)?;
    print(&report);
    match report.problems.first() {
        None => Ok(()),
        Some(problem) => bail!("{} problems are left, first: {problem}", report.problems.len()),
    }
}

fn print(report: &SessionReport) {
    let session = &report.session;
    say!(
        "subject {}, session {}, task {}: {:?}, begun {}{}",
        session.subject,
        session.session,
        session.task,
        session.state,
        session.started,
        session.duration_seconds.map(|seconds| format!(", {seconds:.1} s")).unwrap_or_default()
    );
    if let Some(reason) = &session.ended_because {
        say!("ended by itself: {reason}");
    }
    for stream in &report.data.streams {
        let totals = &stream.totals;
        let span = totals.first_timestamp.zip(totals.last_timestamp);
        say!(
            "  {:<44} {:>9} × {} samples{}",
            stream.info.name,
            totals.sample_count,
            stream.info.channel_count,
            span.map(|(first, last)| format!(", {:.2} s", last - first)).unwrap_or_default()
        );
    }
    for video in &report.videos {
        let name = video.path.file_name().unwrap_or_default().to_string_lossy();
        let pictures = video.pictures.map_or("no readable".to_owned(), |pictures| pictures.to_string());
        say!("  {name:<44} {pictures:>9} pictures, {} rows beside it", video.rows);
        for repair in &video.repairs {
            say!("    repaired: {repair}");
        }
    }
    for gap in &session.gaps {
        let seconds = gap.to_lsl_seconds - gap.from_lsl_seconds;
        let kind = if gap.restarted { "was restarted" } else { "had no frames" };
        say!("  camera {} {kind} for {seconds:.2} s", gap.camera);
    }
    let repair = &report.data_repair;
    if repair.removed_bytes > 0 || !repair.footers_written.is_empty() {
        say!(
            "  data.xdf repaired: {} broken bytes taken out, {} footers written",
            repair.removed_bytes,
            repair.footers_written.len()
        );
    }
    if let Some(original) = &repair.original {
        say!("  the damaged original is kept as {}", original.display());
    }
    for problem in &report.problems {
        say!("  PROBLEM {problem}");
    }
}
