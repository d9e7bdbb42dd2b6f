//! Objects that TensorRT made and that are ours to delete.

use std::ptr::NonNull;

use crate::abi::call::{This, delete, implementation, virtual_call};

/// No object lies below.
const FIRST_PAGE: usize = 4096;

/// A public object, deleted when dropped. Whoever owns one also keeps alive what TensorRT wants alive with it.
#[derive(Debug)]
pub(crate) struct Object {
    address: NonNull<std::ffi::c_void>,
}

// SAFETY: TensorRT's objects are bound to no thread. Those whose functions must not run at the same time are only
// called through `&mut`, or under a lock.
unsafe impl Send for Object {}

impl Object {
    /// Takes ownership; `None` for null, which is how TensorRT reports a failure, and for addresses in the first
    /// page: 11.4 gives null plus the offset of a base class where it finds no CUDA.
    ///
    /// # Safety
    /// `address` is such a failure or a public object of TensorRT that nobody else deletes.
    pub(crate) unsafe fn own(address: This) -> Option<Self> {
        NonNull::new(address)
            .filter(|address| address.addr().get() >= FIRST_PAGE)
            .map(|address| Self { address })
    }

    /// The public object, for arguments.
    pub(crate) fn public(&self) -> This {
        self.address.as_ptr()
    }

    /// What the tables of [`crate::abi::slots`] are about.
    pub(crate) fn implementation(&self) -> This {
        // SAFETY: the object lives as long as `self`.
        unsafe { implementation(self.address.as_ptr()) }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: owned, and never used again.
        unsafe { delete(self.address.as_ptr()) }
    }
}

/// The ONNX parser, which is called through its own table.
#[derive(Debug)]
pub(crate) struct Parser {
    address: NonNull<std::ffi::c_void>,
    delete: usize,
}

impl Parser {
    /// Takes ownership; `None` for null. `delete` is the slot that deletes it.
    ///
    /// # Safety
    /// `address` is null or a parser that nobody else deletes, and `delete` is right for its generation.
    pub(crate) unsafe fn own(address: This, delete: usize) -> Option<Self> {
        NonNull::new(address).map(|address| Self { address, delete })
    }

    pub(crate) fn this(&self) -> This {
        self.address.as_ptr()
    }
}

impl Drop for Parser {
    fn drop(&mut self) {
        // SAFETY: owned, and never used again.
        unsafe { virtual_call!(self.this(), self.delete, () -> ()) }
    }
}
