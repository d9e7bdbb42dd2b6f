//! `mien run` and `mien config` as a person uses them.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{fail, json, mien, succeed};

/// A configuration of small cameras that talks to nobody.
fn config(folder: &Path, sources: &[&str]) -> PathBuf {
    let mut text = String::from("version = 1\n[lsl]\nenabled = false\n");
    for (index, source) in sources.iter().enumerate() {
        text += &format!(
            "[[cameras]]\nname = \"cam{index}\"\nsource = \"{source}\"\nsize = [320, 240]\nrate_hz = 10.0\n"
        );
    }
    let path = folder.join("mien.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// Rings of this test's sessions in shared memory: those whose name has the pid of the session.
fn rings_of(session_pid: u32) -> Vec<String> {
    let names = std::fs::read_dir(mien_ring::SHM_DIR).into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            mien_ring::SegmentName::parse(name)
                .is_some_and(|name| name.session.ends_with(&format!("-{session_pid}")))
        })
        .collect()
}

#[test]
fn cameras_are_tracked_and_the_run_is_told_in_numbers() {
    let mut mien = mien();
    let folder = tempfile::tempdir().unwrap();
    let [stats, trace] = ["stats.json", "trace.json"].map(|name| folder.path().join(name));
    // A second camera that is nobody's fault but its own.
    let config = config(folder.path(), &["synthetic", "synthetic?heads=x"]);
    let child = mien
        .args(["run", "--headless", "--seconds", "6", "--engine", "cpu", "--config"])
        .arg(&config)
        .arg("--stats")
        .arg(&stats)
        .arg("--trace")
        .arg(&trace)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let log = support::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.lines().last().unwrap().contains("camera cam1 has failed"), "{log}");
    assert!(log.contains("[cam0]") && log.contains("engine rten"), "{log}");

    let stats = json(&stats);
    let [good, bad] = [&stats["cameras"][0], &stats["cameras"][1]];
    assert_eq!((&good["name"], &bad["state"]), (&"cam0".into(), &"failed".into()));
    let frames = good["frames"].as_u64().unwrap();
    assert!(frames > 10, "{frames} frames\n{log}");
    assert!(good["frames_with_face"].as_u64().unwrap() + 2 >= frames, "{good}");
    assert_eq!(
        (&good["track_ids"], &good["missed_results"], &good["restarts"]),
        (&1.into(), &0.into(), &0.into())
    );
    let stages: BTreeSet<&str> =
        good["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert!(stages.contains("landmarks") && stages.contains("detector"), "{stages:?}");
    assert!(good["latency"]["count"] == frames && good["worker"]["cpu_percent"].as_f64().unwrap() > 0.0);

    let spans = json(&trace);
    assert!(spans.as_array().unwrap().iter().any(|span| span["name"] == "landmarks" && span["ph"] == "X"));
    assert_eq!(rings_of(pid), [""; 0]);
}

/// Shared memory for one camera (54 MB) and not for two, in a mount namespace of its own.
#[test]
fn full_shared_memory_costs_the_camera_that_finds_no_room_and_nothing_else() {
    let mien = mien();
    let folder = tempfile::tempdir().unwrap();
    let [stats, mark] = ["stats.json", "mounted"].map(|name| folder.path().join(name));
    let config = config(folder.path(), &["synthetic", "synthetic"]);
    let script = r#"mount -t tmpfs -o size=80m none /dev/shm && : >"$MARK" && exec "$0" "$@""#;
    let mut little = Command::new("unshare");
    little.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(mien.get_program());
    little.envs(mien.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("MARK", &mark);
    little.args(["run", "--headless", "--seconds", "12", "--engine", "cpu", "--config"]).arg(&config);
    let output = little.arg("--stats").arg(&stats).stdin(Stdio::null()).output();
    let Some(output) = output.ok().filter(|_| mark.exists()) else {
        let why = "this system lets nobody mount in a namespace of their own";
        return mien_needs::skip(mien_needs::Need::Namespace, why);
    };
    let line = support::refusal(&output);
    assert!(
        line.contains("has failed") && line.contains("no room for") && line.contains("--shm-size"),
        "{line}"
    );
    let stats = json(&stats);
    let (failed, live): (Vec<&Value>, Vec<&Value>) =
        stats["cameras"].as_array().unwrap().iter().partition(|camera| camera["state"] == "failed");
    let [failed, live] = [&failed[..], &live[..]].map(|cameras| match cameras {
        [one] => *one,
        _ => panic!("one has failed, one not: {stats:#}"),
    });
    // Reserving at the same moment, both may be refused; then the pauses part them.
    assert_eq!((&failed["frames"], &live["state"]), (&0.into(), &"live".into()));
    assert!(live["frames"].as_u64().unwrap() > 10 && live["missed_results"] == 0, "{live:#}");
    assert!(stats["gpu"]["gpus"].is_array());
}

#[test]
fn when_it_is_killed_no_worker_stays() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &["synthetic?heads=0", "synthetic?heads=0"]);
    let mut child =
        mien().args(["run", "--headless", "--config"]).arg(&config).stderr(Stdio::null()).spawn().unwrap();
    let pid = child.id();
    let workers = || -> Vec<u32> {
        let names = std::fs::read_dir("/proc").unwrap().flatten();
        names
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|process: &u32| {
                std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| {
                    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
                    words.contains(&&b"worker"[..]) && words.contains(&pid.to_string().as_bytes())
                })
            })
            .collect()
    };
    let until = |what: &str, so: &dyn Fn() -> bool| {
        let started = Instant::now();
        while !so() {
            assert!(started.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
        started.elapsed()
    };
    until("two workers with rings", &|| workers().len() == 2 && rings_of(pid).len() == 4);
    child.kill().unwrap();
    child.wait().unwrap();
    let took = until("no worker", &|| workers().is_empty());
    println!("workers gone after {took:?}");
    // The next start removes what the workers may have left.
    let status = mien()
        .args(["run", "--headless", "--seconds", "0", "--config"])
        .arg(&config)
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok());
    assert_eq!(rings_of(pid), [""; 0]);
}

