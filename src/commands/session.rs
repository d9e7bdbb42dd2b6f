//! `mien session check`: what a session holds, and making a killed one whole.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use mien_record::{SESSION_FILE, SessionReport, SessionState, VideoReport, check_session, redact_session};

use crate::visible::visible_name;

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
    /// First overwrite the passwords of cameras' addresses in all its files; also of a BIDS export
    #[arg(long)]
    redact: bool,
}

/// Runs the command.
pub(crate) fn run(command: &SessionCommand) -> Result<()> {
    let SessionCommand::Check(arguments) = command;
    if arguments.redact {
        redact(&arguments.session, !arguments.dry_run)?;
        if !arguments.session.join(SESSION_FILE).exists() {
            // A BIDS export: there is no session to be checked.
            return Ok(());
        }
    }
    let report = check_session(&arguments.session, !arguments.dry_run)?;
    print(&report);
    let Some(first) = report.problems.first() else { return Ok(()) };
    bail!("{}, first: {}", count_problems(report.problems.len(), arguments.dry_run), visible_name(first))
}

/// Overwrites the secrets of cameras' addresses, and says where they were.
fn redact(folder: &Path, change: bool) -> Result<()> {
    let redaction = redact_session(folder, change)?;
    for (path, count) in &redaction.files {
        let what = if change { "overwritten in" } else { "found in" };
        say!("  {count} secrets of cameras' addresses {what} {}", path.display());
    }
    for problem in &redaction.problems {
        say!("  PROBLEM {problem}");
    }
    match redaction.problems.first() {
        Some(problem) => bail!("secrets of cameras' addresses may be left: {problem}"),
        None if redaction.is_empty() => say!("no secrets of cameras' addresses were found"),
        None if change => {
            let cameras = redaction.addresses.join(", ");
            say!(
                "change the password of {cameras}: copies of this session, and who has seen it, still have it"
            );
        }
        None => bail!("the session holds secrets of cameras' addresses; nothing was changed"),
    }
    Ok(())
}

/// How many there are; a dry run has tried nothing.
fn count_problems(count: usize, dry_run: bool) -> String {
    match (count, dry_run) {
        (1, true) => "1 problem was found, nothing was changed".to_owned(),
        (_, true) => format!("{count} problems were found, nothing was changed"),
        (1, false) => "1 problem is left".to_owned(),
        (_, false) => format!("{count} problems are left"),
    }
}

fn print(report: &SessionReport) {
    let session = &report.session;
    say!(
        "subject {}, session {}, task {}: {}, begun {}{}",
        session.subject,
        session.session,
        session.task,
        state(report),
        visible_name(&session.started),
        duration(report)
    );
    if let Some(reason) = &session.ended_because {
        say!("ended by itself: {}", visible_name(reason));
    }
    for stream in &report.data.streams {
        let totals = &stream.totals;
        let span = totals.first_timestamp.zip(totals.last_timestamp);
        say!(
            "  {:<44} {:>9} × {} samples{}",
            visible_name(&stream.info.name),
            totals.sample_count,
            stream.info.channel_count,
            span.map(|(first, last)| format!(", {:.2} s", last - first)).unwrap_or_default()
        );
    }
    report.videos.iter().for_each(print_video);
    for gap in &session.gaps {
        let seconds = gap.to_lsl_seconds - gap.from_lsl_seconds;
        let kind = if gap.restarted { "was restarted" } else { "had no frames" };
        say!("  camera {} {kind} for {seconds:.2} s", visible_name(&gap.camera));
    }
    print_repair(report);
    if !report.data.has_sums && report.data.file_bytes > 0 {
        say!("  no checksums lie beside data.xdf: whether bytes in it were changed cannot be told");
    }
    for problem in &report.problems {
        say!("  PROBLEM {}", visible_name(problem));
    }
}

/// How the session stands now, whatever it was when it was recorded.
fn state(report: &SessionReport) -> &'static str {
    match (report.session.state, report.problems.is_empty()) {
        (SessionState::Recording, _) => "Cut off while it was recorded",
        (SessionState::Complete, true) => "Complete",
        (SessionState::Complete, false) => "Complete when it was recorded, with problems now",
        (SessionState::Repaired, true) => "Repaired",
        (SessionState::Repaired, false) => "Repaired, with problems",
    }
}

/// How much of the recording the data are.
fn duration(report: &SessionReport) -> String {
    match (report.data_seconds, report.session.duration_seconds) {
        (Some(there), Some(recorded)) if report.ends_early() => {
            format!(", {there:.1} s of data of a recording of {recorded:.1} s")
        }
        (Some(_), Some(recorded)) => format!(", {recorded:.1} s"),
        (Some(there), None) => format!(", {there:.1} s"),
        (None, Some(recorded)) => format!(", no data of a recording of {recorded:.1} s"),
        (None, None) => ", no data".to_owned(),
    }
}

fn print_video(video: &VideoReport) {
    let name = video.path.file_name().unwrap_or_default().to_string_lossy();
    let pictures = video.pictures.map_or("no readable".to_owned(), |pictures| pictures.to_string());
    say!("  {:<44} {pictures:>9} pictures, {} rows beside it", visible_name(&name), video.rows);
    for repair in &video.repairs {
        say!("    repaired: {repair}");
    }
}

fn print_repair(report: &SessionReport) {
    let repair = &report.data_repair;
    if repair.removed_bytes > 0 || !repair.footers_written.is_empty() {
        say!(
            "  data.xdf repaired: {} broken bytes taken out, {} footers written",
            repair.removed_bytes,
            repair.footers_written.len()
        );
    }
    for stream in &repair.restored_headers {
        say!("    the header of {} was put back from the copy beside the data", visible_name(stream));
    }
    for (stream, count) in &repair.lost_samples {
        say!("    {count} samples of {} could not be saved", visible_name(stream));
    }
    if let Some(original) = &repair.original {
        say!("  the damaged original is kept as {}", original.display());
    }
}
