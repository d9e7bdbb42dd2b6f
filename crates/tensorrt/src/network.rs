//! A network, read from an ONNX file.

use std::ffi::{CStr, c_char, c_int, c_void};

use crate::abi::call::{This, implementation, virtual_call};
use crate::abi::slots::parser_error;
use crate::error::{BuildError, ParserError, Said};
use crate::library::Library;
use crate::object::{Object, Parser};

/// A network and the parser that holds its weights.
pub(crate) struct Network<'a> {
    /// Deleted before the network.
    _parser: Parser,
    object: Object,
    library: &'a Library,
    name: &'a str,
}

/// An input of a network.
#[derive(Debug)]
pub(crate) struct NetworkInput {
    pub(crate) name: String,
    /// -1 for an axis of any length.
    pub(crate) shape: Vec<i64>,
}

impl<'a> Network<'a> {
    /// Reads `onnx` (which the network may go on pointing into) into a new network of `builder`.
    pub(crate) fn parse(
        library: &'a Library,
        builder: &Object,
        flags: u32,
        name: &'a str,
        onnx: &'a [u8],
    ) -> Result<Self, BuildError> {
        let (mark, slots) = (library.logger().mark(), library.table());
        let failed = |step| {
            let said = library.logger().errors_since(mark);
            BuildError::Failed { name: name.to_owned(), step, said }
        };
        // SAFETY: the slot and the signature are this generation's; the network is ours and goes before the builder.
        let object = unsafe {
            let slot = slots.builder.create_network_v2;
            Object::own(virtual_call!(builder.implementation(), slot, (u32: flags) -> This))
        };
        let object = object.ok_or_else(|| failed("making a network"))?;
        let parser = library.parser(&object)?.ok_or_else(|| failed("making an ONNX parser"))?;
        let (bytes, length) = (onnx.as_ptr().cast::<c_void>(), onnx.len());
        let path: *const c_char = std::ptr::null();
        // SAFETY: the slot and the signature are this generation's; `bytes` holds `length` bytes; no path, since the
        // weights are inside.
        let parsed = unsafe {
            let slot = slots.parser.parse;
            virtual_call!(parser.this(), slot, (*const c_void: bytes, usize: length, *const c_char: path) -> bool)
        };
        if parsed {
            return Ok(Self { _parser: parser, object, library, name });
        }
        let mut errors = complaints(library, &parser);
        if errors.is_empty() {
            let said: Said = library.logger().errors_since(mark);
            errors.push(ParserError { node: -1, description: said.to_string(), origin: "log".to_owned() });
        }
        Err(BuildError::Parse { name: name.to_owned(), errors })
    }

    /// The public object, for arguments.
    pub(crate) fn public(&self) -> This {
        self.object.public()
    }

    pub(crate) fn inputs(&self) -> Result<Vec<NetworkInput>, BuildError> {
        let (this, slots) = (self.object.implementation(), self.library.table());
        // SAFETY: the slot and the signature are this generation's.
        let count = unsafe { virtual_call!(this, slots.network.get_nb_inputs, () -> i32) };
        let input = |index| {
            // SAFETY: the slots and the signatures are this generation's; the tensor belongs to the network, and its
            // name is a C string.
            unsafe {
                let tensor = virtual_call!(this, slots.network.get_input, (i32: index) -> This);
                if tensor.is_null() {
                    return None;
                }
                let tensor = implementation(tensor);
                let name = string(virtual_call!(tensor, slots.tensor.get_name, () -> *const c_char));
                let shape = slots.dims.shape(tensor, slots.tensor.get_dimensions)?;
                Some(NetworkInput { name, shape })
            }
        };
        let unknown = || BuildError::Failed {
            name: self.name.to_owned(),
            step: "reading the network's inputs",
            said: Said::default(),
        };
        (0..count).map(|index| input(index).ok_or_else(unknown)).collect()
    }
}

fn complaints(library: &Library, parser: &Parser) -> Vec<ParserError> {
    let slots = &library.table().parser;
    // SAFETY: the slots and the signatures are this generation's; errors belong to the parser; their texts are C
    // strings or null.
    unsafe {
        let count = virtual_call!(parser.this(), slots.get_nb_errors, () -> c_int);
        let errors = (0..count).filter_map(|index| {
            let error = virtual_call!(parser.this(), slots.get_error, (c_int: index) -> This);
            (!error.is_null()).then(|| {
                let description = string(virtual_call!(error, parser_error::DESC, () -> *const c_char));
                let function = string(virtual_call!(error, parser_error::FUNC, () -> *const c_char));
                let line = virtual_call!(error, parser_error::LINE, () -> c_int);
                let node = virtual_call!(error, parser_error::NODE, () -> c_int);
                ParserError { node, description, origin: format!("{function}, line {line}") }
            })
        });
        errors.collect()
    }
}

/// # Safety
/// `text` is null or a C string.
unsafe fn string(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
