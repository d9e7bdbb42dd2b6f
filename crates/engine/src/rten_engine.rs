//! The embedded engine: the pure-Rust `rten`, on the CPU.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rten::{ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};

use crate::source::{Prepared, prepare};
use crate::{
    Engine, EngineError, EngineInfo, EngineOptions, Precision, TensorInfo, read_model_file, sha256_hex,
};

/// The version of `rten` that this crate is built with.
const RTEN_VERSION: &str = "0.27";

/// One network in `rten`.
///
/// A network whose file fixes the batch at one is run item by item. Any number of engines with the same
/// number of threads share their threads.
pub struct RtenEngine {
    info: EngineInfo,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    buckets: Vec<usize>,
    network: Network,
    /// Per input: the largest batch × elements.
    input_buffers: Vec<Vec<f32>>,
    /// Per output: the last run's numbers.
    output_buffers: Vec<Vec<f32>>,
    /// The batch of the last successful run.
    filled: usize,
    /// Whether several items go through in one run of the network.
    batched: bool,
}

impl RtenEngine {
    /// Loads an ONNX file and runs it once to see that it works.
    ///
    /// # Errors
    /// [`EngineError`]: the file cannot be read or loaded, or does not run at the size asked for.
    pub fn load(path: &Path, options: &EngineOptions) -> Result<Self, EngineError> {
        let bytes = read_model_file(path)?;
        let file = path.file_name().unwrap_or(path.as_os_str());
        Self::from_bytes(&file.to_string_lossy(), &bytes, options)
    }

    /// Loads an ONNX file's content; `file` is its name for messages and [`EngineInfo`].
    ///
    /// # Errors
    /// [`EngineError`]: the content cannot be loaded, or does not run at the size asked for.
    pub fn from_bytes(file: &str, bytes: &[u8], options: &EngineOptions) -> Result<Self, EngineError> {
        let max_batch = options.max_batch.max(1);
        let prepared = prepare(file, bytes, options)?;
        let network = Network::new(file, &prepared, options.threads)?;
        let Prepared { inputs, outputs, batched, declared, .. } = prepared;
        let zeros = |tensors: &[TensorInfo]| -> Vec<Vec<f32>> {
            tensors.iter().map(|tensor| vec![0.0; max_batch * tensor.elements()]).collect()
        };
        let threads = network.threads();
        let mut engine = Self {
            info: EngineInfo {
                engine: format!(
                    "rten {RTEN_VERSION} (CPU, {threads} thread{})",
                    if threads == 1 { "" } else { "s" }
                ),
                device: "CPU".to_owned(),
                precision: Precision::Fp32,
                model_file: file.to_owned(),
                model_sha256: sha256_hex(bytes),
            },
            input_buffers: zeros(&inputs),
            output_buffers: zeros(&outputs),
            buckets: (1..=max_batch).collect(),
            inputs,
            outputs,
            network,
            filled: 0,
            batched,
        };
        // A trial, so that what the engine cannot do shows now and not in the middle of a recording.
        let trial = engine.run_items(0, 1);
        trial.map_err(|error| match options.input_size {
            None => error,
            Some([height, width]) => EngineError::Size {
                file: file.to_owned(),
                width,
                height,
                reason: error.to_string(),
                declared,
            },
        })?;
        Ok(engine)
    }

    /// One run of the network on `count` items from item `first` on.
    fn run_items(&mut self, first: usize, count: usize) -> Result<(), EngineError> {
        let values = self
            .network
            .run(&self.input_buffers, first, count)
            .map_err(|reason| self.network.error(reason))?;
        for (index, value) in values.into_iter().enumerate() {
            let elements = self.outputs[index].elements();
            let name = &self.outputs[index].name;
            let numbers = value
                .into_tensor::<f32>()
                .map(|tensor| tensor.into_data())
                .filter(|numbers| numbers.len() == count * elements)
                .ok_or_else(|| {
                    let reason = format!("the output {name} changed its shape");
                    self.network.error(reason)
                })?;
            let buffer = &mut self.output_buffers[index];
            if self.batched {
                *buffer = numbers;
            } else {
                buffer[first * elements..][..elements].copy_from_slice(&numbers);
            }
        }
        Ok(())
    }
}

