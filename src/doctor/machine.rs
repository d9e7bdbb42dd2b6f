//! Processor, memory, display, cameras.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mien_ring::{Room, SHM_DIR, camera_bytes, remove_stale, room};

use super::{Check, State, Subject, size};

/// Cores, and the instructions that make the CPU engine quick.
pub(super) fn processor(subject: &Subject) -> Vec<Check> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found = vec![if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") }];
    found.extend(model_name());
    let (quick, sets) = instruction_sets();
    found.extend(sets.iter().map(|set| (*set).to_owned()));
    let cameras = subject.cameras();
    let state = if quick && cores >= cameras { State::Ok } else { State::Warning };
    if cores < cameras {
        found.push(format!("fewer than the {cameras} cameras of the configuration"));
    }
    if !quick {
        found.push("without AVX2 the CPU engine is slow".to_owned());
    }
    vec![Check::new("Processor", state, found.join(", "), "")]
}

fn model_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// Whether the processor has what the CPU engine wants, and what it has.
#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> (bool, Vec<&'static str>) {
    let avx2 = std::arch::is_x86_feature_detected!("avx2");
    let avx512 = std::arch::is_x86_feature_detected!("avx512f");
    (
        avx2,
        [(avx2, "AVX2"), (avx512, "AVX-512")]
            .into_iter()
            .filter_map(|(is, name)| is.then_some(name))
            .collect(),
    )
}

#[cfg(not(target_arch = "x86_64"))]
fn instruction_sets() -> (bool, Vec<&'static str>) {
    (true, Vec::new())
}

/// Room for the rings of all cameras.
pub(super) fn shared_memory(subject: &Subject) -> Vec<Check> {
    vec![memory_in(Path::new(SHM_DIR), subject)]
}

fn memory_in(folder: &Path, subject: &Subject) -> Check {
    // What dead sessions have left takes room that nobody uses.
    let removed = remove_stale(folder).map_or(0, |removed| removed.len());
    let (config, cameras) = (subject.config(), subject.cameras());
    let (rings, preview) = (&config.rings, &config.preview);
    let each = camera_bytes(rings.slots, [preview.width, preview.height], rings.preview_slots);
    let (each, Room { total_bytes, free_bytes }) = match each.and_then(|each| Ok((each, room(folder)?))) {
        Ok(known) => known,
        Err(error) => return Check::new("Shared memory", State::Failed, error.to_string(), ""),
    };
    let needed = each.saturating_mul(cameras as u64);
    let plural = if cameras == 1 { "camera needs" } else { "cameras need" };
    let found = format!(
        "{}: {} of {} free, {cameras} {plural} {}",
        folder.display(),
        size(free_bytes),
        size(total_bytes),
        size(needed)
    );
    let found = match removed {
        0 => found,
        _ => format!("{found} ({removed} leftovers of dead sessions were removed)"),
    };
    if free_bytes >= needed {
        return Check::ok("Shared memory", found);
    }
    // What others use stays theirs; whole gigabytes are easily typed.
    let gigabytes = (total_bytes - free_bytes + needed).div_ceil(1 << 30).max(1);
    let remedy = match is_container() {
        true => format!("docker run --shm-size={gigabytes}g …"),
        false => format!("sudo mount -o remount,size={gigabytes}G {}", folder.display()),
    };
    Check::new("Shared memory", State::Failed, found, remedy)
}

fn is_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists())
}

/// Whether the app can open its window.
pub(super) fn display(_: &Subject) -> Vec<Check> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let missing = |found: String| {
        Check::new("Display", State::Missing, format!("{found}: no window"), "mien run --headless")
    };
    if let Some(name) = variable("WAYLAND_DISPLAY") {
        let socket = Path::new(&variable("XDG_RUNTIME_DIR").unwrap_or_default()).join(&name);
        if socket.exists() {
            return vec![Check::ok("Display", format!("Wayland ({})", socket.display()))];
        }
        if variable("DISPLAY").is_none() {
            return vec![missing(format!("WAYLAND_DISPLAY is {name}, but there is no {}", socket.display()))];
        }
    }
    vec![match variable("DISPLAY") {
        None => missing("neither WAYLAND_DISPLAY nor DISPLAY is set".into()),
        Some(name) => match x11_socket(&name) {
            Some(socket) if !socket.exists() => {
                missing(format!("DISPLAY is {name}, but there is no {}", socket.display()))
            }
            _ => Check::ok("Display", format!("X11 ({name})")),
        },
    }]
}

