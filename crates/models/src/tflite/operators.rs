//! The operators, one by one. Their numbers are those of `BuiltinOperator`; the settings' fields those
//! of the option tables, in TFLite's schema.

use mien_onnx::Attribute;

use super::TfliteError;
use super::convert::{CHANNELS_FIRST, Converter, Result, Value, keeps_data, plain};
use super::schema::Operator;

impl Converter<'_> {
    pub(super) fn operator(&mut self, operator: &Operator) -> Result<()> {
        let [output] = operator.outputs[..] else {
            return Err(TfliteError::unsupported("an operator with several outputs"));
        };
        if self.values[output].is_some() || self.constants[output].is_some() {
            return Err(TfliteError::damaged(format!("tensor {output} is made twice")));
        }
        const DEQUANTIZE: i32 = 6;
        if self.shape(output).is_empty() && operator.code != DEQUANTIZE {
            return Err(TfliteError::unsupported("a value without axes"));
        }
        let call = Call { operator, output };
        match operator.code {
            0 => self.binary(&call, "Add", operator.byte(0)?),
            2 => self.concatenate(&call),
            3 => self.convolution(&call, [1, 2], [4, 5], operator.byte(3)?, false),
            4 => self.convolution(&call, [1, 2], [5, 6], operator.byte(4)?, true),
            6 => self.dequantise(&call),
            14 => self.unary(&call, "Sigmoid"),
            17 => self.max_pool(&call),
            18 => self.binary(&call, "Mul", operator.byte(0)?),
            19 => self.unary(&call, "Relu"),
            21 => self.relu6(&call),
            22 | 43 => self.reshape(&call),
            28 => self.unary(&call, "Tanh"),
            34 => self.pad(&call),
            39 => self.transpose(&call),
            40 => self.reduce(&call, "ReduceMean"),
            41 => self.binary(&call, "Sub", operator.byte(0)?),
            42 => self.binary(&call, "Div", operator.byte(0)?),
            45 => self.strided_slice(&call),
            54 => self.prelu(&call),
            59 => self.unary(&call, "Neg"),
            65 => self.slice(&call),
            74 => self.reduce(&call, "ReduceSum"),
            75 => self.unary(&call, "Sqrt"),
            76 => self.reciprocal_root(&call),
            99 => self.squared_difference(&call),
            code => Err(TfliteError::unsupported(format!("the TFLite operator {code}"))),
        }
    }

    /// Notes that `output` exists under its own name, its axes in this order, and applies the fused
    /// activation: nodes up to here made `Call::raw`.
    fn made(&mut self, call: &Call, order: Vec<usize>, activation: i8) -> Result<()> {
        let (raw, name) = (call.raw(activation), call.name());
        match activation {
            0 => {}
            1 => self.node("Relu", &[&raw], &name, vec![]),
            3 => self.clip6(&raw, &name),
            other => {
                let what = format!("the fused activation {other}");
                return Err(TfliteError::unsupported(what));
            }
        }
        if order.len() != self.shape(call.output).len() {
            return Err(TfliteError::damaged(format!(
                "tensor {} has another number of axes than its operator makes",
                call.output
            )));
        }
        self.values[call.output] = Some(Value { name, order });
        Ok(())
    }

    fn clip6(&mut self, input: &str, output: &str) {
        let low = self.weights(format!("{output}_low"), &[], &[0.0]);
        let high = self.weights(format!("{output}_high"), &[], &[6.0]);
        self.node("Clip", &[input, &low, &high], output, vec![]);
    }

    fn unary(&mut self, call: &Call, op: &str) -> Result<()> {
        let input = self.value(call.input(0)?)?;
        self.node(op, &[&input.name], &call.name(), vec![]);
        self.made(call, input.order, 0)
    }

    fn relu6(&mut self, call: &Call) -> Result<()> {
        let input = self.value(call.input(0)?)?;
        self.clip6(&input.name, &call.name());
        self.made(call, input.order, 0)
    }

    fn reciprocal_root(&mut self, call: &Call) -> Result<()> {
        let input = self.value(call.input(0)?)?;
        let root = format!("{}_root", call.name());
        self.node("Sqrt", &[&input.name], &root, vec![]);
        self.node("Reciprocal", &[&root], &call.name(), vec![]);
        self.made(call, input.order, 0)
    }

    /// The order that both operands of an elementwise operator shall have, and their names in it.
    fn operands(&mut self, call: &Call) -> Result<(Vec<usize>, [String; 2])> {
        let rank = self.shape(call.output).len();
        let both = [call.input(0)?, call.input(1)?];
        let values: Vec<usize> =
            both.into_iter().filter(|&tensor| self.constants[tensor].is_none()).collect();
        let order = match values[..] {
            [] => return Err(TfliteError::unsupported("arithmetic on constants alone")),
            [first, ..] if values.iter().all(|&v| self.shape(v).len() == rank) => self.value(first)?.order,
            _ => plain(rank),
        };
        let mut names = [const { String::new() }; 2];
        for (name, tensor) in names.iter_mut().zip(both) {
            *name = if self.constants[tensor].is_some() {
                let (dims, numbers) = self.constant(tensor, &order)?;
                let ones = dims.iter().take_while(|&&dim| dim == 1).count();
                let dims = &dims[ones.min(dims.len() - 1)..];
                self.weights(format!("{}_k{tensor}", call.name()), dims, &numbers)
            } else {
                let rank = self.shape(tensor).len();
                let order = if rank == order.len() { order.clone() } else { plain(rank) };
                self.in_order(tensor, &order)?
            };
        }
        Ok((order, names))
    }

    fn binary(&mut self, call: &Call, op: &str, activation: i8) -> Result<()> {
        let (order, [a, b]) = self.operands(call)?;
        self.node(op, &[&a, &b], &call.raw(activation), vec![]);
        self.made(call, order, activation)
    }

    fn squared_difference(&mut self, call: &Call) -> Result<()> {
        let (order, [a, b]) = self.operands(call)?;
        let difference = format!("{}_difference", call.name());
        self.node("Sub", &[&a, &b], &difference, vec![]);
        self.node("Mul", &[&difference, &difference], &call.name(), vec![]);
        self.made(call, order, 0)
    }

    fn prelu(&mut self, call: &Call) -> Result<()> {
        if self.constants[call.input(1)?].is_none() {
            return Err(TfliteError::unsupported("a PReLU with computed slopes"));
        }
        let (order, [input, slopes]) = self.operands(call)?;
        self.node("PRelu", &[&input, &slopes], &call.name(), vec![]);
        self.made(call, order, 0)
    }

    fn dequantise(&mut self, call: &Call) -> Result<()> {
        let input = call.input(0)?;
        let constant = self.constants[input];
        // Half weights become single weights where they are used.
        self.constants[call.output] = Some(constant.ok_or_else(|| {
            TfliteError::unsupported("dequantisation of computed values (a quantised network)")
        })?);
        if self.shape(input) != self.shape(call.output) {
            return Err(TfliteError::damaged("a dequantisation that changes the shape"));
        }
        Ok(())
    }

    fn convolution(
        &mut self,
        call: &Call,
        stride_fields: [usize; 2],
        dilation_fields: [usize; 2],
        activation: i8,
        depthwise: bool,
    ) -> Result<()> {
        let (input, weights) = (call.input(0)?, call.input(1)?);
        let (&[_, _, _, channels], &[first, height, width, last]) = (self.shape(input), self.shape(weights))
        else {
            return Err(TfliteError::damaged("a convolution of no picture"));
        };
        let (order, groups, outputs, fits) = if depthwise {
            ([3, 0, 1, 2], channels, last, first == 1 && last % channels == 0)
        } else {
            let groups = channels / last;
            ([0, 3, 1, 2], groups, first, groups * last == channels && first % groups == 0)
        };
        if !fits {
            return Err(TfliteError::damaged("a convolution whose weights do not fit its input"));
        }
        let window = self.window(call, [height, width], stride_fields, Some(dilation_fields))?;
        let (dims, numbers) = self.constant(weights, &order)?;
        let weights = self.weights(format!("{}_w", call.name()), &dims, &numbers);
        let mut inputs = vec![self.in_order(input, &CHANNELS_FIRST)?, weights];
        if let Some(bias) = call.optional_input(2) {
            let numbers = self.floats(bias)?;
            if numbers.len() != outputs {
                return Err(TfliteError::damaged("a convolution whose bias does not fit"));
            }
            inputs.push(self.weights(format!("{}_b", call.name()), &[outputs], &numbers));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let mut attributes = window;
        attributes.push(("group", Attribute::Int(groups as i64)));
        self.node("Conv", &inputs, &call.raw(activation), attributes);
        self.made(call, CHANNELS_FIRST.to_vec(), activation)
    }

    fn max_pool(&mut self, call: &Call) -> Result<()> {
        let input = call.input(0)?;
        let size = [3, 4].map(|field| call.operator.int(field, 0));
        let [width, height] = size;
        let size = [positive(height?)?, positive(width?)?];
        let window = self.window(call, size, [1, 2], None)?;
        let input = self.in_order(input, &CHANNELS_FIRST)?;
        let activation = call.operator.byte(5)?;
        self.node("MaxPool", &[&input], &call.raw(activation), window);
        self.made(call, CHANNELS_FIRST.to_vec(), activation)
    }

    /// Kernel, strides, dilations and padding of a convolution or pooling, as ONNX has them. The fields
    /// are those of width, then height.
    fn window(
        &self,
        call: &Call,
        size: [usize; 2],
        stride_fields: [usize; 2],
        dilation_fields: Option<[usize; 2]>,
    ) -> Result<Vec<(&'static str, Attribute<'static>)>> {
        let &[_, rows, columns, _] = self.shape(call.input(0)?) else {
            return Err(TfliteError::damaged("a window over no picture"));
        };
        let same = match call.operator.byte(0)? {
            0 => true,
            1 => false,
            _ => return Err(TfliteError::damaged("an unknown kind of padding")),
        };
        let (mut strides, mut dilations, mut before, mut after) = ([1; 2], [1; 2], [0; 2], [0; 2]);
        for (side, length) in [rows, columns].into_iter().enumerate() {
            strides[side] = positive(call.operator.int(stride_fields[1 - side], 1)?)?;
            if let Some(fields) = dilation_fields {
                dilations[side] = positive(call.operator.int(fields[1 - side], 1)?)?;
            }
            if same {
                // TensorFlow's SAME: as many steps as fit with the last one begun, the excess halved.
                let reach = (length.div_ceil(strides[side]) - 1) * strides[side]
                    + (size[side] - 1) * dilations[side]
                    + 1;
                let excess = reach.saturating_sub(length);
                before[side] = excess / 2;
                after[side] = excess - excess / 2;
            }
        }
        let ints = |numbers: &[usize]| Attribute::Ints(numbers.iter().map(|&n| n as i64).collect());
        let mut window = vec![
            ("kernel_shape", ints(&size)),
            ("strides", ints(&strides)),
            ("pads", ints(&[before, after].concat())),
        ];
        if dilation_fields.is_some() {
            window.push(("dilations", ints(&dilations)));
        }
        Ok(window)
    }

    fn pad(&mut self, call: &Call) -> Result<()> {
        const MOST_PADDING: i64 = 4096;
        let value = self.value(call.input(0)?)?;
        let amounts = self.ints(call.input(1)?)?;
        let sane = amounts.iter().all(|n| (0..=MOST_PADDING).contains(n));
        if amounts.len() != 2 * value.order.len() || !sane {
            return Err(TfliteError::damaged("an absurd padding"));
        }
        self.any_batch &= amounts[0] == 0 && amounts[1] == 0;
        // TFLite has before and after of each axis, ONNX every before, then every after.
        let before = value.order.iter().map(|axis| amounts[2 * axis]);
        let after = value.order.iter().map(|axis| amounts[2 * axis + 1]);
        let pads: Vec<i64> = before.chain(after).collect();
        let pads = self.settings(format!("{}_pads", call.name()), &pads);
        self.node("Pad", &[&value.name, &pads], &call.name(), vec![]);
        self.made(call, value.order, 0)
    }

    fn concatenate(&mut self, call: &Call) -> Result<()> {
        let rank = self.shape(call.output).len();
        let axis = axis(i64::from(call.operator.int(0, 0)?), rank)?;
        let tensors: Vec<usize> = call.operator.inputs.iter().flatten().copied().collect();
        let first = tensors.iter().find(|&&tensor| self.constants[tensor].is_none());
        let first = first.ok_or_else(|| TfliteError::unsupported("concatenated constants"))?;
        let order = self.value(*first)?.order;
        let mut names = Vec::new();
        for tensor in tensors {
            names.push(if self.constants[tensor].is_some() {
                // A constant has one item; ONNX does not repeat it for a batch.
                self.any_batch = false;
                let (dims, numbers) = self.constant(tensor, &order)?;
                self.weights(format!("{}_k{tensor}", call.name()), &dims, &numbers)
            } else {
                self.in_order(tensor, &order)?
            });
        }
        self.any_batch &= axis != 0;
        let axis = order.iter().position(|&a| a == axis).unwrap_or(axis) as i64;
        let activation = call.operator.byte(1)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let attributes = vec![("axis", Attribute::Int(axis))];
        self.node("Concat", &names, &call.raw(activation), attributes);
        self.made(call, order, activation)
    }

    fn reshape(&mut self, call: &Call) -> Result<()> {
        let input = call.input(0)?;
        let value = self.value(input)?;
        let name = if keeps_data(&value.order, self.shape(input)) {
            value.name
        } else {
            self.in_order(input, &plain(value.order.len()))?
        };
        self.reshape_to(call, input, &name)
    }

    /// Gives `name`, which has the numbers of `input` in TFLite's sequence, the output's shape.
    fn reshape_to(&mut self, call: &Call, input: usize, name: &str) -> Result<()> {
        let (from, to) = (self.shape(input), self.shape(call.output));
        let mut dims: Vec<i64> = to.iter().map(|&dim| dim as i64).collect();
        if from[0] == 1 && to[0] == 1 && to.len() > 1 {
            // Zero keeps the batch, whatever it is.
            dims[0] = 0;
        } else {
            self.any_batch = false;
        }
        let dims = self.settings(format!("{}_shape", call.name()), &dims);
        self.node("Reshape", &[name, &dims], &call.name(), vec![]);
        self.made(call, plain(to.len()), 0)
    }

    fn transpose(&mut self, call: &Call) -> Result<()> {
        let mut value = self.value(call.input(0)?)?;
        let moves = self.ints(call.input(1)?)?;
        let mut sorted = moves.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..value.order.len() as i64) {
            return Err(TfliteError::damaged("a transposition that is none"));
        }
        if self.shape(call.output).len() != moves.len() {
            return Err(TfliteError::damaged("a transposition that changes the number of axes"));
        }
        self.any_batch &= moves[0] == 0;
        // Axis j of the output is axis moves[j] of the input.
        for axis in &mut value.order {
            let moved = moves.iter().position(|&from| from == *axis as i64);
            *axis = moved.unwrap_or(*axis);
        }
        self.values[call.output] = Some(value);
        Ok(())
    }

    fn reduce(&mut self, call: &Call, op: &str) -> Result<()> {
        let input = call.input(0)?;
        let rank = self.shape(input).len();
        let axes = self.ints(call.input(1)?)?;
        let axes: Vec<usize> = axes.into_iter().map(|a| axis(a, rank)).collect::<Result<_>>()?;
        self.any_batch &= !axes.contains(&0);
        let keep = call.operator.byte(0)? != 0;
        let order = if keep { self.value(input)?.order } else { plain(rank) };
        let name = self.in_order(input, &order)?;
        let places = order.iter().enumerate().filter(|(_, axis)| axes.contains(axis));
        let places: Vec<i64> = places.map(|(place, _)| place as i64).collect();
        let keep_attribute = ("keepdims", Attribute::Int(i64::from(keep)));
        if op == "ReduceSum" {
            let axes = self.settings(format!("{}_axes", call.name()), &places);
            self.node(op, &[&name, &axes], &call.name(), vec![keep_attribute]);
        } else {
            let attributes = vec![("axes", Attribute::Ints(places)), keep_attribute];
            self.node(op, &[&name], &call.name(), attributes);
        }
        self.made(call, if keep { order } else { plain(self.shape(call.output).len()) }, 0)
    }

    fn slice(&mut self, call: &Call) -> Result<()> {
        let shape = self.shape(call.input(0)?);
        let (begin, size) = (self.ints(call.input(1)?)?, self.ints(call.input(2)?)?);
        if begin.len() != shape.len() || size.len() != shape.len() {
            return Err(TfliteError::damaged("a slice of other axes than its input has"));
        }
        let ranges = begin.into_iter().zip(size).zip(shape).map(|((from, size), &length)| {
            let to = if size < 0 { length as i64 } else { from + size };
            [from, to, 1]
        });
        let ranges = ranges.collect();
        self.cut(call, ranges, 0)
    }

    fn strided_slice(&mut self, call: &Call) -> Result<()> {
        let shape = self.shape(call.input(0)?);
        let lists = [1, 2, 3].map(|index| call.input(index).and_then(|list| self.ints(list)));
        let [begin, end, step] = lists;
        let (begin, end, step) = (begin?, end?, step?);
        let masks = [0, 1, 2, 3, 4].map(|field| call.operator.int(field, 0));
        let [begin_mask, end_mask, ellipsis, new_axis, shrink] = masks;
        let (begin_mask, end_mask, shrink) = (begin_mask?, end_mask?, shrink?);
        if ellipsis? != 0 || new_axis? != 0 {
            return Err(TfliteError::unsupported("a slice with an ellipsis or a new axis"));
        }
        let lists = [&begin, &end, &step];
        if lists.iter().any(|list| list.len() != shape.len()) || step.iter().any(|&s| s < 1) {
            return Err(TfliteError::unsupported("a slice backwards or of some axes only"));
        }
        let mut ranges = Vec::new();
        for (axis, &length) in shape.iter().enumerate() {
            let masked = |mask: i32| mask >> axis & 1 != 0;
            let from = if masked(begin_mask) { 0 } else { begin[axis] };
            let to = match () {
                () if masked(shrink) && from == -1 => length as i64,
                () if masked(shrink) => from.saturating_add(1),
                () if masked(end_mask) => length as i64,
                () => end[axis],
            };
            ranges.push([from, to, step[axis]]);
        }
        self.cut(call, ranges, shrink)
    }

    /// Cuts `[from, to, step]` out of each axis; the axes in the mask `shrink` go afterwards.
    fn cut(&mut self, call: &Call, ranges: Vec<[i64; 3]>, shrink: i32) -> Result<()> {
        let input = call.input(0)?;
        let shape = self.shape(input);
        let order = match shrink {
            0 => self.value(input)?.order,
            _ => plain(shape.len()),
        };
        let mut name = self.in_order(input, &order)?;
        let mut lists = [const { Vec::new() }; 4];
        for (place, &axis) in order.iter().enumerate() {
            let [from, to, step] = ranges[axis];
            if [from, to, step] != [0, shape[axis] as i64, 1] {
                self.any_batch &= axis != 0;
                for (list, number) in lists.iter_mut().zip([from, to, place as i64, step]) {
                    list.push(number);
                }
            }
        }
        self.any_batch &= shrink & 1 == 0;
        let cut = if shrink == 0 { call.name() } else { format!("{}_cut", call.name()) };
        let endings = ["from", "to", "axes", "steps"];
        let mut inputs = vec![std::mem::take(&mut name)];
        for (ending, list) in endings.into_iter().zip(&lists) {
            inputs.push(self.settings(format!("{}_{ending}", call.name()), list));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.node("Slice", &inputs, &cut, vec![]);
        if shrink == 0 { self.made(call, order, 0) } else { self.reshape_to(call, input, &cut) }
    }
}

