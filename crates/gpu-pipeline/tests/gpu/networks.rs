//! Landmark networks without irises, runs without blendshapes, other optional networks.

use mien_engine::Role;
use mien_face::{FacePart, FaceParts, Frame, MESH_LANDMARK_COUNT};
use mien_pipeline::{Pipeline, PipelineSettings};
use mien_synthetic::{Motion, SyntheticCamera, SyntheticSettings};

use crate::is_here;
use crate::models::{Models, models};

/// Frames of two heads through both, and what each says of them.
fn both(models: &Models, mut check: impl FnMut(&Pipeline, &Pipeline)) {
    let settings = PipelineSettings { max_faces: 4, ..PipelineSettings::default() };
    let (mut gpu, mut cpu) = (models.on_gpu(&settings), models.on_cpu(&settings));
    assert_eq!(gpu.parts(), cpu.parts());
    let mut camera =
        SyntheticCamera::new(SyntheticSettings { heads: 2, script: Motion::Idle, ..Default::default() });
    let (mut frame, mut faces) = (Frame::empty(), 0);
    for index in 0..20 {
        camera.render(index, index as i64 * 33_333_333, &mut frame);
        let view = frame.view().unwrap();
        faces += gpu.process(view, index, frame.capture_nanos).unwrap().face_count;
        cpu.process(view, index, frame.capture_nanos).unwrap();
        assert_eq!(gpu.last().face_count, cpu.last().face_count, "frame {index}");
        check(&gpu, &cpu);
    }
    assert!(faces >= 36, "{faces} faces");
}

#[test]
fn a_landmark_network_without_irises_gives_the_cpus_mesh() {
    if !is_here() {
        return;
    }
    let landmarks = models().get(Role::Landmarks).unwrap().read().unwrap();
    let mut models = Models::read();
    models.insert(Role::Landmarks, "mesh.onnx", mien_engine::without_irises(&landmarks));
    both(&models, |gpu, cpu| {
        // The blendshapes read the irises: neither engine computes them.
        assert_eq!(gpu.parts(), FaceParts::NONE);
        assert_eq!(gpu.timings().optional_nanos, [0; Role::OPTIONAL.len()]);
        for (ours, theirs) in gpu.last().faces().iter().zip(cpu.last().faces()) {
            assert_eq!(ours.track_id, theirs.track_id);
            let (mesh, irises) = ours.measured.landmarks.split_at(MESH_LANDMARK_COUNT);
            let pairs = mesh.iter().zip(&theirs.measured.landmarks);
            let sum: f32 = pairs.map(|(p, q)| (p[0] - q[0]).hypot(p[1] - q[1])).sum();
            assert!(sum / MESH_LANDMARK_COUNT as f32 <= 0.1, "{sum}");
            assert!(irises.as_flattened().iter().all(|v| v.is_nan()));
            assert!(ours.measured.blendshapes.iter().all(|v| v.is_nan()));
        }
    });
}

#[test]
fn without_a_blendshape_network_the_graphs_have_none() {
    if !is_here() {
        return;
    }
    let mut models = Models::read();
    models.0.retain(|(role, ..)| *role != Role::Blendshapes);
    both(&models, |gpu, _| {
        assert_eq!(gpu.parts(), FaceParts::of(&[FacePart::Irises]));
        for face in gpu.last().faces() {
            assert!(face.measured.landmarks.as_flattened().iter().all(|v| v.is_finite()));
            assert!(face.measured.blendshapes.iter().chain(&face.smoothed.blendshapes).all(|v| v.is_nan()));
        }
    });
}

#[test]
fn another_optional_network_runs_in_the_graph() {
    if !is_here() {
        return;
    }
    let mut models = Models::read();
    models.insert(Role::Mean, "mean.onnx", mien_engine::mean_model());
    both(&models, |gpu, cpu| {
        for (ours, theirs) in gpu.derived().iter().zip(cpu.derived()) {
            for (p, q) in ours.of(Role::Mean).iter().zip(theirs.of(Role::Mean)) {
                assert!((p - q).abs() <= 0.2, "{p} {q}");
            }
            assert!(ours.of(Role::Blendshapes).iter().all(|v| v.is_finite()));
        }
    });
}
