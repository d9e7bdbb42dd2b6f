//! Work that is recorded once and launched again and again.

use std::any::Any;
use std::sync::Arc;

use cudarc::driver::sys;

use crate::GpuError;
use crate::driver::check;
use crate::stream::{CopiedBytes, Recording, Stream};

/// Recorded work, ready to run. It keeps alive what it uses.
pub struct Graph {
    stream: Arc<Stream>,
    executable: sys::CUgraphExec,
    nodes: usize,
    copied: CopiedBytes,
    _kept: Vec<Arc<dyn Any + Send + Sync>>,
}

// SAFETY: a graph handle may be used from any thread, and `&self` only launches it, which the driver
// orders by itself.
unsafe impl Send for Graph {}
// SAFETY: as above.
unsafe impl Sync for Graph {}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph")
            .field("nodes", &self.nodes)
            .field("copied", &self.copied)
            .finish_non_exhaustive()
    }
}

/// A recorded graph before it is made executable.
struct Recorded(sys::CUgraph);

impl Drop for Recorded {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: given by `cuStreamEndCapture` and destroyed only here.
            unsafe { sys::cuGraphDestroy(self.0) };
        }
    }
}

impl Graph {
    pub(crate) fn capture<E: From<GpuError>>(
        stream: &Arc<Stream>,
        enqueue: impl FnOnce(&Stream) -> Result<(), E>,
    ) -> Result<Self, E> {
        stream.context().bind()?;
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream lives; the capture is ended below whatever `enqueue` does.
        check("cuStreamBeginCapture", unsafe { sys::cuStreamBeginCapture_v2(stream.raw(), mode) })?;
        *stream.recording() = Some(Recording::default());
        let ending = EndCapture(stream);
        let enqueued = enqueue(stream);
        let (recorded, recording) = ending.end();
        enqueued?;
        Ok(Self::instantiate(stream, &recorded?, recording)?)
    }

    fn instantiate(
        stream: &Arc<Stream>,
        recorded: &Recorded,
        recording: Recording,
    ) -> Result<Self, GpuError> {
        let (mut nodes, mut executable) = (0, std::ptr::null_mut());
        // SAFETY: the graph is complete. A null list only counts the nodes.
        check("cuGraphGetNodes", unsafe {
            sys::cuGraphGetNodes(recorded.0, std::ptr::null_mut(), &mut nodes)
        })?;
        // SAFETY: the graph is complete; the executable is destroyed when `Graph` is dropped.
        check("cuGraphInstantiate", unsafe {
            sys::cuGraphInstantiateWithFlags(&mut executable, recorded.0, 0)
        })?;
        let graph = Self {
            stream: Arc::clone(stream),
            executable,
            nodes,
            copied: recording.copied,
            _kept: recording.kept,
        };
        // SAFETY: both live.
        check("cuGraphUpload", unsafe { sys::cuGraphUpload(graph.executable, stream.raw()) })?;
        Ok(graph)
    }

    /// Puts the recorded work on the stream.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn launch(&self) -> Result<(), GpuError> {
        self.stream.context().bind()?;
        // SAFETY: both live, and the graph keeps what its nodes use.
        check("cuGraphLaunch", unsafe { sys::cuGraphLaunch(self.executable, self.stream.raw()) })?;
        self.stream.count(self.copied);
        Ok(())
    }

    /// Number of kernels, copies and event records.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Bytes that each launch copies.
    #[must_use]
    pub fn copied(&self) -> CopiedBytes {
        self.copied
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // What the graph uses is freed next: let a launch under way end first.
        let _ = self.stream.wait();
        // SAFETY: instantiated in `instantiate`, and no launch of it is under way.
        unsafe { sys::cuGraphExecDestroy(self.executable) };
    }
}

/// Ends the capture, also when the enqueuing code panics.
struct EndCapture<'a>(&'a Stream);

impl EndCapture<'_> {
    fn end(self) -> (Result<Recorded, GpuError>, Recording) {
        let ended = end_capture(self.0);
        std::mem::forget(self);
        ended
    }
}

impl Drop for EndCapture<'_> {
    fn drop(&mut self) {
        drop(end_capture(self.0));
    }
}

fn end_capture(stream: &Stream) -> (Result<Recorded, GpuError>, Recording) {
    let mut graph = std::ptr::null_mut();
    // SAFETY: a capture was begun on this stream by this thread.
    let result = unsafe { sys::cuStreamEndCapture(stream.raw(), &mut graph) };
    let recorded = Recorded(graph);
    let recording = stream.recording().take().unwrap_or_default();
    (check("cuStreamEndCapture", result).map(|()| recorded), recording)
}
