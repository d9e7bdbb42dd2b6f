//! Windows that move over a picture, its borders and its size.

use super::{Call, LARGEST_DIM, Result};
use crate::Attribute;
use crate::shapes::{Fact, count};

impl Call<'_> {
    pub fn convolution(&self, multiply_adds: &mut u64) -> Result<Fact> {
        let (input, weights) = (self.dims(0)?, self.dims(1)?);
        let groups = self.size(self.int("group", 1)?)?;
        let fits = input.len() == weights.len()
            && input.len() >= 3
            && groups > 0
            && weights[1].checked_mul(groups) == Some(input[1])
            && weights[0].is_multiple_of(groups);
        if !fits {
            let reason = format!("weights {weights:?} in {groups} groups do not fit {input:?}");
            return Err(self.wrong(reason));
        }
        let kernel: Vec<i64> = weights[2..].iter().map(|&size| size as i64).collect();
        if self.ints("kernel_shape")?.is_some_and(|shape| shape != kernel) {
            return Err(self.wrong("kernel_shape is not that of the weights"));
        }
        let mut dims = self.window(&kernel)?;
        dims[1] = weights[0];
        *multiply_adds = count(&dims).saturating_mul(count(&weights[1..]));
        Ok(Fact::of_shape(dims))
    }

    pub fn pool(&self, multiply_adds: &mut u64) -> Result<Fact> {
        let kernel = self.ints("kernel_shape")?.unwrap_or_default();
        let dims = self.window(&kernel)?;
        let area = self.sizes(&kernel)?;
        *multiply_adds = count(&dims).saturating_mul(count(&area));
        Ok(Fact::of_shape(dims))
    }

    /// The dimensions after a window of this size has moved over the input.
    pub fn window(&self, kernel: &[i64]) -> Result<Vec<usize>> {
        let input = self.dims(0)?;
        let sides = kernel.len();
        let sane = kernel.iter().all(|size| (1..=LARGEST_DIM).contains(size));
        if input.len() != sides + 2 || sides == 0 || !sane {
            return Err(self.wrong(format!("a window {kernel:?} on {input:?}")));
        }
        let list = |name: &str, length: usize, default: i64| -> Result<Vec<i64>> {
            let list = self.ints(name)?.unwrap_or_else(|| vec![default; length]);
            let sane = list.len() == length && list.iter().all(|n| (0..=LARGEST_DIM).contains(n));
            if sane { Ok(list) } else { Err(self.wrong(format!("{name} {list:?}"))) }
        };
        let strides = list("strides", sides, 1)?;
        let dilations = list("dilations", sides, 1)?;
        let pads = list("pads", 2 * sides, 0)?;
        let up = self.int("ceil_mode", 0)? != 0;
        let same = match self.node.attribute("auto_pad") {
            None => false,
            Some(Attribute::String(word)) if word == "NOTSET" || word == "VALID" => false,
            Some(Attribute::String(word)) if word.starts_with("SAME_") => true,
            Some(_) => return Err(self.wrong("an unknown auto_pad")),
        };
        let mut dims = input[..2].to_vec();
        for side in 0..sides {
            let (length, stride) = (input[side + 2] as i64, strides[side]);
            let reach = dilations[side] * (kernel[side] - 1) + 1;
            let room = length + pads[side] + pads[side + sides] - reach;
            if stride == 0 || (room < 0 && !same) {
                return Err(self.wrong(format!("a window of {reach} on {length}")));
            }
            let steps = match () {
                () if same => (length + stride - 1) / stride,
                () if up => (room + stride - 1) / stride + 1,
                () => room / stride + 1,
            };
            dims.push(self.size(steps)?);
        }
        Ok(dims)
    }

    pub fn pad(&self) -> Result<Fact> {
        let dims = self.dims(0)?;
        let pads = match self.optional(1) {
            Some(_) => self.known_ints(1)?,
            None => self.ints("pads")?.unwrap_or_default(),
        };
        if pads.len() != 2 * dims.len() || self.optional(3).is_some() {
            return Err(self.wrong(format!("pads {pads:?} on {dims:?}")));
        }
        let sizes = dims.iter().enumerate().map(|(axis, &dim)| {
            let sum = pads[axis].saturating_add(pads[axis + dims.len()]);
            self.size(sum.saturating_add(dim as i64))
        });
        Ok(Fact::of_shape(sizes.collect::<Result<_>>()?))
    }

    pub fn resize(&self) -> Result<Fact> {
        let dims = self.dims(0)?;
        if self.node.attribute("axes").is_some() {
            return Err(self.wrong("a resize of some axes only"));
        }
        // Before operator set 11 the scales came second.
        let scales = self.optional(if self.opset < 11 { 1 } else { 2 });
        let scales = scales.and_then(|fact| fact.floats.as_ref());
        let sizes = match scales.filter(|scales| !scales.is_empty()) {
            Some(scales) if scales.len() == dims.len() => dims
                .iter()
                .zip(scales)
                .map(|(&dim, &scale)| self.size((dim as f32 * scale).floor() as i64))
                .collect::<Result<_>>()?,
            Some(_) => return Err(self.wrong("as many scales as axes are needed")),
            None => self.sizes(&self.known_ints(3)?)?,
        };
        if sizes.len() != dims.len() {
            return Err(self.wrong(format!("{dims:?} to {sizes:?}")));
        }
        Ok(Fact::of_shape(sizes))
    }
}
