//! One run of an engine at a time.

use std::ffi::{CStr, c_char, c_void};

use crate::abi::call::{This, virtual_call};
use crate::abi::slots::{ContextSlots, SetDeviceMemory};
use crate::calibration::device_pointer;
use crate::engine::Engine;
use crate::error::{RuntimeError, Said};
use crate::logger::Mark;
use crate::object::Object;

/// The state of one run: shapes, addresses, working memory. Keeps its engine alive.
#[derive(Debug)]
pub struct Context {
    /// Deleted before the engine.
    object: Object,
    engine: Engine,
}

impl Context {
    pub(crate) fn new(engine: Engine, object: Object) -> Self {
        Self { object, engine }
    }

    /// The engine that it runs.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Takes profile `index`, in order with the work on `stream`. A new context has profile 0. Shapes of inputs are
    /// to be set again. Not while a graph is captured.
    ///
    /// # Errors
    /// [`RuntimeError::Failed`] for a profile that the engine lacks.
    ///
    /// # Safety
    /// `stream` is null (the default stream) or a stream of the engine's device.
    pub unsafe fn set_profile(&mut self, index: i32, stream: *mut c_void) -> Result<(), RuntimeError> {
        self.call("choosing a profile", |this, slots| {
            let slot = slots.set_optimization_profile_async;
            // SAFETY: the slot and the signature are this generation's; the stream is the caller's.
            unsafe { virtual_call!(this, slot, (i32: index, *mut c_void: stream) -> bool) }
        })
    }

    /// Sets the shape of an input. Every input with an axis of any length needs one, within the profile.
    ///
    /// # Errors
    /// [`RuntimeError::UnknownTensor`], [`RuntimeError::Shape`].
    pub fn set_input_shape(&mut self, name: &str, shape: &[i64]) -> Result<(), RuntimeError> {
        let (mark, c_name) = (self.mark(), self.engine.c_name(name)?.as_ptr());
        let (this, table) = (self.object.implementation(), self.engine.table());
        // SAFETY: the slot and the signature are this generation's; the name is a C string.
        let taken = unsafe { table.dims.set_input_shape(this, table.context.set_input_shape, c_name, shape) };
        if taken {
            return Ok(());
        }
        Err(RuntimeError::Shape { name: name.to_owned(), shape: shape.to_owned(), said: self.said(mark) })
    }

    /// The shape of a tensor in this context: of an output once all inputs have theirs; -1 for axes not known yet.
    ///
    /// # Errors
    /// [`RuntimeError::UnknownTensor`]; [`RuntimeError::Failed`] where the shape cannot be known.
    pub fn tensor_shape(&self, name: &str) -> Result<Vec<i64>, RuntimeError> {
        let (mark, c_name) = (self.mark(), self.engine.c_name(name)?.as_ptr());
        let (this, table) = (self.object.implementation(), self.engine.table());
        // SAFETY: the slot and the signature are this generation's; the name is a C string.
        let shape = unsafe { table.dims.shape_of(this, table.context.get_tensor_shape, c_name) };
        shape.ok_or_else(|| RuntimeError::Failed { call: "reading a tensor's shape", said: self.said(mark) })
    }

    /// Sets where a tensor lies: device memory, or host memory where [`on_host`](crate::TensorInfo::on_host).
    ///
    /// # Errors
    /// [`RuntimeError::UnknownTensor`], [`RuntimeError::Failed`] for an address that is not aligned.
    ///
    /// # Safety
    /// The memory holds the whole tensor at the shape of each run and stays valid, untouched by others, until the
    /// runs (and graphs) that use it are over.
    pub unsafe fn set_tensor_address(&mut self, name: &str, address: u64) -> Result<(), RuntimeError> {
        let name = self.engine.c_name(name)?.as_ptr();
        self.call("setting a tensor's address", |this, slots| {
            // SAFETY: the slot and the signature are this generation's; the name is a C string; the memory is the
            // caller's.
            unsafe {
                let slot = slots.set_tensor_address;
                virtual_call!(this, slot, (*const c_char: name, *mut c_void: device_pointer(address)) -> bool)
            }
        })
    }

    /// Gives a context of [`Engine::context_without_device_memory`] its working memory.
    ///
    /// # Safety
    /// `address` is device memory of `bytes` bytes, at least [`Engine::device_memory_bytes`], aligned to 256 bytes;
    /// it stays valid, and no other context works in it, while this one's runs (and graphs) do.
    pub unsafe fn set_device_memory(&mut self, address: u64, bytes: u64) {
        let (this, address) = (self.object.implementation(), device_pointer(address));
        // SAFETY: the slots and the signatures are this generation's; the memory is the caller's.
        unsafe {
            match self.engine.table().context.set_device_memory {
                SetDeviceMemory::Address(slot) => virtual_call!(this, slot, (*mut c_void: address) -> ()),
                SetDeviceMemory::AddressAndBytes(slot) => {
                    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                    virtual_call!(this, slot, (*mut c_void: address, i64: bytes) -> ());
                }
            }
        }
    }

    /// Works out the outputs' shapes and checks that every input has what it needs.
    ///
    /// # Errors
    /// [`RuntimeError::NotReady`] with the inputs that lack something.
    pub fn infer_shapes(&mut self) -> Result<(), RuntimeError> {
        const MOST_NAMES: usize = 32;
        let mark = self.mark();
        let mut names = [std::ptr::null::<c_char>(); MOST_NAMES];
        let (this, slot) = (self.object.implementation(), self.engine.table().context.infer_shapes);
        // SAFETY: the slot and the signature are this generation's; there is room for that many names.
        let missing = unsafe {
            virtual_call!(this, slot, (i32: MOST_NAMES as i32, *mut *const c_char: names.as_mut_ptr()) -> i32)
        };
        if missing == 0 {
            return Ok(());
        }
        let named = usize::try_from(missing).unwrap_or(0).min(MOST_NAMES);
        let missing = names[..named].iter().filter(|name| !name.is_null());
        // SAFETY: TensorRT wrote as many C strings, which live as long as the engine.
        let missing = missing.map(|name| unsafe { CStr::from_ptr(*name) }.to_string_lossy().into_owned());
        Err(RuntimeError::NotReady { missing: missing.collect(), said: self.said(mark) })
    }

    /// Starts a run on `stream` and returns at once. May be captured into a graph; after a change of shape one run
    /// outside a capture comes first.
    ///
    /// # Errors
    /// [`RuntimeError::Failed`] with what TensorRT said.
    ///
    /// # Safety
    /// `stream` is a stream of the engine's device, and every tensor has memory as
    /// [`Self::set_tensor_address`] asks for; no other run of this context is under way on another stream.
    pub unsafe fn enqueue(&mut self, stream: *mut c_void) -> Result<(), RuntimeError> {
        self.call("running the engine", |this, slots| {
            // SAFETY: the slot and the signature are this generation's; the rest is the caller's.
            unsafe { virtual_call!(this, slots.enqueue_v3, (*mut c_void: stream) -> bool) }
        })
    }

    fn call(
        &mut self,
        call: &'static str,
        made: impl FnOnce(This, &ContextSlots) -> bool,
    ) -> Result<(), RuntimeError> {
        let mark = self.mark();
        if made(self.object.implementation(), &self.engine.table().context) {
            return Ok(());
        }
        Err(RuntimeError::Failed { call, said: self.said(mark) })
    }

    fn mark(&self) -> Mark {
        self.engine.library().logger().mark()
    }

    fn said(&self, mark: Mark) -> Said {
        self.engine.library().logger().errors_since(mark)
    }
}
