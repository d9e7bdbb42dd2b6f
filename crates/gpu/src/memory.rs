//! Memory on the GPU, and host memory that it reads by itself.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytemuck::Pod;
use cudarc::driver::sys;

use crate::GpuError;
use crate::device::Context;
use crate::driver::check;
use crate::stream::Stream;

/// The device memory of one [`Device`](crate::Device): all of it is taken at the start.
#[derive(Debug)]
pub struct Arena {
    context: Arc<Context>,
    /// Apart from the device's stream, which may be recording a graph for another thread.
    zeroing: Stream,
    sealed: AtomicBool,
    counts: Arc<Counts>,
    taken: Mutex<Vec<(String, usize)>>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicUsize,
    allocations: AtomicU64,
}

/// How much device memory is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArenaUsage {
    /// Bytes in use now.
    pub bytes: usize,
    /// Allocations since the device was opened.
    pub allocations: u64,
}

impl Arena {
    pub(crate) fn new(context: Arc<Context>) -> Result<Self, GpuError> {
        Ok(Self {
            zeroing: Stream::new(Arc::clone(&context))?,
            context,
            sealed: AtomicBool::new(false),
            counts: Arc::default(),
            taken: Mutex::default(),
        })
    }

    /// Takes `len` zeroed elements, aligned to 256 bytes.
    ///
    /// # Errors
    /// When memory is short, or the arena is sealed.
    pub fn alloc<T: Pod>(&self, what: &str, len: usize) -> Result<DeviceBuffer<T>, GpuError> {
        let bytes = len.saturating_mul(size_of::<T>());
        if self.sealed.load(Ordering::Acquire) {
            return Err(GpuError::Sealed { what: what.to_owned(), bytes });
        }
        self.context.bind()?;
        let mut pointer = 0;
        // SAFETY: the context is current; freed when the block is dropped. No driver call takes 0 bytes.
        let result = unsafe { sys::cuMemAlloc_v2(&mut pointer, bytes.max(1)) };
        if result == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            let free = self.context.memory().map_or(0, |(free, _)| free);
            return Err(GpuError::OutOfMemory { what: what.to_owned(), bytes, free });
        }
        check("cuMemAlloc", result)?;
        let block =
            Block { context: Arc::clone(&self.context), counts: Arc::clone(&self.counts), pointer, bytes };
        self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counts.allocations.fetch_add(1, Ordering::Relaxed);
        let buffer = DeviceBuffer { block: Arc::new(block), len, element: PhantomData };
        self.zeroing.fill_bytes(&buffer, 0)?;
        self.zeroing.wait()?;
        self.taken.lock().unwrap_or_else(|e| e.into_inner()).push((what.to_owned(), bytes));
        Ok(buffer)
    }

    /// From here on taking memory is an error.
    pub fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    /// Allows taking memory again, to plan anew when a camera changes its frames' size.
    pub fn unseal(&self) {
        self.sealed.store(false, Ordering::Release);
    }

    /// Bytes and allocations so far.
    #[must_use]
    pub fn usage(&self) -> ArenaUsage {
        ArenaUsage {
            bytes: self.counts.bytes.load(Ordering::Relaxed),
            allocations: self.counts.allocations.load(Ordering::Relaxed),
        }
    }

    /// What was taken, in order: purpose and bytes.
    #[must_use]
    pub fn taken(&self) -> Vec<(String, usize)> {
        self.taken.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}

/// One allocation.
#[derive(Debug)]
struct Block {
    context: Arc<Context>,
    counts: Arc<Counts>,
    pointer: sys::CUdeviceptr,
    bytes: usize,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.counts.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if self.context.bind().is_ok() {
            // SAFETY: allocated in `Arena::alloc`. The driver waits for work that still uses it.
            unsafe { sys::cuMemFree_v2(self.pointer) };
        }
    }
}

/// Elements in device memory. Clones are the same memory, which is freed with the last of them and of
/// the graphs that use it.
#[derive(Debug)]
pub struct DeviceBuffer<T> {
    block: Arc<Block>,
    len: usize,
    element: PhantomData<fn() -> T>,
}

