//! The order in which the GPU works.

use std::any::Any;
use std::ffi::c_void;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytemuck::Pod;
use cudarc::driver::sys;

use crate::GpuError;
use crate::device::Context;
use crate::driver::check;
use crate::memory::{DeviceBuffer, PinnedBuffer};

/// A queue of work on the GPU: in order, apart from the host and from other streams.
#[derive(Debug)]
pub struct Stream {
    context: Arc<Context>,
    handle: sys::CUstream,
    copied: Copied,
    capture: Mutex<Option<Recording>>,
}

/// What a capture collects beside the graph's nodes.
#[derive(Default)]
pub(crate) struct Recording {
    /// What the graph uses and keeps alive.
    pub kept: Vec<Arc<dyn Any + Send + Sync>>,
    /// Bytes that each launch copies.
    pub copied: CopiedBytes,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("kept", &self.kept.len()).field("copied", &self.copied).finish()
    }
}

/// Bytes copied between host and device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopiedBytes {
    /// From host to device.
    pub to_device: u64,
    /// From device to host.
    pub to_host: u64,
}

#[derive(Debug, Default)]
struct Copied {
    to_device: AtomicU64,
    to_host: AtomicU64,
}

// SAFETY: a stream handle may be used from any thread; the driver locks what it shares.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.context.bind().is_ok() {
            // SAFETY: created in `new`; work that is still queued runs to its end.
            unsafe { sys::cuStreamDestroy_v2(self.handle) };
        }
    }
}

impl Stream {
    pub(crate) fn new(context: Arc<Context>) -> Result<Self, GpuError> {
        context.bind()?;
        let mut handle = std::ptr::null_mut();
        let flags = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: a context is current; destroyed when dropped.
        check("cuStreamCreate", unsafe { sys::cuStreamCreate(&mut handle, flags) })?;
        Ok(Self { context, handle, copied: Copied::default(), capture: Mutex::new(None) })
    }

    /// The driver's `CUstream` (the runtime's `cudaStream_t`), for TensorRT and the like.
    #[must_use]
    pub fn handle(&self) -> *mut c_void {
        self.handle.cast()
    }

    pub(crate) fn raw(&self) -> sys::CUstream {
        self.handle
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Copies the elements `range` from the host to the same place in device memory, in stream order.
    ///
    /// # Errors
    /// When the range lies outside of either, or the driver fails.
    pub fn upload<T: Pod>(
        &self,
        from: &PinnedBuffer<T>,
        to: &DeviceBuffer<T>,
        range: Range<usize>,
    ) -> Result<(), GpuError> {
        let (at, bytes) = span::<T>("an upload", &range, from.len().min(to.len()))?;
        self.context.bind()?;
        // SAFETY: both are at least this long, and a graph that records this keeps them.
        check("cuMemcpyHtoDAsync", unsafe {
            let source = from.pointer().add(at).cast();
            sys::cuMemcpyHtoDAsync_v2(to.pointer() + at as u64, source, bytes, self.handle)
        })?;
        self.note(CopiedBytes { to_device: bytes as u64, to_host: 0 }, || vec![from.keeper(), to.keeper()]);
        Ok(())
    }

    /// Copies the elements `range` from device memory to the same place on the host, in stream order.
    ///
    /// # Errors
    /// When the range lies outside of either, or the driver fails.
    pub fn download<T: Pod>(
        &self,
        from: &DeviceBuffer<T>,
        to: &PinnedBuffer<T>,
        range: Range<usize>,
    ) -> Result<(), GpuError> {
        let (at, bytes) = span::<T>("a download", &range, from.len().min(to.len()))?;
        self.context.bind()?;
        // SAFETY: both are at least this long, and a graph that records this keeps them.
        check("cuMemcpyDtoHAsync", unsafe {
            let target = to.pointer().add(at).cast();
            sys::cuMemcpyDtoHAsync_v2(target, from.pointer() + at as u64, bytes, self.handle)
        })?;
        self.note(CopiedBytes { to_device: 0, to_host: bytes as u64 }, || vec![from.keeper(), to.keeper()]);
        Ok(())
    }

    /// Copies within device memory, in stream order.
    ///
    /// # Errors
    /// When the buffers differ in length, or the driver fails.
    pub fn copy<T: Pod>(&self, from: &DeviceBuffer<T>, to: &DeviceBuffer<T>) -> Result<(), GpuError> {
        if from.len() != to.len() {
            let (needed, found) = (from.len(), to.len());
            return Err(GpuError::WrongLength { what: "a copy's target", needed, found });
        }
        self.context.bind()?;
        // SAFETY: both are this long, and a graph that records this keeps them.
        check("cuMemcpyDtoDAsync", unsafe {
            sys::cuMemcpyDtoDAsync_v2(to.pointer(), from.pointer(), from.bytes(), self.handle)
        })?;
        self.note(CopiedBytes::default(), || vec![from.keeper(), to.keeper()]);
        Ok(())
    }

    /// Copies the elements `range` within device memory to another place, in stream order.
    ///
    /// # Errors
    /// When the range or its target lies outside of its buffer, or the driver fails.
    pub fn copy_range<T: Pod>(
        &self,
        from: &DeviceBuffer<T>,
        range: Range<usize>,
        to: &DeviceBuffer<T>,
        start: usize,
    ) -> Result<(), GpuError> {
        let target = start..start + range.len();
        let (source_at, bytes) = span::<T>("a copy", &range, from.len())?;
        let (target_at, _) = span::<T>("a copy's target", &target, to.len())?;
        self.context.bind()?;
        // SAFETY: both buffers hold their range, and a graph that records this keeps them.
        check("cuMemcpyDtoDAsync", unsafe {
            let (source, target) = (from.pointer() + source_at as u64, to.pointer() + target_at as u64);
            sys::cuMemcpyDtoDAsync_v2(target, source, bytes, self.handle)
        })?;
        self.note(CopiedBytes::default(), || vec![from.keeper(), to.keeper()]);
        Ok(())
    }

    /// Sets every byte of a buffer, in stream order.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn fill_bytes<T: Pod>(&self, buffer: &DeviceBuffer<T>, byte: u8) -> Result<(), GpuError> {
        self.context.bind()?;
        // SAFETY: the buffer is this long, and a graph that records this keeps it.
        check("cuMemsetD8Async", unsafe {
            sys::cuMemsetD8Async(buffer.pointer(), byte, buffer.bytes(), self.handle)
        })?;
        self.note(CopiedBytes::default(), || vec![buffer.keeper()]);
        Ok(())
    }

