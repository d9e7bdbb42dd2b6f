//! The slots of every generation against the order of NVIDIA's virtual functions.

use std::collections::HashMap;

use super::slots::{
    Generation, RTX_1_3, RTX_1_5, SetDeviceMemory, TENSORRT_8_6, TENSORRT_10, TENSORRT_11,
    WithoutDeviceMemory, parser_error,
};

/// A list in `tests/tables`: the first slot of each function, by class and name.
struct Table {
    file: &'static str,
    slots: HashMap<(String, String), usize>,
}

impl Table {
    fn read(file: &'static str, text: &str) -> Self {
        let (mut slots, mut class) = (HashMap::new(), String::new());
        for line in text.lines() {
            match line.trim().split_once(' ') {
                None => class = line.to_owned(),
                Some((slot, name)) => {
                    let slot: usize = slot.parse().unwrap();
                    slots.entry((class.clone(), name.to_owned())).or_insert(slot);
                }
            }
        }
        Self { file, slots }
    }

    fn get(&self, class: &str, name: &str) -> Option<usize> {
        self.slots.get(&(class.to_owned(), name.to_owned())).copied()
    }

    #[track_caller]
    fn holds(&self, slot: usize, class: &str, name: &str) {
        assert_eq!(self.get(class, name), Some(slot), "{class}::{name} in {}", self.file);
    }
}

fn check_engine(table: &Table, generation: &Generation) {
    let engine = &generation.engine;
    let holds = |slot, name| table.holds(slot, "VCudaEngine", name);
    holds(engine.create_execution_context, "createExecutionContext");
    if let WithoutDeviceMemory::Method(slot) = engine.without_device_memory {
        holds(slot, "createExecutionContextWithoutDeviceMemory");
    }
    let v1 = table.get("VCudaEngine", "getDeviceMemorySize").is_some();
    holds(engine.get_device_memory_size, if v1 { "getDeviceMemorySize" } else { "getDeviceMemorySizeV2" });
    holds(engine.get_nb_optimization_profiles, "getNbOptimizationProfiles");
    holds(engine.create_engine_inspector, "createEngineInspector");
    holds(engine.get_tensor_shape, "getTensorShape");
    holds(engine.get_tensor_data_type, "getTensorDataType");
    holds(engine.get_tensor_location, "getTensorLocation");
    holds(engine.get_tensor_io_mode, "getTensorIOMode");
    holds(engine.get_profile_shape, "getProfileShape");
    holds(engine.get_nb_io_tensors, "getNbIOTensors");
    holds(engine.get_io_tensor_name, "getIOTensorName");

    let context = &generation.context;
    let holds = |slot, name| table.holds(slot, "VExecutionContext", name);
    match context.set_device_memory {
        SetDeviceMemory::Address(slot) => holds(slot, "setDeviceMemory"),
        SetDeviceMemory::AddressAndBytes(slot) => holds(slot, "setDeviceMemoryV2"),
    }
    holds(context.set_optimization_profile_async, "setOptimizationProfileAsync");
    holds(context.set_input_shape, "setInputShape");
    holds(context.get_tensor_shape, "getTensorShape");
    holds(context.set_tensor_address, "setTensorAddress");
    holds(context.infer_shapes, "inferShapes");
    holds(context.enqueue_v3, "enqueueV3");
    table.holds(generation.inspector.get_engine_information, "VEngineInspector", "getEngineInformation");
}

fn check_config(table: &Table, generation: &Generation) {
    let config = &generation.config;
    let holds = |slot, name| table.holds(slot, "VBuilderConfig", name);
    match &config.calibration {
        Some(calibration) => {
            holds(calibration.set_int8_calibrator, "setInt8Calibrator");
            holds(calibration.set_calibration_profile, "setCalibrationProfile");
        }
        None => assert_eq!(table.get("VBuilderConfig", "setInt8Calibrator"), None),
    }
    holds(config.clear_flag, "clearFlag");
    holds(config.set_flag, "setFlag");
    holds(config.add_optimization_profile, "addOptimizationProfile");
    holds(config.set_profiling_verbosity, "setProfilingVerbosity");
    holds(config.set_memory_pool_limit, "setMemoryPoolLimit");
    holds(config.set_builder_optimization_level, "setBuilderOptimizationLevel");
    holds(config.set_max_aux_streams, "setMaxAuxStreams");
    assert_eq!(config.set_progress_monitor, table.get("VBuilderConfig", "setProgressMonitor"));
    if let Some(shared) = &config.share_profiles {
        holds(shared.set_preview_feature, "setPreviewFeature");
    }
}

fn check(table: &Table, generation: &Generation) {
    let holds = |slot, class, name| table.holds(slot, class, name);
    holds(generation.host_memory.data, "VHostMemory", "data");
    holds(generation.host_memory.size, "VHostMemory", "size");
    holds(generation.runtime.deserialize_cuda_engine, "VRuntime", "deserializeCudaEngine");
    holds(generation.profile.set_dimensions, "VOptimizationProfile", "setDimensions");
    check_engine(table, generation);
    holds(generation.tensor.get_name, "VTensor", "getName");
    holds(generation.tensor.get_dimensions, "VTensor", "getDimensions");
    holds(generation.network.get_nb_inputs, "VNetworkDefinition", "getNbInputs");
    holds(generation.network.get_input, "VNetworkDefinition", "getInput");
    check_config(table, generation);
    holds(generation.builder.create_builder_config, "VBuilder", "createBuilderConfig");
    holds(generation.builder.create_network_v2, "VBuilder", "createNetworkV2");
    holds(generation.builder.create_optimization_profile, "VBuilder", "createOptimizationProfile");
    holds(generation.builder.build_serialized_network, "VBuilder", "buildSerializedNetwork");
    holds(generation.parser.parse, "IParser", "parse");
    holds(generation.parser.get_nb_errors, "IParser", "getNbErrors");
    holds(generation.parser.get_error, "IParser", "getError");
    match table.get("IParser", "destroy") {
        Some(slot) => assert_eq!(generation.parser.delete, slot),
        // The deleting destructor follows the complete one.
        None => holds(generation.parser.delete - 1, "IParser", "~"),
    }
    holds(parser_error::DESC, "IParserError", "desc");
    holds(parser_error::LINE, "IParserError", "line");
    holds(parser_error::FUNC, "IParserError", "func");
    holds(parser_error::NODE, "IParserError", "node");
    let versioned = |class| table.get(class, "getInterfaceInfo").is_some();
    assert_eq!(generation.logger_versioned, versioned("ILogger"));
    if table.get("IInt8EntropyCalibrator2", "getBatch").is_some() {
        assert_eq!(generation.versioned_interfaces, versioned("IInt8EntropyCalibrator2"));
    }
}

#[test]
fn slots_are_where_the_compiler_puts_them() {
    for (file, text, generation) in [
        ("8.6.txt", include_str!("../../tests/tables/8.6.txt"), &TENSORRT_8_6),
        ("10.0.txt", include_str!("../../tests/tables/10.0.txt"), &TENSORRT_10),
        ("10.16.txt", include_str!("../../tests/tables/10.16.txt"), &TENSORRT_10),
        ("11.4.txt", include_str!("../../tests/tables/11.4.txt"), &TENSORRT_11),
        ("rtx-1.3.txt", include_str!("../../tests/tables/rtx-1.3.txt"), &RTX_1_3),
        ("rtx-1.7.txt", include_str!("../../tests/tables/rtx-1.7.txt"), &RTX_1_5),
    ] {
        check(&Table::read(file, text), generation);
    }
}