/// The socket of a display on this machine: `:1`, `:1.0`, `unix:1`.
fn x11_socket(display: &str) -> Option<PathBuf> {
    let (host, number) = display.rsplit_once(':')?;
    let number = number.split('.').next()?;
    let is_here = (host.is_empty() || host == "unix") && number.parse::<u32>().is_ok();
    is_here.then(|| Path::new("/tmp/.X11-unix").join(format!("X{number}")))
}

/// Cameras that are plugged in, and whether they may be used.
pub(super) fn cameras(_: &Subject) -> Vec<Check> {
    let cameras = mien_capture::list_cameras();
    let denied = video_nodes(Path::new("/dev"))
        .into_iter()
        .find(|node| File::open(node).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied));
    if let Some(node) = denied {
        let found = format!("{} may not be opened by this user", node.display());
        let line = "sudo usermod -aG video \"$USER\"   (then log in again)";
        return vec![Check::new("Cameras", State::Warning, found, line)];
    }
    if cameras.is_empty() {
        let found = "none is plugged in; `synthetic`, video files and network addresses work without one";
        return vec![Check::new("Cameras", State::Missing, found, "")];
    }
    let name = |camera: &mien_capture::CameraDevice| {
        let silent = if camera.modes.is_empty() { ", in use by another program" } else { "" };
        format!("{} ({}{silent})", camera.label, camera.node.display())
    };
    let names: Vec<String> = cameras.iter().map(name).collect();
    let busy = cameras.iter().any(|camera| camera.modes.is_empty());
    let state = if busy { State::Warning } else { State::Ok };
    vec![Check::new("Cameras", state, names.join(", "), if busy { "fuser -v /dev/video*" } else { "" })]
}

fn video_nodes(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_video = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.strip_prefix("video").is_some_and(|number| number.parse::<u32>().is_ok())
    };
    entries.map(|entry| entry.path()).filter(is_video).collect()
}

/// The true path of a library that this process has loaded by its bare name.
pub(super) fn mapped_file(part: &str) -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let mut named =
        paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(part)));
    named.next().map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use mien_config::{Camera, Config};

    use super::*;

    fn subject(cameras: usize) -> Subject {
        let cameras = (0..cameras).map(|index| Camera::new(format!("c{index}"), "synthetic")).collect();
        Subject::of(Config { cameras, ..Config::default() }, None)
    }

    #[test]
    fn memory_is_counted_for_all_cameras() {
        let folder = tempfile::tempdir().unwrap();
        let one = memory_in(folder.path(), &subject(1));
        assert_eq!(one.state, State::Ok, "{one:?}");
        // 56 MB each: more than any machine has.
        let many = memory_in(folder.path(), &subject(100_000));
        assert_eq!(many.state, State::Failed);
        assert!(many.remedy.contains("size"), "{many:?}");
        assert_eq!(memory_in(Path::new("/nowhere"), &subject(1)).state, State::Failed);
    }

    #[test]
    fn more_cameras_than_cores_are_warned_of() {
        assert_eq!(processor(&subject(100_000))[0].state, State::Warning);
        assert!(processor(&subject(1))[0].found.contains("core"));
    }

    #[test]
    fn sockets_of_local_displays() {
        let socket = |display| x11_socket(display).map(|path| path.display().to_string());
        for display in [":7", ":7.0", "unix:7"] {
            assert_eq!(socket(display).as_deref(), Some("/tmp/.X11-unix/X7"), "{display}");
        }
        assert_eq!((socket("localhost:10.0"), socket("nonsense")), (None, None));
    }

    #[test]
    fn devices_and_loaded_libraries_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["video0", "video12", "videos", "audio1"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(video_nodes(folder.path()).len(), 2);
        assert!(mapped_file("libc.so").or_else(|| mapped_file("libc-")).is_some_and(|path| path.exists()));
        assert_eq!(mapped_file("libnobody-has-this"), None);
    }
}
