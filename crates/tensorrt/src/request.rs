//! What is asked of a builder, and what it gives.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use crate::calibration::Calibration;

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
    pub(crate) fn name(&self) -> &'static str {
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
