//! `mien doctor`: the machine's check-up.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::build_info::VERSION;
use crate::doctor::{Check, State, Subject, check_all, check_one};

/// Arguments of `mien doctor`.
#[derive(Args)]
pub(crate) struct DoctorArguments {
    /// Look with the eyes of this configuration: its cameras, models and folders
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Look at this alone, here; what it finds is printed as JSON
    #[arg(long, value_name = "NAME", hide = true)]
    probe: Option<String>,
}

/// Looks at everything, and tells.
pub(crate) fn run(arguments: &DoctorArguments) -> Result<()> {
    // The app's own settings, unless another file is meant.
    let usual = || mien_config::user_file().filter(|file| file.exists());
    let subject = Subject::of_file(arguments.config.clone().or_else(usual).as_deref());
    if let Some(name) = &arguments.probe {
        let checks = check_one(name, &subject).with_context(|| format!("there is no check `{name}`"))?;
        say!("{}", serde_json::to_string(&checks)?);
        return Ok(());
    }
    let checks = check_all(&subject);
    if arguments.json {
        let report = serde_json::json!({"mien": VERSION, "checks": checks});
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        say_part!("mien {VERSION}\n\n{}", page(&checks, coloured));
    }
    let failed: Vec<&str> =
        checks.iter().filter(|check| check.state == State::Failed).map(|check| check.name.as_str()).collect();
    if !failed.is_empty() {
        bail!("this does not work: {}", failed.join(", "));
    }
    Ok(())
}

/// One line for each check, and below it what to type.
fn page(checks: &[Check], coloured: bool) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut page = String::new();
    for Check { name, state, found, remedy } in checks {
        let colour = match state {
            State::Ok => "32",
            State::Warning => "33",
            State::Missing => "2",
            State::Failed => "31",
        };
        let label = format!("{:<7}", state.label());
        let label = if coloured { format!("\x1b[{colour}m{label}\x1b[0m") } else { label };
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{label}  {name:<width$}  {found}");
        if !remedy.is_empty() {
            let _ = writeln!(page, "{:<7}  {:<width$}  → {remedy}", "", "");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_stand_below_what_they_mend() {
        let check = |name: &str, state, remedy: &str| Check {
            name: name.into(),
            state,
            found: "this".into(),
            remedy: remedy.into(),
        };
        let checks = [check("One", State::Ok, ""), check("Second", State::Missing, "type me")];
        let expected = "ok       One     this\nmissing  Second  this\n                 → type me\n";
        assert_eq!(page(&checks, false), expected);
        assert!(page(&checks, true).starts_with("\x1b[32mok     \x1b[0m  One"));
    }
}
