//! Rings between processes: killed writers, many readers under load, no room.
//!
//! The test program starts itself again in the roles of writer and reader.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use mien_ring::{
    RingError, RingKind, RingReader, RingSpec, RingWriter, SegmentName, WriteStep, remove_stale,
};

const LAYOUT: u64 = 77;

fn spec(payload_bytes: u64) -> RingSpec {
    RingSpec { payload_bytes, slots: 32, layout_hash: LAYOUT, parameters: [0; 4] }
}

/// What entry `number` holds: every word depends on the entry and on its place.
fn fill(number: u64, words: &mut [u64]) {
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for (index, word) in words.iter_mut().enumerate() {
        *word = seed.wrapping_add(index as u64);
    }
}

fn is_whole(number: u64, words: &[u64]) -> bool {
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    words.iter().enumerate().all(|(index, word)| *word == seed.wrapping_add(index as u64))
}

/// Starts this program again in one of the roles below.
fn start(role: &str, settings: &[(&str, String)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--ignored", "--nocapture"])
        .envs(settings.iter().map(|(name, value)| (format!("RING_{name}"), value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(format!("RING_{name}")).ok()?.parse().ok()
}

/// The rest of the first line of a child's output that starts with `mark` (the test harness of the
/// child prints lines of its own, and may leave one unfinished).
fn line_after(output: &mut BufReader<ChildStdout>, mark: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "the child ended without `{mark}`");
        if let Some((_, rest)) = line.trim_end().split_once(mark) {
            return rest.to_owned();
        }
    }
}

/// The writer that dies: waits for a line, then writes entries and kills itself in one of them.
#[test]
#[ignore = "a role that other tests start"]
fn role_dying_writer() {
    let Some(dir) = setting::<PathBuf>("DIR") else { return };
    let (last, at): (u64, usize) = (setting("LAST").unwrap(), setting("AT").unwrap());
    let name = SegmentName::new("s", "c", RingKind::Faces).unwrap();
    let mut writer = RingWriter::create(&dir, &name, spec(64), 0).unwrap();
    println!("path={}", writer.path().display());
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let mut words = [0; 8];
    for number in 0..=last {
        fill(number, &mut words);
        let parts: Vec<&[u8]> = words.iter().map(bytemuck::bytes_of).collect();
        let mut store = 0;
        writer.publish_stepwise(&parts, |_| {
            if number == last && store == at {
                let own = rustix::process::getpid();
                rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
            }
            store += 1;
        });
    }
}

#[test]
fn a_writer_killed_between_any_two_stores_is_never_believed_nor_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut kinds = vec![WriteStep::Begun];
    kinds.extend((1..=8).map(|words| WriteStep::Copied(8 * words)));
    kinds.extend([WriteStep::Stamped, WriteStep::Announced]);
    for last in [0_u64, 40] {
        for (at, step) in kinds.iter().enumerate() {
            let settings = [
                ("DIR", dir.path().display().to_string()),
                ("LAST", last.to_string()),
                ("AT", at.to_string()),
            ];
            let mut child = start("role_dying_writer", &settings);
            let mut output = BufReader::new(child.stdout.take().unwrap());
            let path = PathBuf::from(line_after(&mut output, "path="));
            let mut reader = RingReader::open(&path, LAYOUT).unwrap();
            child.stdin.take().unwrap().write_all(b"go\n").unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(9), "{step:?}");

            let mut words = [0_u64; 8];
            let mut seen = Vec::new();
            while let Some(entry) = reader.next(&mut [bytemuck::bytes_of_mut(&mut words)]) {
                assert!(is_whole(entry.number, &words), "{step:?}: entry {}", entry.number);
                seen.push(entry.number);
            }
            // An entry counts once it is announced, and not before.
            let announced = last + u64::from(*step == WriteStep::Announced);
            assert_eq!(seen.last().copied(), announced.checked_sub(1), "{step:?}");
            assert_eq!(reader.latest(&mut [bytemuck::bytes_of_mut(&mut words)]), None);
            assert!(!reader.wait(Duration::from_millis(1)));
            assert!(!reader.writer().is_alive());
            assert_eq!(remove_stale(dir.path()).unwrap(), [path]);
        }
    }
}

