//! Fake TensorRT libraries, compiled from `tests/fake` for each release and loaded like real ones.
#![allow(dead_code)]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use libloading::os::unix::{Library as Handle, RTLD_GLOBAL, RTLD_NOW};
use mien_tensorrt::{Flavour, Library, LoadError, SearchOptions};

/// One release to fake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Release {
    /// The list in `tests/tables`.
    pub table: &'static str,
    /// What `getInferLibVersion` gives.
    pub number: i32,
    pub flavour: Flavour,
    /// `BuilderFlag::kTF32`.
    pub tf32: u32,
    /// Shapes of 32 bits, factories, context methods of 8.6.
    pub narrow: bool,
}

impl Release {
    const fn new(table: &'static str, number: i32, flavour: Flavour, tf32: u32) -> Self {
        Self { table, number, flavour, tf32, narrow: tf32 == 7 && number < 10_000 }
    }

    pub const fn numbered(self, number: i32) -> Self {
        Self { number, ..self }
    }

    pub const fn lean(self) -> Self {
        Self { flavour: Flavour::Lean, ..self }
    }

    fn major(&self) -> i32 {
        self.number / if self.number < 10_000 { 1_000 } else { 10_000 }
    }

    fn files(&self) -> (String, String) {
        let major = self.major();
        match self.flavour {
            Flavour::Full => (format!("libnvinfer.so.{major}"), format!("libnvonnxparser.so.{major}")),
            Flavour::Lean => (format!("libnvinfer_lean.so.{major}"), "unused".into()),
            Flavour::Rtx => {
                (format!("libtensorrt_rtx.so.{major}"), format!("libtensorrt_onnxparser_rtx.so.{major}"))
            }
        }
    }
}

pub const V8_6: Release = Release::new("8.6", 8601, Flavour::Full, 7);
pub const V10_0: Release = Release::new("10.0", 100_000, Flavour::Full, 6);
pub const V10_16: Release = Release::new("10.16", 101_601, Flavour::Full, 6);
pub const V11_4: Release = Release::new("11.4", 110_400, Flavour::Full, 7);
pub const RTX_1_3: Release = Release::new("rtx-1.3", 10_300, Flavour::Rtx, 6);
pub const RTX_1_7: Release = Release::new("rtx-1.7", 10_701, Flavour::Rtx, 7);
pub const RELEASES: [Release; 6] = [V8_6, V10_0, V10_16, V11_4, RTX_1_3, RTX_1_7];

/// A release's libraries in a folder of their own, so that no state is shared with other tests.
pub struct Fake {
    pub folder: tempfile::TempDir,
    pub library: PathBuf,
    pub parser: PathBuf,
}

impl Fake {
    pub fn new(release: Release) -> Self {
        load_driver();
        let (library, parser) = compiled(release);
        let (library_name, parser_name) = release.files();
        let folder = tempfile::tempdir().unwrap();
        let copy = |bytes: &[u8], name: &str| {
            let to = folder.path().join(name);
            std::fs::write(&to, bytes).unwrap();
            to
        };
        let (library, parser) = (copy(&library, &library_name), copy(&parser, &parser_name));
        Self { folder, library, parser }
    }

    pub fn find(&self) -> Result<Library, LoadError> {
        let path = Some(self.folder.path().to_owned());
        Library::find(&SearchOptions { path, ..Default::default() })
    }

    pub fn load(&self) -> Library {
        self.find().unwrap()
    }

    /// What the library did, one line each.
    pub fn events(&self) -> Vec<String> {
        let handle = open(&self.library);
        // SAFETY: the function's signature; the text is static and nobody calls the library now.
        unsafe {
            let events = handle.get::<extern "C" fn() -> *const c_char>(c"fake_events").unwrap();
            CStr::from_ptr(events()).to_str().unwrap().lines().map(str::to_owned).collect()
        }
    }

    /// Panics unless every object was deleted (the library itself ends the process when one is deleted twice).
    #[track_caller]
    pub fn assert_all_deleted(&self) {
        for (file, name) in [(&self.library, c"fake_alive"), (&self.parser, c"fake_parsers_alive")] {
            // SAFETY: the functions' signature.
            let alive = unsafe { (*open(file).get::<extern "C" fn() -> c_int>(name).unwrap())() };
            assert_eq!(alive, 0, "objects of {} are left", file.display());
        }
        let events = self.events();
        let made = events.iter().filter_map(|event| event.strip_prefix("make "));
        let deleted = events.iter().filter_map(|event| event.strip_prefix("delete "));
        let sorted = |mut names: Vec<&str>| {
            names.sort_unstable();
            names.join(", ")
        };
        assert_eq!(sorted(made.collect()), sorted(deleted.collect()));
    }
}

fn open(file: &Path) -> Handle {
    // SAFETY: a library of these tests.
    unsafe { Handle::open(Some(file), RTLD_NOW) }.unwrap()
}

