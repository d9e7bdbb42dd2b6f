//! TensorRT-RTX 1.3 and 1.4: read off the headers of the two, which agree in everything below. Between TensorRT 10
//! and 11 in its layout.

use super::dims::DimsLayout;
use super::slots::{
    BuilderSlots, ConfigSlots, ContextSlots, EngineSlots, Generation, HostMemorySlots, InspectorSlots,
    NetworkSlots, ParserSlots, ProfileSlots, RuntimeSlots, SetDeviceMemory, TensorSlots, WithoutDeviceMemory,
};

/// TensorRT-RTX 1.3.
pub(crate) const RTX_1_3: Generation = Generation {
    name: "TensorRT-RTX 1.3",
    dims: DimsLayout::Wide,
    network_flags: None,
    network_flags_strongly_typed: Some(0b10),
    builder_flag_tf32: 6,
    deserialize_takes_factory: false,
    versioned_interfaces: true,
    logger_versioned: false,
    host_memory: HostMemorySlots { data: 2, size: 3 },
    runtime: RuntimeSlots { deserialize_cuda_engine: 3 },
    profile: ProfileSlots { set_dimensions: 2 },
    engine: EngineSlots {
        create_execution_context: 5,
        without_device_memory: WithoutDeviceMemory::Strategy,
        get_device_memory_size: 50,
        get_nb_optimization_profiles: 8,
        create_engine_inspector: 16,
        get_tensor_shape: 17,
        get_tensor_data_type: 18,
        get_tensor_location: 19,
        get_tensor_io_mode: 21,
        get_profile_shape: 27,
        get_nb_io_tensors: 28,
        get_io_tensor_name: 29,
    },
    context: ContextSlots {
        set_device_memory: SetDeviceMemory::AddressAndBytes(49),
        set_optimization_profile_async: 17,
        set_input_shape: 21,
        get_tensor_shape: 22,
        set_tensor_address: 24,
        infer_shapes: 28,
        enqueue_v3: 37,
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
        create_builder_config: 7,
        create_network_v2: 8,
        create_optimization_profile: 9,
        build_serialized_network: 14,
    },
    parser: ParserSlots { parse: 0, get_nb_errors: 5, get_error: 6, delete: 9 },
};
