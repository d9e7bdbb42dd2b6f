//! Which libraries are taken, and what is said about those that are not.

mod common;

use std::path::Path;

use common::{Fake, RTX_1_7, Release, V8_6, V10_16, V11_4, compile};
use mien_tensorrt::{BuildError, Flavour, Library, LoadError, SearchOptions, Version};

fn refusal(release: Release) -> String {
    let error = Fake::new(release).find().unwrap_err();
    assert!(matches!(error, LoadError::Unsupported { .. }), "{error}");
    error.to_string()
}

#[test]
fn releases_without_a_table_are_refused_by_name() {
    for (release, name) in [
        (V8_6.numbered(7203), "TensorRT 7.2.3"),
        (V8_6.numbered(8503), "TensorRT 8.5.3"),
        (V8_6.numbered(9300), "TensorRT 9.3.0"),
        (V10_16.numbered(101_700), "TensorRT 10.17.0"),
        (V11_4.numbered(110_500), "TensorRT 11.5.0"),
        (V11_4.numbered(120_000), "TensorRT 12.0.0"),
        (V11_4.lean().numbered(120_000), "TensorRT lean runtime 12.0.0"),
        (RTX_1_7.numbered(10_200), "TensorRT-RTX 1.2.0"),
        (RTX_1_7.numbered(10_800), "TensorRT-RTX 1.8.0"),
    ] {
        let text = refusal(release);
        let supported = "supported: TensorRT 8.6, 10.0 to 10.16, 11.0 to 11.4, and TensorRT-RTX 1.3 to 1.7";
        assert!(text.contains(&format!("is {name}, which is not supported; {supported}")), "{text}");
    }
}

#[test]
fn a_newer_minor_release_is_taken_if_asked_for() {
    let fake = Fake::new(V10_16.numbered(101_700));
    let path = Some(fake.folder.path().to_owned());
    let library = Library::find(&SearchOptions { path, newer_minor: true, ..Default::default() }).unwrap();
    assert_eq!((library.version(), library.generation()), (Version::new(10, 17, 0), "TensorRT 10"));
}

#[test]
fn another_library_of_the_folder_is_taken_where_one_is_refused() {
    let (old, lean) = (Fake::new(V8_6.numbered(8503)), Fake::new(V11_4.lean()));
    std::fs::copy(&lean.library, old.folder.path().join("libnvinfer_lean.so.11")).unwrap();
    assert_eq!(old.load().flavour(), Flavour::Lean);
}

#[test]
fn a_lean_runtime_runs_and_does_not_build() {
    let fake = Fake::new(V11_4.lean());
    let library = fake.load();
    assert!(!library.builds());
    assert!(matches!(library.builder(), Err(BuildError::NoBuilder { .. })));
    let error = library.parser_path().unwrap_err().to_string();
    assert!(error.contains("(TensorRT lean runtime 11.4.0) builds no engines"), "{error}");
    library.runtime().unwrap().deserialize(b"PLAN\nprofiles 1\n").unwrap();
}

#[test]
fn every_place_is_named_where_nothing_is_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("libnvinfer.so.10"), "not a library").unwrap();
    let find = |path: &Path| {
        Library::find(&SearchOptions { path: Some(path.to_owned()), ..Default::default() })
            .unwrap_err()
            .to_string()
    };
    let text = find(folder.path());
    assert!(text.contains("libnvinfer.so.10: ") && text.contains("file too short"), "{text}");
    let text = find(&folder.path().join("nowhere"));
    assert!(text.contains("nowhere: no such file or folder"), "{text}");
    let source = folder.path().join("other.c");
    std::fs::write(&source, "int other;").unwrap();
    compile(&source, &folder.path().join("libnvinfer.so.10"), &[]);
    let text = find(folder.path());
    assert!(text.contains("getInferLibVersion"), "{text}");
}

#[test]
fn a_parser_that_is_not_there_is_named() {
    let fake = Fake::new(V10_16);
    std::fs::remove_file(&fake.parser).unwrap();
    let error = fake.load().builder().unwrap_err().to_string();
    assert!(error.contains("ONNX parser does not load:\n  libnvonnxparser.so.10: "), "{error}");
}

#[test]
fn the_plugin_library_that_the_parser_misses_is_named() {
    let fake = Fake::new(V8_6);
    let folder = fake.folder.path();
    let source = folder.join("plugin.c");
    std::fs::write(&source, "int initLibNvInferPlugins(void *l, const char *n) { return 1; }").unwrap();
    let plugin = folder.join("libnvinfer_plugin.so.8");
    compile(&source, &plugin, &["-Wl,-soname,libnvinfer_plugin.so.8".into()]);
    // A parser that needs the plugins and has no search path.
    let parser = folder.join("parser.c");
    let functions = "void *createNvOnnxParser_INTERNAL(void *n, void *l, int v) { return 0; }\n\
                     int initLibNvInferPlugins(void *l, const char *n);\n\
                     int getNvOnnxParserVersion(void) { return initLibNvInferPlugins(0, 0); }";
    std::fs::write(&parser, functions).unwrap();
    compile(&parser, &fake.parser, &[plugin.display().to_string()]);

    let hidden = folder.join("hidden");
    std::fs::rename(&plugin, &hidden).unwrap();
    let error = fake.load().parser_path().unwrap_err().to_string();
    assert!(error.contains("libnvonnxparser.so.8: libnvinfer_plugin.so.8: cannot open"), "{error}");
    assert!(error.contains("(the parser needs it; it needs cuDNN 8 and cuBLAS 12)"), "{error}");
    std::fs::rename(&hidden, &plugin).unwrap();
    assert_eq!(fake.load().parser_path().unwrap(), fake.parser);
}
