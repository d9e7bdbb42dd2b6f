//! Folders, manifests, hashes, import: what is found, and what is refused.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use mien_models::{Folder, Manifest, ModelError, ModelSet, Origin, Place, Role, import, places};
use mien_onnx::{Attribute, Dimension, ElementType, Graph, Model, Node, Tensor, ValueInfo};

fn value(name: &str, dims: &[Option<usize>]) -> ValueInfo {
    let dim = |size: &Option<usize>| size.map_or_else(|| Dimension::Dynamic("N".into()), Dimension::Fixed);
    ValueInfo { name: name.into(), element: ElementType::Float, dims: Some(dims.iter().map(dim).collect()) }
}

fn node(op: &str, inputs: &[&str], output: &str) -> Node<'static> {
    Node {
        op: op.into(),
        name: output.into(),
        inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
        outputs: vec![output.into()],
        attributes: vec![],
    }
}

/// A network with the tensors of the blendshape role: `scale` × the mean of everything, 52 times.
fn blendshapes(scale: f32) -> Vec<u8> {
    let mut mean = node("ReduceMean", &["points"], "mean");
    mean.attributes =
        vec![("axes".into(), Attribute::Ints(vec![1, 2])), ("keepdims".into(), Attribute::Int(0))];
    Model {
        ir_version: 8,
        opset: 17,
        producer: "tests".into(),
        graph: Graph {
            name: "blendshapes".into(),
            nodes: vec![
                mean,
                node("Unsqueeze", &["mean", "axis"], "column"),
                node("Mul", &["column", "scales"], "coefficients"),
            ],
            initializers: vec![
                Tensor::from_i64("axis", &[1]),
                Tensor::from_f32("scales", &[1, 52], &[scale; 52]),
            ],
            inputs: vec![value("points", &[None, Some(146), Some(2)])],
            outputs: vec![value("coefficients", &[None, Some(52)])],
        },
    }
    .write()
}

#[test]
fn an_import_is_listed_verified_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    let file = folder.path().join("my model (1).onnx");
    fs::write(&file, blendshapes(1.0)).unwrap();
    let first = import(&file, Some(Role::Blendshapes), &models).unwrap();
    let name = first.imported[0].entry.file.clone();
    assert!(name.starts_with("my_model__1_-") && name.ends_with(".onnx"), "{name}");
    assert_eq!(first.imported[0].replaced, None);

    let set = ModelSet::of_folder(&models).unwrap();
    let found = set.get(Role::Blendshapes).unwrap();
    assert_eq!(found.read().unwrap(), blendshapes(1.0));
    assert!(set.verify().iter().all(|report| report.result.is_ok()));

    fs::write(&file, blendshapes(2.0)).unwrap();
    let second = import(&file, None, &models).unwrap();
    assert_eq!(second.imported[0].replaced, Some(name.clone()));
    assert!(models.join(&name).is_file(), "the old file was lost");
    let set = ModelSet::of_folder(&models).unwrap();
    assert_eq!(set.get(Role::Blendshapes).unwrap().read().unwrap(), blendshapes(2.0));

    let text = fs::read_to_string(models.join("manifest.toml")).unwrap();
    let manifest = Manifest::parse(Path::new("manifest.toml"), &text).unwrap();
    assert_eq!(manifest.to_toml(Path::new("manifest.toml")).unwrap(), text);
}

#[test]
fn files_of_a_wrong_role_or_with_bad_results_are_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    let file = folder.path().join("model.onnx");
    fs::write(&file, blendshapes(f32::NAN)).unwrap();
    let error = import(&file, None, &models).unwrap_err().to_string();
    assert!(error.contains("not a number"), "{error}");
    fs::write(&file, blendshapes(1.0)).unwrap();
    let error = import(&file, Some(Role::Detector), &models).unwrap_err().to_string();
    assert!(error.contains("model.onnx") && error.contains("[N, 146, 2]"), "{error}");
    for garbage in [&b""[..], b"PK\x03\x04 no zip", b"\x1c\0\0\0TFL3", b"garbage"] {
        fs::write(&file, garbage).unwrap();
        let error = import(&file, None, &models).unwrap_err().to_string();
        assert!(error.contains("model.onnx"), "{error}");
    }
    assert!(import(&folder.path().join("absent"), None, &models).is_err());
    assert!(!models.exists(), "something was written");
}

