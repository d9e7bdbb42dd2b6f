//! Measures the app on a screen of its own (Xvfb, Mesa's software OpenGL): what the window's process takes of the
//! processor, how often it can be painted, and how long a picture takes from capture to the screen.
//!
//! `cargo build --release && cargo run --example measure_app [PROGRAM]`; about three minutes. The last figure
//! comes from outside: the synthetic camera draws its capture time into its pictures, and this program reads that
//! off the screen's memory every millisecond.

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/desktop/screen.rs"]
mod screen;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mien_face::{FrameView, PixelFormat};
use mien_metrics::ProcessUsage;
use screen::{Screen, until};

/// How long the cameras start before anything is measured, in seconds.
const START: u64 = 8;
/// How long is measured, in seconds.
const MEASURED: u64 = 20;
/// Width and height of the screen and the window.
const WINDOW: (u16, u16) = (1440, 900);

fn main() -> Result<()> {
    println!("| what | CPU of the window's process | repaints/s | cameras' frames/s | load of the machine |");
    println!("|---|---|---|---|---|");
    let faces = "synthetic?heads=1&seed=";
    let empty = "synthetic?heads=0&seed=";
    for (what, cameras, source, repaints_hz, page) in [
        ("no camera", 0, faces, 30.0, "live"),
        ("four cameras with a face each, 15 repaints/s", 4, faces, 15.0, "live"),
        ("four cameras without faces, 15 repaints/s", 4, empty, 15.0, "live"),
        ("four cameras without faces, as many repaints as asked for: 60", 4, empty, 60.0, "live"),
        ("four cameras with a face each, log page, 15 repaints/s", 4, faces, 15.0, "log"),
    ] {
        load(what, &Settings { cameras, source, repaints_hz, page })?;
    }
    println!();
    latency()
}

struct Settings {
    cameras: usize,
    source: &'static str,
    repaints_hz: f32,
    page: &'static str,
}

/// The app in a window of its own, for so many seconds.
struct App {
    process: Child,
    screen: Screen,
    home: tempfile::TempDir,
}

