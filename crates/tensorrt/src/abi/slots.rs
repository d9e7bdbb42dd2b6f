//! The shape of a generation's table: where in each virtual table the functions lie that this crate calls, and
//! the few values that differ with them. One file a generation beside this one.

use std::ffi::c_int;

use super::dims::DimsLayout;

/// One generation of TensorRT: all releases for which one table holds.
#[derive(Debug)]
pub(crate) struct Generation {
    /// How people call it.
    pub(crate) name: &'static str,
    /// The layout of shapes.
    pub(crate) dims: DimsLayout,
    /// What is passed to `createNetworkV2` for a network whose precision the builder chooses: explicit batches, or
    /// nothing where that is the only kind. `None` where the builder has no choice.
    pub(crate) network_flags: Option<u32>,
    /// The same for a network whose precision is that of its tensors; `None` where there is none such.
    pub(crate) network_flags_strongly_typed: Option<u32>,
    /// `BuilderFlag::kTF32`.
    pub(crate) builder_flag_tf32: c_int,
    /// Whether `deserializeCudaEngine` takes a plugin factory (null) as a third argument.
    pub(crate) deserialize_takes_factory: bool,
    /// Whether interfaces that the caller implements (but `ILogger`, see `logger_versioned`) start with
    /// `getAPILanguage`, `getInterfaceInfo` and the destructors.
    pub(crate) versioned_interfaces: bool,
    /// The same, of `ILogger`.
    pub(crate) logger_versioned: bool,
    pub(crate) host_memory: HostMemorySlots,
    pub(crate) runtime: RuntimeSlots,
    pub(crate) profile: ProfileSlots,
    pub(crate) engine: EngineSlots,
    pub(crate) context: ContextSlots,
    pub(crate) inspector: InspectorSlots,
    pub(crate) tensor: TensorSlots,
    pub(crate) network: NetworkSlots,
    pub(crate) config: ConfigSlots,
    pub(crate) builder: BuilderSlots,
    pub(crate) parser: ParserSlots,
}

/// `IHostMemory`.
#[derive(Debug)]
pub(crate) struct HostMemorySlots {
    pub(crate) data: usize,
    pub(crate) size: usize,
}

/// `IRuntime`.
#[derive(Debug)]
pub(crate) struct RuntimeSlots {
    pub(crate) deserialize_cuda_engine: usize,
}

/// `IOptimizationProfile`.
#[derive(Debug)]
pub(crate) struct ProfileSlots {
    pub(crate) set_dimensions: usize,
}

/// How a context is made whose device memory the caller brings.
#[derive(Debug)]
pub(crate) enum WithoutDeviceMemory {
    /// `createExecutionContextWithoutDeviceMemory()` at this slot; `createExecutionContext()` takes nothing.
    Method(usize),
    /// `createExecutionContext(strategy)` with the strategy "user managed".
    Strategy,
}

/// `ICudaEngine`.
#[derive(Debug)]
pub(crate) struct EngineSlots {
    pub(crate) create_execution_context: usize,
    pub(crate) without_device_memory: WithoutDeviceMemory,
    /// `getDeviceMemorySize`, or `getDeviceMemorySizeV2` where only that is left.
    pub(crate) get_device_memory_size: usize,
    pub(crate) get_nb_optimization_profiles: usize,
    pub(crate) create_engine_inspector: usize,
    pub(crate) get_tensor_shape: usize,
    pub(crate) get_tensor_data_type: usize,
    pub(crate) get_tensor_location: usize,
    pub(crate) get_tensor_io_mode: usize,
    pub(crate) get_profile_shape: usize,
    pub(crate) get_nb_io_tensors: usize,
    pub(crate) get_io_tensor_name: usize,
}

/// How a context is given its device memory.
#[derive(Debug)]
pub(crate) enum SetDeviceMemory {
    /// `setDeviceMemory(address)` at this slot.
    Address(usize),
    /// `setDeviceMemoryV2(address, bytes)` at this slot.
    AddressAndBytes(usize),
}

/// `IExecutionContext`.
#[derive(Debug)]
pub(crate) struct ContextSlots {
    pub(crate) set_device_memory: SetDeviceMemory,
    pub(crate) set_optimization_profile_async: usize,
    pub(crate) set_input_shape: usize,
    pub(crate) get_tensor_shape: usize,
    pub(crate) set_tensor_address: usize,
    pub(crate) infer_shapes: usize,
    pub(crate) enqueue_v3: usize,
}

/// `IEngineInspector`.
#[derive(Debug)]
pub(crate) struct InspectorSlots {
    pub(crate) get_engine_information: usize,
}

/// `ITensor`.
#[derive(Debug)]
pub(crate) struct TensorSlots {
    pub(crate) get_name: usize,
    pub(crate) get_dimensions: usize,
}

/// `INetworkDefinition`.
#[derive(Debug)]
pub(crate) struct NetworkSlots {
    pub(crate) get_nb_inputs: usize,
    pub(crate) get_input: usize,
}

/// Calibration of INT8, where the generation has it.
#[derive(Debug)]
pub(crate) struct CalibrationSlots {
    pub(crate) set_int8_calibrator: usize,
    pub(crate) set_calibration_profile: usize,
}

/// `IBuilderConfig`.
#[derive(Debug)]
pub(crate) struct ConfigSlots {
    pub(crate) calibration: Option<CalibrationSlots>,
    pub(crate) clear_flag: usize,
    pub(crate) set_flag: usize,
    pub(crate) add_optimization_profile: usize,
    pub(crate) set_profiling_verbosity: usize,
    pub(crate) set_memory_pool_limit: usize,
    pub(crate) set_builder_optimization_level: usize,
    pub(crate) set_max_aux_streams: usize,
    pub(crate) set_progress_monitor: Option<usize>,
    /// Lets several contexts use one profile at the same time, where that is not the default.
    pub(crate) share_profiles: Option<SharedProfiles>,
}

/// `setPreviewFeature`, and the `PreviewFeature` that shares profiles between contexts.
#[derive(Debug)]
pub(crate) struct SharedProfiles {
    pub(crate) set_preview_feature: usize,
    pub(crate) feature: c_int,
}

/// `IBuilder`.
#[derive(Debug)]
pub(crate) struct BuilderSlots {
    pub(crate) create_builder_config: usize,
    pub(crate) create_network_v2: usize,
    pub(crate) create_optimization_profile: usize,
    pub(crate) build_serialized_network: usize,
}

/// `nvonnxparser::IParser`, called through its own table.
#[derive(Debug)]
pub(crate) struct ParserSlots {
    pub(crate) parse: usize,
    pub(crate) get_nb_errors: usize,
    pub(crate) get_error: usize,
    /// The deleting destructor; in 8.6 `destroy()`, which calls it: the early access headers of 8.6 put the destructor
    /// elsewhere.
    pub(crate) delete: usize,
}

/// `nvonnxparser::IParserError`, called through its own table: the same in every generation.
pub(crate) mod parser_error {
    pub(crate) const DESC: usize = 1;
    pub(crate) const LINE: usize = 3;
    pub(crate) const FUNC: usize = 4;
    pub(crate) const NODE: usize = 5;
}

pub(crate) use super::{
    rtx_1_3::RTX_1_3, rtx_1_5::RTX_1_5, v8_6::TENSORRT_8_6, v10::TENSORRT_10, v11::TENSORRT_11,
};