/// One operator with its only output.
struct Call<'a> {
    operator: &'a Operator<'a>,
    output: usize,
}

impl Call<'_> {
    fn optional_input(&self, index: usize) -> Option<usize> {
        self.operator.inputs.get(index).copied().flatten()
    }

    fn input(&self, index: usize) -> Result<usize> {
        self.optional_input(index).ok_or_else(|| {
            let code = self.operator.code;
            TfliteError::damaged(format!("an operator {code} lacks its input {index}"))
        })
    }

    fn name(&self) -> String {
        format!("t{}", self.output)
    }

    /// The name of the output before its fused activation.
    fn raw(&self, activation: i8) -> String {
        match activation {
            0 => self.name(),
            _ => format!("{}_raw", self.name()),
        }
    }
}

fn axis(axis: i64, rank: usize) -> Result<usize> {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_start)
        .ok()
        .filter(|&axis| axis < rank)
        .ok_or_else(|| TfliteError::damaged(format!("an axis {axis} of {rank}")))
}

/// A stride, dilation or window size within reason.
fn positive(number: i32) -> Result<usize> {
    usize::try_from(number)
        .ok()
        .filter(|number| (1..=1024).contains(number))
        .ok_or_else(|| TfliteError::damaged(format!("a stride or window of {number}")))
}
