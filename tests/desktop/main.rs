//! The app as a person uses it: the real program in a window, its keys pressed, its pictures taken, its
//! recordings checked. Skipped, with the reason printed, where no screen with OpenGL can be had.
//!
//! The pictures of the pages go to `target/screenshots`; with `MIEN_KEEP_SCREENSHOTS=1` also to
//! `assets/screenshots`, where the README shows them.

#[path = "../support/mod.rs"]
mod support;

mod app;
mod screen;

use std::path::{Path, PathBuf};
use std::time::Duration;

use app::{App, PATIENCE, children, is_gone, kill_worker, worker};
use screen::until;
use support::{mien, succeed};

/// Small cameras that a loaded machine can follow, and nothing on the network; for pictures to keep, streams and
/// more frames.
fn config(folder: &Path, cameras: usize, more: &str) -> PathBuf {
    let (lsl, rate_hz) = if keeps_pictures() { (true, 15.0) } else { (false, 5.0) };
    let mut text = format!("# Kept as it is.\nversion = 1\n\n[lsl]\nenabled = {lsl} # quiet\n{more}\n");
    for camera in 1..=cameras {
        let (heads, seed) = (1 + camera % 2, 10 + camera);
        text += &format!(
            "[[cameras]]\nname = \"cam{camera}\"\nsource = \"synthetic?heads={heads}&seed={seed}\"\n\
             size = [480, 270]\nrate_hz = {rate_hz:.1}\nengine = \"cpu\"\n\n"
        );
    }
    let path = folder.join("mien.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// `[recording]` into a folder of the test's own.
fn recording(folder: &Path) -> String {
    let sessions = folder.join("sessions");
    format!("[recording]\ndir = {:?}\nmin_free_gb = 0.0\nhardware = false\n", sessions.display().to_string())
}

fn session(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder.join("sessions"))
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_dir())
}

/// Waits for a second's rows or so: the headers come first, and are large; and at first Record is not taken for Stop.
fn wait_for_rows(session: &Path) {
    let size = || std::fs::metadata(session.join("data.xdf")).map_or(0, |file| file.len());
    until("headers", PATIENCE, || (size() > 20_000).then_some(()));
    std::thread::sleep(Duration::from_millis(700));
    let first = size();
    until("rows", PATIENCE, || (size() > first + 20_000).then_some(()));
}

/// Ends the recording once it has some rows, and the app; gives the session's folder.
fn finish_recording(app: App, folder: &Path) -> PathBuf {
    let session = until("a session", PATIENCE, || session(folder));
    wait_for_rows(&session);
    app.press("ctrl+r");
    app.told(&["recorded", "s into"]);
    app.press("ctrl+q");
    app.ended();
    session
}

/// The session's data are there, whole, and of about so many seconds.
fn check_session(folder: &Path) -> String {
    let session = session(folder).expect("there is a session");
    succeed(mien().args(["session", "check"]).arg(session))
}

#[test]
fn four_cameras_are_watched_recorded_and_checked() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), 4, &recording(folder.path()));
    let Some(app) = App::open(folder.path(), &["--config", file.to_str().unwrap()]) else { return };
    for camera in ["cam1", "cam2", "cam3", "cam4"] {
        app.told(&[camera, "live"]);
    }
    let workers = children(app.process.id());
    assert_eq!(workers.iter().filter(|(_, command)| command.contains("worker")).count(), 4, "{workers:?}");

    // One camera large, and back.
    let shots = Shots::new();
    shots.take(&app, "live");
    app.press("alt+2");
    shots.take(&app, "enlarged");
    app.press("Escape");

    // Five seconds of recording, with markers.
    app.press("ctrl+r");
    app.titled("recording");
    app.told(&["recording into"]);
    app.press("F3");
    app.told(&["marker F3"]);
    std::thread::sleep(Duration::from_secs(5));
    shots.take(&app, "recording");
    app.press("ctrl+r");
    let recorded = app.told(&["recorded", "s into"]);
    let seconds: f64 =
        recorded.split("recorded ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(seconds >= 5.0, "{recorded}");

    // Every page; the last one is remembered.
    let pages = ["Live", "Signals", "Devices", "Settings", "Streams", "Performance", "Log", "Check-up"];
    for (number, page) in (1..).zip(pages).skip(1) {
        app.press(&format!("ctrl+{number}"));
        app.titled(page);
        match page {
            // Plots need some signals to show.
            "Signals" => std::thread::sleep(Duration::from_secs(6)),
            "Check-up" => drop(app.told(&["check-up:"])),
            _ => {}
        }
        shots.take(&app, &page.to_lowercase());
    }
    // The ninth thing that Tab reaches, after the pages, is the light theme; it is written to the file.
    app.tab(9);
    app.press("space");
    until("the light theme in the file", PATIENCE, || {
        std::fs::read_to_string(&file).unwrap().contains("theme = \"light\"").then_some(())
    });
    for (key, name) in [("ctrl+1", "live-light"), ("ctrl+2", "signals-light")] {
        app.press(key);
        shots.take(&app, name);
    }
    app.titled("Signals");

    app.press("ctrl+q");
    let log = app.ended();
    assert!(!log.iter().any(|line| line.contains("panicked")), "{log:#?}");
    until("the workers' end", PATIENCE, || workers.iter().all(|(pid, _)| is_gone(*pid)).then_some(()));
    let said = check_session(folder.path());
    assert!(said.contains("cam4") && !said.contains("repaired"), "{said}");
    let window = std::fs::read_to_string(folder.path().join("state/mien/window.toml")).unwrap();
    assert!(window.contains("page = \"signals\""), "{window}");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.starts_with("# Kept as it is.") && kept.contains("# quiet"), "{kept}");
}

