//! Compiled kernels on the device.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use bytemuck::Pod;
use cudarc::driver::sys;

use crate::GpuError;
use crate::device::{Context, Device};
use crate::driver::check;
use crate::stream::{CopiedBytes, Stream};

/// PTX of one source file, as the driver has compiled it for its GPU.
#[derive(Debug)]
pub(crate) struct Module {
    context: Arc<Context>,
    handle: sys::CUmodule,
    file: &'static str,
}

// SAFETY: a module handle may be used from any thread; the driver locks what it shares.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

impl Drop for Module {
    fn drop(&mut self) {
        if self.context.bind().is_ok() {
            // SAFETY: loaded in `load`; graphs that use its kernels hold it.
            unsafe { sys::cuModuleUnload(self.handle) };
        }
    }
}

/// How many threads a launch has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads a block.
    pub threads: u32,
    /// Bytes of shared memory a block, beside what the kernel declares itself.
    pub shared_bytes: u32,
}

impl Module {
    /// Lets the driver compile `ptx`, which comes from `file`.
    pub(crate) fn load(device: &Device, file: &'static str, ptx: &str) -> Result<Arc<Self>, GpuError> {
        device.make_current()?;
        let text = CString::new(ptx)
            .map_err(|_| GpuError::Kernels { file, log: "a zero byte in the PTX".to_owned() })?;
        let mut log = vec![0u8; 8192];
        let mut options = [
            sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER,
            sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
        ];
        // The driver takes numbers as pointers here.
        let mut values = [log.as_mut_ptr().cast::<c_void>(), log.len() as *mut c_void];
        let mut handle = std::ptr::null_mut();
        // SAFETY: a context is current, the text ends with a zero, the two lists have two entries each,
        // and the log is as long as is said.
        let result = unsafe {
            sys::cuModuleLoadDataEx(
                &mut handle,
                text.as_ptr().cast(),
                2,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        if let Err(error) = check("cuModuleLoadDataEx", result) {
            let text = log.split(|&byte| byte == 0).next().unwrap_or_default();
            let text = String::from_utf8_lossy(text);
            return Err(GpuError::Kernels { file, log: format!("{error} {}", text.trim()) });
        }
        Ok(Arc::new(Self { context: Arc::clone(device.context()), handle, file }))
    }

    /// The kernel of this name, which takes one `P`.
    pub(crate) fn kernel<P: Pod>(self: &Arc<Self>, name: &str) -> Result<Kernel<P>, GpuError> {
        let file = self.file;
        let text =
            CString::new(name).map_err(|_| GpuError::Kernels { file, log: format!("no kernel `{name}`") })?;
        let mut function = std::ptr::null_mut();
        // SAFETY: the module lives; the name ends with a zero.
        let result = unsafe { sys::cuModuleGetFunction(&mut function, self.handle, text.as_ptr()) };
        check("cuModuleGetFunction", result)
            .map_err(|error| GpuError::Kernels { file, log: format!("no kernel `{name}`: {error}") })?;
        Ok(Kernel { function, module: Arc::clone(self), parameters: std::marker::PhantomData })
    }
}

/// A kernel that takes one structure by value.
#[derive(Debug)]
pub(crate) struct Kernel<P> {
    function: sys::CUfunction,
    module: Arc<Module>,
    parameters: std::marker::PhantomData<fn(P)>,
}

// SAFETY: a function handle may be used from any thread; its module is held.
unsafe impl<P> Send for Kernel<P> {}
// SAFETY: as above.
unsafe impl<P> Sync for Kernel<P> {}

impl<P: Pod> Kernel<P> {
    /// Puts the kernel on the stream. `kept` is the memory that `parameters` points to.
    ///
    /// # Safety
    /// The kernel takes exactly one `P`; its pointers lead to memory of `kept` that is as large as the
    /// kernel expects.
    pub(crate) unsafe fn launch(
        &self,
        stream: &Stream,
        shape: Shape,
        parameters: &P,
        kept: &[Arc<dyn std::any::Any + Send + Sync>],
    ) -> Result<(), GpuError> {
        self.module.context.bind()?;
        let mut arguments = [std::ptr::from_ref(parameters).cast_mut().cast::<c_void>()];
        let Shape { grid: [x, y, z], threads, shared_bytes } = shape;
        // SAFETY: the caller vouches for the parameters, which the driver copies before it returns.
        check("cuLaunchKernel", unsafe {
            sys::cuLaunchKernel(
                self.function,
                x,
                y,
                z,
                threads,
                1,
                1,
                shared_bytes,
                stream.raw(),
                arguments.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        })?;
        stream.note(CopiedBytes::default(), || {
            let module = Arc::clone(&self.module) as Arc<dyn std::any::Any + Send + Sync>;
            kept.iter().cloned().chain([module]).collect()
        });
        Ok(())
    }
}
