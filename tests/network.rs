//! What a stranger on the network can do to a recording, and what a terminal that hangs can.
//!
//! The attacks stay inside a network namespace that has only `lo`: this program starts itself again there. They end
//! with the recording.

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::{mien, succeed, wait};

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "MIEN_TEST_NETWORK";
/// How long is recorded, in seconds, and how long an attack may last if nothing else ends it.
const SECONDS: u64 = 12;
const LONGEST_ATTACK: Duration = Duration::from_secs(90);
/// Two cameras that even a busy machine keeps up with: what is lost is lost by the attacks.
const CAMERAS: [&str; 2] =
    ["synthetic?width=320&height=240&fps=2", "synthetic?width=320&height=240&fps=2&seed=2"];
/// A query that a stream's description of some thousand elements keeps a thread busy with for hours.
const BUSY_QUERY: &str = "LSL:shortinfo\r\ncount(//*[count(//*[count(//*)>0])>0])>0\r\n16999 1\r\n";
/// What a log may take.
const MOST_LOG_BYTES: u64 = 1_000_000;

#[test]
fn a_recording_runs_through_every_attack_from_the_network() {
    let Some(unshare) = mien_needs::network_namespace() else { return };
    if let Err(error) = mien_outlets::library() {
        return mien_needs::skip(mien_needs::Need::Liblsl, error);
    }
    if !mien_needs::ffmpeg() {
        return;
    }
    let status = Command::new("unshare")
        .args(unshare)
        .args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "attacked_inside", "--nocapture", "--include-ignored"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "is run by the test above, in a namespace of its own"]
fn attacked_inside() {
    if std::env::var_os(INSIDE).is_none() {
        return println!("a role: it is run by another test");
    }
    let parent = tempfile::tempdir().unwrap();
    // liblsl would append its log to this file.
    let appended = parent.path().join("appended");
    let planted = format!("[log]\nfile = {}\nlevel = 9\n", appended.display());
    std::fs::write(parent.path().join("lsl_api.cfg"), planted).unwrap();
    let log = parent.path().join("log");
    let load = load();
    let mut command = mien();
    command.current_dir(parent.path()).args(["record", "--out", "sessions", "--engine", "cpu", "--anyway"]);
    command.args(["--seconds", &SECONDS.to_string(), "--stats", "stats.json"]);
    CAMERAS.iter().for_each(|camera| _ = command.args(["--source", camera]));
    let mut recording =
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let session = wait_for_session(&mut recording, &log, parent.path());
    let started = Instant::now();
    // Strangers have processors of their own: the attack takes as little as it can of those that record.
    let _as_it_is = rustix::process::setpriority_process(None, 19);
    let attack = Attack::start();
    let status = wait(&mut recording, LONGEST_ATTACK);
    let (packets, bytes, connections) = attack.end();
    println!("{packets} queries, {bytes} bytes without a newline, {connections} connections");
    assert!(packets > 0 && bytes > 0 && connections > 0, "it was no attack");
    assert!(status.success(), "{status}");
    let said = std::fs::read_to_string(&log).unwrap();
    println!("ended after {:?}, {} bytes of log\n{said}", started.elapsed(), said.len());
    assert!(said.len() as u64 <= MOST_LOG_BYTES);
    assert!(said.contains("LSL outlets: "), "it was no attack");
    assert!(!appended.exists(), "lsl_api.cfg in the current folder was read");
    is_whole(&session, load);
    // Nothing that the workers found was missed by the process that records.
    for camera in support::json(&parent.path().join("stats.json"))["cameras"].as_array().unwrap() {
        assert_eq!(camera["missed_results"], 0, "{camera}");
    }
}

/// How many programs wait for each processor, over the last minute.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / processors as f64
}

