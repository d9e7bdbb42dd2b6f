//! The loaded library.

use std::ffi::{c_int, c_void};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libloading::os::unix::Library as Handle;

use crate::abi::call::This;
use crate::abi::slots::Generation;
use crate::builder::Builder;
use crate::driver::{self, DriverError};
use crate::error::{Attempt, Attempts, BuildError, LoadError, RuntimeError};
use crate::loader::{file_of, keep_open, open, symbol};
use crate::logger::Logger;
use crate::object::{Object, Parser};
use crate::runtime::Runtime;
use crate::search::{Candidate, SearchOptions, candidates};
use crate::version::{Flavour, Version, generation};

type VersionFn = extern "C" fn() -> c_int;
/// `createInferBuilder_INTERNAL` and `createInferRuntime_INTERNAL`.
type CreateFn = unsafe extern "C" fn(logger: This, version: c_int) -> This;
/// `createNvOnnxParser_INTERNAL`.
type CreateParserFn = unsafe extern "C" fn(network: This, logger: This, version: c_int) -> This;

/// A TensorRT that is loaded. Cheap to clone; stays loaded until the process ends, because CUDA keeps threads and
/// handlers that must not lose their code.
#[derive(Clone)]
pub struct Library {
    inner: Arc<Inner>,
}

struct Inner {
    /// Never closed.
    handle: ManuallyDrop<Handle>,
    path: PathBuf,
    flavour: Flavour,
    /// As `getInferLibVersion` gives it and the factories take it.
    version_number: c_int,
    version: Version,
    generation: &'static Generation,
    logger: &'static Logger,
    parser: OnceLock<Result<ParserLibrary, Attempts>>,
}

struct ParserLibrary {
    path: PathBuf,
    create: CreateParserFn,
    version: c_int,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Library({self} at {})", self.path().display())
    }
}

/// `TensorRT 10.3.0`.
impl std::fmt::Display for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.flavour(), self.version())
    }
}

impl Library {
    /// Loads the first usable TensorRT.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`] where one is found but none whose tables are known, [`LoadError::NotFound`] with
    /// every place where nothing is found.
    pub fn find(options: &SearchOptions) -> Result<Self, LoadError> {
        let (found, mut tried) = candidates(options);
        let mut unsupported = None;
        let mut opened = Vec::new();
        for candidate in found {
            match Self::open(&candidate, options.newer_minor) {
                Ok(Ok(library)) => return Ok(library),
                Ok(Err(refusal)) => unsupported = unsupported.or(Some(refusal)),
                Err(reason) => {
                    opened.push(Attempt { place: candidate.file.display().to_string(), reason });
                }
            }
        }
        tried.splice(0..0, opened);
        Err(unsupported.unwrap_or(LoadError::NotFound { tried: Attempts(tried) }))
    }

    /// The outer error: why there is no TensorRT; the inner one: why it is not usable.
    fn open(candidate: &Candidate, newer_minor: bool) -> Result<Result<Self, LoadError>, String> {
        let handle = ManuallyDrop::new(open(candidate.file.as_os_str())?);
        // SAFETY: the function's signature in every release.
        let lib_version = unsafe { symbol::<VersionFn>(&handle, c"getInferLibVersion") }?;
        let version_number = lib_version();
        let version = Version::from_number(version_number)
            .ok_or_else(|| format!("getInferLibVersion gives {version_number}, which is no version"))?;
        let path = file_of(lib_version as *const c_void).unwrap_or_else(|| candidate.file.clone());
        let flavour = candidate.flavour;
        let Some(generation) = generation(flavour, version, newer_minor) else {
            return Ok(Err(LoadError::Unsupported { path, flavour, version }));
        };
        tracing::debug!(path = %path.display(), %flavour, %version, table = generation.name, "TensorRT loaded");
        let logger = Logger::leaked(generation.logger_versioned);
        let parser = OnceLock::new();
        let inner = Inner { handle, path, flavour, version_number, version, generation, logger, parser };
        Ok(Ok(Self { inner: Arc::new(inner) }))
    }