/// The writer of the stress: `RATE` entries a second (0: as fast as it can), until its input closes.
#[test]
#[ignore = "a role that other tests start"]
fn role_stress_writer() {
    let Some(dir) = setting::<PathBuf>("DIR") else { return };
    let (bytes, rate): (u64, u32) = (setting("BYTES").unwrap(), setting("RATE").unwrap());
    let name = SegmentName::new("s", "c", RingKind::Preview).unwrap();
    let mut writer = RingWriter::create(&dir, &name, spec(bytes), 0).unwrap();
    println!("path={}", writer.path().display());
    let closed = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let mut words = vec![0_u64; bytes as usize / 8];
    // Until readers can see the entry, until they are woken, and the processor's time of the whole.
    let (mut visible, mut whole, mut working) = (Vec::new(), Vec::new(), Vec::new());
    let mut due = Instant::now();
    while !closed.is_finished() {
        fill(whole.len() as u64, &mut words);
        let (before, cpu_before) = (Instant::now(), thread_nanos());
        let mut announced = Duration::ZERO;
        writer.publish_stepwise(&[bytemuck::cast_slice(&words)], |step| {
            if step == WriteStep::Announced {
                announced = before.elapsed();
            }
        });
        whole.push(before.elapsed().as_nanos() as u64);
        working.push(thread_nanos() - cpu_before);
        visible.push(announced.as_nanos() as u64);
        if rate > 0 {
            due += Duration::from_secs(1) / rate;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    println!("entries={}", whole.len());
    for (what, nanos) in [
        ("until visible", visible),
        ("until readers are woken", whole),
        ("of that on the processor", working),
    ] {
        println!("time={what} {}", percentiles(nanos));
    }
}

fn percentiles(mut nanos: Vec<u64>) -> String {
    nanos.sort_unstable();
    let at = |part: f64| nanos[((nanos.len() - 1) as f64 * part) as usize] as f64 * 1e-3;
    format!(
        "p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs, most {:.0} µs",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    )
}

/// Processor time of this thread.
fn thread_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A reader of the stress: every entry in order, or the newest only; until the writer is gone.
#[test]
#[ignore = "a role that other tests start"]
fn role_stress_reader() {
    let Some(path) = setting::<PathBuf>("PATH") else { return };
    let newest: bool = setting("NEWEST").unwrap();
    let mut reader = RingReader::open(&path, LAYOUT).unwrap();
    println!("open=");
    let mut words = vec![0_u64; reader.spec().payload_bytes as usize / 8];
    let (mut read, mut torn, mut last) = (0_u64, 0_u64, None);
    loop {
        if !reader.wait(Duration::from_millis(200)) && !reader.writer().is_alive() {
            break;
        }
        let parts: &mut [&mut [u8]] = &mut [bytemuck::cast_slice_mut(&mut words)];
        let Some(entry) = (if newest { reader.latest(parts) } else { reader.next(parts) }) else { continue };
        read += 1;
        torn += u64::from(!is_whole(entry.number, &words));
        assert!(last < Some(entry.number), "entry {} came twice", entry.number);
        last = Some(entry.number);
    }
    println!("read={read}");
    println!("torn={torn}");
    println!("missed={}", reader.missed());
}

/// Lets processes write and read. With `freeze` the first reader is stopped for all but the last second.
fn stress(payload_bytes: u64, rate: u32, readers: usize, seconds: u64, freeze: bool) {
    let dir = Path::new(mien_ring::SHM_DIR);
    let settings = [
        ("DIR", dir.display().to_string()),
        ("BYTES", payload_bytes.to_string()),
        ("RATE", rate.to_string()),
    ];
    let mut writer = start("role_stress_writer", &settings);
    let mut output = BufReader::new(writer.stdout.take().unwrap());
    let path = line_after(&mut output, "path=");
    let mut children: Vec<_> = (0..readers)
        .map(|index| {
            let newest = (index % 2 == 1).to_string();
            let mut child = start("role_stress_reader", &[("PATH", path.clone()), ("NEWEST", newest)]);
            let mut output = BufReader::new(child.stdout.take().unwrap());
            line_after(&mut output, "open=");
            (child, output)
        })
        .collect();
    let signal = |child: &Child, signal| {
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
    };
    if freeze {
        signal(&children[0].0, rustix::process::Signal::STOP);
    }
    std::thread::sleep(Duration::from_secs(seconds));
    if freeze {
        signal(&children[0].0, rustix::process::Signal::CONT);
        std::thread::sleep(Duration::from_secs(1));
    }
    drop(writer.stdin.take());
    println!("{payload_bytes} bytes, {rate} a second: {} entries", line_after(&mut output, "entries="));
    for _ in 0..3 {
        println!("  {}", line_after(&mut output, "time="));
    }
    assert!(writer.wait().unwrap().success());
    for (index, (child, output)) in children.iter_mut().enumerate() {
        let [read, torn, missed] =
            ["read=", "torn=", "missed="].map(|mark| line_after(output, mark).parse::<u64>().unwrap());
        println!("  a reader: {read} read, {torn} torn, {missed} missed");
        assert!(child.wait().unwrap().success());
        assert!(read > 0);
        assert_eq!(torn, 0);
        // What a stopped reader has lost is counted; nobody waited for it.
        assert!(!(freeze && index == 0) || missed > 0);
    }
    assert!(!Path::new(&path).exists());
}

fn stress_seconds() -> u64 {
    std::env::var("MIEN_STRESS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600)
}

const PREVIEW_BYTES: u64 = 960 * 540 * 3;

#[test]
fn several_readers_never_see_a_torn_entry() {
    stress(PREVIEW_BYTES, 120, 3, 1, false);
    stress(4096, 0, 2, 1, false);
}

#[test]
fn a_stopped_reader_loses_what_it_did_not_read_and_holds_up_nobody() {
    stress(4096, 120, 2, 1, true);
}

#[test]
#[ignore = "long: a minute without and a minute with a stopped reader; ./x stress"]
fn stress_a_reader_that_is_stopped_for_a_minute() {
    for freeze in [false, true] {
        println!("{}:", if freeze { "one of two readers stopped" } else { "two readers" });
        stress(PREVIEW_BYTES, 120, 2, 60, freeze);
    }
}

#[test]
#[ignore = "long: MIEN_STRESS_SECONDS, 600 by default; ./x stress"]
fn stress_preview_at_120_hz_with_three_readers() {
    stress(PREVIEW_BYTES, 120, 3, stress_seconds(), false);
}

#[test]
#[ignore = "long: MIEN_STRESS_SECONDS, 600 by default; ./x stress"]
fn stress_small_entries_at_full_speed_with_eight_readers() {
    stress(4096, 0, 8, stress_seconds(), false);
}

/// Makes a ring where there is no room, inside a mount namespace of its own.
#[test]
#[ignore = "a role that other tests start"]
fn role_without_room() {
    let Some(dir) = setting::<PathBuf>("DIR") else { return };
    let name = SegmentName::new("s", "c", RingKind::Preview).unwrap();
    let error = RingWriter::create(&dir, &name, spec(1 << 20), 0).err().unwrap();
    assert!(matches!(error, RingError::NoRoom { .. }), "{error}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "a half-made segment was left");
    println!("refused={error}");
}

#[test]
fn a_full_shared_memory_is_an_error_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=64k none "$RING_DIR" && exec "$0" "$@""#;
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "role_without_room", "--ignored", "--nocapture"])
        .env("RING_DIR", dir.path())
        .output();
    match output {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{text}");
            assert!(text.contains("no room for"), "{text}");
        }
        _ => mien_needs::skip(
            mien_needs::Need::Namespace,
            "this system lets nobody mount in a namespace of their own",
        ),
    }
}
