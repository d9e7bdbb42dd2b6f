//! The app under test: the real program on a screen of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use crate::screen::{Screen, skip, until};
use crate::support::mien;

/// Longest wait for anything, in seconds: the machine may be busy with other tests.
pub const PATIENCE: u64 = 120;

/// See the module.
pub struct App {
    pub screen: Screen,
    pub process: Child,
    window: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl App {
    /// Opens the app with these arguments; its settings and all else that it keeps go into `home`. `None`
    /// (with the reason printed) where there is no screen.
    pub fn open(home: &Path, arguments: &[&str]) -> Option<Self> {
        Self::open_with(home, arguments, &[])
    }

    /// Likewise, with more variables in its environment.
    pub fn open_with(home: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Option<Self> {
        let mut command = mien();
        let screen = Screen::start(1440, 900)?;
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .env("DISPLAY", &screen.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_STATE_HOME", home.join("state"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, shared) = (BufReader::new(process.stderr.take().unwrap()).lines(), Arc::clone(&log));
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| shared.lock().unwrap().push(line));
        });
        let opened = until("a window, or the app's end", PATIENCE, || {
            let window = screen.window("Mien");
            if window.is_some() { Some(window) } else { process.try_wait().unwrap().map(|_| None) }
        });
        let Some(window) = opened else {
            process.wait().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(200));
            let log = log.lock().unwrap().join("\n");
            assert!(log.contains("no window can be opened"), "{log}");
            skip(&format!("no window with OpenGL can be had here: {log}"));
            return None;
        };
        until("the window takes the keyboard", PATIENCE, || screen.focus(&window).then_some(()));
        Some(Self { screen, process, window, log })
    }

    /// Waits for a line of the log that contains all of these.
    pub fn told(&self, words: &[&str]) -> String {
        self.told_times(words, 1).pop().unwrap()
    }

    /// Waits until so many lines of the log contain all of these; gives them.
    pub fn told_times(&self, words: &[&str], times: usize) -> Vec<String> {
        let found = || {
            let log = self.log.lock().unwrap();
            let lines = log.iter().filter(|line| words.iter().all(|word| line.contains(word)));
            let lines: Vec<String> = lines.cloned().collect();
            (lines.len() >= times).then_some(lines)
        };
        let what = format!("{times} × {words:?} in the log");
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until(&what, PATIENCE, found)));
        waited.unwrap_or_else(|_| panic!("{what}; it says\n{}", self.log.lock().unwrap().join("\n")))
    }

    /// Waits until the window's title ends so.
    pub fn titled(&self, end: &str) {
        until(&format!("the title … {end}"), PATIENCE, || {
            self.screen.title(&self.window).filter(|title| title.ends_with(end))
        });
    }

    /// Presses and releases a key, such as `ctrl+r`.
    pub fn press(&self, key: &str) {
        self.screen.press(key);
    }

    /// Goes to the thing that Tab reaches so late. Each press is its own: the window takes one in a repaint.
    pub fn tab(&self, times: usize) {
        self.screen.press_often("Tab", times);
    }

    /// Waits for the program's end, which must be a good one.
    pub fn ended(mut self) -> Vec<String> {
        let status = until("the app's end", PATIENCE, || self.process.try_wait().unwrap());
        let log = self.log.lock().unwrap().clone();
        assert!(status.success(), "{status}\n{}", log.join("\n"));
        log
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Only after a failed test is it still there.
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// Processes whose parent is this one, with their command lines.
pub fn children(process: u32) -> Vec<(u32, String)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|pids| pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .map(|pid| (pid, std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()))
        .collect()
}

/// A worker of the app, where it has one.
pub fn worker(app: &App) -> Option<u32> {
    let found = children(app.process.id()).into_iter().find(|(_, command)| command.contains("worker"));
    found.map(|(pid, _)| pid)
}

/// Kills a worker of the app, once it has one; its process.
pub fn kill_worker(app: &App) -> u32 {
    let pid = until("a worker", PATIENCE, || worker(app));
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    pid
}

/// Whether a process is no more (a zombie is not).
pub fn is_gone(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}