    /// Which library it is.
    pub fn flavour(&self) -> Flavour {
        self.inner.flavour
    }

    /// Its release.
    pub fn version(&self) -> Version {
        self.inner.version
    }

    /// The file it was loaded from.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The table that it is called by: the first release for which that table holds.
    pub fn generation(&self) -> &'static str {
        self.inner.generation.name
    }

    /// Whether a network's precision is that of the model's tensors, so that
    /// [`Precision::Fp16`](crate::Precision::Fp16) and [`Precision::Int8`](crate::Precision::Int8) are refused.
    pub fn strongly_typed(&self) -> bool {
        self.inner.generation.network_flags.is_none()
    }

    /// Whether it builds engines.
    pub fn builds(&self) -> bool {
        self.flavour() != Flavour::Lean
    }

    /// The library that reads ONNX files, loaded if it was not yet.
    ///
    /// # Errors
    /// [`BuildError::NoParser`] with every place that was tried, [`BuildError::NoBuilder`] for a lean runtime.
    pub fn parser_path(&self) -> Result<&Path, BuildError> {
        Ok(&self.parser_library()?.path)
    }

    /// A builder of engines. Takes long in 8.6: it loads 1 GB of kernels. Needs a GPU, but for TensorRT-RTX.
    ///
    /// # Errors
    /// [`BuildError::NoBuilder`], [`BuildError::NoParser`], [`BuildError::Driver`], [`BuildError::NoBuilderObject`].
    pub fn builder(&self) -> Result<Builder, BuildError> {
        self.parser_library()?;
        self.check_driver()?;
        self.load_builder_resources();
        // SAFETY: the function's signature in every release.
        let create = unsafe { symbol::<CreateFn>(&self.inner.handle, c"createInferBuilder_INTERNAL") };
        let create = create.map_err(|_| self.no_builder())?;
        let mark = self.logger().mark();
        // SAFETY: the logger has the layout of this generation and lives for ever; the version is the library's own.
        let object = unsafe { Object::own(create(self.logger().as_object(), self.inner.version_number)) };
        let object =
            object.ok_or_else(|| BuildError::NoBuilderObject { said: self.logger().errors_since(mark) })?;
        Ok(Builder::new(self.clone(), object))
    }

    /// What runs engines.
    ///
    /// # Errors
    /// [`RuntimeError::Driver`], [`RuntimeError::NoRuntime`].
    pub fn runtime(&self) -> Result<Runtime, RuntimeError> {
        self.check_driver()?;
        let mark = self.logger().mark();
        let no_runtime = || RuntimeError::NoRuntime { said: self.logger().errors_since(mark) };
        // SAFETY: the function's signature in every release.
        let create = unsafe { symbol::<CreateFn>(&self.inner.handle, c"createInferRuntime_INTERNAL") };
        let create = create.map_err(RuntimeError::Unexpected)?;
        // SAFETY: as in `builder`.
        let object = unsafe { Object::own(create(self.logger().as_object(), self.inner.version_number)) };
        Ok(Runtime::new(self.clone(), object.ok_or_else(no_runtime)?))
    }

    pub(crate) fn table(&self) -> &'static Generation {
        self.inner.generation
    }

    pub(crate) fn logger(&self) -> &'static Logger {
        self.inner.logger
    }

    /// An ONNX parser that fills `network`.
    pub(crate) fn parser(&self, network: &Object) -> Result<Option<Parser>, BuildError> {
        let library = self.parser_library()?;
        // SAFETY: network and logger are of this generation; the network outlives the parser at the caller's.
        Ok(unsafe {
            let parser = (library.create)(network.public(), self.logger().as_object(), library.version);
            Parser::own(parser, self.table().parser.delete)
        })
    }

    /// TensorRT-RTX needs no GPU to build, and says so itself where it needs one.
    fn check_driver(&self) -> Result<(), DriverError> {
        if self.flavour() == Flavour::Rtx { Ok(()) } else { driver::check() }
    }

    fn no_builder(&self) -> BuildError {
        let Inner { path, flavour, version, .. } = &*self.inner;
        BuildError::NoBuilder { path: path.clone(), flavour: *flavour, version: *version }
    }

    fn parser_library(&self) -> Result<&ParserLibrary, BuildError> {
        if !self.builds() {
            return Err(self.no_builder());
        }
        let loaded = self.inner.parser.get_or_init(|| self.load_parser());
        loaded.as_ref().map_err(|tried| BuildError::NoParser { tried: tried.clone() })
    }

    fn load_parser(&self) -> Result<ParserLibrary, Attempts> {
        let major = self.inner.version.major;
        let stem = match self.inner.flavour {
            Flavour::Rtx => "libtensorrt_onnxparser_rtx.so",
            Flavour::Full | Flavour::Lean => "libnvonnxparser.so",
        };
        let name = format!("{stem}.{major}");
        let mut files = vec![];
        // Beside the library first: a parser of another installation would bring its own TensorRT along.
        for (beside, file) in self.siblings(&name) {
            if beside == name || files.is_empty() {
                files.insert(0, file);
            }
        }
        files.push(name.into());
        let plugin = self.load_plugin(major);
        let mut tried = Vec::new();
        for file in files {
            match open_parser(&file) {
                Ok(parser) => return Ok(parser),
                Err(reason) => tried.push(Attempt { place: file.display().to_string(), reason }),
            }
        }
        tried.extend(plugin);
        Err(Attempts(tried))
    }

    /// TensorRT's plugins, which the parser of 8 and 10 links to: where the parser's own search path does not name
    /// its folder they are found because they are loaded already. Gives the reason if they do not load.
    fn load_plugin(&self, major: u32) -> Option<Attempt> {
        if self.inner.flavour != Flavour::Full {
            return None;
        }
        let name = format!("libnvinfer_plugin.so.{major}");
        let beside = self.siblings(&name).into_iter().map(|(_, file)| file).next();
        let file = beside.unwrap_or_else(|| name.into());
        let hint = match major {
            8 => " (the parser needs it; it needs cuDNN 8 and cuBLAS 12)",
            _ => " (the parser needs it)",
        };
        let reason = keep_open(&file).err()? + hint;
        Some(Attempt { place: file.display().to_string(), reason })
    }

    /// TensorRT looks for its kernels by bare name: beside a library that was found by its path, they are loaded
    /// here, so that they are found. Where that fails TensorRT says what it misses.
    fn load_builder_resources(&self) {
        if self.inner.flavour == Flavour::Full {
            for (name, file) in self.siblings("libnvinfer_builder_resource") {
                if name.contains(&format!(".so.{}", self.inner.version.major)) {
                    let _ = keep_open(&file);
                }
            }
        }
    }

    /// Files beside the library whose name starts so, shortest name first; none for a library whose folder is not
    /// known.
    fn siblings(&self, start: &str) -> Vec<(String, PathBuf)> {
        let folder = self.path().parent().filter(|folder| folder.is_absolute());
        let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
        let mut found: Vec<_> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
            .filter(|(name, _)| name.starts_with(start))
            .collect();
        found.sort_by(|a, b| (a.0.len(), &a.0).cmp(&(b.0.len(), &b.0)));
        found
    }
}

fn open_parser(file: &Path) -> Result<ParserLibrary, String> {
    let handle = ManuallyDrop::new(open(file.as_os_str())?);
    // SAFETY: the functions' signatures in every release.
    let (create, version) = unsafe {
        (
            symbol::<CreateParserFn>(&handle, c"createNvOnnxParser_INTERNAL")?,
            symbol::<VersionFn>(&handle, c"getNvOnnxParserVersion")?,
        )
    };
    let path = file_of(create as *const c_void).unwrap_or_else(|| file.to_owned());
    Ok(ParserLibrary { path, create, version: version() })
}
