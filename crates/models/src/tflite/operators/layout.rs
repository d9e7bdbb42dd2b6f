//! Operators that arrange numbers anew or fold axes.

use mien_onnx::Attribute;

use super::Call;
use crate::tflite::TfliteError;
use crate::tflite::convert::{Converter, Result, keeps_data, plain};

impl Converter<'_> {
    pub(super) fn concatenate(&mut self, call: &Call) -> Result<()> {
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
                self.weights(format!("{}_k{tensor}", call.name()), &dims, &numbers)?
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

    pub(super) fn reshape(&mut self, call: &Call) -> Result<()> {
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
    pub(super) fn reshape_to(&mut self, call: &Call, input: usize, name: &str) -> Result<()> {
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

    pub(super) fn transpose(&mut self, call: &Call) -> Result<()> {
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

    pub(super) fn reduce(&mut self, call: &Call, op: &str) -> Result<()> {
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

    pub(super) fn slice(&mut self, call: &Call) -> Result<()> {
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

    pub(super) fn strided_slice(&mut self, call: &Call) -> Result<()> {
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
    pub(super) fn cut(&mut self, call: &Call, ranges: Vec<[i64; 3]>, shrink: i32) -> Result<()> {
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

/// An axis that may be counted from the end.
fn axis(axis: i64, rank: usize) -> Result<usize> {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_start)
        .ok()
        .filter(|&axis| axis < rank)
        .ok_or_else(|| TfliteError::damaged(format!("an axis {axis} of {rank}")))
}
