//! Which models a run uses: optional ones, landmark models without irises, folders that a person named.

use std::fs;
use std::path::{Path, PathBuf};

use mien_config::{Models, NetworkChoice};
use mien_face::{FacePart, FaceParts};
use mien_models::{Folder, Manifest, ModelSet, Origin, Place, Role, import};
use mien_onnx::{Attribute, Dimension, ElementType, Graph, Model, Node, Tensor, ValueInfo};

fn value(name: &str, dims: &[Option<usize>]) -> ValueInfo {
    let dim = |size: &Option<usize>| size.map_or_else(|| Dimension::Dynamic("N".into()), Dimension::Fixed);
    ValueInfo { name: name.into(), element: ElementType::Float, dims: Some(dims.iter().map(dim).collect()) }
}

fn node(
    op: &str,
    inputs: &[&str],
    output: &str,
    attributes: Vec<(String, Attribute<'static>)>,
) -> Node<'static> {
    Node {
        op: op.into(),
        name: output.into(),
        inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
        outputs: vec![output.into()],
        attributes,
    }
}

/// A network that gives, per output, its input's mean so many times.
fn means(input: ValueInfo, axes: &[i64], outputs: &[(&str, usize)]) -> Vec<u8> {
    let attributes =
        vec![("axes".into(), Attribute::Ints(axes.to_vec())), ("keepdims".into(), Attribute::Int(0))];
    let mut nodes = vec![
        node("ReduceMean", &[&input.name], "mean", attributes),
        node("Unsqueeze", &["mean", "axis"], "column", vec![]),
    ];
    let mut initializers = vec![Tensor::from_i64("axis", &[1])];
    for (name, count) in outputs {
        let ones = format!("{name}_ones");
        nodes.push(node("Mul", &["column", &ones], name, vec![]));
        initializers.push(Tensor::from_f32(&ones, &[1, *count], &vec![1.0; *count]));
    }
    let outputs = outputs.iter().map(|(name, count)| value(name, &[None, Some(*count)])).collect();
    let graph = Graph { name: "means".into(), nodes, initializers, inputs: vec![input], outputs };
    Model { ir_version: 8, opset: 17, producer: "tests".into(), graph }.write()
}

fn landmarks(points: usize) -> Vec<u8> {
    let input = value("image", &[None, Some(3), Some(64), Some(64)]);
    means(input, &[1, 2, 3], &[("landmarks", 3 * points), ("presence", 1)])
}

fn blendshapes() -> Vec<u8> {
    means(value("points", &[None, Some(146), Some(2)]), &[1, 2], &[("coefficients", 52)])
}

struct Folders(tempfile::TempDir);

