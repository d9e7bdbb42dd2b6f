//! A camera's password stays with the camera: it is in no file, no line, and no child's arguments.

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{fail, mien, succeed, text};

/// Words that nobody but the camera may get to read.
const SECRETS: [&str; 3] = ["s3cretword", "pa55word", "YWxpY2U6czNjcmV0d29yZA"];

/// A camera in the network that wants `alice:s3cretword` and `?pwd=pa55word`.
fn camera() -> SocketAddr {
    let jpeg = Command::new("ffmpeg")
        .args("-v error -f lavfi -i testsrc=size=320x240 -frames:v 1 -f mjpeg -".split(' '))
        .output()
        .unwrap()
        .stdout;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let jpeg = jpeg.clone();
            std::thread::spawn(move || serve(stream, &jpeg));
        }
    });
    address
}

fn serve(mut stream: TcpStream, jpeg: &[u8]) {
    let (mut request, mut bytes) = (Vec::new(), [0; 512]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            Ok(count) if count > 0 => request.extend(&bytes[..count]),
            _ => return,
        }
    }
    let request = text(&request);
    let is_known =
        request.contains(&format!("Authorization: Basic {}", SECRETS[2])) && request.contains("pwd=pa55word");
    let answer = match is_known {
        true => "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n",
        false => "HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cam\"\r\n\r\n",
    };
    let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
    let mut goes_on = send(answer.as_bytes()) && is_known;
    while goes_on {
        let head = format!("--next\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        goes_on = send(head.as_bytes()) && send(jpeg) && send(b"\r\n");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Processes below this one.
fn descendants(process: u32) -> BTreeSet<u32> {
    let children = |process: u32| -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
            .collect()
    };
    let (mut found, mut unseen) = (BTreeSet::new(), children(process));
    while let Some(child) = unseen.pop() {
        if found.insert(child) {
            unseen.extend(children(child));
        }
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn assert_clean(what: &str, bytes: &[u8]) {
    for secret in SECRETS {
        let told = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!told, "{what} tells {secret}:\n{:.3000}", text(bytes));
    }
}

fn assert_files_clean(folder: &Path) {
    files(folder)
        .iter()
        .for_each(|path| assert_clean(&path.display().to_string(), &std::fs::read(path).unwrap()));
}

fn arguments_of(process: u32) -> Vec<u8> {
    std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

/// What a run tells; looks at the arguments of all its children while it runs. `program` gives whether it succeeds.
fn watched(command: &mut Command) -> bool {
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pipes: [Box<dyn Read + Send>; 2] =
        [Box::new(run.stdout.take().unwrap()), Box::new(run.stderr.take().unwrap())];
    let readers = pipes.map(|mut pipe| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            bytes
        })
    });
    let mut seen = BTreeSet::new();
    let status = loop {
        for child in descendants(run.id()) {
            let arguments = arguments_of(child);
            // Between fork and exec a child has its parent's, which are what this test typed.
            if arguments == arguments_of(run.id()) {
                continue;
            }
            assert_clean("a child's arguments", &arguments);
            seen.insert(text(&arguments).split('\0').next().unwrap_or_default().to_owned());
        }
        if let Some(status) = run.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    readers.into_iter().for_each(|reader| assert_clean("a line", &reader.join().unwrap()));
    assert!(seen.iter().any(|name| name.contains("ffmpeg")), "no child was seen: {seen:?}");
    status.success()
}

#[test]
fn a_recording_with_a_password_tells_it_nowhere() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let address = camera();
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret.txt");
    std::fs::write(&secret, "pa55word\n").unwrap();
    let named = format!("http://alice:${{CAM_PASSWORD}}@{address}/video?pwd=${{file:{}}}", secret.display());
    let written = format!("http://alice:s3cretword@{address}/video?pwd=pa55word");
    for (name, source) in [("written", written), ("named", named)] {
        let mut command = mien();
        let out = dir.path().join(name);
        command.arg("record").arg("--out").arg(&out).args(["--source", &source, "--seconds", "2"]);
        command
            .args(["--no-stream", "--engine", "cpu", "--anyway", "--stats"])
            .arg(out.with_extension("json"));
        // Children get it in their environment where it is named: only their owner can read that.
        if name == "named" {
            command.env("CAM_PASSWORD", "s3cretword");
        }
        assert!(watched(&mut command), "{name}");
        let session = out.join("sub-01_ses-01_task-default");
        let rows = std::fs::read_to_string(session.join("camera_frames.csv")).unwrap();
        assert!(rows.lines().count() > 2, "the camera was not read: {rows}");
        for format in ["csv", "bids"] {
            let exported = out.join(format);
            succeed(mien().arg("export").arg(&session).args(["--to", format, "--out"]).arg(&exported));
        }
        assert_files_clean(&out);
        assert_clean("the statistics", &std::fs::read(out.with_extension("json")).unwrap());
        let check = succeed(mien().args(["session", "check", "--redact"]).arg(&session));
        assert!(check.contains("no secrets of cameras' addresses were found"), "{check}");
    }
}

#[test]
fn a_refused_or_missing_password_is_told_by_nobody() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let source = format!("http://alice:s3cretword@{}/?pwd=wrong-pa55word-x", camera());
    watched(mien().args(["run", "--headless", "--engine", "cpu", "--seconds", "2", "--source", &source]));

    let unset = [
        "run",
        "--headless",
        "--seconds",
        "5",
        "--source",
        "http://alice:${MIEN_NO_SUCH_SECRET}@127.0.0.1:9/",
    ];
    let line = fail(mien().args(unset));
    assert!(line.contains("environment variable MIEN_NO_SUCH_SECRET is not set"), "{line}");
    for arguments in [
        ["track", "http://alice:s3cretword@cam/"].as_slice(),
        &["demo", "--source", "http://alice:s3cretword@cam/"],
        &["record", "--no-stream", "--source", "gopher://alice:s3cretword@cam/"],
        &["config", "check", "http://alice:s3cretword@cam/"],
        &["run", "http://alice:s3cretword@cam/"],
    ] {
        let output = mien().args(arguments).args(["--verbose"]).output().unwrap();
        assert!(!output.status.success());
        assert_clean(&format!("{arguments:?}"), &[output.stdout, output.stderr].concat());
    }
}

#[test]
fn a_configuration_is_printed_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mien.toml");
    let text = "version = 1\n[[cameras]]\nname = \"a\"\nsource = \"http://alice:s3cretword@cam/?pwd=pa55word&fps=5\"\n";
    std::fs::write(&file, text).unwrap();
    let printed = succeed(mien().args(["config", "print"]).arg(&file));
    assert_clean("config print", printed.as_bytes());
    assert!(printed.contains("http://…@cam/?pwd=…&fps=5"), "{printed}");
    let output = mien().args(["config", "check"]).arg(&file).output().unwrap();
    assert_clean("config check", &[output.stdout, output.stderr].concat());
    // Who copies what was printed is told so.
    std::fs::write(&file, printed).unwrap();
    let refused = fail(mien().args(["config", "check"]).arg(&file));
    assert!(refused.contains("camera a: the secret was taken out"), "{refused}");
}
