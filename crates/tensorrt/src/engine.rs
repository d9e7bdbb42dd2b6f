//! An engine: a network compiled for one GPU.

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::Arc;

use crate::abi::call::{This, virtual_call};
use crate::abi::enums::{
    ALLOCATION_STATIC, ALLOCATION_USER_MANAGED, IO_MODE_INPUT, LAYER_INFORMATION_JSON, LOCATION_HOST,
    PROFILE_SELECTORS,
};
use crate::abi::slots::{Generation, WithoutDeviceMemory};
use crate::context::Context;
use crate::error::RuntimeError;
use crate::library::Library;
use crate::object::Object;
use crate::request::{Profile, ShapeRange};
use crate::runtime::Runtime;

/// The type of a tensor's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// 32-bit floating point.
    Float,
    /// 16-bit IEEE floating point.
    Half,
    /// 8-bit integers with a scale.
    Int8,
    /// 32-bit integers.
    Int32,
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned bytes.
    UInt8,
    /// 8-bit floating point (E4M3).
    Float8,
    /// 16-bit floating point with the exponent of 32-bit.
    BFloat16,
    /// 64-bit integers.
    Int64,
    /// One that this crate has no name for, with TensorRT's number for it.
    Other(i32),
}

impl DataType {
    fn from_number(number: c_int) -> Self {
        match number {
            0 => Self::Float,
            1 => Self::Half,
            2 => Self::Int8,
            3 => Self::Int32,
            4 => Self::Bool,
            5 => Self::UInt8,
            6 => Self::Float8,
            7 => Self::BFloat16,
            8 => Self::Int64,
            other => Self::Other(other),
        }
    }

    /// Bytes of one number; `None` for types that share bytes or are unknown.
    pub fn bytes(self) -> Option<usize> {
        match self {
            Self::Int8 | Self::Bool | Self::UInt8 | Self::Float8 => Some(1),
            Self::Half | Self::BFloat16 => Some(2),
            Self::Float | Self::Int32 => Some(4),
            Self::Int64 => Some(8),
            Self::Other(_) => None,
        }
    }
}

/// Which way a tensor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Read by the engine.
    Input,
    /// Written by the engine.
    Output,
}

/// An input or output of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name in the model.
    pub name: String,
    /// Which way it goes.
    pub direction: Direction,
    /// The type of its numbers.
    pub data_type: DataType,
    /// Its shape; -1 for an axis whose length the caller or the inputs decide.
    pub shape: Vec<i64>,
    /// Whether its address is one of host memory (a shape tensor).
    pub on_host: bool,
}

/// A network compiled for one GPU. Cheap to clone; keeps the runtime alive.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Deleted before the runtime.
    object: Object,
    runtime: Runtime,
    tensors: Vec<TensorInfo>,
    /// Names as C strings, in the order of `tensors`.
    names: Vec<CString>,
}

// SAFETY: the functions of an engine that are called through `&self` only read it or make objects of their own,
// which NVIDIA documents as safe from several threads.
unsafe impl Sync for Inner {}

impl Engine {
    pub(crate) fn new(runtime: Runtime, object: Object) -> Result<Self, RuntimeError> {
        let (tensors, names) = read_tensors(runtime.library().table(), &object)?;
        Ok(Self { inner: Arc::new(Inner { object, runtime, tensors, names }) })
    }

