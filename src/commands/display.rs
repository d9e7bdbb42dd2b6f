//! What a run shows on the terminal.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
use mien_capture::SourceInfo;

use crate::offline::Report;

/// A bar on a terminal, nothing elsewhere.
pub(crate) fn progress_bar(info: &SourceInfo, limit: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let frames = info.frame_count.unwrap_or(u64::MAX).min(limit);
    let (bar, template) = match frames {
        u64::MAX => (ProgressBar::no_length(), "{spinner} {msg}  {pos} frames  {rate:>12}  {elapsed}"),
        _ => (ProgressBar::new(frames), "{msg}  {wide_bar:.cyan/238}  {pos}/{len}  {rate:>12}  {eta} left"),
    };
    let style = ProgressStyle::with_template(template).expect("the template is sound");
    bar.set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(ErrorTerminal), 20));
    bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // A bar that cannot be drawn is no reason to stop.
        let _ = write!(out, "{:.1} frames/s", state.per_sec());
    }));
    bar.set_message(info.name.clone());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The terminal at standard error, never waited for.
#[derive(Debug)]
struct ErrorTerminal;

impl ErrorTerminal {
    /// A control sequence that moves the cursor; nothing for no steps, which terminals take for one.
    fn steps(&self, count: usize, direction: char) -> std::io::Result<()> {
        if count > 0 { self.write_str(&format!("\x1b[{count}{direction}")) } else { Ok(()) }
    }
}

impl TermLike for ErrorTerminal {
    fn width(&self) -> u16 {
        rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| size.ws_col.max(1))
    }

    fn move_cursor_up(&self, count: usize) -> std::io::Result<()> {
        self.steps(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> std::io::Result<()> {
        self.steps(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> std::io::Result<()> {
        self.steps(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> std::io::Result<()> {
        self.steps(count, 'D')
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        crate::output::ERRORS.put(text.as_bytes().to_vec());
        Ok(())
    }

    fn clear_line(&self) -> std::io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a person wants to know afterwards, on standard output.
pub(crate) fn print_summary(info: &SourceInfo, report: &Report, files: &[impl AsRef<Path>]) {
    let Report { frames, frames_with_a_face, track_ids, elapsed, .. } = report;
    let seconds = elapsed.as_secs_f64();
    let share = 100.0 * *frames_with_a_face as f64 / (*frames).max(1) as f64;
    say!("{}", info.spec);
    say!("  {frames} frames in {seconds:.2} s: {:.1} frames/s", *frames as f64 / seconds.max(1e-9));
    say!("  a face in {frames_with_a_face} frames ({share:.1} %), {} in total", faces(track_ids.len()));
    if let Some(words) = report.damage.words() {
        say!("  {words}");
    }
    say_part!("{}", report.statistics);
    for file in files {
        say!("  -> {}", file.as_ref().display());
    }
}

fn faces(count: usize) -> String {
    if count == 1 { "1 face".to_owned() } else { format!("{count} faces") }
}
