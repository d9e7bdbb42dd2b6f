//! Values of TensorRT's enumerations that are the same in every generation. Those that are not stand in the
//! generation's table.

use std::ffi::c_int;

/// `OptProfileSelector`: the smallest, the usual and the largest shape of a profile, in the order of a
/// [`crate::ShapeRange`].
pub(crate) const PROFILE_SELECTORS: [c_int; 3] = [0, 1, 2];

/// `MemoryPoolType::kWORKSPACE`.
pub(crate) const MEMORY_POOL_WORKSPACE: c_int = 0;

/// `BuilderFlag::kFP16` (8.6, 10 and RTX before 1.5; gone since).
pub(crate) const BUILDER_FLAG_FP16: c_int = 0;

/// `BuilderFlag::kINT8` (8.6 and 10).
pub(crate) const BUILDER_FLAG_INT8: c_int = 1;

/// `ProfilingVerbosity::kDETAILED`.
pub(crate) const PROFILING_DETAILED: c_int = 2;

/// `LayerInformationFormat::kJSON`.
pub(crate) const LAYER_INFORMATION_JSON: c_int = 1;

/// `CalibrationAlgoType::kENTROPY_CALIBRATION_2`.
pub(crate) const ENTROPY_CALIBRATION_2: c_int = 2;

/// `APILanguage::kCPP`.
pub(crate) const API_LANGUAGE_CPP: c_int = 0;

/// `ExecutionContextAllocationStrategy::kSTATIC`.
pub(crate) const ALLOCATION_STATIC: c_int = 0;

/// `ExecutionContextAllocationStrategy::kUSER_MANAGED`.
pub(crate) const ALLOCATION_USER_MANAGED: c_int = 2;

/// `TensorIOMode::kINPUT`; `kOUTPUT` follows it.
pub(crate) const IO_MODE_INPUT: c_int = 1;

/// `TensorLocation::kHOST`.
pub(crate) const LOCATION_HOST: c_int = 1;