impl Engine for RtenEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    fn batch_buckets(&self) -> &[usize] {
        &self.buckets
    }

    fn input_mut(&mut self, index: usize, batch: usize) -> &mut [f32] {
        &mut self.input_buffers[index][..batch * self.inputs[index].elements()]
    }

    fn run(&mut self, batch: usize) -> Result<(), EngineError> {
        self.filled = 0;
        let max = self.max_batch();
        if batch == 0 || batch > max {
            return Err(EngineError::Batch { file: self.info.model_file.clone(), batch, max });
        }
        if self.batched {
            self.run_items(0, batch)?;
        } else {
            for item in 0..batch {
                self.run_items(item, 1)?;
            }
        }
        self.filled = batch;
        Ok(())
    }

    fn output(&self, index: usize) -> &[f32] {
        &self.output_buffers[index][..self.filled * self.outputs[index].elements()]
    }
}

/// The loaded model with what a run needs.
struct Network {
    file: String,
    model: rten::Model,
    options: RunOptions,
    input_ids: Vec<NodeId>,
    /// Per input: batch (to be set) and the item's dimensions.
    input_shapes: Vec<Vec<usize>>,
    output_ids: Vec<NodeId>,
}

impl Network {
    fn new(file: &str, prepared: &Prepared, threads: Option<usize>) -> Result<Self, EngineError> {
        let load_error = |reason: String| EngineError::Load { file: file.to_owned(), reason };
        let onnx = prepared.onnx.clone();
        let model =
            guarded(|| ModelOptions::with_all_ops().prepack_weights(true).load(onnx)).map_err(load_error)?;
        let ids = |tensors: &[TensorInfo]| -> Result<Vec<NodeId>, EngineError> {
            let ids: Result<_, _> = tensors.iter().map(|tensor| model.node_id(&tensor.name)).collect();
            ids.map_err(|error| load_error(error.to_string()))
        };
        Ok(Self {
            file: file.to_owned(),
            options: RunOptions::default().with_thread_pool(threads.map(shared_threads)),
            input_ids: ids(&prepared.inputs)?,
            input_shapes: prepared.inputs.iter().map(|input| [&[1], &input.shape[..]].concat()).collect(),
            output_ids: ids(&prepared.outputs)?,
            model,
        })
    }

    /// Runs `count` items from item `first` of the buffers on.
    fn run(&self, buffers: &[Vec<f32>], first: usize, count: usize) -> Result<Vec<Value>, String> {
        let mut inputs: Vec<(NodeId, ValueOrView)> = Vec::with_capacity(buffers.len());
        for ((buffer, shape), id) in buffers.iter().zip(&self.input_shapes).zip(&self.input_ids) {
            let mut dims = [0; 8];
            let dims = dims.get_mut(..shape.len()).ok_or("an input has more than 8 dimensions")?;
            dims.copy_from_slice(shape);
            dims[0] = count;
            let elements: usize = shape.iter().product();
            let items = &buffer[first * elements..][..count * elements];
            let view = ValueView::from_shape(&*dims, items).map_err(|e| e.to_string())?;
            inputs.push((*id, view.into()));
        }
        guarded(|| self.model.run(inputs, &self.output_ids, Some(self.options.clone())))
    }

    fn error(&self, reason: String) -> EngineError {
        EngineError::Run { file: self.file.clone(), reason }
    }

    fn threads(&self) -> usize {
        match &self.options.thread_pool {
            Some(pool) => pool.run(rayon::current_num_threads),
            None => rten::thread_pool().run(rayon::current_num_threads),
        }
    }
}

/// Runs `f`, with a panic inside (a damaged model may find a bug in `rten`) as an error.
fn guarded<T, E: std::fmt::Display>(f: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the engine panicked on it".to_owned()),
    }
}

/// The threads that all engines of this process with that many threads share.
fn shared_threads(count: usize) -> Arc<ThreadPool> {
    static POOLS: Mutex<Vec<(usize, Weak<ThreadPool>)>> = Mutex::new(Vec::new());
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    pools.retain(|(_, pool)| pool.strong_count() > 0);
    let shared = pools.iter().find(|(threads, _)| *threads == count);
    if let Some(pool) = shared.and_then(|(_, pool)| pool.upgrade()) {
        return pool;
    }
    let pool = Arc::new(ThreadPool::with_num_threads(count.max(1)));
    pools.push((count, Arc::downgrade(&pool)));
    pool
}
