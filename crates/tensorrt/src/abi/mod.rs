//! TensorRT's binary interface: virtual tables, their slots, and the few types that cross them by value.
//!
//! A public object (`IRuntime`, `ICudaEngine`, …) is `{ own virtual table, implementation }`. Its methods are
//! inline in NVIDIA's headers: they call the virtual functions of the *implementation*, so that is what this
//! crate does too. `delete object` is the deleting destructor, slot 1 of the object's *own* table. The ONNX
//! parser and its errors have no implementation behind them and are called through their own tables.

pub(crate) mod call;
pub(crate) mod dims;
pub(crate) mod enums;
pub(crate) mod slots;

#[cfg(test)]
mod check;
mod rtx_1_3;
mod rtx_1_5;
mod v10;
mod v11;
mod v8_6;
