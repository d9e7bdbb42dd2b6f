//! Files that somebody made to hurt, for every command that reads one: pictures that expand, playlists with the names
//! of videos, pipes and devices. A command says in one line what is wrong, in little memory and time.

#![cfg(unix)]

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use support::{mien, refusal, text};

/// Kibibytes of memory that a command and its children may have for an input of a megabyte.
const MOST_KIB: u64 = 1 << 20;
/// Whatever is run here takes seconds on a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process and all that it started.
fn family(pid: u32, found: &mut Vec<u32>) {
    found.push(pid);
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return };
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        children
            .split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .for_each(|pid| family(pid, found));
    }
}

/// Kibibytes that the system says of a process: `VmRSS` now, `VmHWM` at most so far.
fn kibibytes(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Runs to the end and gives what came out; it must end itself, in time and with little memory.
fn measured(command: &mut Command) -> Output {
    let begin = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipes: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    let [stdout, stderr] = std::array::from_fn(|at| {
        let mut pipe = std::mem::replace(&mut pipes[at], Box::new(std::io::empty()));
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).map(|_| bytes).unwrap_or_default()
        })
    });
    let (mut together, mut each) = (0, HashMap::<u32, u64>::new());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let mut pids = Vec::new();
        family(child.id(), &mut pids);
        together = together.max(pids.iter().map(|pid| kibibytes(*pid, "VmRSS")).sum());
        for pid in pids {
            let most = each.entry(pid).or_default();
            *most = kibibytes(pid, "VmHWM").max(*most);
        }
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} takes longer than {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let most = each.values().copied().max().unwrap_or(0).max(together);
    println!("{} MiB, {:.1} s: {command:?}", most >> 10, begin.elapsed().as_secs_f64());
    assert!(most <= MOST_KIB, "{} MiB: {command:?}", most >> 10);
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn track(input: &Path, out: &Path) -> Command {
    let mut command = mien();
    command.arg("track").arg(input).arg("--overwrite").arg("--out").arg(out);
    command
}

/// A JPEG whose picture is one colour: `kind` is its start-of-frame marker.
fn jpeg(kind: u8, [width, height]: [u16; 2], components: u8) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xFF, kind, 0, 8 + 3 * components, 8]);
    bytes.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
    bytes.push(components);
    (1..=components).for_each(|number| bytes.extend([number, 0x11, 0]));
    for table in [0, 0x10] {
        bytes.extend([0xFF, 0xC4, 0, 20, table, 1]);
        bytes.extend([0; 16]);
    }
    bytes.extend([0xFF, 0xDA, 0, 6 + 2 * components, components]);
    (1..=components).for_each(|number| bytes.extend([number, 0]));
    bytes.extend([0, if kind == 0xC2 { 0 } else { 63 }, 0]);
    bytes.extend([0; 600]);
    bytes.extend([0xFF, 0xD9]);
    bytes
}

/// A black PNG of this depth in bits and type of colour; animated ones say that they have two pictures.
fn png([width, height]: [u32; 2], [depth, colours]: [u8; 2], is_animated: bool) -> Vec<u8> {
    fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(content);
        let length = content.len() as u32;
        [&length.to_be_bytes()[..], kind, content, &crc.sum().to_be_bytes()].concat()
    }
    let channels = [1, 0, 3, 1, 2, 0, 4][usize::from(colours)];
    let row = vec![0; 1 + (width as usize * channels * usize::from(depth)).div_ceil(8)];
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(4));
    (0..height).for_each(|_| encoder.write_all(&row).unwrap());
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let animation = [
        chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
        chunk(b"fcTL", &[&[0; 4][..], &size, &[0; 8], &[0, 1, 0, 10, 0, 0]].concat()),
    ];
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &[&size[..], &[depth, colours, 0, 0, 0]].concat()),
        if is_animated { animation.concat() } else { Vec::new() },
        chunk(b"IDAT", &encoder.finish().unwrap()),
        chunk(b"IEND", b""),
    ]
    .concat()
}

/// A GIF of so many pictures of one pixel on a large screen.
fn gif(side: u16, pictures: usize) -> Vec<u8> {
    let picture = b"\x21\xF9\x04\0\x0A\0\0\0\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0".repeat(pictures);
    let screen = [side.to_le_bytes(), side.to_le_bytes()].concat();
    [&b"GIF89a"[..], &screen, b"\x80\0\0abcdef", &picture, b";"].concat()
}