#[test]
fn an_interrupt_ends_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &["synthetic?heads=0"]);
    let stats = folder.path().join("stats.json");
    let mut child = mien()
        .args(["run", "--headless", "--config"])
        .arg(&config)
        .arg("--stats")
        .arg(&stats)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    let started = Instant::now();
    while rings_of(pid).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "no rings");
        std::thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
    assert_eq!(json(&stats)["cameras"][0]["name"], "cam0");
    assert_eq!(rings_of(pid), [""; 0]);
}

#[test]
fn without_cameras_or_with_a_wrong_file_it_says_what_to_do() {
    assert!(fail(mien().args(["run", "--headless"])).contains("--source"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mien.toml");
    std::fs::write(&path, "version = 1\n[rings]\nslots = 5\n").unwrap();
    let line = fail(mien().args(["run", "--headless", "--config"]).arg(&path));
    assert!(line.contains("mien.toml:3: slots: 5"), "{line}");
    let line = fail(mien().args(["config", "check"]).arg(&path));
    assert!(line.contains("powers of two"), "{line}");
}

#[test]
fn a_configuration_is_begun_checked_and_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.toml");
    succeed(mien().args(["config", "init"]).arg(&path));
    assert!(succeed(mien().args(["config", "check"]).arg(&path)).contains("1 camera, 1 enabled"));
    let printed = succeed(mien().args(["config", "print"]).arg(&path));
    assert!(printed.contains("max_faces = 4") && printed.contains("name = \"camera\""), "{printed}");
    assert!(fail(mien().args(["config", "init"]).arg(&path)).contains("already"));
    succeed(mien().arg("cameras"));
}

/// The lines of a run's log until its streams are open, or it is said why there are none; the rest is read and
/// forgotten.
fn lines_until_streaming(run: &mut std::process::Child) -> Vec<String> {
    use std::io::{BufRead, BufReader};
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut seen: Vec<String> = Vec::new();
    let is_last = |line: &String| line.contains("published to LSL") || line.contains("nothing is streamed");
    while !seen.last().is_some_and(is_last) {
        seen.push(lines.next().unwrap_or_else(|| panic!("it ends: {seen:#?}")));
    }
    std::thread::spawn(move || lines.for_each(drop));
    seen
}

#[test]
fn a_second_program_has_streams_of_its_own_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("mien.toml");
    let prefix = format!("test{}", std::process::id());
    let text = format!(
        "version = 1\n[lsl]\nprefix = \"{prefix}\"\n[[cameras]]\nname = \"front\"\nsource = \"synthetic?heads=0\"\n\
         size = [64, 48]\n"
    );
    std::fs::write(&config, text).unwrap();
    let start = || {
        let mut command = mien();
        command.args(["run", "--headless", "--engine", "cpu", "--seconds", "600", "--config"]).arg(&config);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let end = |mut run: std::process::Child| {
        kill_process(Pid::from_child(&run), Signal::INT).unwrap();
        run.wait().unwrap();
    };
    let renamed = |lines: &[String]| {
        lines.iter().filter(|line| line.contains(&format!("called `{prefix}-2_front_…`"))).count()
    };
    let mut first = start();
    let of_first = lines_until_streaming(&mut first);
    let mut second = start();
    let of_second = lines_until_streaming(&mut second);
    end(first);
    end(second);
    assert_eq!((renamed(&of_first), renamed(&of_second)), (0, 1), "{of_first:#?}\n{of_second:#?}");
    let mut third = start();
    let of_third = lines_until_streaming(&mut third);
    end(third);
    assert_eq!(renamed(&of_third), 0, "the names are free again: {of_third:#?}");
}

#[test]
fn a_file_that_is_not_there_is_refused_at_once_and_one_that_cannot_be_read_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nothere.mp4");
    let mut command = mien();
    let line = fail(command.args(["run", "--headless", "--source"]).arg(&missing));
    assert!(line.contains("nothere.mp4 does not exist; check the path"), "{line}");

    // In a configuration it may be on a disk that is still to be mounted: the run waits for it.
    let config = config(folder.path(), &[missing.to_str().unwrap()]);
    let mut command = mien();
    let output =
        command.args(["run", "--headless", "--seconds", "4", "--config"]).arg(&config).output().unwrap();
    let log = support::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.lines().last().unwrap().contains("camera cam0"), "{log}");
}
