//! Everything, against a fake library of every generation.

mod common;

use std::ffi::c_void;
use std::sync::atomic::AtomicBool;

use common::{Fake, RELEASES, RTX_1_3, RTX_1_7, Release, V8_6, V10_0, V10_16, V11_4};
use mien_tensorrt::{
    BuildError, BuildRequest, Calibration, CalibrationBatches, DataType, Direction, Flavour, Library, Plan,
    Precision, Profile, Progress, RuntimeError, ShapeRange, Version,
};

const MODEL: &[u8] = b"input image -1,3,256,256\ninput scale 2\noutput points -1,478,3\n";

fn batches(min: i64, opt: i64, max: i64) -> Profile {
    let shape = |batch| vec![batch, 3, 256, 256];
    Profile::new([("image", ShapeRange { min: shape(min), opt: shape(opt), max: shape(max) })])
}

fn request<'a>(onnx: &'a [u8], precision: Precision<'a>) -> BuildRequest<'a> {
    let profiles = vec![batches(1, 1, 4), batches(4, 6, 8)];
    BuildRequest { profiles, ..BuildRequest::new("model", onnx, precision) }
}

fn build(library: &Library, request: BuildRequest<'_>) -> Result<Plan, BuildError> {
    library.builder()?.build(request, &mut |_| ())
}

/// The number that a plan of the fake library holds after `key`.
fn said(plan: &Plan, key: &str) -> u64 {
    let text = std::str::from_utf8(&plan.bytes).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {key} in {text}")).parse().unwrap()
}

fn stream(address: usize) -> *mut c_void {
    std::ptr::without_provenance_mut(address)
}

#[test]
fn every_release_is_known_by_its_number() {
    for (release, version, generation) in [
        (V8_6, Version::new(8, 6, 1), "TensorRT 8.6"),
        (V10_0, Version::new(10, 0, 0), "TensorRT 10"),
        (V10_16, Version::new(10, 16, 1), "TensorRT 10"),
        (V11_4, Version::new(11, 4, 0), "TensorRT 11"),
        (RTX_1_3, Version::new(1, 3, 0), "TensorRT-RTX 1.3"),
        (RTX_1_7, Version::new(1, 7, 1), "TensorRT-RTX 1.5"),
    ] {
        let fake = Fake::new(release);
        let library = fake.load();
        assert_eq!((library.version(), library.flavour()), (version, release.flavour));
        assert_eq!(library.generation(), generation);
        assert_eq!(library.path(), fake.library);
        assert_eq!(library.parser_path().unwrap(), fake.parser);
    }
}

#[test]
fn settings_reach_the_builder() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let cancel = AtomicBool::new(false);
        let full = BuildRequest {
            workspace_bytes: Some(1 << 33),
            optimization_level: Some(1),
            max_aux_streams: Some(0),
            detailed_layers: true,
            cancel: Some(&cancel),
            ..request(MODEL, Precision::Fp32)
        };
        let plan = build(&fake.load(), full).unwrap();
        let (network, previews) = match release {
            V8_6 => (1, 4),
            RTX_1_3 => (2, 0),
            V10_0 | V10_16 => (0, 0),
            _ => (1, 0),
        };
        let expected = format!(
            "PLAN\nnetwork {network}\nflags 0\nlevel 1\nworkspace 8589934592\naux 0\nverbosity 2\n\
             previews {previews}\nprofiles 2\ninput image -1,3,256,256\ninput scale 2\noutput points -1,478,3\n\
             profile 0 image 1,3,256,256 1,3,256,256 4,3,256,256\n\
             profile 1 image 4,3,256,256 6,3,256,256 8,3,256,256\n"
        );
        assert_eq!(String::from_utf8(plan.bytes).unwrap(), expected, "{release:?}");
        fake.assert_all_deleted();
    }
}

#[test]
fn what_is_not_asked_for_is_left_alone() {
    let fake = Fake::new(V10_16);
    let plan = build(&fake.load(), request(MODEL, Precision::Fp32)).unwrap();
    let text = String::from_utf8(plan.bytes).unwrap();
    assert!(text.contains("level 3\nworkspace 0\naux -1\nverbosity 0\n"), "{text}");
}