fn tiff(side: u32) -> Vec<u8> {
    let entries: [[u32; 3]; 9] = [
        [256, 4, side],
        [257, 4, side],
        [258, 3, 8],
        [259, 3, 1],
        [262, 3, 1],
        [273, 4, 8],
        [277, 3, 1],
        [278, 4, side],
        [279, 4, 16],
    ];
    let mut bytes = b"II*\0\x08\0\0\0\x09\0".to_vec();
    for [tag, kind, value] in entries {
        bytes.extend([(tag as u16).to_le_bytes(), (kind as u16).to_le_bytes()].concat());
        bytes.extend([1u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend([0; 64]);
    bytes
}

fn bmp(side: u32) -> Vec<u8> {
    let head = [40, side, side, 1 | 24 << 16, 0, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
    [&b"BM"[..], &[0; 8], &54u32.to_le_bytes(), &head, &[0; 64]].concat()
}

/// A lossless WebP; each side is kept in 14 bits.
fn webp(side: u32) -> Vec<u8> {
    let bits = (side - 1) | (side - 1) << 14;
    let content = [&[0x2F][..], &bits.to_le_bytes(), &[0; 32]].concat();
    let sizes = [content.len() as u32 + 13, content.len() as u32].map(u32::to_le_bytes);
    [b"RIFF", &sizes[0][..], b"WEBPVP8L", &sizes[1], &content, &[0]].concat()
}

/// A HEIC whose description says how large its picture is.
fn heic(side: u32) -> Vec<u8> {
    let boxed = |kind: &[u8; 4], content: &[u8]| {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    };
    let item = boxed(b"infe", b"\x02\0\0\0\0\x01\0\0hvc1\0");
    let size = boxed(b"ispe", &[0u32, side, side].map(u32::to_be_bytes).concat());
    let properties = [boxed(b"ipco", &size), boxed(b"ipma", b"\0\0\0\0\0\0\0\x01\0\x01\x01\x81")].concat();
    let meta = [
        vec![0; 4],
        boxed(b"pitm", b"\0\0\0\0\0\x01"),
        boxed(b"iinf", &[&b"\0\0\0\0\0\x01"[..], &item].concat()),
        boxed(b"iloc", b"\0\0\0\0\x44\0\0\x01\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x20"),
        boxed(b"iprp", &properties),
    ]
    .concat();
    [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), boxed(b"meta", &meta)].concat()
}

/// Pads a file, as large as an input of which memory is promised.
fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().max(1_000_000), 0);
    bytes
}

#[test]
fn pictures_that_expand_are_refused_with_their_size_and_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let small = jpeg(0xC0, [65_535; 2], 3);
    assert!(small.len() < 907, "{}", small.len());
    let pictures = [
        ("baseline.jpg", small, "65535 × 65535 pixels"),
        ("progressive.jpg", jpeg(0xC2, [65_500; 2], 3), "65500 × 65500 pixels"),
        ("square.png", png([32_768; 2], [8, 0], false), "32768 × 32768 pixels"),
        ("bits.png", png([32_768; 2], [1, 0], false), "32768 × 32768 pixels"),
        ("dense.png", padded(png([8000; 2], [16, 6], false)), "8000 × 8000 pixels of this kind take"),
        ("still.gif", gif(65_535, 1), "65535 × 65535 pixels"),
        ("large.tif", tiff(60_000), "60000 × 60000 pixels"),
        ("large.bmp", bmp(60_000), "60000 × 60000 pixels"),
        ("large.webp", webp(16_000), "16000 × 16000 pixels"),
        ("large.pgm", b"P5 60000 60000 255 abc".to_vec(), "60000 × 60000 pixels"),
        ("large.heic", heic(60_000), "60000 × 60000 pixels"),
    ];
    for (name, bytes, size) in pictures {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let mut command = track(&path, &folder.path().join("out"));
        let line = refusal(&measured(&mut command));
        assert!(line.contains(name) && line.contains(size) && line.contains("at most "), "{line}");
    }
}