    /// Inputs and outputs, in the engine's order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.inner.tensors
    }

    /// The inputs, in the engine's order.
    pub fn inputs(&self) -> impl Iterator<Item = &TensorInfo> {
        self.tensors().iter().filter(|tensor| tensor.direction == Direction::Input)
    }

    /// The outputs, in the engine's order.
    pub fn outputs(&self) -> impl Iterator<Item = &TensorInfo> {
        self.tensors().iter().filter(|tensor| tensor.direction == Direction::Output)
    }

    /// The profiles that it was built for: the range of every input's shape in each.
    ///
    /// # Errors
    /// [`RuntimeError::Unexpected`] where TensorRT does not know a profile that it counted.
    pub fn profiles(&self) -> Result<Vec<Profile>, RuntimeError> {
        let slot = self.table().engine.get_nb_optimization_profiles;
        // SAFETY: the slot and the signature are this generation's.
        let count = unsafe { virtual_call!(self.this(), slot, () -> i32) };
        (0..count).map(|index| self.profile(index)).collect()
    }

    fn profile(&self, index: i32) -> Result<Profile, RuntimeError> {
        let mut profile = Profile::default();
        for (tensor, name) in self.inner.tensors.iter().zip(&self.inner.names) {
            if tensor.direction == Direction::Input && !tensor.on_host {
                let [min, opt, max] = PROFILE_SELECTORS.map(|selector| {
                    // SAFETY: the slot and the signature are this generation's; `name` is a C string.
                    unsafe {
                        let slot = self.table().engine.get_profile_shape;
                        self.table().dims.profile_shape_of(self.this(), slot, name.as_ptr(), index, selector)
                    }
                });
                let unknown = || RuntimeError::Unexpected(format!("profile {index} lacks {:?}", tensor.name));
                let (min, opt, max) =
                    (min.ok_or_else(unknown)?, opt.ok_or_else(unknown)?, max.ok_or_else(unknown)?);
                profile.inputs.insert(tensor.name.clone(), ShapeRange { min, opt, max });
            }
        }
        Ok(profile)
    }

    /// Device memory that each context needs besides inputs and outputs, in bytes: what
    /// [`Self::context_without_device_memory`] must be given.
    pub fn device_memory_bytes(&self) -> u64 {
        // SAFETY: the slot and the signature are this generation's (`size_t`, or a 64-bit integer that is not
        // negative).
        unsafe { virtual_call!(self.this(), self.table().engine.get_device_memory_size, () -> u64) }
    }

    /// The engine's layers as TensorRT describes them, in JSON. Only names, unless the engine was built with
    /// [`detailed_layers`](crate::BuildRequest::detailed_layers).
    ///
    /// # Errors
    /// [`RuntimeError::Failed`] with what TensorRT said.
    pub fn inspect_json(&self) -> Result<String, RuntimeError> {
        let mark = self.library().logger().mark();
        // SAFETY: the slots and the signatures are this generation's; the text is the inspector's and copied before
        // that is deleted.
        let text = unsafe {
            let make = self.table().engine.create_engine_inspector;
            Object::own(virtual_call!(self.this(), make, () -> This)).and_then(|inspector| {
                let (this, slot) =
                    (inspector.implementation(), self.table().inspector.get_engine_information);
                let text = virtual_call!(this, slot, (c_int: LAYER_INFORMATION_JSON) -> *const c_char);
                (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
            })
        };
        let said = || self.library().logger().errors_since(mark);
        text.ok_or_else(|| RuntimeError::Failed { call: "inspecting the engine", said: said() })
    }

    /// A context with device memory of its own.
    ///
    /// # Errors
    /// [`RuntimeError::Failed`], mostly because the GPU's memory is full.
    pub fn context(&self) -> Result<Context, RuntimeError> {
        let slot = self.table().engine.create_execution_context;
        self.make_context(|this| {
            // SAFETY: the slot and the signature are this generation's.
            unsafe {
                match self.table().engine.without_device_memory {
                    WithoutDeviceMemory::Method(_) => virtual_call!(this, slot, () -> This),
                    WithoutDeviceMemory::Strategy => {
                        virtual_call!(this, slot, (c_int: ALLOCATION_STATIC) -> This)
                    }
                }
            }
        })
    }

    /// A context that works in memory which it is given by [`Context::set_device_memory`] before its first run.
    /// Contexts that never run at the same time may share it.
    ///
    /// # Errors
    /// [`RuntimeError::Failed`] with what TensorRT said.
    pub fn context_without_device_memory(&self) -> Result<Context, RuntimeError> {
        let slot = self.table().engine.create_execution_context;
        self.make_context(|this| {
            // SAFETY: the slot and the signature are this generation's.
            unsafe {
                match self.table().engine.without_device_memory {
                    WithoutDeviceMemory::Method(slot) => virtual_call!(this, slot, () -> This),
                    WithoutDeviceMemory::Strategy => {
                        virtual_call!(this, slot, (c_int: ALLOCATION_USER_MANAGED) -> This)
                    }
                }
            }
        })
    }

    fn make_context(&self, make: impl FnOnce(This) -> This) -> Result<Context, RuntimeError> {
        let mark = self.library().logger().mark();
        // SAFETY: what `make` calls gives null or a context that is ours; the context keeps the engine alive.
        let object = unsafe { Object::own(make(self.this())) };
        let said = || self.library().logger().errors_since(mark);
        let failed = || RuntimeError::Failed { call: "making an execution context", said: said() };
        Ok(Context::new(self.clone(), object.ok_or_else(failed)?))
    }

    /// The library that runs it.
    pub fn library(&self) -> &Library {
        self.inner.runtime.library()
    }

    fn this(&self) -> This {
        self.inner.object.implementation()
    }

    pub(crate) fn table(&self) -> &'static Generation {
        self.library().table()
    }

    /// The name of a tensor as TensorRT takes it.
    pub(crate) fn c_name(&self, name: &str) -> Result<&CStr, RuntimeError> {
        let index = self.inner.tensors.iter().position(|tensor| tensor.name == name);
        let names = || self.inner.tensors.iter().map(|tensor| tensor.name.clone()).collect();
        index
            .map(|index| self.inner.names[index].as_c_str())
            .ok_or_else(|| RuntimeError::UnknownTensor { name: name.to_owned(), tensors: names() })
    }
}

fn read_tensors(
    table: &'static Generation,
    engine: &Object,
) -> Result<(Vec<TensorInfo>, Vec<CString>), RuntimeError> {
    let (this, slots) = (engine.implementation(), &table.engine);
    // SAFETY: the slots and the signatures are this generation's; names are C strings that live as long as the
    // engine.
    unsafe {
        let count = virtual_call!(this, slots.get_nb_io_tensors, () -> i32);
        let tensors = (0..count).map(|index| {
            let name = virtual_call!(this, slots.get_io_tensor_name, (i32: index) -> *const c_char);
            if name.is_null() {
                return Err(RuntimeError::Unexpected(format!("tensor {index} of {count} has no name")));
            }
            let mode = virtual_call!(this, slots.get_tensor_io_mode, (*const c_char: name) -> c_int);
            let data_type = virtual_call!(this, slots.get_tensor_data_type, (*const c_char: name) -> c_int);
            let location = virtual_call!(this, slots.get_tensor_location, (*const c_char: name) -> c_int);
            let shape = table.dims.shape_of(this, slots.get_tensor_shape, name);
            let name = CStr::from_ptr(name).to_owned();
            let text = name.to_string_lossy().into_owned();
            let info = TensorInfo {
                shape: shape.ok_or_else(|| RuntimeError::Unexpected(format!("{text:?} has no shape")))?,
                name: text,
                direction: if mode == IO_MODE_INPUT { Direction::Input } else { Direction::Output },
                data_type: DataType::from_number(data_type),
                on_host: location == LOCATION_HOST,
            };
            Ok((info, name))
        });
        tensors.collect::<Result<Vec<_>, _>>().map(|tensors| tensors.into_iter().unzip())
    }
}
