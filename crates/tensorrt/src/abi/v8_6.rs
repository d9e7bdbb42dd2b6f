//! TensorRT 8.6: read off the headers of 8.6.0 and 8.6.1, which agree in everything below.

use super::dims::DimsLayout;
use super::slots::{
    BuilderSlots, CalibrationSlots, ConfigSlots, ContextSlots, EngineSlots, Generation, HostMemorySlots,
    InspectorSlots, NetworkSlots, ParserSlots, ProfileSlots, RuntimeSlots, SetDeviceMemory, SharedProfiles,
    TensorSlots, WithoutDeviceMemory,
};

/// TensorRT 8.6.
pub(crate) const TENSORRT_8_6: Generation = Generation {
    name: "TensorRT 8.6",
    dims: DimsLayout::Narrow,
    network_flags: Some(1),
    network_flags_strongly_typed: None,
    builder_flag_tf32: 7,
    deserialize_takes_factory: true,
    versioned_interfaces: false,
    logger_versioned: false,
    host_memory: HostMemorySlots { data: 2, size: 3 },
    runtime: RuntimeSlots { deserialize_cuda_engine: 2 },
    profile: ProfileSlots { set_dimensions: 2 },
    engine: EngineSlots {
        create_execution_context: 11,
        without_device_memory: WithoutDeviceMemory::Method(13),
        get_device_memory_size: 14,
        get_nb_optimization_profiles: 22,
        create_engine_inspector: 33,
        get_tensor_shape: 34,
        get_tensor_data_type: 35,
        get_tensor_location: 36,
        get_tensor_io_mode: 38,
        get_profile_shape: 44,
        get_nb_io_tensors: 45,
        get_io_tensor_name: 46,
    },
    context: ContextSlots {
        set_device_memory: SetDeviceMemory::Address(11),
        set_optimization_profile_async: 25,
        set_input_shape: 29,
        get_tensor_shape: 30,
        set_tensor_address: 32,
        infer_shapes: 35,
        enqueue_v3: 44,
    },
    inspector: InspectorSlots { get_engine_information: 5 },
    tensor: TensorSlots { get_name: 3, get_dimensions: 5 },
    network: NetworkSlots { get_nb_inputs: 19, get_input: 20 },
    config: ConfigSlots {
        calibration: Some(CalibrationSlots { set_int8_calibrator: 8, set_calibration_profile: 35 }),
        clear_flag: 14,
        set_flag: 15,
        add_optimization_profile: 29,
        set_profiling_verbosity: 31,
        set_memory_pool_limit: 47,
        set_builder_optimization_level: 51,
        set_max_aux_streams: 58,
        set_progress_monitor: None,
        share_profiles: Some(SharedProfiles { set_preview_feature: 49, feature: 2 }),
    },
    builder: BuilderSlots {
        create_builder_config: 9,
        create_network_v2: 11,
        create_optimization_profile: 12,
        build_serialized_network: 17,
    },
    parser: ParserSlots { parse: 0, get_nb_errors: 6, get_error: 7, delete: 5 },
};