/// Whether the pictures are for the README.
fn keeps_pictures() -> bool {
    std::env::var_os("MIEN_KEEP_SCREENSHOTS").is_some()
}

/// Pictures of the window.
struct Shots(PathBuf);

impl Shots {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn take(&self, app: &App, name: &str) {
        // What the key has done is on the screen after a repaint; none is told, so this waits for two.
        std::thread::sleep(Duration::from_millis(600));
        let file = self.0.join(format!("{name}.png"));
        app.screen.shoot(&file);
        let (_, _, rgb) = app.screen.picture();
        let distinct = rgb.as_chunks::<3>().0.iter().collect::<std::collections::HashSet<_>>().len();
        assert!(distinct > 30, "{name}: {distinct} colours are no picture of a page");
        if keeps_pictures() {
            let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screenshots");
            app.screen.shoot(&kept.join(format!("{name}.png")));
        }
    }
}

#[test]
fn closing_while_recording_asks_and_finishes_the_files() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), 1, &recording(folder.path()));
    let Some(mut app) = App::open(folder.path(), &["--config", file.to_str().unwrap()]) else { return };
    app.told(&["cam1", "live"]);
    app.press("ctrl+r");
    app.titled("recording");
    let session = until("a session", PATIENCE, || session(folder.path()));
    wait_for_rows(&session);
    let workers = children(app.process.id());

    app.press("ctrl+q");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(app.process.try_wait().unwrap().is_none(), "it asks before it closes");
    // The question's button that finishes and closes has the focus, once it is painted.
    until("the app's end", PATIENCE, || {
        app.press("Return");
        std::thread::sleep(Duration::from_secs(1));
        app.process.try_wait().unwrap()
    });
    app.ended();
    until("the workers' end", PATIENCE, || workers.iter().all(|(pid, _)| is_gone(*pid)).then_some(()));
    let said = check_session(folder.path());
    assert!(!said.contains("repaired"), "{said}");
}

#[test]
fn record_pressed_again_while_it_starts_records_once() {
    let folder = tempfile::tempdir().unwrap();
    let more = recording(folder.path()) + "video = \"none\"\n";
    let file = config(folder.path(), 1, &more);
    let Some(app) = App::open(folder.path(), &["--config", file.to_str().unwrap()]) else { return };
    // The camera has just begun, so that a recording cannot begin at once.
    app.press("ctrl+r");
    std::thread::sleep(Duration::from_millis(200));
    app.press("ctrl+r");
    app.told(&["recording into"]);
    app.titled("recording");
    finish_recording(app, folder.path());
    assert_eq!(std::fs::read_dir(folder.path().join("sessions")).unwrap().count(), 1);
}

#[test]
fn settings_that_have_just_been_changed_are_those_of_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let more =
        recording(folder.path()) + "video = \"none\"\n[detection]\nmax_faces = 7\nvertical_fov_deg = 40.0\n";
    let file = config(folder.path(), 1, &more);
    let Some(app) = App::open(folder.path(), &["--config", file.to_str().unwrap()]) else { return };
    app.told(&["cam1", "live"]);
    app.press("ctrl+4");
    app.titled("Settings");
    // The last thing on the page sets tracking as Mien comes.
    app.press("shift+Tab");
    app.press("space");
    until("the settings in the file", PATIENCE, || {
        (!std::fs::read_to_string(&file).unwrap().contains("max_faces = 7")).then_some(())
    });
    app.press("ctrl+r");
    app.told(&["recording into"]);
    app.titled("recording");
    let session = until("a session", PATIENCE, || session(folder.path()));
    let text = std::fs::read_to_string(session.join("session.toml")).unwrap();
    assert!(text.contains("max_faces = 4") && !text.contains("max_faces = 7"), "{text}");
    assert!(text.matches("vertical_fov_deg = 63.0").count() == 2 && !text.contains("40.0"), "{text}");
    finish_recording(app, folder.path());
}

#[test]
fn a_killed_worker_is_seen_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), 1, "");
    let Some(app) = App::open(folder.path(), &["--config", file.to_str().unwrap()]) else { return };
    app.told(&["cam1", "live"]);
    let pid = kill_worker(&app);
    app.told(&["cam1", "reconnecting", "signal 9"]);
    until("another worker", PATIENCE, || worker(&app).filter(|other| *other != pid));
    app.told_times(&["cam1: live"], 2);
    app.press("ctrl+q");
    app.ended();
}