#[test]
fn large_pictures_in_small_files_are_read_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = [
        ("baseline.jpg", jpeg(0xC0, [5792; 2], 3)),
        ("four.jpg", padded(jpeg(0xC2, [7000; 2], 4))),
        ("grey.png", padded(png([7900; 2], [8, 0], false))),
        ("colour.png", padded(png([7900; 2], [16, 2], false))),
        ("clear.png", padded(png([7900; 2], [8, 6], false))),
    ];
    for (name, bytes) in pictures {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let mut command = track(&path, &folder.path().join("out"));
        let output = measured(&mut command);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn videos_that_expand_are_refused_with_their_size_and_the_limit() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("moving.gif"), gif(16_000, 3)).unwrap();
    fs::write(at("moving.png"), png([16_000; 2], [8, 0], true)).unwrap();
    fs::write(at("wide.y4m"), b"YUV4MPEG2 W16000 H1000 F25:1 A16:1\nFRAME\n").unwrap();
    let black = ["-f", "lavfi", "-i", "color=s=16000x16000:r=5:d=0.2,format=gray", "-c:v", "ffv1"];
    let made =
        Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(black).arg(at("real.mkv")).status();
    assert!(made.unwrap().success());
    let panorama =
        ["-f", "lavfi", "-i", "color=s=6016x3008:r=5:d=1", "-c:v", "libx264", "-preset", "ultrafast"];
    let made =
        Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(panorama).arg(at("late.ts")).status();
    assert!(made.unwrap().success());
    for name in ["late.ts", "moving.gif", "moving.png", "wide.y4m", "real.mkv"] {
        assert!(fs::metadata(at(name)).unwrap().len() <= 1_000_000, "{name}");
        let mut command = track(&at(name), &at("out"));
        let line = refusal(&measured(&mut command));
        assert!(line.contains(name) && line.contains("at most 16 million"), "{line}");
        let size = match name {
            "late.ts" => "6016 × 3008 pixels",
            "wide.y4m" => "256000 × 1000 pixels",
            _ => "16000 × 16000 pixels",
        };
        assert!(line.contains(size), "{line}");
    }
}

#[test]
fn large_videos_in_small_files_are_read_in_little_memory() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, words: &str| {
        let path = folder.path().join(name);
        let black = "color=s=5120x2880:r=5:d=4";
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", black]);
        command.args("-c:v libx264 -preset ultrafast -pix_fmt".split(' ')).args(words.split(' ')).arg(&path);
        assert!(command.status().unwrap().success());
        assert!(fs::metadata(&path).unwrap().len() <= 1_000_000);
        path
    };
    let mut command = track(&make("5k.mkv", "yuv420p"), &folder.path().join("out"));
    let output = measured(&mut command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Pictures of six bytes a pixel, of which each refers to 16 others.
    let mut command = track(&make("deep.mkv", "yuv444p10le -refs 16"), &folder.path().join("out"));
    let line = refusal(&measured(&mut command));
    assert!(
        line.contains("deep.mkv") && line.contains("more memory than a file of its size may use"),
        "{line}"
    );
}

#[test]
fn a_playlist_with_the_name_of_a_video_opens_nothing() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let words = ["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=5:d=1"];
    assert!(Command::new("ffmpeg").args(words).arg(at("secret.ts")).status().unwrap().success());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = at("secret.ts").display().to_string();
    let address = format!("http://{}/secret.ts", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let hls =
        |target: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n");
    let endless = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n");
    let concat = format!("ffconcat version 1.0\nfile '{secret}'\n");
    let sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n\
               a=rtpmap:96 H264/90000\n";
    let dash = format!(
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT1S\" profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"><Period>\
         <AdaptationSet mimeType=\"video/mp2t\"><Representation id=\"1\" bandwidth=\"1\"><BaseURL>{address}</BaseURL>\
         </Representation></AdaptationSet></Period></MPD>"
    );
    let lists = [hls(&secret), hls(&address), endless, concat, sdp.to_owned(), dash];
    for (number, list) in lists.iter().enumerate() {
        for ending in ["mp4", "avi", "mkv", "m3u8", "ts"] {
            let name = format!("holiday{number}.{ending}");
            fs::write(at(&name), list).unwrap();
            let mut command = track(&at(&name), &at("out"));
            let line = refusal(&measured(&mut command));
            assert!(line.contains(&name) && line.contains("playlist"), "{line}");
        }
    }
    assert_eq!(fs::read_dir(at("out")).map_or(0, Iterator::count), 0, "a result of a playlist");
    let asked = listener.accept().map(|(_, from)| from);
    assert!(asked.is_err(), "the network was asked: {asked:?}");
}

/// A pipe, a device, and a link to one.
fn endless(folder: &Path, ending: &str) -> [PathBuf; 3] {
    let [pipe, link] = ["pipe", "link"].map(|name| folder.join(format!("{name}{ending}")));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink("/dev/zero", &link).unwrap();
    [pipe, "/dev/zero".into(), link]
}

