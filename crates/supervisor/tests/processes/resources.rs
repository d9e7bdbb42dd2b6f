//! GPUs dealt out, memory that runs out, numbers that are used once.

use mien_metrics::gpu::{GpuProcess, GpuReading};
use mien_supervisor::GpuProbe;

use super::*;

fn machine(gpus: u32) -> GpuProbe {
    let gpu = |index| GpuReading {
        index,
        name: format!("GPU number {index}"),
        utilization_percent: Some(10 * index),
        ..GpuReading::default()
    };
    Arc::new(move || GpuReport { gpus: (0..gpus).map(gpu).collect(), ..GpuReport::default() })
}

fn engine(supervisor: &SupervisorHandle, camera: &str) -> String {
    until("an engine", || !status(supervisor, camera).engine.is_empty());
    status(supervisor, camera).engine
}

#[test]
fn cameras_are_spread_over_the_gpus_unless_they_name_one() {
    let dir = ring_dir();
    let mut cameras: Vec<Camera> = ["a", "b", "c", "d"].map(|name| camera(name, QUIET)).into();
    cameras[1].gpu = Some(0);
    let supervisor = begin(SupervisorOptions { gpus: machine(2), ..options(dir.path(), cameras) });
    for (name, gpu) in [("a", 0), ("b", 0), ("c", 0), ("d", 1)] {
        assert!(engine(&supervisor, name).starts_with(&format!("GPU {gpu} ")), "{name}");
        assert_eq!(status(&supervisor, name).gpu, Some(gpu));
    }
    let stats = supervisor.stats("test");
    assert_eq!(stats.cameras.iter().map(|camera| camera.gpu).collect::<Vec<_>>(), [0, 0, 0, 1].map(Some));
    assert_eq!((stats.gpu.gpus.len(), stats.gpu.gpus[1].utilization_percent), (2, Some(10.0)));
    assert_eq!(supervisor.gpus().gpus[1].name, "GPU number 1");
}

#[test]
fn the_memory_of_a_worker_on_its_gpu_is_in_the_status_and_the_statistics() {
    let dir = ring_dir();
    let worker = Arc::new(Mutex::new(0));
    let known = Arc::clone(&worker);
    let probe = move || {
        let process = GpuProcess { pid: *known.lock().unwrap(), memory_bytes: Some(5000) };
        let gpu = GpuReading { processes: vec![process], ..GpuReading::default() };
        GpuReport { gpus: vec![gpu], ..GpuReport::default() }
    };
    let cameras = vec![camera("a", QUIET)];
    let supervisor = begin(SupervisorOptions { gpus: Arc::new(probe), ..options(dir.path(), cameras) });
    *worker.lock().unwrap() = until_live(&supervisor, "a");
    until("memory", || status(&supervisor, "a").gpu_memory_bytes == Some(5000));
    assert_eq!(supervisor.stats("test").cameras[0].most_gpu_memory_bytes, Some(5000));
}

#[test]
fn a_worker_without_gpu_memory_is_followed_by_one_with_smaller_batches() {
    let dir = ring_dir();
    let cameras = vec![camera("a", "memory:1"), camera("b", "memory:0"), camera("c", "memory:4")];
    let supervisor = begin(options(dir.path(), cameras));
    until("failed", || status(&supervisor, "b").state == CameraState::Failed);
    for (name, batches, restarts) in [("a", 1, 2), ("c", 4, 0)] {
        until_live(&supervisor, name);
        assert!(engine(&supervisor, name).contains(&format!("batches of {batches}")));
        assert_eq!(status(&supervisor, name).restarts, restarts);
    }
    let hopeless = status(&supervisor, "b");
    assert!(hopeless.reason.contains("one face") && hopeless.reason.contains("`gpu`"), "{}", hopeless.reason);
    assert_eq!(hopeless.restarts, 3);
    // What was learnt outlives a kill, and ends when a person wants another try.
    let pid = until_live(&supervisor, "a");
    signal(pid, Signal::KILL);
    until_replaced(&supervisor, "a", pid);
    assert_eq!(status(&supervisor, "a").restarts, 3);
    supervisor.restart_camera("b").unwrap();
    until("another try", || status(&supervisor, "b").restarts > 3);
}