impl App {
    fn start(settings: &Settings, more: &str) -> Result<Self> {
        let screen = Screen::start(WINDOW.0, WINDOW.1).context("there is no screen")?;
        let home = tempfile::tempdir()?;
        let mut text = format!(
            "version = 1\n[lsl]\nenabled = false\n[gui]\nrepaints_hz = {:.1}\ntheme = \"dark\"\n\
             [detection]\ndetect_every = 30\n",
            settings.repaints_hz
        );
        for camera in 0..settings.cameras {
            text += &format!(
                "[[cameras]]\nname = \"camera-{camera}\"\nsource = \"{}{camera}{more}\"\nsize = [960, 540]\n\
                 rate_hz = 30.0\nengine = \"cpu\"\n",
                settings.source
            );
        }
        let config = home.path().join("mien.toml");
        std::fs::write(&config, text)?;
        let state = home.path().join("state/mien");
        std::fs::create_dir_all(&state)?;
        std::fs::write(state.join("window.toml"), format!("page = \"{}\"\n", settings.page))?;
        let mut command = Command::new(program()?);
        if settings.cameras > 0 {
            command.args(["run", "--stats"]).arg(home.path().join("stats.json"));
        }
        let process = command
            .arg("--config")
            .arg(config)
            .env("DISPLAY", &screen.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("XDG_STATE_HOME", home.path().join("state"))
            .stderr(Stdio::null())
            .spawn()?;
        let app = Self { process, screen, home };
        let window = until("a window", 60, || app.screen.window("Mien"));
        until("the keyboard", 60, || app.screen.focus(&window).then_some(()));
        std::thread::sleep(Duration::from_secs(START));
        Ok(app)
    }

    /// Closes the window; gives the run's statistics.
    fn end(&mut self) -> Result<serde_json::Value> {
        self.screen.press("ctrl+q");
        ensure!(self.process.wait()?.success(), "the app has failed");
        let stats = self.home.path().join("stats.json");
        Ok(if stats.exists() {
            serde_json::from_slice(&std::fs::read(stats)?)?
        } else {
            serde_json::Value::Null
        })
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// The program that is measured.
fn program() -> Result<PathBuf> {
    let program = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/release/mien"), PathBuf::from);
    ensure!(program.exists(), "{} is not there: cargo build --release, or name another", program.display());
    Ok(program)
}

fn load(what: &str, settings: &Settings) -> Result<()> {
    let mut app = App::start(settings, "")?;
    let pid = app.process.id();
    let usage = || ProcessUsage::read(pid).context("the app has gone");
    let (before, started) = (usage()?.cpu_seconds, Instant::now());
    std::thread::sleep(Duration::from_secs(MEASURED));
    let percent = (usage()?.cpu_seconds - before) / started.elapsed().as_secs_f64() * 100.0;
    let average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let stats = app.end()?;
    let repaints = stats["window"]["repaints_by_second"].as_array().map_or("–".to_owned(), |seconds| {
        let mut counts: Vec<u64> =
            seconds.iter().filter_map(serde_json::Value::as_u64).skip(START as usize).collect();
        counts.truncate(MEASURED as usize);
        format!("{:.1}", counts.iter().sum::<u64>() as f64 / counts.len().max(1) as f64)
    });
    let rates: Vec<String> = stats["cameras"]
        .as_array()
        .map(|cameras| {
            cameras.iter().map(|camera| format!("{:.1}", camera["fps"].as_f64().unwrap_or(0.0))).collect()
        })
        .unwrap_or_default();
    println!(
        "| {what} | {percent:.1} % | {repaints} | {} | {} |",
        rates.join(", "),
        average.split(' ').next().unwrap_or_default()
    );
    Ok(())
}

/// From capture to the screen, with one camera.
fn latency() -> Result<()> {
    let settings =
        Settings { cameras: 1, source: "synthetic?heads=1&seed=", repaints_hz: 60.0, page: "live" };
    let mut app = App::start(&settings, "&stamp=1")?;
    let stamp = until("the camera's code on the screen", 60, || Stamp::find(&app.screen));
    let (mut ages_ms, mut last, started) = (Vec::new(), None, Instant::now());
    while started.elapsed() < Duration::from_secs(MEASURED) {
        if let Some((index, capture_nanos)) = stamp.read(&app.screen.frame_buffer())
            && last != Some(index)
        {
            last = Some(index);
            ages_ms.push((mien_clock::monotonic_nanos() - capture_nanos) as f64 * 1e-6);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    app.end()?;
    ages_ms.sort_by(f64::total_cmp);
    ensure!(!ages_ms.is_empty(), "no picture was seen");
    let at = |share: f64| ages_ms[((ages_ms.len() - 1) as f64 * share) as usize];
    println!(
        "Capture to screen, one camera of 960×540 at 30 frames/s: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms over {} \
         pictures in {MEASURED} s; load of the machine {}",
        at(0.5),
        at(0.95),
        at(0.99),
        ages_ms.len(),
        average.split(' ').next().unwrap_or_default()
    );
    Ok(())
}

/// Where on the screen the camera's code is.
struct Stamp {
    left: usize,
    top: usize,
    width: usize,
}

impl Stamp {
    /// The widest run of pure black and white on the upper half of the screen, where a code can be read.
    fn find(screen: &Screen) -> Option<Self> {
        let (width, height, rgb) = screen.picture();
        let (width, pixels) = (width as usize, rgb.as_chunks::<3>().0);
        for top in 0..height as usize / 2 {
            let row = &pixels[top * width..(top + 1) * width];
            let is_pure = |pixel: &[u8; 3]| *pixel == [0; 3] || *pixel == [255; 3];
            let Some(left) = row.iter().position(|pixel| *pixel == [0; 3]) else { continue };
            let length = row[left..].iter().take_while(|pixel| is_pure(pixel)).count();
            if length < 300 {
                continue;
            }
            // Its end may be a blend: a few widths are tried.
            let right = row.iter().rposition(is_pure)?;
            for end in (right.saturating_sub(20)..=right + 3).rev() {
                let stamp = Self { left, top, width: end + 1 - left };
                if stamp.read(&screen.frame_buffer()).is_some() {
                    return Some(stamp);
                }
            }
        }
        None
    }

    fn read(&self, screen: &Path) -> Option<(u64, i64)> {
        let height = self.width * 2 / 80 + 1;
        let part = screen::read_screen(screen, [self.left, self.top], Some([self.width, height]));
        let (_, _, rgb) = part.ok()?;
        let stride = self.width * 3;
        let view = FrameView::new(&rgb, self.width as u32, height as u32, stride, PixelFormat::Rgb8).ok()?;
        mien_synthetic::read_stamp(view)
    }
}