#[test]
fn a_changed_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    fs::write(&file, blendshapes(1.0)).unwrap();
    let models = folder.path().join("models");
    let imported = import(&file, None, &models).unwrap();
    fs::write(&imported.imported[0].path, blendshapes(3.0)).unwrap();
    let set = ModelSet::of_folder(&models).unwrap();
    let model = set.get(Role::Blendshapes).unwrap();
    assert!(matches!(model.read(), Err(ModelError::Hash { .. })));
    assert!(matches!(model.verify().result, Err(ModelError::Hash { .. })));
}

#[test]
fn nothing_outside_of_the_folder_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    let outside = folder.path().join("outside.onnx");
    fs::write(&outside, blendshapes(1.0)).unwrap();
    symlink(&outside, models.join("link.onnx")).unwrap();
    let opened = Folder::open(&models).unwrap();
    for name in ["link.onnx", "../outside.onnx", "/etc/passwd", "..", ".", "", "a/b", "a\\b"] {
        let error = opened.inside(name).unwrap_err();
        assert!(matches!(error, ModelError::Escapes { .. }), "{name}: {error}");
    }
    // A link inside the folder is harmless.
    fs::write(models.join("inner.onnx"), blendshapes(1.0)).unwrap();
    symlink("inner.onnx", models.join("alias")).unwrap();
    assert!(opened.inside("alias").is_ok());
    // Without a manifest the leading-out link is passed over, and said so.
    let listing = opened.list().unwrap();
    assert_eq!(listing.models.len(), 1);
    assert_eq!(listing.skipped[0].file, "link.onnx");

    let sha256 = "0".repeat(64);
    let manifest = format!(
        "version = 1\n[[model]]\nfile = \"../outside.onnx\"\nrole = \"blendshapes\"\n\
         sha256 = \"{sha256}\"\ninputs = []\noutputs = []\n"
    );
    fs::write(models.join("manifest.toml"), manifest).unwrap();
    let set = ModelSet::of_folder(&models).unwrap();
    let error = set.get(Role::Blendshapes).unwrap().read().unwrap_err();
    assert!(matches!(error, ModelError::Escapes { .. }), "{error}");
    fs::remove_file(models.join("manifest.toml")).unwrap();
    symlink(folder.path().join("elsewhere.toml"), models.join("manifest.toml")).unwrap();
    assert!(opened.list().is_err());
}

#[test]
fn two_files_of_one_role_are_an_error_that_names_both() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.onnx"), blendshapes(1.0)).unwrap();
    fs::write(folder.path().join("b.onnx"), blendshapes(2.0)).unwrap();
    let error = ModelSet::of_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("a.onnx") && error.contains("b.onnx"), "{error}");
}

