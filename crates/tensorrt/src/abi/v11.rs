//! TensorRT 11: read off the headers of 11.0, 11.1 and 11.4, which agree in everything below.

use super::dims::DimsLayout;
use super::slots::{
    BuilderSlots, ConfigSlots, ContextSlots, EngineSlots, Generation, HostMemorySlots, InspectorSlots,
    NetworkSlots, ParserSlots, ProfileSlots, RuntimeSlots, SetDeviceMemory, TensorSlots, WithoutDeviceMemory,
};

/// TensorRT 11.
pub(crate) const TENSORRT_11: Generation = Generation {
    name: "TensorRT 11",
    dims: DimsLayout::Wide,
    network_flags: None,
    network_flags_strongly_typed: Some(1),
    builder_flag_tf32: 7,
    deserialize_takes_factory: false,
    versioned_interfaces: true,
    logger_versioned: true,
    host_memory: HostMemorySlots { data: 2, size: 3 },
    runtime: RuntimeSlots { deserialize_cuda_engine: 3 },
    profile: ProfileSlots { set_dimensions: 2 },
    engine: EngineSlots {
        create_execution_context: 5,
        without_device_memory: WithoutDeviceMemory::Strategy,
        get_device_memory_size: 44,
        get_nb_optimization_profiles: 8,
        create_engine_inspector: 14,
        get_tensor_shape: 15,
        get_tensor_data_type: 16,
        get_tensor_location: 17,
        get_tensor_io_mode: 19,
        get_profile_shape: 25,
        get_nb_io_tensors: 26,
        get_io_tensor_name: 27,
    },
    context: ContextSlots {
        set_device_memory: SetDeviceMemory::AddressAndBytes(48),
        set_optimization_profile_async: 16,
        set_input_shape: 20,
        get_tensor_shape: 21,
        set_tensor_address: 23,
        infer_shapes: 27,
        enqueue_v3: 36,
    },
    inspector: InspectorSlots { get_engine_information: 6 },
    tensor: TensorSlots { get_name: 3, get_dimensions: 5 },
    network: NetworkSlots { get_nb_inputs: 14, get_input: 15 },
    config: ConfigSlots {
        calibration: None,
        clear_flag: 8,
        set_flag: 9,
        add_optimization_profile: 23,
        set_profiling_verbosity: 25,
        set_memory_pool_limit: 32,
        set_builder_optimization_level: 36,
        set_max_aux_streams: 43,
        set_progress_monitor: Some(45),
        share_profiles: None,
    },
    builder: BuilderSlots {
        create_builder_config: 5,
        create_network_v2: 6,
        create_optimization_profile: 7,
        build_serialized_network: 11,
    },
    parser: ParserSlots { parse: 0, get_nb_errors: 3, get_error: 4, delete: 7 },
};
