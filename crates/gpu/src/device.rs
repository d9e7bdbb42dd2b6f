//! A GPU that is in use.

use std::ffi::{CStr, c_char};
use std::sync::Arc;

use bytemuck::Pod;
use cudarc::driver::sys;

use crate::driver::{self, check};
use crate::memory::{Arena, DeviceBuffer, PinnedBuffer};
use crate::stream::Stream;
use crate::{GpuError, Graph};

/// Least compute capability: Turing, for which the kernels are compiled.
const NEEDED_CAPABILITY: (u32, u32) = (7, 5);

/// What a GPU is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Number of the GPU, from 0.
    pub ordinal: usize,
    /// What its maker calls it.
    pub name: String,
    /// Compute capability, major and minor.
    pub compute_capability: (u32, u32),
    /// Memory in bytes.
    pub total_bytes: usize,
    /// Place on the PCI bus, as `nvidia-smi` writes it: `0000:3b:00.0`.
    pub pci_bus_id: String,
    /// CUDA version that the driver supports, major and minor.
    pub driver_cuda: (u32, u32),
}

/// One GPU with one context, one stream and counted memory. Clones are the same device.
#[derive(Debug, Clone)]
pub struct Device {
    context: Arc<Context>,
    stream: Arc<Stream>,
    arena: Arc<Arena>,
    info: Arc<DeviceInfo>,
}

/// The process's primary context on one GPU, which TensorRT and nvJPEG use as well.
#[derive(Debug)]
pub(crate) struct Context {
    handle: sys::CUcontext,
    device: sys::CUdevice,
}

// SAFETY: a context handle may be used from any thread; the driver locks what it shares.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    fn retain(device: sys::CUdevice) -> Result<Arc<Self>, GpuError> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the driver is started and the device exists; released when dropped.
        check("cuDevicePrimaryCtxRetain", unsafe { sys::cuDevicePrimaryCtxRetain(&mut handle, device) })?;
        let context = Arc::new(Self { handle, device });
        context.bind()?;
        Ok(context)
    }

    /// Makes the context current on this thread, as most calls of the driver expect.
    pub(crate) fn bind(&self) -> Result<(), GpuError> {
        // SAFETY: the handle is retained as long as `self` lives.
        check("cuCtxSetCurrent", unsafe { sys::cuCtxSetCurrent(self.handle) })
    }

    /// Free and total bytes of the GPU's memory.
    pub(crate) fn memory(&self) -> Result<(usize, usize), GpuError> {
        self.bind()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: a context is current.
        check("cuMemGetInfo", unsafe { sys::cuMemGetInfo_v2(&mut free, &mut total) })?;
        Ok((free, total))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: retained once in `retain`; everything that lives in the context holds it by `Arc`.
        unsafe { sys::cuDevicePrimaryCtxRelease_v2(self.device) };
    }
}

impl Device {
    /// Takes GPU number `ordinal` into use.
    ///
    /// # Errors
    /// When there is no driver, it is too old, there is no such GPU, or the GPU is older than compute
    /// capability 7.5; each has its own variant.
    pub fn open(ordinal: usize) -> Result<Self, GpuError> {
        let count = driver::gpu_count()?;
        if count == 0 {
            return Err(GpuError::NoGpu);
        }
        if ordinal >= count {
            return Err(GpuError::NoSuchGpu { ordinal, count });
        }
        let mut device = 0;
        // SAFETY: the driver is started and has this many devices.
        check("cuDeviceGet", unsafe { sys::cuDeviceGet(&mut device, ordinal as i32) })?;
        let info = read_info(ordinal, device)?;
        if info.compute_capability < NEEDED_CAPABILITY {
            let (major, minor) = info.compute_capability;
            return Err(GpuError::GpuTooOld { name: info.name, major, minor });
        }
        let context = Context::retain(device)?;
        Ok(Self {
            stream: Arc::new(Stream::new(Arc::clone(&context))?),
            arena: Arc::new(Arena::new(Arc::clone(&context))?),
            context,
            info: Arc::new(info),
        })
    }

