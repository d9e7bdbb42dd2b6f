//! The parts of TFLite's schema that feed-forward networks use.
//!
//! Field numbers and enumerations: `tensorflow/compiler/mlir/lite/schema/schema.fbs`, version 3.

use std::borrow::Cow;

use mien_onnx::f32_from_half;

use super::TfliteError;
use super::flatbuffer::{Buffer, Table};

type Result<T> = std::result::Result<T, TfliteError>;

/// Tensors or operators in one network; MediaPipe's largest has a few hundred.
const MOST_PARTS: usize = 8192;
/// Dimensions of one tensor.
const MOST_DIMENSIONS: usize = 6;
/// Elements of one tensor: 256 MiB of `f32`.
const MOST_ELEMENTS: usize = 64 << 20;
/// All constants together, once they are `f32`.
pub const MOST_CONSTANT_BYTES: usize = 256 << 20;

/// A network: operators in the order of execution.
pub struct Network<'a> {
    pub tensors: Vec<Tensor<'a>>,
    pub operators: Vec<Operator<'a>>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

/// A value or constant of the network.
pub struct Tensor<'a> {
    pub name: String,
    pub shape: Vec<usize>,
    pub element: Element,
    /// The constant's content, when it is one.
    pub data: Option<Cow<'a, [u8]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F32,
    F16,
    I32,
    Other(i8),
}

impl Tensor<'_> {
    /// A constant's numbers.
    pub fn floats(&self) -> Result<Vec<f32>> {
        let data = self.constant()?;
        Ok(match self.element {
            Element::F32 => {
                data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            Element::F16 => {
                data.chunks_exact(2).map(|b| f32_from_half(u16::from_le_bytes([b[0], b[1]]))).collect()
            }
            _ => return Err(self.wrong("is no floating-point constant")),
        })
    }

    /// A constant's whole numbers: axes, paddings, shapes.
    pub fn ints(&self) -> Result<Vec<i64>> {
        const MOST_INTS: usize = 64;
        let data = self.constant()?;
        if self.element != Element::I32 || data.len() > 4 * MOST_INTS {
            return Err(self.wrong("is no short list of whole numbers"));
        }
        Ok(data.chunks_exact(4).map(|b| i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect())
    }

    fn constant(&self) -> Result<&[u8]> {
        let data = self.data.as_deref();
        data.ok_or_else(|| self.wrong("is no constant"))
    }

    fn wrong(&self, what: &str) -> TfliteError {
        TfliteError::damaged(format!("the tensor {:?} {what}", self.name))
    }
}

/// One step of the network.
pub struct Operator<'a> {
    /// `BuiltinOperator`.
    pub code: i32,
    /// Tensor numbers; `None` for an optional input that is left out.
    pub inputs: Vec<Option<usize>>,
    pub outputs: Vec<usize>,
    options: Option<Table<'a>>,
}

impl Operator<'_> {
    /// A 32-bit setting.
    pub fn int(&self, field: usize, default: i32) -> Result<i32> {
        self.options.map_or(Ok(default), |t| t.int(field, default))
    }

    /// An 8-bit setting.
    pub fn byte(&self, field: usize) -> Result<i8> {
        self.options.map_or(Ok(0), |table| table.byte(field, 0))
    }
}