#[test]
fn precision_is_the_builders_or_the_models() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let library = fake.load();
        let half = build(&library, request(MODEL, Precision::Fp16));
        let own = build(&library, request(MODEL, Precision::FromModel));
        let strongly_typed = matches!(release, V11_4 | RTX_1_3 | RTX_1_7);
        assert_eq!(library.strongly_typed(), strongly_typed);
        if strongly_typed {
            let error = half.unwrap_err();
            assert!(matches!(error, BuildError::PrecisionFromModel { asked: "FP16", .. }));
            assert!(error.to_string().contains("convert the ONNX file"), "{error}");
        } else {
            assert_eq!(said(&half.unwrap(), "flags"), 1 | 1 << release.tf32);
        }
        if release == V8_6 {
            assert!(matches!(own.unwrap_err(), BuildError::PrecisionFromBuilder { .. }));
        } else {
            let own = own.unwrap();
            let network = if matches!(release, V10_0 | V10_16 | RTX_1_3) { 2 } else { 1 };
            assert_eq!((said(&own, "flags"), said(&own, "network")), (0, network));
        }
    }
}

struct Two(u64, Result<bool, String>);

// SAFETY: the fake library never looks at the addresses.
unsafe impl CalibrationBatches for Two {
    fn batch_size(&self) -> i32 {
        4
    }

    fn next_batch(&mut self, inputs: &[&str], addresses: &mut [u64]) -> Result<bool, String> {
        assert_eq!(inputs, ["image"]);
        self.0 += 0x100;
        addresses[0] = self.0;
        if self.0 > 0x200 { self.1.clone() } else { Ok(true) }
    }
}

#[test]
fn int8_is_calibrated_where_the_release_can() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let library = fake.load();
        let mut two = Two(0, Ok(false));
        let calibration = Calibration { batches: &mut two, cache: None };
        let built = build(&library, request(MODEL, Precision::Int8(calibration)));
        if library.strongly_typed() {
            assert!(matches!(built, Err(BuildError::PrecisionFromModel { asked: "INT8", .. })));
            continue;
        }
        let plan = built.unwrap();
        assert_eq!(said(&plan, "flags"), 0b11 | 1 << release.tf32);
        assert_eq!(plan.calibration_cache.as_deref(), Some(&b"scales"[..]));
        let events = fake.events();
        assert!(events.contains(&"batch 0 of 4 at 0x100".to_owned()), "{events:?}");
        assert!(events.contains(&"batch 1 of 4 at 0x200".to_owned()), "{events:?}");
        let text = String::from_utf8(plan.bytes).unwrap();
        assert!(text.ends_with("calibrated 2 batches, cache , profile 1\n"), "{text}");

        let cache = plan.calibration_cache;
        let again = Precision::Int8(Calibration { batches: &mut Two(0, Ok(false)), cache });
        let text = String::from_utf8(build(&library, request(MODEL, again)).unwrap().bytes).unwrap();
        assert!(text.ends_with("calibrated 0 batches, cache scales, profile 1\n"), "{text}");

        let mut failing = Two(0, Err("camera unplugged".into()));
        let failing = Precision::Int8(Calibration { batches: &mut failing, cache: None });
        let error = build(&library, request(MODEL, failing)).unwrap_err().to_string();
        assert_eq!(error, "calibrating model for INT8 failed: camera unplugged");
        fake.assert_all_deleted();
    }
}

#[test]
fn the_parsers_complaints_are_listed() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let model = b"error 7 No importer registered for op: Fancy\nerror -1 Bad model\n";
        let error = build(&fake.load(), request(model, Precision::Fp32)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "TensorRT cannot take model:\n  node 7: No importer registered for op: Fancy (importModel, line 77)\n  \
             Bad model (importModel, line 77)"
        );
        let silent = build(&fake.load(), request(b"", Precision::Fp32)).unwrap_err();
        assert!(silent.to_string().contains("the parser failed"), "{silent}");
        fake.assert_all_deleted();
    }
}

