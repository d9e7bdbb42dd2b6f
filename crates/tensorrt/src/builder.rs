//! Engines from ONNX files.

use std::collections::BTreeMap;
use std::ffi::{CString, c_int, c_void};
use std::sync::atomic::AtomicBool;

use crate::abi::call::{This, virtual_call};
use crate::abi::enums::{
    BUILDER_FLAG_FP16, BUILDER_FLAG_INT8, MEMORY_POOL_WORKSPACE, PROFILE_SELECTORS, PROFILING_DETAILED,
};
use crate::abi::slots::Generation;
use crate::calibration::{Calibration, Calibrator};
use crate::error::{BuildError, Said};
use crate::library::Library;
use crate::logger::Mark;
use crate::network::{Network, NetworkInput};
use crate::object::Object;
use crate::progress::{Monitor, Progress};

/// The shapes of one input that a profile is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeRange {
    /// The smallest.
    pub min: Vec<i64>,
    /// The one to be fastest at.
    pub opt: Vec<i64>,
    /// The largest.
    pub max: Vec<i64>,
}

impl ShapeRange {
    /// One shape only.
    pub fn exactly(shape: &[i64]) -> Self {
        Self { min: shape.to_vec(), opt: shape.to_vec(), max: shape.to_vec() }
    }
}

/// The shapes that one variant of the engine is for, by input. Inputs of fixed shape need none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The range of each input.
    pub inputs: BTreeMap<String, ShapeRange>,
}

impl Profile {
    /// A profile of these inputs.
    pub fn new<N: Into<String>>(inputs: impl IntoIterator<Item = (N, ShapeRange)>) -> Self {
        Self { inputs: inputs.into_iter().map(|(name, range)| (name.into(), range)).collect() }
    }
}

/// What the engine computes in.
#[derive(Debug)]
pub enum Precision<'a> {
    /// 32-bit floating point throughout, TF32 off. Where the library is
    /// [strongly typed](crate::Library::strongly_typed), that is so only if the model is.
    Fp32,
    /// 16-bit where TensorRT finds it faster. Inputs and outputs keep the model's types. 8.6 and 10.
    Fp16,
    /// 8-bit where TensorRT finds it faster, with scales from typical inputs; else 16-bit. 8.6 and 10.
    Int8(Calibration<'a>),
    /// What the model's tensors are, TF32 off. 10 and later.
    FromModel,
}

impl Precision<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Fp32 => "FP32",
            Self::Fp16 => "FP16",
            Self::Int8(_) => "INT8",
            Self::FromModel => "the model's",
        }
    }
}

/// What to build.
#[derive(Debug)]
pub struct BuildRequest<'a> {
    /// What messages call the model.
    pub name: &'a str,
    /// The ONNX file, with its weights inside.
    pub onnx: &'a [u8],
    /// What to compute in.
    pub precision: Precision<'a>,
    /// The shapes to build for; may be empty if every input has a fixed shape. Several contexts may use one profile
    /// at the same time.
    pub profiles: Vec<Profile>,
    /// The most working memory that a layer may take, in bytes; the GPU's memory if `None`.
    pub workspace_bytes: Option<u64>,
    /// 0 (built fastest) to 5 (runs fastest); TensorRT's own, 3, if `None`.
    pub optimization_level: Option<i32>,
    /// The most streams that a run may use besides its own; TensorRT's choice if `None`. 0 keeps a captured graph
    /// on one stream.
    pub max_aux_streams: Option<i32>,
    /// Keep what [`Engine::inspect_json`](crate::Engine::inspect_json) needs to tell layers' types and tactics.
    pub detailed_layers: bool,
    /// Set to true from elsewhere, ends the build at its next step. 8.6 has no steps and builds to the end.
    pub cancel: Option<&'a AtomicBool>,
}

impl<'a> BuildRequest<'a> {
    /// A request with TensorRT's defaults.
    pub fn new(name: &'a str, onnx: &'a [u8], precision: Precision<'a>) -> Self {
        Self {
            name,
            onnx,
            precision,
            profiles: Vec::new(),
            workspace_bytes: None,
            optimization_level: None,
            max_aux_streams: None,
            detailed_layers: false,
            cancel: None,
        }
    }
}