/// Waits until it records; gives the session's folder.
fn wait_for_session(recording: &mut Child, log: &Path, parent: &Path) -> std::path::PathBuf {
    let deadline = Instant::now() + LONGEST_ATTACK;
    loop {
        let said = std::fs::read_to_string(log).unwrap();
        if let Some(folder) = said.lines().find_map(|line| line.strip_prefix("recording into ")) {
            return parent.join(folder);
        }
        assert!(recording.try_wait().unwrap().is_none(), "{said}");
        assert!(Instant::now() < deadline, "{said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The session is complete, took its time, and has every row and picture of both cameras. Where the machine was not
/// busy before, it has every frame that they gave, too.
fn is_whole(session: &Path, load: f64) {
    let found = succeed(mien().args(["session", "check", "--dry-run"]).arg(session));
    assert!(found.contains("Complete") && !found.contains("PROBLEM"), "{found}");
    let file = std::fs::read_to_string(session.join("session.toml")).unwrap();
    let number = |key: &str| {
        let line = file.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_once('=').unwrap().1.trim().parse::<f64>().unwrap()
    };
    assert_eq!(number("dropped_rows"), 0.0);
    // Less than two seconds late, on any machine that runs at all.
    let took = number("duration_seconds");
    assert!(took >= SECONDS as f64 - 1.0 && took < SECONDS as f64 + 5.0, "{took}");
    succeed(mien().arg("export").arg(session).args(["--to", "csv"]));
    if load > 1.0 {
        return println!(
            "the machine is busy without an attack ({load:.1} programs wait for each processor)"
        );
    }
    for camera in ["camera1", "camera2"] {
        let rows = std::fs::read_to_string(session.join(format!("csv/mien_{camera}_Frames.csv"))).unwrap();
        let column = rows.lines().next().unwrap().split(',').position(|name| name.contains("frame_index"));
        let column = column.expect("a column of frame numbers");
        let frames: Vec<i64> = rows
            .lines()
            .skip(1)
            .map(|row| row.split(',').nth(column).unwrap().parse::<f64>().unwrap() as i64)
            .collect();
        assert!(frames.len() as u64 >= 2 * (SECONDS - 2), "{camera}: {frames:?}");
        assert!(frames.windows(2).all(|pair| pair[1] == pair[0] + 1), "{camera}: {frames:?}");
    }
}

/// Everything at once, on every port that anybody listens to in this namespace.
struct Attack {
    over: Arc<AtomicBool>,
    packets: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Attack {
    fn start() -> Self {
        let mut attack = Self {
            over: Arc::default(),
            packets: Arc::default(),
            bytes: Arc::default(),
            connections: Arc::default(),
            threads: Vec::new(),
        };
        attack.run(|over, attack| queries(over, &attack.packets));
        for _ in 0..20 {
            attack.run(|over, attack| endless_line(over, &attack.bytes));
        }
        attack.run(|over, attack| idle_connections(over, &attack.connections));
        attack
    }

    fn run(&mut self, part: impl Fn(&dyn Fn() -> bool, &Self) + Send + 'static) {
        let shared = Self {
            over: Arc::clone(&self.over),
            packets: Arc::clone(&self.packets),
            bytes: Arc::clone(&self.bytes),
            connections: Arc::clone(&self.connections),
            threads: Vec::new(),
        };
        self.threads.push(std::thread::spawn(move || {
            let end = Instant::now() + LONGEST_ATTACK;
            let over = Arc::clone(&shared.over);
            part(&move || over.load(Ordering::Relaxed) || Instant::now() >= end, &shared);
        }));
    }

    fn end(mut self) -> (u64, u64, u64) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.packets), of(&self.bytes), of(&self.connections))
    }
}

/// Ports on which this protocol is listened to, as the system lists them.
fn ports(protocol: &str) -> Vec<u16> {
    let text = std::fs::read_to_string(format!("/proc/self/net/{protocol}")).unwrap_or_default();
    let port = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, _remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let waits = protocol == "udp" || state == "0A";
        waits.then(|| u16::from_str_radix(local.split_once(':')?.1, 16).ok())?
    };
    text.lines().skip(1).filter_map(port).collect()
}

/// One query a second to each port of UDP.
fn queries(over: &dyn Fn() -> bool, sent: &AtomicU64) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    while !over() {
        for port in ports("udp") {
            if socket.send_to(BUSY_QUERY.as_bytes(), (Ipv4Addr::LOCALHOST, port)).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn connect(port: u16) -> Option<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_millis(500)).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    Some(stream)
}

/// A connection that sends a request without an end, again and again.
fn endless_line(over: &dyn Fn() -> bool, sent: &AtomicU64) {
    let line = [b'x'; 65_536];
    let mut next = std::process::id() as usize;
    while !over() {
        let listening = ports("tcp");
        next += 1;
        let stream = (!listening.is_empty()).then(|| connect(listening[next % listening.len()])).flatten();
        let Some(mut stream) = stream else {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        while !over() {
            match stream.write(&line) {
                Ok(count) => drop(sent.fetch_add(count as u64, Ordering::Relaxed)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    }
}

/// Up to 990 connections that say nothing.
fn idle_connections(over: &dyn Fn() -> bool, opened: &AtomicU64) {
    let mut held: Vec<TcpStream> = Vec::new();
    while !over() {
        // Those that were closed give room.
        held.retain_mut(|stream| {
            stream.set_nonblocking(true).is_ok() && !matches!(stream.read(&mut [0; 1]), Ok(0))
        });
        for port in ports("tcp") {
            while held.len() < 990 && !over() {
                let Some(stream) = connect(port) else { break };
                held.push(stream);
                opened.fetch_add(1, Ordering::Relaxed);
                if held.len().is_multiple_of(100) {
                    break;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