/// A CUDA driver that finds one GPU: what asks the loader for the driver gets this one from now on.
pub fn load_driver() {
    static DRIVER: OnceLock<()> = OnceLock::new();
    DRIVER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libfakecuda.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake/driver.c");
        compile(&source, &file, &["-Wl,-soname,libcuda.so.1".into()]);
        // SAFETY: a library of these tests.
        std::mem::forget(unsafe { Handle::open(Some(&file), RTLD_NOW | RTLD_GLOBAL) }.unwrap());
    });
}

/// The library and the parser of a release, compiled once a process.
fn compiled(release: Release) -> (Vec<u8>, Vec<u8>) {
    type Files = (Vec<u8>, Vec<u8>);
    static COMPILED: OnceLock<Mutex<HashMap<Release, Files>>> = OnceLock::new();
    let mut compiled = COMPILED.get_or_init(Mutex::default).lock().unwrap();
    let build = || {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake/tensorrt.c");
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/tables/{}.txt", release.table));
        let list = std::fs::read_to_string(list).unwrap();
        let mut flags = vec![
            format!("-I{}", folder.path().display()),
            format!("-DVERSION={}", release.number),
            format!("-DTF32={}", release.tf32),
            "-pthread".into(),
        ];
        flags.extend(release.narrow.then(|| "-DNARROW".into()));
        flags.extend((release.flavour == Flavour::Lean).then(|| "-DLEAN".into()));
        let (begin, end) = headers(&list, false);
        std::fs::write(folder.path().join("tables_begin.h"), begin).unwrap();
        std::fs::write(folder.path().join("tables_end.h"), end).unwrap();
        let library = folder.path().join("library.so");
        compile(&source, &library, &flags);
        std::fs::write(folder.path().join("tables_end.h"), headers(&list, true).1).unwrap();
        let parser = folder.path().join("parser.so");
        flags.push("-DPARSER".into());
        compile(&source, &parser, &flags);
        (std::fs::read(library).unwrap(), std::fs::read(parser).unwrap())
    };
    compiled.entry(release).or_insert_with(build).clone()
}

pub fn compile(source: &Path, library: &Path, flags: &[String]) {
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-shared", "-fPIC", "-O1", "-w", "-o"]).arg(library).arg(source);
    let output = compiler.args(flags).output().expect("a C compiler, `cc`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The slots' numbers, and the tables: `HAVE_CLASS_NAME` says what the C file implements, everything else is a trap.
fn headers(list: &str, parser: bool) -> (String, String) {
    let (mut begin, mut end) = (String::new(), String::new());
    for (class, names) in classes(list) {
        for (slot, name) in names.iter().enumerate() {
            if name != "~" && names.iter().position(|other| other == name) == Some(slot) {
                writeln!(begin, "#define SLOT_{class}_{name} {slot}").unwrap();
            }
        }
        let Some(table) = table_name(&class, parser) else { continue };
        let mut entries = String::new();
        for (slot, name) in names.iter().enumerate() {
            let overload = names[..slot].contains(name);
            let function = match (name.as_str(), overload) {
                ("~", true) => format!("{class}_deleting"),
                ("~", false) => format!("{class}_complete"),
                (name, false) => format!("{class}_{name}"),
                (name, true) => format!("{class}_{name}_overload"),
            };
            let trap = format!("trap_{class}_{slot}");
            writeln!(end, "static void {trap}(void) {{ die(\"slot {slot} of {class}, {name}\"); }}").unwrap();
            let entry =
                format!("#ifdef HAVE_{function}\n(void *){function},\n#else\n(void *){trap},\n#endif\n");
            entries.push_str(&entry);
        }
        writeln!(end, "static void *{class}_slots[] = {{\n{entries}}};\nvoid **{table} = {class}_slots;")
            .unwrap();
    }
    (begin, end)
}

fn classes(list: &str) -> Vec<(String, Vec<String>)> {
    let mut classes: Vec<(String, Vec<String>)> = Vec::new();
    for line in list.lines() {
        match line.trim().split_once(' ') {
            None => classes.push((line.to_owned(), Vec::new())),
            Some((_, name)) => classes.last_mut().unwrap().1.push(name.to_owned()),
        }
    }
    classes
}

fn table_name(class: &str, parser: bool) -> Option<&'static str> {
    let (of_parser, name) = match class {
        "VHostMemory" => (false, "memory_table"),
        "VRuntime" => (false, "runtime_table"),
        "VOptimizationProfile" => (false, "profile_table"),
        "VCudaEngine" => (false, "engine_table"),
        "VExecutionContext" => (false, "context_table"),
        "VEngineInspector" => (false, "inspector_table"),
        "VTensor" => (false, "tensor_table"),
        "VNetworkDefinition" => (false, "network_table"),
        "VBuilderConfig" => (false, "config_table"),
        "VBuilder" => (false, "builder_table"),
        "IParser" => (true, "parser_table"),
        "IParserError" => (true, "error_table"),
        // Of the caller.
        _ => return None,
    };
    (parser == of_parser).then_some(name)
}