/// A serialised engine: for the TensorRT and the kind of GPU that it was built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What [`Runtime::deserialize`](crate::Runtime::deserialize) takes.
    pub bytes: Vec<u8>,
    /// What calibration found, for the next build of the same model.
    pub calibration_cache: Option<Vec<u8>>,
}

/// Builds engines, one at a time.
#[derive(Debug)]
pub struct Builder {
    object: Object,
    library: Library,
}

impl Builder {
    pub(crate) fn new(library: Library, object: Object) -> Self {
        Self { object, library }
    }

    /// The library that it came from.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Builds an engine for the CUDA device that is current on this thread. Seconds to many minutes; `progress` is
    /// called on another thread at every step and at least four times a second, and once at the end.
    ///
    /// # Errors
    /// All of [`BuildError`] but those of [`Library::builder`].
    pub fn build(
        &mut self,
        request: BuildRequest<'_>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Plan, BuildError> {
        let flags = self.network_flags(&request.precision)?;
        let monitor = Monitor::new(request.cancel);
        let logger = self.library.logger();
        std::thread::scope(|scope| {
            scope.spawn(|| monitor.report(logger, progress));
            // Ends the reporting thread however the build ends.
            let _finish = Finish(&monitor);
            self.build_reported(request, flags, &monitor)
        })
    }

    fn build_reported(
        &mut self,
        request: BuildRequest<'_>,
        network_flags: u32,
        monitor: &Monitor<'_>,
    ) -> Result<Plan, BuildError> {
        let BuildRequest { name, onnx, precision, profiles, .. } = &request;
        let network = Network::parse(&self.library, &self.object, network_flags, name, onnx)?;
        let mut setup = Setup::new(self, name)?;
        setup.flags(precision);
        setup.limits(&request);
        setup.profiles(&network.inputs()?, profiles)?;
        setup.monitor(monitor);
        let calibrator = match request.precision {
            Precision::Int8(calibration) => setup.calibrate(calibration),
            Precision::Fp32 | Precision::Fp16 | Precision::FromModel => None,
        };
        let built = setup.build(&network);
        // Nothing of TensorRT's knows the calibrator any longer.
        drop(setup);
        let (calibration_cache, failure) =
            calibrator.map(|calibrator| calibrator.finish()).unwrap_or_default();
        match (built, failure) {
            (_, Some(reason)) => Err(BuildError::Calibration { name: request.name.into(), reason }),
            (Err(_), None) if monitor.cancelled() => Err(BuildError::Cancelled { name: request.name.into() }),
            (built, None) => Ok(Plan { bytes: built?, calibration_cache }),
        }
    }

    /// What the network is made with, or why this generation cannot do that precision.
    fn network_flags(&self, precision: &Precision<'_>) -> Result<u32, BuildError> {
        let table = self.library.table();
        let library = self.library.to_string();
        match (precision, table.network_flags, table.network_flags_strongly_typed) {
            (Precision::FromModel, _, Some(flags)) => Ok(flags),
            (Precision::FromModel, ..) => Err(BuildError::PrecisionFromBuilder { library }),
            (_, Some(flags), _) => Ok(flags),
            (Precision::Fp32, None, Some(flags)) => Ok(flags),
            _ => Err(BuildError::PrecisionFromModel { library, asked: precision.name() }),
        }
    }
}

struct Finish<'m, 'c>(&'m Monitor<'c>);

impl Drop for Finish<'_, '_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// The settings of one build.
struct Setup<'b> {
    config: Object,
    builder: &'b Builder,
    name: &'b str,
    /// TensorRT's, for calibration; deleted with the builder.
    first_profile: Option<This>,
    mark: Mark,
}

impl<'b> Setup<'b> {
    fn new(builder: &'b Builder, name: &'b str) -> Result<Self, BuildError> {
        let mark = builder.library.logger().mark();
        let slot = builder.library.table().builder.create_builder_config;
        // SAFETY: the slot and the signature are this generation's; the configuration is ours and goes before the
        // builder.
        let config = unsafe { Object::own(virtual_call!(builder.object.implementation(), slot, () -> This)) };
        let said = || builder.library.logger().errors_since(mark);
        let config = config.ok_or_else(|| BuildError::Failed {
            name: name.to_owned(),
            step: "making a builder configuration",
            said: said(),
        })?;
        Ok(Self { config, builder, name, first_profile: None, mark })
    }