#[test]
fn what_is_missing_is_said_with_where_and_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("broken.onnx"), b"no model").unwrap();
    let user = Place { origin: Origin::User, path: folder.path().to_owned() };
    let error = ModelSet::find_in(&[user]).unwrap().get(Role::Landmarks).unwrap_err().to_string();
    let place = folder.path().display().to_string();
    for part in [place.as_str(), "broken.onnx", "--models DIR", "mien models import"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    // Whoever names a folder wants models from there.
    let error = ModelSet::of_folder(folder.path()).unwrap_err().to_string();
    for part in [place.as_str(), "broken.onnx", "mien models import"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert!(ModelSet::of_folder(Path::new("/nonexistent")).is_err());
}

#[test]
fn the_first_place_with_a_role_wins() {
    let folder = tempfile::tempdir().unwrap();
    let place = |origin: Origin, name: &str| Place { origin, path: folder.path().join(name) };
    let all = [place(Origin::Named, "named"), place(Origin::User, "user"), place(Origin::BuiltIn, "builtin")];
    for name in ["named", "user", "builtin"] {
        assert!(ModelSet::find_in(&all).is_err(), "a named folder must exist and have models");
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("named/d.onnx"), blendshapes(3.0)).unwrap();
    assert!(ModelSet::find_in(&all).is_ok(), "the others need not have any");
    fs::remove_file(folder.path().join("named/d.onnx")).unwrap();
    let wins = |origin: Origin| {
        let named = folder.path().join("named/b.onnx").exists();
        let set = ModelSet::find_in(if named { &all } else { &all[1..] }).unwrap();
        assert_eq!(set.get(Role::Blendshapes).unwrap().origin, origin);
    };
    for (name, origin, scale) in
        [("builtin", Origin::BuiltIn, 1.0), ("user", Origin::User, 2.0), ("named", Origin::Named, 3.0)]
    {
        fs::write(folder.path().join(name).join("b.onnx"), blendshapes(scale)).unwrap();
        wins(origin);
    }
    let order: Vec<Origin> = places(Some(folder.path())).iter().map(|p| p.origin).collect();
    assert_eq!(order.first(), Some(&Origin::Named));
    assert_eq!(order.last(), Some(&Origin::BuiltIn));
}

#[test]
fn manifests_are_read_strictly() {
    let path = Path::new("models/manifest.toml");
    let entry = |file: &str, role: &str| {
        format!(
            "[[model]]\nfile = \"{file}\"\nrole = \"{role}\"\nsha256 = \"{}\"\nlicence = \"MIT\"\n\
             inputs = [{{ name = \"x\", shape = [\"N\", 3, -1, 640] }}]\noutputs = []\n",
            "ab".repeat(32)
        )
    };
    let good = format!("version = 1\n{}", entry("a.onnx", "detector"));
    let manifest = Manifest::parse(path, &good).unwrap();
    let shape: Vec<Option<usize>> =
        manifest.models[0].inputs[0].shape.iter().map(|size| size.fixed()).collect();
    assert_eq!(shape, [None, Some(3), None, Some(640)]);
    for (bad, part) in [
        (good.replace("version = 1", "version = 2"), "version 2"),
        (good.replace("licence", "license"), "license"),
        (good.replace("abab", "xyxy"), "SHA-256"),
        (good.replace("detector", "hands"), "hands"),
        (good.clone() + &entry("b.onnx", "detector"), "b.onnx"),
        (good[..good.len() / 2].to_owned(), "manifest"),
        ("\0".to_owned(), "manifest"),
    ] {
        let error = Manifest::parse(path, &bad).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("manifest.toml"), "{error}");
    }
}

#[test]
fn mediapipes_detector_is_not_mistaken_for_one_of_ours() {
    let Some(file) = mien_needs::reference("models/mediapipe_face_detector.onnx") else {
        return;
    };
    let listing = Folder::open(file.parent().unwrap()).unwrap().list().unwrap();
    let mut roles: Vec<Role> = listing.models.iter().map(|model| model.role).collect();
    roles.sort();
    assert_eq!(roles, [Role::Detector, Role::Landmarks, Role::Blendshapes]);
    assert_eq!(listing.skipped.len(), 1);
    assert_eq!(listing.skipped[0].file, "mediapipe_face_detector.onnx");
    let folder = tempfile::tempdir().unwrap();
    let error = import(&file, None, folder.path()).unwrap_err().to_string();
    assert!(error.contains("as detector, its outputs are regressors"), "{error}");
    let set = ModelSet::of_folder(file.parent().unwrap()).unwrap();
    for report in set.verify() {
        report.result.unwrap();
    }
}
