//! Operators on pictures: windows that move over them, and their borders.

use mien_onnx::Attribute;

use super::Call;
use crate::tflite::TfliteError;
use crate::tflite::convert::{CHANNELS_FIRST, Converter, Result};

impl Converter<'_> {
    pub(super) fn convolution(
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
        let weights = self.weights(format!("{}_w", call.name()), &dims, &numbers)?;
        let mut inputs = vec![self.in_order(input, &CHANNELS_FIRST)?, weights];
        if let Some(bias) = call.optional_input(2) {
            let numbers = self.floats(bias)?;
            if numbers.len() != outputs {
                return Err(TfliteError::damaged("a convolution whose bias does not fit"));
            }
            inputs.push(self.weights(format!("{}_b", call.name()), &[outputs], &numbers)?);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let mut attributes = window;
        attributes.push(("group", Attribute::Int(groups as i64)));
        self.node("Conv", &inputs, &call.raw(activation), attributes);
        self.made(call, CHANNELS_FIRST.to_vec(), activation)
    }

    pub(super) fn max_pool(&mut self, call: &Call) -> Result<()> {
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
    pub(super) fn window(
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

    pub(super) fn pad(&mut self, call: &Call) -> Result<()> {
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
}

/// A stride, dilation or window size within reason.
fn positive(number: i32) -> Result<usize> {
    usize::try_from(number)
        .ok()
        .filter(|number| (1..=1024).contains(number))
        .ok_or_else(|| TfliteError::damaged(format!("a stride or window of {number}")))
}
