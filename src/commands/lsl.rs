//! `mien lsl`: the process that loads liblsl, started by the supervising process.

use anyhow::{Context, Result};
use clap::Args;
use mien_config::{Config, LslReach};
use mien_outlets::{Launch, Reach};

/// Arguments of `mien lsl`; all else comes over standard input.
#[derive(Args)]
pub(crate) struct LslArguments {
    /// The process that starts this one and without which it ends
    #[arg(long, value_name = "PID")]
    parent: Option<u32>,
}

/// Runs the process.
pub(crate) fn run(arguments: &LslArguments) -> Result<()> {
    Ok(mien_outlets::serve(arguments.parent, std::io::stdin(), std::io::stdout())?)
}

/// How such a process is started: it is this very program.
pub(crate) fn launch(config: &Config) -> Result<Launch> {
    Ok(Launch {
        program: std::env::current_exe().context("the path of this program is not known")?,
        arguments: ["lsl".into(), "--parent".into(), std::process::id().to_string().into()].into(),
        reach: match config.lsl.reach {
            LslReach::Network => Reach::Network,
            LslReach::Machine => Reach::Machine,
        },
        limits: None,
    })
}
