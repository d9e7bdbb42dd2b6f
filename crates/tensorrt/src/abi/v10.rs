//! TensorRT 10: read off the headers of every release from 10.0.0 to 10.16, which agree in everything below (new
//! functions came at the ends of the tables, and in `INetworkDefinition` behind what is used here).

use super::dims::DimsLayout;
use super::slots::{
    BuilderSlots, CalibrationSlots, ConfigSlots, ContextSlots, EngineSlots, Generation, HostMemorySlots,
    InspectorSlots, NetworkSlots, ParserSlots, ProfileSlots, RuntimeSlots, SetDeviceMemory, TensorSlots,
    WithoutDeviceMemory,
};

/// TensorRT 10.
pub(crate) const TENSORRT_10: Generation = Generation {
    name: "TensorRT 10",
    dims: DimsLayout::Wide,
    network_flags: Some(0),
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
        get_device_memory_size: 7,
        get_nb_optimization_profiles: 10,
        create_engine_inspector: 18,
        get_tensor_shape: 19,
        get_tensor_data_type: 20,
        get_tensor_location: 21,
        get_tensor_io_mode: 23,
        get_profile_shape: 29,
        get_nb_io_tensors: 30,
        get_io_tensor_name: 31,
    },
    context: ContextSlots {
        set_device_memory: SetDeviceMemory::Address(10),
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
        calibration: Some(CalibrationSlots { set_int8_calibrator: 6, set_calibration_profile: 31 }),
        clear_flag: 10,
        set_flag: 11,
        add_optimization_profile: 25,
        set_profiling_verbosity: 27,
        set_memory_pool_limit: 43,
        set_builder_optimization_level: 47,
        set_max_aux_streams: 54,
        set_progress_monitor: Some(56),
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
