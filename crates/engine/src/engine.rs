//! The trait, and what an engine says about itself.

use std::fmt;

use crate::EngineError;

/// One loaded network, ready to run.
///
/// Inputs and outputs are dense, row-major `f32` buffers of `batch` × [`TensorInfo::shape`]. The order
/// of tensors is that of the model file; [`Engine::input_index`] and [`Engine::output_index`] find them
/// by name.
pub trait Engine: Send {
    /// Which engine, on which device, in which precision, with which model.
    fn info(&self) -> &EngineInfo;

    /// The tensors to fill before [`Engine::run`].
    fn inputs(&self) -> &[TensorInfo];

    /// The tensors to read after [`Engine::run`].
    fn outputs(&self) -> &[TensorInfo];

    /// The batch sizes that run without padding, ascending, never empty. Every batch from one to the
    /// last of them may be run; the engine pads in between.
    fn batch_buckets(&self) -> &[usize];

    /// The buffer of input `index` for a run of `batch` items: `batch` × shape numbers, to be written
    /// in place. Items keep their place whatever the batch: item `i` starts at `i` × elements. What was
    /// written stays until it is overwritten or the network runs; after a run the contents are
    /// unspecified.
    ///
    /// # Panics
    /// When there is no such input, or `batch` is larger than the largest bucket.
    fn input_mut(&mut self, index: usize, batch: usize) -> &mut [f32];

    /// Runs the network on the first `batch` items of its input buffers.
    ///
    /// # Errors
    /// [`EngineError::Batch`] when `batch` is zero or above the largest bucket, [`EngineError::Run`] when
    /// the network fails. The engine stays usable.
    fn run(&mut self, batch: usize) -> Result<(), EngineError>;

    /// Output `index` of the last successful run: `batch` × shape numbers; empty before the first run
    /// and after a failed one.
    ///
    /// # Panics
    /// When there is no such output.
    fn output(&self, index: usize) -> &[f32];

    /// The largest batch that one run takes.
    fn max_batch(&self) -> usize {
        self.batch_buckets().last().copied().unwrap_or(0)
    }

    /// The position of the input called `name`.
    ///
    /// # Errors
    /// [`EngineError::NoSuchTensor`], naming the inputs that there are.
    fn input_index(&self, name: &str) -> Result<usize, EngineError> {
        tensor_index(self.info(), self.inputs(), "input", name)
    }

    /// The position of the output called `name`.
    ///
    /// # Errors
    /// [`EngineError::NoSuchTensor`], naming the outputs that there are.
    fn output_index(&self, name: &str) -> Result<usize, EngineError> {
        tensor_index(self.info(), self.outputs(), "output", name)
    }
}

fn tensor_index(
    info: &EngineInfo,
    tensors: &[TensorInfo],
    kind: &'static str,
    name: &str,
) -> Result<usize, EngineError> {
    tensors.iter().position(|tensor| tensor.name == name).ok_or_else(|| EngineError::NoSuchTensor {
        file: info.model_file.clone(),
        kind,
        name: name.to_owned(),
        present: tensors.iter().map(|tensor| tensor.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// A tensor of a network, without its batch dimension. Elements are `f32`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name that the model file gives.
    pub name: String,
    /// The dimensions of one item, for instance `[3, 256, 256]`.
    pub shape: Vec<usize>,
}

impl TensorInfo {
    /// How many numbers one item has.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The arithmetic that an engine computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floating point.
    Fp32,
    /// 16-bit floating point, possibly with 32-bit sums.
    Fp16,
    /// 8-bit integers with scales from calibration, where they are faster.
    Int8,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::Fp32 => "FP32",
            Precision::Fp16 => "FP16",
            Precision::Int8 => "INT8",
        })
    }
}

/// What runs: it goes into every log header and result file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Engine and version, for instance `rten 0.27 (CPU, 2 threads)`.
    pub engine: String,
    /// The device, for instance `CPU` or the name of a GPU.
    pub device: String,
    /// The arithmetic in use.
    pub precision: Precision,
    /// The model's file name, without its folder.
    pub model_file: String,
    /// The SHA-256 of the model file, 64 lower-case hexadecimal digits.
    pub model_sha256: String,
}

impl fmt::Display for EngineInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha256 = self.model_sha256.get(..12).unwrap_or(&self.model_sha256);
        write!(f, "{} (sha256 {sha256}…) on {}, {}", self.model_file, self.engine, self.precision)
    }
}

/// How to load a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Height and width in pixels of the picture that the network reads, for networks that take
    /// several; `None` takes what the model file declares.
    pub input_size: Option<[usize; 2]>,
    /// Threads of the CPU engine; `None` lets it pick (one per physical core).
    pub threads: Option<usize>,
    /// The largest batch that will be run.
    pub max_batch: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { input_size: None, threads: None, max_batch: 1 }
    }
}