#[test]
fn profiles_that_do_not_fit_are_refused_with_a_reason() {
    let fake = Fake::new(V8_6);
    let library = fake.load();
    let refusal = |profiles: Vec<Profile>| {
        let request = BuildRequest { profiles, ..request(MODEL, Precision::Fp32) };
        build(&library, request).unwrap_err().to_string()
    };
    let shape = |shape: &[i64]| vec![Profile::new([("image", ShapeRange::exactly(shape))])];
    assert!(refusal(vec![]).contains("no profile names it"));
    assert!(refusal(vec![Profile::default()]).contains("no profile names it"));
    assert!(refusal(shape(&[1, 3, 256])).contains("asks for [1, 3, 256]"));
    assert!(refusal(shape(&[1, 3, 256, 255])).contains("asks for [1, 3, 256, 255]"));
    assert!(refusal(shape(&[1 << 40, 3, 256, 256])).contains("asks for [1099511627776"), "too long for 8.6");
    assert!(refusal(vec![batches(4, 2, 8)]).contains("asks for [2, 3, 256, 256]"));
    let mut unknown = batches(1, 1, 1);
    unknown.inputs.insert("sound".into(), ShapeRange::exactly(&[1]));
    assert!(refusal(vec![unknown]).contains("no input \"sound\"; its inputs are [\"image\", \"scale\"]"));
    fake.assert_all_deleted();
}

#[test]
fn a_failed_build_says_what_tensorrt_said() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let error = build(&fake.load(), request(b"input unbuildable 1\n", Precision::Fp32));
        // The profile is about another input.
        assert!(matches!(error, Err(BuildError::UnknownInput { .. })));
        let request = BuildRequest::new("model", b"input unbuildable 1\n", Precision::Fp32);
        let error = build(&fake.load(), request).unwrap_err().to_string();
        let reason = "TensorRT said: could not find any implementation for node";
        assert_eq!(error, format!("model: building the engine failed. {reason}"));
        fake.assert_all_deleted();
    }
}

#[test]
fn progress_is_what_the_release_reports() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let mut reports: Vec<Progress> = Vec::new();
        let mut builder = fake.load().builder().unwrap();
        builder.build(request(MODEL, Precision::Fp32), &mut |progress| reports.push(progress)).unwrap();
        let last = reports.last().expect("a report at the end");
        assert_eq!(last.fraction(), (release != V8_6).then_some(1.0), "{release:?}");
        assert!(last.log_lines > 0);
        assert_eq!(last.last_line, "a warning of another thread");
    }
}

#[test]
fn a_build_is_cancelled_where_the_release_can() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let cancel = AtomicBool::new(true);
        let request = BuildRequest { cancel: Some(&cancel), ..request(MODEL, Precision::Fp32) };
        let built = build(&fake.load(), request);
        if release == V8_6 {
            assert!(built.is_ok());
        } else {
            assert_eq!(built.unwrap_err().to_string(), "the build of model was cancelled");
        }
        fake.assert_all_deleted();
    }
}

fn check_engine(release: Release) {
    let fake = Fake::new(release);
    let library = fake.load();
    let plan = build(&library, request(MODEL, Precision::Fp32)).unwrap();
    let engine = library.runtime().unwrap().deserialize(&plan.bytes).unwrap();
    let tensors: Vec<_> =
        engine.tensors().iter().map(|t| (&*t.name, t.direction, t.data_type, t.shape.as_slice())).collect();
    assert_eq!(
        tensors,
        [
            ("image", Direction::Input, DataType::Float, &[-1, 3, 256, 256][..]),
            ("scale", Direction::Input, DataType::Float, &[2]),
            ("points", Direction::Output, DataType::Half, &[-1, 478, 3]),
        ]
    );
    let mut expected = [batches(1, 1, 4), batches(4, 6, 8)];
    for profile in &mut expected {
        profile.inputs.insert("scale".into(), ShapeRange::exactly(&[2]));
    }
    assert_eq!(engine.profiles().unwrap(), expected);
    assert_eq!(engine.device_memory_bytes(), 12_345_678_901);
    assert_eq!(engine.inspect_json().unwrap(), "{\"Layers\": [\"conv\"]}");

    let mut context = engine.context_without_device_memory().unwrap();
    drop((library, engine));
    let error = context.infer_shapes().unwrap_err();
    assert!(matches!(&error, RuntimeError::NotReady { missing, .. } if *missing == ["image"]), "{error}");
    // SAFETY: the fake library never looks at addresses and streams.
    unsafe {
        context.set_profile(1, stream(0x51)).unwrap();
        context.set_input_shape("image", &[5, 3, 256, 256]).unwrap();
        assert_eq!(context.tensor_shape("points").unwrap(), [5, 478, 3]);
        context.infer_shapes().unwrap();
        for (name, address) in [("image", 0x1000), ("scale", 0x2000), ("points", 0x3000)] {
            context.set_tensor_address(name, address).unwrap();
        }
        let error = context.enqueue(stream(0x52)).unwrap_err().to_string();
        assert_eq!(error, "running the engine failed. TensorRT said: no device memory");
        context.set_device_memory(0x4000, 12_345_678_901);
        context.enqueue(stream(0x52)).unwrap();
    }
    let events = fake.events();
    let run = events.iter().position(|event| event == "profile 1 on 0x51").unwrap();
    assert_eq!(
        events[run + 1..],
        [
            "memory 0x4000",
            "run image at 0x1000 as 5,3,256,256",
            "run scale at 0x2000 as 2",
            "run points at 0x3000 as 5,478,3",
            "run on 0x52"
        ],
        "{release:?}"
    );
    drop(context);
    let events = fake.events();
    assert_eq!(
        events[events.len() - 3..],
        ["delete context without memory", "delete engine", "delete runtime"]
    );
    fake.assert_all_deleted();
}