    /// Writes ordinary host memory to the start of a buffer and waits; for the start, not for frames.
    ///
    /// # Errors
    /// When `contents` is longer than the buffer, or the driver fails.
    pub fn write<T: Pod>(&self, buffer: &DeviceBuffer<T>, contents: &[T]) -> Result<(), GpuError> {
        let (_, bytes) = span::<T>("a write", &(0..contents.len()), buffer.len())?;
        self.context.bind()?;
        // SAFETY: both are this long, and the copy is over before this returns.
        check("cuMemcpyHtoDAsync", unsafe {
            sys::cuMemcpyHtoDAsync_v2(buffer.pointer(), contents.as_ptr().cast(), bytes, self.handle)
        })?;
        self.copied.to_device.fetch_add(bytes as u64, Ordering::Relaxed);
        self.wait()
    }

    /// Reads the start of a buffer into ordinary host memory and waits; for tests and tools.
    ///
    /// # Errors
    /// When `contents` is longer than the buffer, or the driver fails.
    pub fn read<T: Pod>(&self, buffer: &DeviceBuffer<T>, contents: &mut [T]) -> Result<(), GpuError> {
        let (_, bytes) = span::<T>("a read", &(0..contents.len()), buffer.len())?;
        self.context.bind()?;
        // SAFETY: both are this long, and the copy is over before this returns.
        check("cuMemcpyDtoHAsync", unsafe {
            sys::cuMemcpyDtoHAsync_v2(contents.as_mut_ptr().cast(), buffer.pointer(), bytes, self.handle)
        })?;
        self.copied.to_host.fetch_add(bytes as u64, Ordering::Relaxed);
        self.wait()
    }

    /// Waits until everything that was queued is done. It may keep a core busy; see
    /// [`Event`](crate::Event) for a wait that does not.
    ///
    /// # Errors
    /// What went wrong on the GPU, if anything did.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.context.bind()?;
        // SAFETY: the handle lives as long as `self`.
        check("cuStreamSynchronize", unsafe { sys::cuStreamSynchronize(self.handle) })
    }

    /// Bytes copied so far.
    #[must_use]
    pub fn copied(&self) -> CopiedBytes {
        CopiedBytes {
            to_device: self.copied.to_device.load(Ordering::Relaxed),
            to_host: self.copied.to_host.load(Ordering::Relaxed),
        }
    }

    /// Keeps something alive as long as the graph that is being captured; does nothing outside of
    /// [`Device::capture`](crate::Device::capture).
    pub fn keep(&self, kept: Arc<dyn Any + Send + Sync>) {
        self.note(CopiedBytes::default(), || vec![kept]);
    }

    /// Whether a capture is under way.
    #[must_use]
    pub fn is_capturing(&self) -> bool {
        self.recording().is_some()
    }

    pub(crate) fn recording(&self) -> std::sync::MutexGuard<'_, Option<Recording>> {
        self.capture.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(crate) fn count(&self, copied: CopiedBytes) {
        self.copied.to_device.fetch_add(copied.to_device, Ordering::Relaxed);
        self.copied.to_host.fetch_add(copied.to_host, Ordering::Relaxed);
    }

    /// Counts what was copied, or notes it for the graph that is being captured, with what it uses.
    pub(crate) fn note(&self, copied: CopiedBytes, kept: impl FnOnce() -> Vec<Arc<dyn Any + Send + Sync>>) {
        match &mut *self.recording() {
            Some(recording) => {
                recording.kept.extend(kept());
                recording.copied.to_device += copied.to_device;
                recording.copied.to_host += copied.to_host;
            }
            None => self.count(copied),
        }
    }
}

/// Offset and length in bytes of a range of elements.
fn span<T>(what: &'static str, range: &Range<usize>, len: usize) -> Result<(usize, usize), GpuError> {
    if range.start > range.end || range.end > len {
        return Err(GpuError::WrongLength { what, needed: range.end, found: len });
    }
    Ok((range.start * size_of::<T>(), range.len() * size_of::<T>()))
}
