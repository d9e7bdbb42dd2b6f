//! The embedded engine: the pure-Rust `rten`, on the CPU.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rten::{ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::Layout;

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
    /// Loads an ONNX file and runs it once to learn its outputs' shapes.
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
        let Prepared { onnx, inputs, outputs, any_batch } = prepare(file, bytes, options)?;
        let network = Network::new(file, onnx, options.threads, &inputs, &outputs)?;
        let inputs: Vec<TensorInfo> =
            inputs.into_iter().map(|(name, shape)| TensorInfo { name, shape }).collect();
        let input_buffers: Vec<Vec<f32>> =
            inputs.iter().map(|input| vec![0.0; max_batch * input.elements()]).collect();
        let shapes = network.dry_run(&input_buffers, 1).map_err(|reason| match options.input_size {
            None => network.error(reason),
            Some([height, width]) => EngineError::Size {
                file: file.to_owned(),
                width,
                height,
                reason,
                declared: declared_input(bytes),
            },
        })?;
        // A file may declare any batch and yet fix it inside, in a reshape for instance.
        let batched = any_batch
            && (max_batch == 1
                || network
                    .dry_run(&input_buffers, 2)
                    .is_ok_and(|two| shapes.iter().zip(&two).all(|(one, two)| doubles(one, two))));
        let outputs: Vec<TensorInfo> = outputs
            .into_iter()
            .zip(shapes)
            .map(|(name, shape)| TensorInfo { name, shape: item_shape(shape) })
            .collect();
        let threads = network.threads();
        Ok(Self {
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
            output_buffers: outputs.iter().map(|output| vec![0.0; max_batch * output.elements()]).collect(),
            buckets: (1..=max_batch).collect(),
            inputs,
            outputs,
            network,
            input_buffers,
            filled: 0,
            batched,
        })
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
    fn new(
        file: &str,
        onnx: Vec<u8>,
        threads: Option<usize>,
        inputs: &[(String, Vec<usize>)],
        outputs: &[String],
    ) -> Result<Self, EngineError> {
        let load_error = |reason: String| EngineError::Load { file: file.to_owned(), reason };
        let model =
            guarded(|| ModelOptions::with_all_ops().prepack_weights(true).load(onnx)).map_err(load_error)?;
        let id = |name: &str| model.node_id(name).map_err(|e| load_error(e.to_string()));
        Ok(Self {
            file: file.to_owned(),
            options: RunOptions::default().with_thread_pool(threads.map(shared_threads)),
            input_ids: inputs.iter().map(|(name, _)| id(name)).collect::<Result<_, _>>()?,
            input_shapes: inputs.iter().map(|(_, shape)| [&[1], &shape[..]].concat()).collect(),
            output_ids: outputs.iter().map(|name| id(name)).collect::<Result<_, _>>()?,
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

    /// The shapes of the outputs of a run on zeros.
    fn dry_run(&self, buffers: &[Vec<f32>], batch: usize) -> Result<Vec<Vec<usize>>, String> {
        let values = self.run(buffers, 0, batch)?;
        let shape = |value: Value| {
            let tensor = value.into_tensor::<f32>();
            let shape = tensor.map(|tensor| tensor.shape().to_vec());
            shape.filter(|shape| !shape.contains(&0))
        };
        values
            .into_iter()
            .map(shape)
            .collect::<Option<_>>()
            .ok_or_else(|| "an output is empty or no f32 tensor".to_owned())
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

/// Whether `two` is the shape of twice as many items as `one`.
fn doubles(one: &[usize], two: &[usize]) -> bool {
    match (one, two) {
        ([one, one_item @ ..], [two, two_item @ ..]) => 2 * one == *two && one_item == two_item,
        _ => false,
    }
}

/// The dimensions of one item in the shape of a run's output on one item.
fn item_shape(shape: Vec<usize>) -> Vec<usize> {
    match shape.as_slice() {
        [1, item @ ..] if !item.is_empty() => item.to_vec(),
        _ => shape,
    }
}

/// The input that the file declares, for messages.
fn declared_input(bytes: &[u8]) -> String {
    let model = mien_onnx::Model::read(bytes).ok();
    let input = model.as_ref().and_then(|model| model.graph.inputs.first());
    input.map_or_else(String::new, crate::source::declared_shape)
}