#[test]
fn models_that_are_pipes_or_devices_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for path in endless(folder.path(), ".onnx") {
        let mut command = mien();
        command.args(["models", "import"]).arg(&path).env("XDG_DATA_HOME", folder.path());
        let line = refusal(&measured(&mut command));
        assert!(
            line.contains(path.to_str().unwrap()) && line.contains("a pipe, a socket or a device"),
            "{line}"
        );
    }
    for (number, manifest) in endless(folder.path(), "").iter().enumerate() {
        let models = folder.path().join(format!("models{number}"));
        fs::create_dir(&models).unwrap();
        // One that lies there; a link out of the folder is refused anyway.
        match number {
            0 => fs::rename(manifest, models.join("manifest.toml")).unwrap(),
            _ => symlink(manifest, models.join("manifest.toml")).unwrap(),
        }
        let mut command = mien();
        command.args(["models", "verify", "--models"]).arg(&models);
        let line = refusal(&measured(&mut command));
        assert!(line.contains("manifest.toml"), "{line}");
    }
    // Listed as a model, and found without a manifest.
    for (name, manifest) in [("listed", true), ("found", false)] {
        let models = folder.path().join(name);
        fs::create_dir(&models).unwrap();
        let _ = fs::remove_file(folder.path().join("pipe.onnx"));
        assert!(Command::new("mkfifo").arg(models.join("detector.onnx")).status().unwrap().success());
        if manifest {
            let text = format!(
                "version = 1\n[[model]]\nrole = \"detector\"\nfile = \"detector.onnx\"\nsha256 = \"{}\"\n\
                 precision = \"FP32\"\nlicence = \"\"\nsource = \"\"\ninputs = []\noutputs = []\n",
                "0".repeat(64)
            );
            fs::write(models.join("manifest.toml"), text).unwrap();
        }
        let mut command = mien();
        command.args(["models", "verify", "--models"]).arg(&models);
        let output = measured(&mut command);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", text(&output.stdout));
        let said = text(&[output.stdout, output.stderr].concat());
        assert!(said.contains("detector.onnx") && said.contains("a pipe, a socket or a device"), "{said}");
    }
}

#[test]
fn model_bundles_that_expand_are_refused_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.task");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for number in 0..6 {
        archive.start_file(format!("{number}.tflite"), options).unwrap();
        archive.write_all(&vec![0; 60 << 20]).unwrap();
    }
    archive.finish().unwrap();
    assert!(fs::metadata(&path).unwrap().len() <= 1_000_000);
    let mut command = mien();
    command.args(["models", "import"]).arg(&path).env("XDG_DATA_HOME", folder.path());
    let line = refusal(&measured(&mut command));
    assert!(line.contains("bomb.task") && line.contains("absurdly large"), "{line}");
}

#[test]
fn configurations_that_are_endless_or_huge_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &Path| {
        let mut command = mien();
        command.args(["config", "check"]).arg(path);
        measured(&mut command)
    };
    for path in endless(folder.path(), ".toml") {
        let line = refusal(&check(&path));
        assert!(
            line.contains(path.to_str().unwrap()) && line.contains("a pipe, a socket or a device"),
            "{line}"
        );
    }
    let path = folder.path().join("mien.toml");
    let camera = "[[cameras]]\nname = \"?\"\nsource = \"\"\n";
    fs::write(&path, format!("version = 1\n{}", camera.repeat(10_000))).unwrap();
    let output = check(&path);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("10000 cameras; at most 256 are possible") && said.lines().count() <= 3, "{said}");
    fs::write(&path, format!("version = 1\n{}", camera.repeat(60))).unwrap();
    let said = text(&check(&path).stderr);
    assert!(said.contains("mien.toml:3: name") && said.contains("more faults"), "{said}");
    assert!(said.lines().count() <= 25, "{said}");
    fs::write(&path, format!("version = 1\n{}", "# words\n".repeat(200_000))).unwrap();
    let line = refusal(&check(&path));
    assert!(line.contains("mien.toml") && line.contains("it is larger than 512 KiB"), "{line}");
    // Of an earlier version, with as many keys as there is room for.
    let keys: String = (0..50_000).map(|number| format!("k{number}=1\n")).collect();
    fs::write(&path, format!("version = 0\n[[camera]]\nname = \"a\"\nfps = 1\n{keys}")).unwrap();
    let output = check(&path);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}

#[test]
fn sessions_of_pipes_and_devices_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let [pipe, zero, _] = endless(folder.path(), "");
    for input in [&pipe, &zero] {
        for words in [
            &["export", "--to", "csv", "--out", "out"][..],
            &["session", "check"],
            &["track", "--out", "out"],
        ] {
            let mut command = mien();
            command.args(words).arg(input).current_dir(folder.path());
            let line = refusal(&measured(&mut command));
            assert!(line.contains(input.to_str().unwrap()), "{line}");
        }
    }
}

#[test]
fn a_folder_for_temporary_files_that_is_missing_is_named() {
    if !mien_needs::ffmpeg() {
        return;
    }
    let mut command = mien();
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    command.env("TMPDIR", &nowhere).current_dir(folder.path());
    command.args([
        "record",
        "--headless",
        "--no-stream",
        "--source",
        "synthetic",
        "--seconds",
        "1",
        "--out",
        ".",
    ]);
    let line = refusal(&measured(&mut command));
    assert!(line.contains("TMPDIR") && line.contains(nowhere.to_str().unwrap()), "{line}");
}
