//! The CUDA driver, asked before TensorRT is: without a driver that works, `createInferRuntime_INTERNAL` of 8.6
//! crashes, and that of later ones gives an address that is no object.

use std::ffi::{CStr, c_char, c_int};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::loader::reason;

/// The oldest CUDA version of a driver that TensorRT is started on, as `cuDriverGetVersion` gives it: 12.0.
const OLDEST_CUDA: c_int = 12_000;

const CUDA_ERROR_NO_DEVICE: c_int = 100;

/// Why the CUDA driver is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// There is no driver.
    #[error("no NVIDIA driver ({0}): install the driver of this machine's GPU")]
    Missing(String),
    /// The driver is too old.
    #[error("the NVIDIA driver is of CUDA {}.{}, TensorRT needs one of CUDA 12.0 or later: update the driver", .0 / 1000, .0 % 1000 / 10)]
    TooOld(i32),
    /// There is a driver and no GPU.
    #[error(
        "the NVIDIA driver finds no GPU (is it hidden by CUDA_VISIBLE_DEVICES, or not passed into the container?)"
    )]
    NoDevice,
    /// The driver fails.
    #[error("the NVIDIA driver fails to start: {name} (CUDA error {code})")]
    Failed {
        /// CUDA's number of the error.
        code: i32,
        /// CUDA's name of the error.
        name: String,
    },
}

/// Whether CUDA works at all.
pub(crate) fn check() -> Result<(), DriverError> {
    // SAFETY: NVIDIA's driver, which TensorRT would load all the same; it stays loaded. The signatures are those of
    // the CUDA driver's interface.
    unsafe {
        let driver = Library::open(Some("libcuda.so.1"), RTLD_NOW | RTLD_LOCAL);
        let driver = driver.map_err(|error| DriverError::Missing(reason(&error)))?;
        let checked = check_driver(&driver);
        std::mem::forget(driver);
        checked
    }
}

/// # Safety
/// `driver` is the CUDA driver.
unsafe fn check_driver(driver: &Library) -> Result<(), DriverError> {
    // SAFETY: the signatures are those of the CUDA driver's interface, and the addresses those of live variables.
    unsafe {
        let get = |name: &CStr| {
            let function = driver.get::<unsafe extern "C" fn(*mut c_int) -> c_int>(name);
            function.map(|f| *f).map_err(|error| DriverError::Missing(reason(&error)))
        };
        let init = driver.get::<unsafe extern "C" fn(u32) -> c_int>(c"cuInit");
        let init = init.map_err(|error| DriverError::Missing(reason(&error)))?;
        let outcome = |code| match code {
            0 => Ok(()),
            CUDA_ERROR_NO_DEVICE => Err(DriverError::NoDevice),
            code => Err(DriverError::Failed { code, name: error_name(driver, code) }),
        };
        let (mut version, mut count) = (0, 0);
        outcome(get(c"cuDriverGetVersion")?(&mut version))?;
        if version < OLDEST_CUDA {
            return Err(DriverError::TooOld(version));
        }
        outcome(init(0))?;
        outcome(get(c"cuDeviceGetCount")?(&mut count))?;
        if count > 0 { Ok(()) } else { Err(DriverError::NoDevice) }
    }
}

/// # Safety
/// `driver` is the CUDA driver.
unsafe fn error_name(driver: &Library, code: c_int) -> String {
    let mut name: *const c_char = std::ptr::null();
    // SAFETY: the signature is that of the CUDA driver's interface; the name is a constant of the driver's.
    unsafe {
        if let Ok(function) =
            driver.get::<unsafe extern "C" fn(c_int, *mut *const c_char) -> c_int>(c"cuGetErrorName")
        {
            function(code, &mut name);
        }
        if name.is_null() {
            "unknown".to_owned()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
}