    fn table(&self) -> &'static Generation {
        self.builder.library.table()
    }

    fn said(&self) -> Said {
        self.builder.library.logger().errors_since(self.mark)
    }

    fn failed(&self, step: &'static str) -> BuildError {
        BuildError::Failed { name: self.name.to_owned(), step, said: self.said() }
    }

    /// Calls a setter of the configuration that takes one number, or two.
    fn set(&self, slot: usize, values: &[c_int]) {
        let this = self.config.implementation();
        // SAFETY: every caller passes a slot of this generation whose function takes as many 32-bit numbers, and
        // whose result, if any, is not needed.
        unsafe {
            match *values {
                [value] => virtual_call!(this, slot, (c_int: value) -> ()),
                [first, second] => virtual_call!(this, slot, (c_int: first, c_int: second) -> ()),
                _ => unreachable!("setters take one number or two"),
            }
        }
    }

    fn flags(&self, precision: &Precision<'_>) {
        let (table, slots) = (self.table(), &self.table().config);
        match precision {
            Precision::Fp32 | Precision::FromModel => self.set(slots.clear_flag, &[table.builder_flag_tf32]),
            Precision::Fp16 => self.set(slots.set_flag, &[BUILDER_FLAG_FP16]),
            Precision::Int8(_) => {
                self.set(slots.set_flag, &[BUILDER_FLAG_FP16]);
                self.set(slots.set_flag, &[BUILDER_FLAG_INT8]);
            }
        }
    }

    fn limits(&self, request: &BuildRequest<'_>) {
        let slots = &self.table().config;
        if let Some(bytes) = request.workspace_bytes {
            let (this, slot) = (self.config.implementation(), slots.set_memory_pool_limit);
            // SAFETY: the slot and the signature are this generation's.
            unsafe { virtual_call!(this, slot, (c_int: MEMORY_POOL_WORKSPACE, u64: bytes) -> ()) };
        }
        if let Some(level) = request.optimization_level {
            self.set(slots.set_builder_optimization_level, &[level]);
        }
        if let Some(streams) = request.max_aux_streams {
            self.set(slots.set_max_aux_streams, &[streams]);
        }
        if request.detailed_layers {
            self.set(slots.set_profiling_verbosity, &[PROFILING_DETAILED]);
        }
        if let Some(shared) = &slots.share_profiles {
            self.set(shared.set_preview_feature, &[shared.feature, 1]);
        }
    }

    fn profiles(&mut self, inputs: &[NetworkInput], profiles: &[Profile]) -> Result<(), BuildError> {
        for input in inputs.iter().filter(|input| input.shape.iter().any(|&axis| axis < 0)) {
            if profiles.is_empty() || profiles.iter().any(|p| !p.inputs.contains_key(&input.name)) {
                let (name, expected) = (self.name.to_owned(), input.shape.clone());
                return Err(BuildError::NoProfile { name, input: input.name.clone(), expected });
            }
        }
        profiles.iter().try_for_each(|profile| self.profile(inputs, profile))
    }

    fn profile(&mut self, inputs: &[NetworkInput], profile: &Profile) -> Result<(), BuildError> {
        let slot = self.table().builder.create_optimization_profile;
        // SAFETY: the slot and the signature are this generation's; the profile belongs to the builder.
        let object = unsafe { virtual_call!(self.builder.object.implementation(), slot, () -> This) };
        if object.is_null() {
            return Err(self.failed("making an optimisation profile"));
        }
        for (input, range) in &profile.inputs {
            self.check_range(inputs, input, range)?;
            self.set_range(object, input, range)?;
        }
        let slot = self.table().config.add_optimization_profile;
        // SAFETY: the slot and the signature are this generation's.
        let index = unsafe { virtual_call!(self.config.implementation(), slot, (This: object) -> i32) };
        if index < 0 {
            return Err(self.failed("adding an optimisation profile"));
        }
        self.first_profile.get_or_insert(object);
        Ok(())
    }

    /// What TensorRT would refuse, with a message that says why.
    fn check_range(
        &self,
        inputs: &[NetworkInput],
        input: &str,
        range: &ShapeRange,
    ) -> Result<(), BuildError> {
        let Some(known) = inputs.iter().find(|known| known.name == input) else {
            return Err(BuildError::UnknownInput {
                name: self.name.to_owned(),
                input: input.to_owned(),
                inputs: inputs.iter().map(|input| input.name.clone()).collect(),
            });
        };
        let fits = |shape: &[i64]| {
            self.table().dims.holds(shape)
                && shape.len() == known.shape.len()
                && shape.iter().zip(&known.shape).all(
                    |(&axis, &asked)| {
                        if asked < 0 { axis >= 0 } else { axis == asked }
                    },
                )
        };
        let ordered = |small: &[i64], large: &[i64]| small.iter().zip(large).all(|(s, l)| s <= l);
        let ShapeRange { min, opt, max } = range;
        let wrong = [min, opt, max].into_iter().find(|shape| !fits(shape));
        let wrong = wrong.or_else(|| (!ordered(min, opt)).then_some(opt));
        match wrong.or_else(|| (!ordered(opt, max)).then_some(max)) {
            None => Ok(()),
            Some(shape) => Err(BuildError::Shape {
                name: self.name.to_owned(),
                input: input.to_owned(),
                expected: known.shape.clone(),
                shape: shape.clone(),
            }),
        }
    }

    fn set_range(&self, profile: This, input: &str, range: &ShapeRange) -> Result<(), BuildError> {
        let c_input = CString::new(input).map_err(|_| BuildError::Name(input.to_owned()))?;
        let slot = self.table().profile.set_dimensions;
        for (selector, shape) in PROFILE_SELECTORS.into_iter().zip([&range.min, &range.opt, &range.max]) {
            // SAFETY: `profile` is a live profile of the builder, the slot this generation's; the name is a C
            // string.
            let taken = unsafe {
                let this = crate::abi::call::implementation(profile);
                self.table().dims.set_profile_shape(this, slot, c_input.as_ptr(), selector, shape)
            };
            if !taken {
                return Err(self.failed("setting the shapes of an optimisation profile"));
            }
        }
        Ok(())
    }

    /// The monitor outlives the build, after which nobody calls it.
    fn monitor(&self, monitor: &Monitor<'_>) {
        if let Some(slot) = self.table().config.set_progress_monitor {
            // SAFETY: the slot and the signature are this generation's; the monitor has the layout of the interface.
            unsafe {
                virtual_call!(self.config.implementation(), slot, (This: monitor.as_object()) -> ());
            }
        }
    }

    /// The calibrator stays where it is (on the heap) and outlives the build.
    fn calibrate<'c>(&self, calibration: Calibration<'c>) -> Option<Box<Calibrator<'c>>> {
        let table = self.table();
        let slots = table.config.calibration.as_ref()?;
        let calibrator = Box::new(Calibrator::new(calibration, table.versioned_interfaces));
        let this = self.config.implementation();
        // SAFETY: the slots and the signatures are this generation's; the calibrator has the layout of the interface.
        unsafe {
            virtual_call!(this, slots.set_int8_calibrator, (This: calibrator.as_object()) -> ());
            if let Some(profile) = self.first_profile {
                virtual_call!(this, slots.set_calibration_profile, (This: profile) -> bool);
            }
        }
        Some(calibrator)
    }

    fn build(&self, network: &Network<'_>) -> Result<Vec<u8>, BuildError> {
        let (this, slot) =
            (self.builder.object.implementation(), self.table().builder.build_serialized_network);
        // SAFETY: the slots and the signatures are this generation's; network and configuration are passed as the
        // public objects that they are; the memory is copied before it is deleted.
        unsafe {
            let memory =
                virtual_call!(this, slot, (This: network.public(), This: self.config.public()) -> This);
            let memory = Object::own(memory).ok_or_else(|| self.failed("building the engine"))?;
            let slots = &self.table().host_memory;
            let data = virtual_call!(memory.implementation(), slots.data, () -> *const c_void);
            let size = virtual_call!(memory.implementation(), slots.size, () -> usize);
            if data.is_null() {
                return Err(self.failed("serialising the engine"));
            }
            Ok(std::slice::from_raw_parts(data.cast::<u8>(), size).to_vec())
        }
    }
}
