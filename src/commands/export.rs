//! `mien export`: a session as tables or Motion-BIDS.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use mien_record::{ExportFormat, export};

use crate::interrupt;

/// Arguments of `mien export`.
#[derive(Args)]
pub(crate) struct ExportArguments {
    /// The session's folder
    #[arg(value_name = "DIR")]
    session: PathBuf,
    /// csv or parquet (a table a stream), openface (a table a camera), bids (a Motion-BIDS data set)
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    to: ExportFormat,
    /// New folder for the files; without it, one named after the format inside the session's
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn format(text: &str) -> Result<ExportFormat, String> {
    [ExportFormat::Csv, ExportFormat::Parquet, ExportFormat::Bids, ExportFormat::OpenFace]
        .into_iter()
        .find(|format| format.name() == text)
        .ok_or_else(|| "use csv, parquet, openface or bids".to_owned())
}

/// Exports.
pub(crate) fn run(arguments: &ExportArguments) -> Result<()> {
    let out = arguments.out.clone().unwrap_or_else(|| arguments.session.join(arguments.to.name()));
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} ({eta})")?;
    let bar = ProgressBar::new(0).with_style(style);
    let exported = export(&arguments.session, arguments.to, &out, &mut |done, size| {
        bar.set_length(size);
        bar.set_position(done);
        if interrupt::is_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    let exported = exported?;
    say!("{}: {} files", exported.folder.display(), exported.files.len());
    Ok(())
}
