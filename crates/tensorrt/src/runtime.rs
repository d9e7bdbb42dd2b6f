//! Engines from their serialised form.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use crate::abi::call::{This, virtual_call};
use crate::engine::Engine;
use crate::error::RuntimeError;
use crate::library::Library;
use crate::object::Object;

/// Runs engines. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    object: Mutex<Object>,
    library: Library,
}

impl Runtime {
    pub(crate) fn new(library: Library, object: Object) -> Self {
        Self { inner: Arc::new(Inner { object: Mutex::new(object), library }) }
    }

    /// The library that it came from.
    pub fn library(&self) -> &Library {
        &self.inner.library
    }

    /// An engine from its serialised form, on the CUDA device that is current. `plan` is copied.
    ///
    /// A plan is code for the GPU that TensorRT trusts: take it only from where nobody else can write.
    ///
    /// # Errors
    /// [`RuntimeError::Refused`] for a plan of another version or GPU, or a damaged one;
    /// [`RuntimeError::UnsupportedGpu`] where this TensorRT does not run.
    pub fn deserialize(&self, plan: &[u8]) -> Result<Engine, RuntimeError> {
        let library = self.library();
        let table = library.table();
        let mark = library.logger().mark();
        // What it says is in the error.
        let quiet = library.logger().quietly();
        let runtime = self.inner.object.lock().unwrap_or_else(PoisonError::into_inner);
        let (this, slot) = (runtime.implementation(), table.runtime.deserialize_cuda_engine);
        let (bytes, length) = (plan.as_ptr().cast::<c_void>(), plan.len());
        // SAFETY: the slot and the signature are this generation's; `bytes` holds `length` bytes; the engine keeps
        // the runtime alive.
        let object = unsafe {
            Object::own(if table.deserialize_takes_factory {
                let factory: This = std::ptr::null_mut();
                virtual_call!(this, slot, (*const c_void: bytes, usize: length, This: factory) -> This)
            } else {
                virtual_call!(this, slot, (*const c_void: bytes, usize: length) -> This)
            })
        };
        drop((runtime, quiet));
        let refused = || {
            let (library, said) = (library.to_string(), library.logger().errors_since(mark));
            // TensorRT-RTX's words; the others name the kind of GPU that the plan was made for.
            if said.0.iter().any(|line| line.contains("does not support this compute capability")) {
                return RuntimeError::UnsupportedGpu { library, said };
            }
            RuntimeError::Refused { library, said }
        };
        Engine::new(self.clone(), object.ok_or_else(refused)?)
    }
}