impl<T> Clone for DeviceBuffer<T> {
    fn clone(&self) -> Self {
        Self { block: Arc::clone(&self.block), len: self.len, element: PhantomData }
    }
}

impl<T: Pod> DeviceBuffer<T> {
    /// Address in device memory, a multiple of 256.
    #[must_use]
    pub fn pointer(&self) -> u64 {
        self.block.pointer
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    /// The first `len` elements as a buffer of another type.
    ///
    /// # Errors
    /// When they need more bytes than there are.
    pub fn reinterpret<U: Pod>(&self, len: usize) -> Result<DeviceBuffer<U>, GpuError> {
        if len.saturating_mul(size_of::<U>()) > self.bytes() {
            let found = self.bytes() / size_of::<U>().max(1);
            return Err(GpuError::WrongLength { what: "a view of device memory", needed: len, found });
        }
        Ok(DeviceBuffer { block: Arc::clone(&self.block), len, element: PhantomData })
    }

    pub(crate) fn keeper(&self) -> Arc<dyn std::any::Any + Send + Sync> {
        Arc::clone(&self.block) as _
    }

    pub(crate) fn expect_len(&self, what: &'static str, needed: usize) -> Result<(), GpuError> {
        if self.len < needed {
            return Err(GpuError::WrongLength { what, needed, found: self.len });
        }
        Ok(())
    }
}

/// Host memory that the GPU copies to and from by itself.
///
/// Its contents may be read or written when no copy is under way: wait for an
/// [`Event`](crate::Event) that was recorded after the copy. Reading earlier gives a mixture of old and
/// new numbers.
#[derive(Debug)]
pub struct PinnedBuffer<T> {
    block: Arc<PinnedBlock>,
    len: usize,
    element: PhantomData<fn() -> T>,
}

#[derive(Debug)]
struct PinnedBlock {
    context: Arc<Context>,
    pointer: *mut u8,
}

// SAFETY: plain memory; access goes through `PinnedBuffer`'s borrow rules.
unsafe impl Send for PinnedBlock {}
// SAFETY: as above.
unsafe impl Sync for PinnedBlock {}

impl Drop for PinnedBlock {
    fn drop(&mut self) {
        if self.context.bind().is_ok() {
            // SAFETY: allocated in `PinnedBuffer::new`; the driver waits for copies under way.
            unsafe { sys::cuMemFreeHost(self.pointer.cast()) };
        }
    }
}

impl<T: Pod> PinnedBuffer<T> {
    pub(crate) fn new(context: Arc<Context>, len: usize) -> Result<Self, GpuError> {
        context.bind()?;
        let bytes = len.saturating_mul(size_of::<T>()).max(1);
        let mut pointer = std::ptr::null_mut();
        // SAFETY: a context is current; freed when the block is dropped. Pages are aligned for any `T`.
        check("cuMemHostAlloc", unsafe { sys::cuMemHostAlloc(&mut pointer, bytes, 0) })?;
        // SAFETY: just allocated with this length.
        unsafe { pointer.cast::<u8>().write_bytes(0, bytes) };
        let block = Arc::new(PinnedBlock { context, pointer: pointer.cast() });
        Ok(Self { block, len, element: PhantomData })
    }

    pub(crate) fn pointer(&self) -> *mut u8 {
        self.block.pointer
    }

    pub(crate) fn keeper(&self) -> Arc<dyn std::any::Any + Send + Sync> {
        Arc::clone(&self.block) as _
    }
}

impl<T: Pod> Deref for PinnedBuffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` initialised elements of a type that any bytes are valid for.
        unsafe { std::slice::from_raw_parts(self.block.pointer.cast(), self.len) }
    }
}

impl<T: Pod> DerefMut for PinnedBuffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed alone: buffers are not cloned.
        unsafe { std::slice::from_raw_parts_mut(self.block.pointer.cast(), self.len) }
    }
}