    /// How many GPUs the driver sees.
    ///
    /// # Errors
    /// When there is no driver, it is too old, or it sees no GPU.
    pub fn count() -> Result<usize, GpuError> {
        driver::gpu_count()
    }

    /// What the GPU is.
    #[must_use]
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Bytes of the GPU's memory that nobody uses.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn free_bytes(&self) -> Result<usize, GpuError> {
        self.context.memory().map(|(free, _)| free)
    }

    /// The stream that everything runs on.
    #[must_use]
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The memory that was taken.
    #[must_use]
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Makes the device's context current on this thread, for libraries that use the current one.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn make_current(&self) -> Result<(), GpuError> {
        self.context.bind()
    }

    /// Takes zeroed device memory; `what` names it in errors and in the arena's list.
    ///
    /// # Errors
    /// When memory is short, or the arena is sealed.
    pub fn alloc<T: Pod>(&self, what: &str, len: usize) -> Result<DeviceBuffer<T>, GpuError> {
        self.arena.alloc(what, len)
    }

    /// [`Device::alloc`] with contents. Waits for the copy.
    ///
    /// # Errors
    /// When memory is short, the arena is sealed, or the driver fails.
    pub fn alloc_with<T: Pod>(&self, what: &str, contents: &[T]) -> Result<DeviceBuffer<T>, GpuError> {
        let buffer = self.arena.alloc(what, contents.len())?;
        self.stream.write(&buffer, contents)?;
        Ok(buffer)
    }

    /// Takes zeroed host memory that the GPU copies to and from by itself.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn pinned<T: Pod>(&self, len: usize) -> Result<PinnedBuffer<T>, GpuError> {
        PinnedBuffer::new(Arc::clone(&self.context), len)
    }

    /// Records what `enqueue` puts on the stream instead of running it, for [`Graph::launch`].
    ///
    /// Other libraries may put their work on [`Stream::handle`] in between, as long as they neither
    /// allocate nor wait; what they need must live as long as the graph ([`Stream::keep`]). Calls of
    /// other threads are not disturbed.
    ///
    /// # Errors
    /// What `enqueue` returns, or when something cannot be recorded.
    pub fn capture<E: From<GpuError>>(
        &self,
        enqueue: impl FnOnce(&Stream) -> Result<(), E>,
    ) -> Result<Graph, E> {
        Graph::capture(&self.stream, enqueue)
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }
}

fn read_info(ordinal: usize, device: sys::CUdevice) -> Result<DeviceInfo, GpuError> {
    use sys::CUdevice_attribute as Attribute;
    let text = |buffer: &[c_char; 256]| {
        // SAFETY: zero-initialised and one longer than what the driver may write.
        unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_string_lossy().into_owned()
    };
    let attribute = |which| {
        let mut value = 0;
        // SAFETY: the device exists.
        check("cuDeviceGetAttribute", unsafe { sys::cuDeviceGetAttribute(&mut value, which, device) })?;
        Ok::<u32, GpuError>(value.max(0) as u32)
    };
    let (mut name, mut bus, mut total_bytes, mut version) = ([0; 256], [0; 256], 0, 0);
    // SAFETY: the buffers are as long as the driver is told, less their last zero.
    unsafe {
        check("cuDeviceGetName", sys::cuDeviceGetName(name.as_mut_ptr(), 255, device))?;
        check("cuDeviceGetPCIBusId", sys::cuDeviceGetPCIBusId(bus.as_mut_ptr(), 255, device))?;
        check("cuDeviceTotalMem", sys::cuDeviceTotalMem_v2(&mut total_bytes, device))?;
        check("cuDriverGetVersion", sys::cuDriverGetVersion(&mut version))?;
    }
    Ok(DeviceInfo {
        ordinal,
        name: text(&name),
        compute_capability: (
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        total_bytes,
        pci_bus_id: text(&bus),
        driver_cuda: ((version / 1000) as u32, (version % 1000 / 10) as u32),
    })
}