impl Folders {
    /// `named` has these models, `builtin` all of them.
    fn new(named: &[(&str, Vec<u8>)]) -> Self {
        let folders = Self(tempfile::tempdir().unwrap());
        for place in ["named", "builtin"] {
            fs::create_dir(folders.path(place)).unwrap();
        }
        let detector = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/detector.onnx");
        fs::copy(detector, folders.path("builtin/detector.onnx")).unwrap();
        fs::write(folders.path("builtin/landmarks.onnx"), landmarks(478)).unwrap();
        fs::write(folders.path("builtin/blendshapes.onnx"), blendshapes()).unwrap();
        for (name, bytes) in named {
            fs::write(folders.path("named").join(name), bytes).unwrap();
        }
        folders
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set(&self, origin: Origin) -> ModelSet {
        let builtin = Place { origin: Origin::BuiltIn, path: self.path("builtin") };
        ModelSet::find_in(&[Place { origin, path: self.path("named") }, builtin]).unwrap()
    }
}

fn wanted(blendshapes: NetworkChoice) -> Models {
    Models { blendshapes, ..Models::default() }
}

#[test]
fn landmarks_without_irises_are_taken_and_blendshapes_then_not() {
    let folders = Folders::new(&[("mesh.onnx", landmarks(468))]);
    let set = folders.set(Origin::User);
    let selection = set.select(&wanted(NetworkChoice::Auto)).unwrap();
    assert_eq!(selection.parts(), FaceParts::NONE);
    assert_eq!(selection.models.len(), 2);
    let reasons: Vec<_> = selection.absent.iter().map(|a| (a.part, a.reason.as_str())).collect();
    assert_eq!(reasons[0].0, FacePart::Irises);
    assert!(reasons[0].1.contains("mesh.onnx"), "{reasons:?}");
    assert!(reasons[1].1.contains("irises"), "{reasons:?}");
    // Who asks for them is told that they cannot be.
    let error = set.select(&wanted(NetworkChoice::On)).unwrap_err().to_string();
    assert!(error.contains("blendshapes cannot be computed") && error.contains("irises"), "{error}");
    assert!(set.verify().iter().all(|report| report.result.is_ok()));
}

#[test]
fn a_named_folder_with_landmarks_and_no_blendshapes_has_none() {
    let folders = Folders::new(&[("all.onnx", landmarks(478))]);
    for origin in [Origin::Named, Origin::Environment] {
        let set = folders.set(origin);
        let selection = set.select(&wanted(NetworkChoice::Auto)).unwrap();
        assert_eq!(selection.parts(), FaceParts::of(&[FacePart::Irises]));
        let [absent] = &selection.absent[..] else { panic!("{:?}", selection.absent) };
        assert!(absent.reason.contains(&folders.path("named").display().to_string()), "{absent:?}");
        assert_eq!(set.select(&wanted(NetworkChoice::On)).unwrap().parts(), FaceParts::ALL);
    }
    // The user's own models stand in for built-in ones, one by one.
    let set = folders.set(Origin::User);
    assert_eq!(set.select(&wanted(NetworkChoice::Auto)).unwrap().parts(), FaceParts::ALL);
    let folders = Folders::new(&[("shapes.onnx", blendshapes())]);
    let set = folders.set(Origin::Named);
    assert_eq!(set.select(&wanted(NetworkChoice::Auto)).unwrap().parts(), FaceParts::ALL);
}

#[test]
fn what_is_switched_off_is_not_used_and_what_is_missing_is_said() {
    let folders = Folders::new(&[]);
    let set = folders.set(Origin::User);
    let selection = set.select(&wanted(NetworkChoice::Off)).unwrap();
    assert!(selection.get(Role::Blendshapes).is_none());
    assert!(selection.absent[0].reason.contains("off"), "{:?}", selection.absent);
    fs::remove_file(folders.path("builtin/blendshapes.onnx")).unwrap();
    let set = folders.set(Origin::User);
    let selection = set.select(&wanted(NetworkChoice::Auto)).unwrap();
    assert!(selection.absent[0].reason.contains("builtin"), "{:?}", selection.absent);
    let error = set.select(&wanted(NetworkChoice::On)).unwrap_err().to_string();
    assert!(error.contains("no model for blendshapes"), "{error}");
    fs::remove_file(folders.path("builtin/landmarks.onnx")).unwrap();
    let error = folders.set(Origin::User).select(&wanted(NetworkChoice::Auto)).unwrap_err().to_string();
    assert!(error.contains("no model for landmarks"), "{error}");
}

#[test]
fn landmarks_without_irises_are_imported_and_other_counts_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (file, models) = (folder.path().join("mesh.onnx"), folder.path().join("models"));
    fs::write(&file, landmarks(467)).unwrap();
    let error = import(&file, None, &models).unwrap_err().to_string();
    assert!(error.contains("468"), "{error}");
    fs::write(&file, landmarks(468)).unwrap();
    let imported = import(&file, None, &models).unwrap();
    assert_eq!(imported.imported[0].entry.role, Role::Landmarks);
    let text = fs::read_to_string(models.join("manifest.toml")).unwrap();
    let manifest = Manifest::parse(Path::new("manifest.toml"), &text).unwrap();
    assert_eq!(manifest.models.len(), 1);
    assert_eq!(Folder::open(&models).unwrap().list().unwrap().models, manifest.models);
}
