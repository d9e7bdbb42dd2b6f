//! Points in a stream's work that the host can wait for and take times between.

use std::sync::Arc;

use cudarc::driver::sys;

use crate::GpuError;
use crate::device::{Context, Device};
use crate::driver::check;
use crate::stream::{CopiedBytes, Stream};

/// How the host waits for an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The thread sleeps; it wakes some tens of microseconds after the event.
    Sleep,
    /// The thread keeps its core busy and sees the event at once.
    Spin,
}

/// A point in a stream's work. Recorded in a captured graph it is passed anew at each launch.
#[derive(Debug)]
pub struct Event {
    inner: Arc<Inner>,
    wait: Wait,
}

#[derive(Debug)]
struct Inner {
    context: Arc<Context>,
    handle: sys::CUevent,
}

// SAFETY: an event handle may be used from any thread; the driver locks what it shares.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.context.bind().is_ok() {
            // SAFETY: created in `Event::new` and destroyed only here.
            unsafe { sys::cuEventDestroy_v2(self.handle) };
        }
    }
}

impl Event {
    /// An event that takes the time as well.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn new(device: &Device, wait: Wait) -> Result<Self, GpuError> {
        device.make_current()?;
        let flags = match wait {
            Wait::Sleep => sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC as u32,
            Wait::Spin => sys::CUevent_flags::CU_EVENT_DEFAULT as u32,
        };
        let mut handle = std::ptr::null_mut();
        // SAFETY: a context is current; destroyed when dropped.
        check("cuEventCreate", unsafe { sys::cuEventCreate(&mut handle, flags) })?;
        Ok(Self { inner: Arc::new(Inner { context: Arc::clone(device.context()), handle }), wait })
    }

    /// Marks the point after everything that was queued so far; in a capture, at each launch of the
    /// graph.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn record(&self, stream: &Stream) -> Result<(), GpuError> {
        self.inner.context.bind()?;
        // Without this flag a capture would only note the order of its own nodes.
        let external = sys::CUevent_record_flags::CU_EVENT_RECORD_EXTERNAL as u32;
        let flags = if stream.is_capturing() { external } else { 0 };
        // SAFETY: both live, and a graph that records this keeps the event.
        check("cuEventRecord", unsafe {
            sys::cuEventRecordWithFlags(self.inner.handle, stream.raw(), flags)
        })?;
        stream.note(CopiedBytes::default(), || vec![Arc::clone(&self.inner) as _]);
        Ok(())
    }

    /// Whether the point has been passed (also when it was never marked).
    ///
    /// # Errors
    /// What went wrong on the GPU, if anything did.
    pub fn is_passed(&self) -> Result<bool, GpuError> {
        // SAFETY: the event lives.
        match unsafe { sys::cuEventQuery(self.inner.handle) } {
            sys::CUresult::CUDA_ERROR_NOT_READY => Ok(false),
            result => check("cuEventQuery", result).map(|()| true),
        }
    }

    /// Waits until the point has been passed, the way that was chosen for this event.
    ///
    /// # Errors
    /// What went wrong on the GPU, if anything did.
    pub fn wait(&self) -> Result<(), GpuError> {
        if self.wait == Wait::Spin {
            while !self.is_passed()? {
                std::hint::spin_loop();
            }
            return Ok(());
        }
        // SAFETY: the event lives.
        check("cuEventSynchronize", unsafe { sys::cuEventSynchronize(self.inner.handle) })
    }

    /// Milliseconds on the GPU from `earlier` to this event; both must have been passed.
    ///
    /// # Errors
    /// When one of them was not.
    pub fn millis_since(&self, earlier: &Self) -> Result<f32, GpuError> {
        let mut millis = 0.0;
        // SAFETY: both events live.
        check("cuEventElapsedTime", unsafe {
            sys::cuEventElapsedTime(&mut millis, earlier.inner.handle, self.inner.handle)
        })?;
        Ok(millis)
    }
}
