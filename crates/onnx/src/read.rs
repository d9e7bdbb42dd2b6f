//! Bytes as a model, with every bound checked.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::wire::{Field, Span, Value};
use crate::{Attribute, Dimension, ElementType, Graph, Model, Node, OnnxError, Tensor, ValueInfo};

/// Nodes, names, dimensions, attributes, … in one file. The largest network that Mien meets has some
/// five thousand; each costs at most a few hundred bytes of memory.
const MOST_PARTS: usize = 1 << 18;

impl<'a> Model<'a> {
    /// Reads an ONNX file. Weights are borrowed from `bytes` where they lie there in their final form.
    ///
    /// # Errors
    /// [`OnnxError`]: the file is damaged, hostile, or uses what no face network needs.
    pub fn read(bytes: &'a [u8]) -> Result<Model<'a>, OnnxError> {
        let mut reader = Reader { parts_left: MOST_PARTS };
        reader.model(Span { bytes, offset: 0 })
    }
}

/// Counts down what may still come.
struct Reader {
    parts_left: usize,
}

fn malformed(offset: usize, what: &'static str) -> OnnxError {
    OnnxError::Malformed { offset, what }
}

fn unsupported(what: impl Into<String>) -> OnnxError {
    OnnxError::Unsupported { what: what.into() }
}

impl Reader {
    fn part(&mut self) -> Result<(), OnnxError> {
        self.parts_left = self
            .parts_left
            .checked_sub(1)
            .ok_or(OnnxError::TooMany { what: "nodes, names and numbers", limit: MOST_PARTS })?;
        Ok(())
    }