#[test]
fn a_track_id_is_never_used_again() {
    let dir = ring_dir();
    let supervisor = begin(options(dir.path(), vec![camera("a", "people")]));
    let mut pid = until_live(&supervisor, "a");
    let mut follower = supervisor.faces("a").unwrap();
    let mut result = FacesEntry::boxed();
    let mut ids: Vec<(u64, u32)> = Vec::new();
    let mut people = |ids: &mut Vec<(u64, u32)>, more: usize| {
        let wanted = ids.len() + more;
        until("more people", || {
            while let Some(followed) = follower.next(&mut result) {
                ids.extend(result.frame.faces().iter().map(|face| (followed.epoch, face.track_id)));
            }
            ids.dedup();
            ids.len() >= wanted
        });
    };
    for life in 0..3 {
        people(&mut ids, 3);
        if life == 1 {
            // A tracker with other settings is a new one, too.
            let detection = mien_config::Detection { max_faces: 2, ..Default::default() };
            supervisor.change_settings(&detection, &mien_config::Smoothing::default());
            people(&mut ids, 3);
        }
        signal(pid, Signal::KILL);
        (pid, _) = until_replaced(&supervisor, "a", pid);
    }
    let epochs: BTreeSet<u64> = ids.iter().map(|(epoch, _)| *epoch).collect();
    assert!(epochs.len() >= 3, "{ids:?}");
    assert!(ids.iter().map(|(_, id)| id).is_sorted_by(|a, b| a < b), "{ids:?}");
}

/// Where shared memory holds the rings of one camera and not of two.
#[test]
#[ignore = "a role that other tests start"]
fn role_little_memory() {
    let Some(dir) = std::env::var_os("MIEN_RING_DIR").map(PathBuf::from) else { return };
    let policy = RestartPolicy { first_pause: Duration::from_millis(1), ..RestartPolicy::default() };
    let supervisor = begin(SupervisorOptions { policy, ..options(&dir, vec![camera("a", QUIET)]) });
    let pid = until_live(&supervisor, "a");
    let witness = Witness::start(supervisor.faces("a").unwrap());
    supervisor.add(camera("b", QUIET)).unwrap();
    until("no room", || status(&supervisor, "b").state == CameraState::Failed);
    let refused = status(&supervisor, "b");
    assert!(refused.reason.contains("no room for"), "{}", refused.reason);
    assert!(refused.reason.contains("/dev/shm") && refused.reason.contains("configuration"));
    assert_eq!(segments(&dir), 2, "a half-made ring was left");
    // Results go on, into memory that was reserved before.
    let frames = supervisor.stats("test").cameras[0].frames;
    until("more results", || supervisor.stats("test").cameras[0].frames > frames + 40);
    let (_, gaps, epochs) = witness.finish();
    assert_eq!((gaps, epochs.len(), status(&supervisor, "a").pid), (0, 1, Some(pid)));
    // When there is room again, a person's word brings the camera back.
    supervisor.stop_camera("a").unwrap();
    until("room", || segments(&dir) == 0);
    supervisor.start_camera("b").unwrap();
    until_live(&supervisor, "b");
    supervisor.shutdown();
    assert_eq!(segments(&dir), 0);
    println!("survived");
}

#[test]
fn full_shared_memory_is_a_state_of_the_camera_that_finds_no_room() {
    let dir = tempfile::tempdir().unwrap();
    // Results of one camera take 4 MB, its pictures 0.2 MB.
    let script = r#"mount -t tmpfs -o size=6m none "$MIEN_RING_DIR" && exec "$0" "$@""#;
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "resources::role_little_memory", "--ignored", "--nocapture"])
        .env("MIEN_RING_DIR", dir.path())
        .output();
    match output {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            let [out, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
            assert!(output.status.success() && out.contains("survived"), "{out}\n{errors}");
        }
        _ => mien_needs::skip(
            mien_needs::Need::Namespace,
            "this system lets nobody mount in a namespace of their own",
        ),
    }
}
