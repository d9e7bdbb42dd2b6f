//! Operators that only arrange numbers anew.

use super::{Call, LARGEST_DIM, Result};
use crate::shapes::{Fact, count, is_short};

impl Call<'_> {
    pub fn concat(&self) -> Result<Fact> {
        let mut dims = self.dims(0)?.to_vec();
        let axis = self.axis(self.int("axis", 0)?, dims.len())?;
        let mut ints = self.fact(0)?.ints.clone();
        for index in 1..self.operands.len() {
            let next = self.fact(index)?;
            let alike = next.dims.len() == dims.len()
                && (0..dims.len()).all(|a| a == axis || next.dims[a] == dims[a]);
            if !alike {
                return Err(self.wrong(format!("{dims:?} and {:?} side by side", next.dims)));
            }
            dims[axis] += next.dims[axis];
            ints = ints.zip(next.ints.as_ref()).map(|(a, b)| [&a[..], b].concat());
        }
        let dims_are_sane = dims[axis] as i64 <= LARGEST_DIM;
        if !dims_are_sane {
            return Err(self.wrong(format!("a dimension of {}", dims[axis])));
        }
        Ok(Fact { ints: ints.filter(|ints| is_short(ints.len())), ..Fact::of_shape(dims) })
    }

    pub fn split(&self) -> Result<Vec<Fact>> {
        let dims = self.dims(0)?;
        let axis = self.axis(self.int("axis", 0)?, dims.len())?;
        let parts = self.node.outputs.len();
        let given = match self.optional(1) {
            Some(_) => Some(self.known_ints(1)?),
            None => self.ints("split")?,
        };
        let sizes = match given {
            Some(sizes) => self.sizes(&sizes)?,
            None => {
                let chunk = dims[axis].div_ceil(parts);
                let start = |part: usize| (part * chunk).min(dims[axis]);
                (0..parts).map(|part| start(part + 1) - start(part)).collect()
            }
        };
        if sizes.iter().sum::<usize>() != dims[axis] {
            return Err(self.wrong(format!("{} in parts of {sizes:?}", dims[axis])));
        }
        let part = |size: usize| {
            let mut dims = dims.to_vec();
            dims[axis] = size;
            Fact::of_shape(dims)
        };
        Ok(sizes.into_iter().map(part).collect())
    }

    pub fn reshape(&self) -> Result<Fact> {
        let fact = self.fact(0)?;
        let wanted = self.known_ints(1)?;
        let keep_zero = self.int("allowzero", 0)? != 0;
        let mut dims = Vec::new();
        for (axis, &size) in wanted.iter().enumerate() {
            dims.push(match size {
                0 if !keep_zero => *fact
                    .dims
                    .get(axis)
                    .ok_or_else(|| self.wrong(format!("it keeps an axis {axis} that is not there")))?,
                -1 => 1,
                size => self.size(size)?,
            });
        }
        let total = count(&fact.dims);
        match wanted.iter().filter(|&&size| size == -1).count() {
            0 => {}
            1 if count(&dims) > 0 && total.is_multiple_of(count(&dims)) => {
                let open = wanted.iter().position(|&size| size == -1).unwrap_or(0);
                dims[open] = self.size((total / count(&dims)) as i64)?;
            }
            _ => return Err(self.wrong(format!("{:?} as {wanted:?}", fact.dims))),
        }
        if count(&dims) != total {
            return Err(self.wrong(format!("{:?} as {wanted:?}", fact.dims)));
        }
        Ok(Fact { ints: fact.ints.clone().filter(|_| dims.len() <= 1), ..Fact::of_shape(dims) })
    }

    pub fn flatten(&self) -> Result<Fact> {
        let dims = self.dims(0)?;
        let axis = match self.int("axis", 1)? {
            axis if axis == dims.len() as i64 => dims.len(),
            axis => self.axis(axis, dims.len())?,
        };
        let sides = [&dims[..axis], &dims[axis..]].map(|side| count(side) as i64);
        Ok(Fact::of_shape(self.sizes(&sides)?))
    }

    pub fn squeeze(&self) -> Result<Fact> {
        let fact = self.fact(0)?;
        let rank = fact.dims.len();
        let axes = match self.given_axes(1)? {
            Some(axes) => self.axes(&axes, rank)?,
            None => (0..rank).filter(|&axis| fact.dims[axis] == 1).collect(),
        };
        if axes.iter().any(|&axis| fact.dims[axis] != 1) {
            return Err(self.wrong(format!("axes {axes:?} of {:?} are not one", fact.dims)));
        }
        let kept = (0..rank).filter(|axis| !axes.contains(axis));
        Ok(Fact { dims: kept.map(|axis| fact.dims[axis]).collect(), ..fact.clone() })
    }

    pub fn unsqueeze(&self) -> Result<Fact> {
        let fact = self.fact(0)?;
        let axes = self.given_axes(1)?.unwrap_or_default();
        let rank = fact.dims.len() + axes.len();
        let axes = self.axes(&axes, rank)?;
        let mut rest = fact.dims.iter();
        let dim = |axis| if axes.contains(&axis) { Some(1) } else { rest.next().copied() };
        let dims: Option<Vec<usize>> = (0..rank).map(dim).collect();
        let dims = dims.ok_or_else(|| self.wrong("the same axis twice"))?;
        Ok(Fact { ints: fact.ints.clone().filter(|_| dims.len() <= 1), ..Fact::of_shape(dims) })
    }

    pub fn transpose(&self) -> Result<Fact> {
        let dims = self.dims(0)?;
        let backwards = || (0..dims.len() as i64).rev().collect();
        let order = self.ints("perm")?.unwrap_or_else(backwards);
        let order = self.axes(&order, dims.len())?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..dims.len()) {
            return Err(self.wrong(format!("perm {order:?} of {dims:?}")));
        }
        Ok(Fact::of_shape(order.iter().map(|&axis| dims[axis]).collect()))
    }

    pub fn slice(&self) -> Result<Fact> {
        let fact = self.fact(0)?;
        let mut dims = fact.dims.clone();
        let (starts, ends) = if self.opset < 10 {
            let both = (self.ints("starts")?, self.ints("ends")?);
            both.0.zip(both.1).ok_or_else(|| self.wrong("no starts or ends"))?
        } else {
            (self.known_ints(1)?, self.known_ints(2)?)
        };
        let all = || (0..starts.len() as i64).collect();
        let axes = self.given_axes(3)?.unwrap_or_else(all);
        let steps = match self.optional(4) {
            Some(_) => self.known_ints(4)?,
            None => vec![1; starts.len()],
        };
        let axes = self.axes(&axes, dims.len())?;
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err(self.wrong("starts, ends, axes and steps of different lengths"));
        }
        let mut ints = fact.ints.clone();
        for (at, &axis) in axes.iter().enumerate() {
            let length = fact.dims[axis] as i64;
            let (step, lowest) = (steps[at], if steps[at] < 0 { -1 } else { 0 });
            if step == 0 || step == i64::MIN {
                return Err(self.wrong("a step of zero"));
            }
            let highest = if step < 0 { length - 1 } else { length };
            let clamp = |n: i64| {
                let from_start = if n < 0 { n.saturating_add(length) } else { n };
                from_start.clamp(lowest, highest.max(lowest))
            };
            let (start, end) = (clamp(starts[at]), clamp(ends[at]));
            let span = if step < 0 { start - end } else { end - start };
            let taken = if span > 0 { (span - 1) / step.abs() + 1 } else { 0 };
            dims[axis] = self.size(taken)?;
            ints = ints.map(|ints| {
                let places = (0..taken).filter_map(|i| usize::try_from(start + i * step).ok());
                places.filter_map(|place| ints.get(place).copied()).collect()
            });
        }
        Ok(Fact { ints, ..Fact::of_shape(dims) })
    }

    pub fn gather(&self) -> Result<Fact> {
        let (fact, indices) = (self.fact(0)?, self.fact(1)?);
        let axis = self.axis(self.int("axis", 0)?, fact.dims.len())?;
        let parts = [&fact.dims[..axis], &indices.dims[..], &fact.dims[axis + 1..]];
        let pick = |ints: &Vec<i64>| {
            let places = indices.ints.as_ref()?.iter().map(|&index| {
                let length = ints.len() as i64;
                let from_start = if index < 0 { index.saturating_add(length) } else { index };
                ints.get(usize::try_from(from_start).ok()?).copied()
            });
            places.collect::<Option<Vec<i64>>>()
        };
        Ok(Fact { ints: fact.ints.as_ref().and_then(pick), ..Fact::of_shape(parts.concat()) })
    }

    pub fn expand(&self) -> Result<Fact> {
        let wanted = self.sizes(&self.known_ints(1)?)?;
        Ok(Fact::of_shape(self.broadcast_dims(self.dims(0)?, &wanted)?))
    }
}