#[test]
fn a_named_person_keeps_the_name_when_the_worker_comes_back() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), 1, &recording(folder.path()));
    let text = std::fs::read_to_string(&file).unwrap().replace("heads=2", "heads=1");
    std::fs::write(&file, text).unwrap();
    let Some(app) = App::open(folder.path(), &["--config", file.to_str().unwrap()]) else { return };
    app.told(&["cam1", "live"]);
    // After the pages and the session's form, Tab reaches the field of the only face's name.
    app.tab(22);
    for key in ["A", "d", "a", "Return"] {
        app.press(key);
    }
    app.told(&["cam1: face 1 is Ada"]);
    app.press("ctrl+r");
    app.titled("recording");
    kill_worker(&app);
    app.told(&["cam1", "of the new worker is Ada"]);
    let session = finish_recording(app, folder.path());
    let session = mien_record::SessionFile::read(&session).unwrap();
    let [first, second] = &session.participants[..] else { panic!("{:?}", session.participants) };
    assert!(first.name == "Ada" && second.name == "Ada" && first.track_id < second.track_id);
}

#[test]
fn a_first_start_offers_the_synthetic_camera_and_settings_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let Some(app) = App::open(folder.path(), &[]) else { return };
    let file = folder.path().join("config/mien/mien.toml");
    assert!(!file.exists(), "nothing is written before there is something to keep");
    // The button is in the middle of the page, left of the session panel; keys reach it, too.
    let (x, y) = until("a large button in the middle", PATIENCE, || {
        let (width, height, rgb) = app.screen.picture();
        accent_button(width, height, &rgb)
    });
    app.screen.click(x, y);
    app.told(&["camera-1", "live"]);
    let text = until("the settings file", PATIENCE, || std::fs::read_to_string(&file).ok());
    assert!(
        text.contains("source = \"synthetic\"") && text.contains("# The detector runs on every Nth"),
        "{text}"
    );
    app.press("ctrl+q");
    app.ended();
}

/// The middle of the button in the accent colour that lies left of the session panel and below the
/// navigation.
fn accent_button(width: u32, height: u32, rgb: &[u8]) -> Option<(u32, u32)> {
    let accent = |x: u32, y: u32| {
        let at = ((y * width + x) * 3) as usize;
        rgb[at..at + 3] == [0x2f, 0xa8, 0x9b]
    };
    let left_part = 0..width - 320;
    let hits: Vec<(u32, u32)> = (80..height)
        .flat_map(|y| left_part.clone().map(move |x| (x, y)))
        .filter(|(x, y)| accent(*x, *y))
        .collect();
    let count = u32::try_from(hits.len()).ok().filter(|count| *count > 1000)?;
    let sum = hits.iter().fold((0, 0), |sum, hit| (sum.0 + hit.0, sum.1 + hit.1));
    Some((sum.0 / count, sum.1 / count))
}

#[test]
fn a_read_only_file_keeps_its_text_and_the_app_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), 1, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut permissions = std::fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&file, permissions).unwrap();
    let Some(app) = App::open(folder.path(), &["--config", file.to_str().unwrap()]) else { return };
    app.told(&["cam1", "live"]);
    // The ninth thing that Tab reaches, after the pages, is the light theme.
    app.tab(9);
    app.press("space");
    app.told(&["settings are not saved", "read-only"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    app.press("ctrl+q");
    app.ended();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_full_disk_is_told_and_the_app_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // No disk has a hundred terabytes free: this one counts as full.
    let more = recording(folder.path()).replace("min_free_gb = 0.0", "min_free_gb = 1000000.0");
    let file = config(folder.path(), 1, &more);
    let Some(app) = App::open(folder.path(), &["--config", file.to_str().unwrap()]) else { return };
    app.told(&["cam1", "live"]);
    app.press("ctrl+r");
    app.told(&["ERROR", "free some space or choose another folder"]);
    app.titled("Live");
    app.press("ctrl+7");
    app.titled("Log");
    app.press("ctrl+q");
    app.ended();
}

#[test]
fn without_ffmpeg_and_liblsl_the_app_says_what_is_missing_and_records_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let more = format!("{}[gui]\nrepaints_hz = 10.0\n", recording(folder.path()));
    let file = config(folder.path(), 1, &more);
    let text = std::fs::read_to_string(&file).unwrap().replace("enabled = false", "enabled = true");
    std::fs::write(&file, text).unwrap();
    let nowhere = folder.path().join("nowhere.so");
    let environment = [("PATH", "/nowhere"), ("LSL_LIBRARY", nowhere.to_str().unwrap())];
    let opened = App::open_with(folder.path(), &["--config", file.to_str().unwrap()], &environment);
    let Some(app) = opened else { return };
    app.told(&["cam1", "live"]);
    app.told(&["liblsl"]);
    app.press("ctrl+r");
    app.titled("recording");
    app.told(&["ffmpeg"]);
    finish_recording(app, folder.path());
}