    fn model<'a>(&mut self, mut span: Span<'a>) -> Result<Model<'a>, OnnxError> {
        let (mut ir_version, mut opset, mut producer, mut graph) = (0, None, String::new(), None);
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                1 => ir_version = field.int()?,
                2 => producer = field.text()?,
                7 if graph.is_some() => return Err(malformed(field.offset, "a second network")),
                7 => graph = Some(self.graph(field.span()?)?),
                8 => self.opset(field.span()?, &mut opset)?,
                25 => return Err(unsupported("functions")),
                _ => {}
            }
        }
        let Some(graph) = graph else {
            return Err(malformed(0, "no network"));
        };
        let opset = opset.ok_or_else(|| malformed(0, "no operator set version"))?;
        if !(7..=22).contains(&opset) {
            return Err(unsupported(format!("operator set {opset} (7 to 22 are)")));
        }
        Ok(Model { ir_version, opset, producer, graph })
    }

    /// Of several operator sets only the standard one matters: nodes of others are refused.
    fn opset(&mut self, mut span: Span, opset: &mut Option<i64>) -> Result<(), OnnxError> {
        let (mut domain, mut version) = (String::new(), 0);
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                1 => domain = field.text()?,
                2 => version = field.int()?,
                _ => {}
            }
        }
        if is_standard(&domain) {
            *opset = Some(version);
        }
        Ok(())
    }

    fn graph<'a>(&mut self, mut span: Span<'a>) -> Result<Graph<'a>, OnnxError> {
        let mut graph = Graph::default();
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                1 => graph.nodes.push(self.node(field.span()?)?),
                2 => graph.name = field.text()?,
                5 => graph.initializers.push(self.tensor(field.span()?)?),
                11 => graph.inputs.push(self.value_info(field.span()?)?),
                12 => graph.outputs.push(self.value_info(field.span()?)?),
                15 => return Err(unsupported("sparse tensors")),
                _ => {}
            }
        }
        check_names(&graph)?;
        let constants: HashSet<&str> = graph.initializers.iter().map(|t| &*t.name).collect();
        graph.inputs.retain(|i| !constants.contains(i.name.as_str()));
        Ok(graph)
    }

    fn node<'a>(&mut self, mut span: Span<'a>) -> Result<Node<'a>, OnnxError> {
        let mut node = Node::default();
        let mut domain = String::new();
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                1 => node.inputs.push(field.text()?),
                2 => node.outputs.push(field.text()?),
                3 => node.name = field.text()?,
                4 => node.op = field.text()?,
                5 => node.attributes.push(self.attribute(field.span()?)?),
                7 => domain = field.text()?,
                _ => {}
            }
        }
        if !is_standard(&domain) {
            let what = format!("the operator {} of the set {domain:?}", node.op);
            return Err(unsupported(what));
        }
        let mut names = HashSet::new();
        if let Some((name, _)) = node.attributes.iter().find(|(name, _)| !names.insert(name)) {
            return Err(unsupported(format!("the attribute {name:?} twice in one {}", node.op)));
        }
        Ok(node)
    }

    fn attribute<'a>(&mut self, mut span: Span<'a>) -> Result<(String, Attribute<'a>), OnnxError> {
        let start = span.offset;
        let (mut name, mut kind, mut value) = (String::new(), 0, None);
        let (mut floats, mut ints) = (Vec::new(), Vec::new());
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                1 => name = field.text()?,
                2 => value = Some(Attribute::Float(field.float()?)),
                3 => value = Some(Attribute::Int(field.int()?)),
                4 => value = Some(Attribute::String(field.text()?)),
                5 => value = Some(Attribute::Tensor(self.tensor(field.span()?)?)),
                7 => self.floats(field, &mut floats)?,
                8 => self.ints(field, &mut ints)?,
                6 | 11 => return Err(unsupported("subgraphs (If, Loop, Scan)")),
                9 | 10 | 14 | 22 | 23 => {
                    return Err(unsupported(format!("the kind of the attribute {name:?}")));
                }
                20 => kind = field.int()?,
                _ => {}
            }
        }
        // Zero is not written, and neither is an empty list: the kind alone then tells.
        let value = match (kind, value) {
            (1, None) => Attribute::Float(0.0),
            (2, None) => Attribute::Int(0),
            (3, None) => Attribute::String(String::new()),
            (6, None) => Attribute::Floats(floats),
            (7, None) => Attribute::Ints(ints),
            (0, None) if !floats.is_empty() => Attribute::Floats(floats),
            (0, None) if !ints.is_empty() => Attribute::Ints(ints),
            (_, Some(value)) => value,
            (_, None) => return Err(malformed(start, "an attribute without a value")),
        };
        Ok((name, value))
    }

    fn floats(&mut self, field: Field, floats: &mut Vec<f32>) -> Result<(), OnnxError> {
        let Value::Bytes(span) = field.value else {
            floats.push(field.float()?);
            return Ok(());
        };
        for bytes in span.bytes.chunks(4) {
            self.part()?;
            let bytes =
                <[u8; 4]>::try_from(bytes).map_err(|_| malformed(span.offset, "half a number in a list"))?;
            floats.push(f32::from_le_bytes(bytes));
        }
        Ok(())
    }

    fn ints(&mut self, field: Field, ints: &mut Vec<i64>) -> Result<(), OnnxError> {
        let Value::Bytes(mut span) = field.value else {
            ints.push(field.int()?);
            return Ok(());
        };
        while let Some(value) = span.next_varint()? {
            self.part()?;
            ints.push(value as i64);
        }
        Ok(())
    }

    fn tensor<'a>(&mut self, mut span: Span<'a>) -> Result<Tensor<'a>, OnnxError> {
        let start = span.offset;
        let (mut name, mut code, mut dims, mut external) = (String::new(), 0, Vec::new(), false);
        let mut data = Cow::Borrowed(&[][..]);
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                1 => self.ints(field, &mut dims)?,
                2 => code = field.int()?,
                8 => name = field.text()?,
                9 => data = Cow::Borrowed(field.span()?.bytes),
                4 | 5 | 7 | 10 => append_numbers(field, code, data.to_mut())?,
                13 => external = true,
                14 => external |= field.int()? != 0,
                3 | 6 | 11 => return Err(unsupported("the kind of data of a tensor")),
                _ => {}
            }
        }
        if external {
            return Err(OnnxError::ExternalData { tensor: name });
        }
        let element = ElementType::from_code(code)
            .ok_or_else(|| unsupported(format!("the element type {code} of {name:?}")))?;
        let dims = sizes(&dims).ok_or_else(|| malformed(start, "an absurd dimension"))?;
        check_data(&name, element, &dims, data.len())?;
        Ok(Tensor { name, element, dims, data })
    }

    fn value_info(&mut self, mut span: Span) -> Result<ValueInfo, OnnxError> {
        let (mut name, mut tensor) = (String::new(), None);
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                1 => name = field.text()?,
                2 => {
                    let mut kind = field.span()?;
                    while let Some(field) = kind.next_field()? {
                        self.part()?;
                        if field.number == 1 {
                            tensor = Some(self.tensor_type(field.span()?)?);
                        }
                    }
                }
                _ => {}
            }
        }
        let Some((code, dims)) = tensor else {
            return Err(unsupported(format!("{name:?}, which is not a tensor")));
        };
        let element = ElementType::from_code(code)
            .ok_or_else(|| unsupported(format!("the element type {code} of {name:?}")))?;
        Ok(ValueInfo { name, element, dims })
    }

    fn tensor_type(&mut self, mut span: Span) -> Result<(i64, Option<Vec<Dimension>>), OnnxError> {
        let (mut code, mut dims) = (0, None);
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                1 => code = field.int()?,
                2 => {
                    let mut shape = field.span()?;
                    let dims = dims.get_or_insert_with(Vec::new);
                    while let Some(field) = shape.next_field()? {
                        self.part()?;
                        if field.number == 1 {
                            dims.push(self.dimension(field.span()?)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok((code, dims))
    }

    fn dimension(&mut self, mut span: Span) -> Result<Dimension, OnnxError> {
        let mut dimension = Dimension::Dynamic(String::new());
        while let Some(field) = span.next_field()? {
            self.part()?;
            match field.number {
                // Some exporters write -1 or 0 where any size goes.
                1 if field.int()? <= 0 => {}
                1 => {
                    let size = sizes(&[field.int()?])
                        .ok_or_else(|| malformed(field.offset, "an absurd dimension"))?;
                    dimension = Dimension::Fixed(size[0]);
                }
                2 => dimension = Dimension::Dynamic(field.text()?),
                _ => {}
            }
        }
        Ok(dimension)
    }
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Dimensions as sizes, when none is negative and the product stays below 2³¹.
fn sizes(dims: &[i64]) -> Option<Vec<usize>> {
    let mut product = 1_i64;
    for &dim in dims {
        product = product.checked_mul(dim.max(1))?;
        if dim < 0 || product > i64::from(i32::MAX) {
            return None;
        }
    }
    Some(dims.iter().map(|&dim| dim as usize).collect())
}

fn check_data(name: &str, element: ElementType, dims: &[usize], bytes: usize) -> Result<(), OnnxError> {
    if dims.iter().product::<usize>() * element.bytes() == bytes {
        return Ok(());
    }
    Err(OnnxError::TensorSize { tensor: name.to_owned(), elements: format!("{element} {dims:?}"), bytes })
}

/// Every value is made once, so that no node can feed itself.
fn check_names(graph: &Graph) -> Result<(), OnnxError> {
    let twice = |name: &str| Err(unsupported(format!("the name {name:?} twice")));
    let mut known: HashSet<&str> = HashSet::new();
    for tensor in &graph.initializers {
        if !known.insert(&tensor.name) {
            return twice(&tensor.name);
        }
    }
    // Old files list constants among the inputs, too.
    known.extend(graph.inputs.iter().map(|input| input.name.as_str()));
    let mut inputs = HashSet::new();
    if let Some(input) = graph.inputs.iter().find(|input| !inputs.insert(&input.name)) {
        return twice(&input.name);
    }
    for node in &graph.nodes {
        if let Some(missing) =
            node.inputs.iter().find(|name| !name.is_empty() && !known.contains(name.as_str()))
        {
            return Err(unsupported(format!(
                "the value {missing:?} before it is made (in {} {:?})",
                node.op, node.name
            )));
        }
        for output in node.outputs.iter().filter(|name| !name.is_empty()) {
            if !known.insert(output) {
                return twice(output);
            }
        }
    }
    match graph.outputs.iter().find(|o| !known.contains(o.name.as_str())) {
        Some(output) => Err(unsupported(format!("the output {:?}, which nothing makes", output.name))),
        None => Ok(()),
    }
}

/// The `float_data`, `int32_data`, `int64_data` and `double_data` forms of a tensor's content, appended
/// in the raw form. `code` is the element type, which every known writer puts before the data.
fn append_numbers(field: Field, code: i64, data: &mut Vec<u8>) -> Result<(), OnnxError> {
    let element =
        ElementType::from_code(code).ok_or_else(|| malformed(field.offset, "data before their type"))?;
    let integers = matches!(field.number, 5 | 7);
    match (field.value, integers) {
        (Value::Bytes(span), false) => data.extend_from_slice(span.bytes),
        (Value::Bytes(mut span), true) => {
            while let Some(value) = span.next_varint()? {
                data.extend_from_slice(&value.to_le_bytes()[..element.bytes()]);
            }
        }
        (Value::Fixed32(bytes), false) => data.extend_from_slice(&bytes),
        (Value::Fixed64(bytes), false) => data.extend_from_slice(&bytes),
        (Value::Varint(value), true) => {
            data.extend_from_slice(&value.to_le_bytes()[..element.bytes()]);
        }
        _ => return Err(malformed(field.offset, "data of the wrong kind")),
    }
    Ok(())
}
