//! The CUDA driver, loaded when first needed.

use std::ffi::CStr;

use cudarc::driver::sys;

use crate::GpuError;

/// Newest CUDA version that is asked of the driver, as it counts: 1000 × major + 10 × minor. It is that
/// of the compiler that made the kernels.
const NEEDED_VERSION: i32 = 12040;

/// Makes an error of a driver's result.
pub(crate) fn check(call: &'static str, result: sys::CUresult) -> Result<(), GpuError> {
    if result == sys::CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    let mut text = std::ptr::null();
    // SAFETY: the driver is loaded, since it gave `result`; the text it points to is static.
    let message = unsafe {
        if sys::cuGetErrorString(result, &mut text) == sys::CUresult::CUDA_SUCCESS && !text.is_null() {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        } else {
            "unknown error".to_owned()
        }
    };
    Err(GpuError::Driver { call, message, code: result as u32 })
}

/// Loads the driver, checks its version and starts it. May be called again.
pub(crate) fn start() -> Result<(), GpuError> {
    // SAFETY: loading libcuda runs its initialisers, which only set up its own state.
    if !unsafe { sys::is_culib_present() } {
        return Err(GpuError::DriverMissing);
    }
    let mut version = 0;
    // SAFETY: the library is there; this call needs nothing before it.
    check("cuDriverGetVersion", unsafe { sys::cuDriverGetVersion(&mut version) })?;
    if version < NEEDED_VERSION {
        let (major, minor) = ((version / 1000) as u32, (version % 1000 / 10) as u32);
        return Err(GpuError::DriverTooOld { major, minor });
    }
    // SAFETY: as above.
    match unsafe { sys::cuInit(0) } {
        sys::CUresult::CUDA_ERROR_NO_DEVICE => Err(GpuError::NoGpu),
        result => check("cuInit", result),
    }
}

/// How many GPUs the driver sees.
pub(crate) fn gpu_count() -> Result<usize, GpuError> {
    start()?;
    let mut count = 0;
    // SAFETY: the driver is started.
    check("cuDeviceGetCount", unsafe { sys::cuDeviceGetCount(&mut count) })?;
    Ok(count.max(0) as usize)
}