#[test]
fn engines_run_as_they_are_told() {
    RELEASES.into_iter().for_each(check_engine);
}

#[test]
fn what_a_context_refuses_is_an_error_with_a_reason() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let library = fake.load();
        let plan = build(&library, request(MODEL, Precision::Fp32)).unwrap();
        let engine = library.runtime().unwrap().deserialize(&plan.bytes).unwrap();
        let mut context = engine.context().unwrap();
        let error = context.set_input_shape("image", &[9, 3, 256, 256]).unwrap_err().to_string();
        assert_eq!(
            error,
            "the shape [9, 3, 256, 256] was refused for \"image\". TensorRT said: outside the profile"
        );
        let error = context.tensor_shape("sound").unwrap_err().to_string();
        assert!(error.contains("tensors are [\"image\", \"scale\", \"points\"]"), "{error}");
        // SAFETY: the fake library never looks at addresses and streams.
        unsafe {
            let error = context.set_profile(2, stream(0)).unwrap_err().to_string();
            assert_eq!(error, "choosing a profile failed. TensorRT said: no such profile");
            assert!(context.set_tensor_address("image", 0x1001).is_err());
        }
        assert!(fake.events().contains(&"make context".to_owned()));
    }
}

#[test]
fn a_foreign_plan_is_refused_with_a_reason() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let library = fake.load();
        for plan in [&b"ftrt of another release"[..], b""] {
            let error = library.runtime().unwrap().deserialize(plan).unwrap_err().to_string();
            let reason = "the engine plan file is not compatible with this version of TensorRT";
            assert_eq!(error, format!("{library} refuses this engine. TensorRT said: {reason}"));
        }
        fake.assert_all_deleted();
    }
}

#[test]
fn a_gpu_that_tensorrt_does_not_run_on_is_told_from_a_foreign_plan() {
    for release in RELEASES {
        let fake = Fake::new(release);
        let library = fake.load();
        let error = library.runtime().unwrap().deserialize(b"GPU of another kind").unwrap_err();
        assert!(matches!(error, RuntimeError::UnsupportedGpu { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{library} does not run on this GPU; take a TensorRT")), "{text}");
        assert!(text.contains("compute capability 9.0") && !text.contains('\n'), "{text}");
        fake.assert_all_deleted();
    }
}

#[test]
fn objects_may_be_used_from_other_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    fn movable<T: Send>(_: &T) {}
    let fake = Fake::new(V10_16);
    let library = fake.load();
    let plan = build(&library, request(MODEL, Precision::Fp32)).unwrap();
    let runtime = library.runtime().unwrap();
    let engine = runtime.deserialize(&plan.bytes).unwrap();
    shared(&library);
    shared(&runtime);
    shared(&engine);
    movable(&library.builder().unwrap());
    movable(&engine.context().unwrap());
    std::thread::spawn(move || drop(engine)).join().unwrap();
    assert_eq!(library.flavour(), Flavour::Full);
}
