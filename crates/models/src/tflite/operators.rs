//! The operators, one by one. Their numbers are those of `BuiltinOperator`; the settings' fields those
//! of the option tables, in TFLite's schema.

mod layout;
mod picture;

use super::TfliteError;
use super::convert::{Converter, Result, Value, plain};
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
            3 => self.clip6(&raw, &name)?,
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

    fn clip6(&mut self, input: &str, output: &str) -> Result<()> {
        let low = self.weights(format!("{output}_low"), &[], &[0.0])?;
        let high = self.weights(format!("{output}_high"), &[], &[6.0])?;
        self.node("Clip", &[input, &low, &high], output, vec![]);
        Ok(())
    }

    fn unary(&mut self, call: &Call, op: &str) -> Result<()> {
        let input = self.value(call.input(0)?)?;
        self.node(op, &[&input.name], &call.name(), vec![]);
        self.made(call, input.order, 0)
    }

    fn relu6(&mut self, call: &Call) -> Result<()> {
        let input = self.value(call.input(0)?)?;
        self.clip6(&input.name, &call.name())?;
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
                self.weights(format!("{}_k{tensor}", call.name()), dims, &numbers)?
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
