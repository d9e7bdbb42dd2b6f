//! One network on the GPU, fed from and read into host memory: the [`Engine`] contract over TensorRT.
//!
//! Live tracking uses [`GpuStages`](crate::GpuStages), where nothing comes back between the stages. This
//! engine is what networks are compared and measured with.

use mien_engine::{Engine, EngineError, EngineInfo, FRAMES, Precision, TensorInfo};
use mien_gpu::{Device, DeviceBuffer, PinnedBuffer};

use crate::bound::{Bound, Place};
use crate::network::{Listener, Network, Workshop};
use crate::{GpuOptions, GpuPipelineError, GpuPrecision, ModelSource};

/// A TensorRT engine with host buffers.
pub struct TensorRtEngine {
    runs: Vec<(usize, Bound)>,
    buckets: Vec<usize>,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    host_input: PinnedBuffer<f32>,
    input: DeviceBuffer<f32>,
    host_outputs: Vec<PinnedBuffer<f32>>,
    device_outputs: Vec<DeviceBuffer<f32>>,
    /// Items of the last successful run.
    done: usize,
    info: EngineInfo,
    device: Device,
    _network: Network,
}

impl TensorRtEngine {
    /// Loads or builds the engine of one model.
    ///
    /// # Errors
    /// [`GpuPipelineError`], saying what is missing.
    pub fn load(
        options: &GpuOptions,
        source: &ModelSource<'_>,
        news: &mut Listener<'_>,
    ) -> Result<Self, GpuPipelineError> {
        let library = crate::available::find(options.tensorrt.clone())?;
        let device = crate::available::open(options.gpu)?;
        let network = Workshop::new(&device, &library, options)?.network(source, news)?;
        let batches = if network.batched { source.role.contract().batches } else { &FRAMES };
        let buckets = batches.buckets.to_vec();
        let most = buckets[buckets.len() - 1];

        let place = |buffer: &DeviceBuffer<f32>| -> Result<Place, GpuPipelineError> {
            Ok(Place { buffer: buffer.reinterpret(buffer.bytes())?, offset: 0 })
        };
        let input = device.alloc::<f32>("a network's input", most * network.input.elements())?;
        let mut device_outputs = Vec::new();
        let mut host_outputs = Vec::new();
        let mut places = Vec::new();
        for output in &network.outputs {
            let buffer = device.alloc::<f32>("a network's output", most * output.elements())?;
            places.push(place(&buffer)?);
            device_outputs.push(buffer);
            host_outputs.push(device.pinned(most * output.elements())?);
        }
        let scratch = device
            .alloc("a network's working memory", (network.engine.device_memory_bytes() as usize).max(256))?;
        let mut runs = Vec::new();
        for &batch in &buckets {
            runs.push((batch, Bound::new(&device, &network, batch, &place(&input)?, &places, &scratch)?));
        }
        Ok(Self {
            runs,
            buckets,
            inputs: vec![network.input.clone()],
            outputs: network.outputs.clone(),
            host_input: device.pinned(input.len())?,
            input,
            host_outputs,
            device_outputs,
            done: 0,
            info: EngineInfo {
                engine: library.to_string(),
                device: device.info().name.clone(),
                precision: match options.precision {
                    GpuPrecision::Fp32 => Precision::Fp32,
                    GpuPrecision::Fp16 => Precision::Fp16,
                    GpuPrecision::Int8 => Precision::Int8,
                },
                model_file: source.file.to_owned(),
                model_sha256: source.sha256.to_owned(),
            },
            device,
            _network: network,
        })
    }

    fn run_on_gpu(&mut self, batch: usize) -> Result<(), GpuPipelineError> {
        self.device.make_current()?;
        let stream = self.device.stream().clone();
        stream.upload(&self.host_input, &self.input, 0..batch * self.inputs[0].elements())?;
        let run = self.runs.iter_mut().find(|(bucket, _)| *bucket >= batch);
        let (_, bound) = run.expect("the batch was checked");
        bound.enqueue(&stream)?;
        for ((host, device), info) in self.host_outputs.iter().zip(&self.device_outputs).zip(&self.outputs) {
            stream.download(device, host, 0..batch * info.elements())?;
        }
        Ok(stream.wait()?)
    }
}

impl Engine for TensorRtEngine {
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
        assert!(batch <= self.max_batch(), "a batch of {batch} is too large");
        &mut self.host_input[..batch * self.inputs[index].elements()]
    }

    fn run(&mut self, batch: usize) -> Result<(), EngineError> {
        self.done = 0;
        if batch == 0 || batch > self.max_batch() {
            let (file, max) = (self.info.model_file.clone(), self.max_batch());
            return Err(EngineError::Batch { file, batch, max });
        }
        self.run_on_gpu(batch).map_err(|error| EngineError::Run {
            file: self.info.model_file.clone(),
            reason: error.to_string(),
        })?;
        self.done = batch;
        Ok(())
    }

    fn output(&self, index: usize) -> &[f32] {
        &self.host_outputs[index][..self.done * self.outputs[index].elements()]
    }
}