/// Reads a model with one network.
pub fn read(bytes: &[u8]) -> Result<Network<'_>> {
    if bytes.get(4..8) != Some(b"TFL3") {
        return Err(TfliteError::damaged("it is no TFLite model (no TFL3 mark)"));
    }
    let model = Buffer(bytes).root()?;
    let codes = model
        .tables(1, MOST_PARTS)?
        .iter()
        // Codes below 127 used to be bytes; writers fill both fields.
        .map(|code| Ok(code.int(3, 0)?.max(i32::from(code.byte(0, 0)?))))
        .collect::<Result<Vec<i32>>>()?;
    let buffers = model.tables(4, 2 * MOST_PARTS)?;
    let [graph] = model.tables(2, MOST_PARTS)?[..] else {
        return Err(TfliteError::unsupported("several subgraphs or none"));
    };
    let mut constant_bytes = 0;
    let tensors = graph
        .tables(0, MOST_PARTS)?
        .into_iter()
        .map(|table| tensor(table, &buffers, &mut constant_bytes))
        .collect::<Result<Vec<_>>>()?;
    let number = |index: i32| -> Result<usize> {
        usize::try_from(index)
            .ok()
            .filter(|&index| index < tensors.len())
            .ok_or_else(|| TfliteError::damaged(format!("there is no tensor {index}")))
    };
    let numbers = |list: Vec<i32>| list.into_iter().map(number).collect::<Result<Vec<_>>>();
    let operators = graph
        .tables(3, MOST_PARTS)?
        .into_iter()
        .map(|table| {
            let code = usize::try_from(table.int(0, 0)?).ok();
            let code = code.and_then(|index| codes.get(index));
            let inputs = table.ints(1, 64)?.into_iter();
            Ok(Operator {
                code: *code.ok_or_else(|| TfliteError::damaged("an operator of no kind"))?,
                inputs: inputs
                    .map(|index| (index != -1).then(|| number(index)).transpose())
                    .collect::<Result<_>>()?,
                outputs: numbers(table.ints(2, 64)?)?,
                options: table.table(4)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Network {
        operators,
        inputs: numbers(graph.ints(1, 64)?)?,
        outputs: numbers(graph.ints(2, 64)?)?,
        tensors,
    })
}

fn tensor<'a>(table: Table<'a>, buffers: &[Table<'a>], constant_bytes: &mut usize) -> Result<Tensor<'a>> {
    const LONGEST_NAME_BYTES: usize = 1024;
    let name = table.bytes(3)?;
    let name = String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME_BYTES)]).into_owned();
    let dims = table.ints(0, MOST_DIMENSIONS)?;
    let shape = dims.iter().try_fold(vec![], |mut shape: Vec<usize>, &dim| {
        shape.push(usize::try_from(dim).ok().filter(|&dim| dim > 0)?);
        Some(shape)
    });
    let absurd = || TfliteError::damaged(format!("the tensor {name:?} has the shape {dims:?}"));
    let shape = shape.ok_or_else(absurd)?;
    let elements = shape
        .iter()
        .try_fold(1_usize, |product, &dim| product.checked_mul(dim))
        .filter(|&elements| elements <= MOST_ELEMENTS)
        .ok_or_else(absurd)?;
    let (element, element_bytes) = match table.byte(1, 0)? {
        0 => (Element::F32, 4),
        1 => (Element::F16, 2),
        2 => (Element::I32, 4),
        other => (Element::Other(other), 0),
    };
    let buffer = usize::try_from(table.int(2, 0)?).ok();
    let buffer = buffer.and_then(|index| buffers.get(index));
    let buffer = buffer.ok_or_else(|| TfliteError::damaged("a tensor without a buffer"))?;
    let data = Some(buffer.bytes(0)?).filter(|data| !data.is_empty());
    if let Some(data) = data {
        if let Element::Other(code) = element {
            let what = format!("constants of the element type {code} (a quantised network)");
            return Err(TfliteError::unsupported(what));
        }
        if data.len() != elements * element_bytes {
            let what = format!("the tensor {name:?} ({element:?}, {dims:?}) holds {} bytes", data.len());
            return Err(TfliteError::damaged(what));
        }
        // Several tensors may share a buffer, so a small file could ask for a lot of memory.
        *constant_bytes += elements * 4;
        if *constant_bytes > MOST_CONSTANT_BYTES {
            return Err(TfliteError::damaged("its constants are absurdly large"));
        }
    }
    Ok(Tensor { name, shape, element, data: data.map(Cow::Borrowed) })
}
