//! Builds TFLite files.

/// A field of a table.
pub enum Field {
    Int(i32),
    Byte(i8),
    Bytes(Vec<u8>),
    Ints(Vec<i32>),
    Table(Vec<(usize, Field)>),
    Tables(Vec<Vec<(usize, Field)>>),
}

use Field::{Byte, Bytes, Int, Ints, Table, Tables};

/// Writes a table; what it refers to follows behind it. Gives its place.
fn write_table(out: &mut Vec<u8>, fields: &[(usize, Field)]) -> usize {
    out.resize(out.len().next_multiple_of(4), 0);
    let slots = fields.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
    let offsets = out.len();
    let offsets_bytes = 4 + 2 * slots;
    out.extend((offsets_bytes as u16).to_le_bytes());
    out.extend((4 + 4 * fields.len() as u16).to_le_bytes());
    out.resize(offsets + offsets_bytes, 0);
    out.resize(out.len().next_multiple_of(4), 0);
    let table = out.len();
    out.extend(((table - offsets) as i32).to_le_bytes());
    for (index, (number, field)) in fields.iter().enumerate() {
        let place = 4 + 4 * index as u16;
        out[offsets + 4 + 2 * number..][..2].copy_from_slice(&place.to_le_bytes());
        out.extend(match field {
            Int(value) => value.to_le_bytes(),
            Byte(value) => i32::from(*value).to_le_bytes(),
            _ => [0; 4],
        });
    }
    for (index, (_, field)) in fields.iter().enumerate() {
        let place = table + 4 + 4 * index;
        match field {
            Int(_) | Byte(_) => {}
            Bytes(bytes) => write_list(out, place, bytes.len(), bytes),
            Ints(ints) => {
                let bytes: Vec<u8> = ints.iter().flat_map(|n| n.to_le_bytes()).collect();
                write_list(out, place, ints.len(), &bytes);
            }
            Table(fields) => {
                let target = write_table(out, fields);
                refer(out, place, target);
            }
            Tables(tables) => {
                write_list(out, place, tables.len(), &vec![0; 4 * tables.len()]);
                let first = out.len() - 4 * tables.len();
                for (index, fields) in tables.iter().enumerate() {
                    let target = write_table(out, fields);
                    refer(out, first + 4 * index, target);
                }
            }
        }
    }
    table
}

fn refer(out: &mut [u8], place: usize, target: usize) {
    out[place..place + 4].copy_from_slice(&((target - place) as u32).to_le_bytes());
}

fn write_list(out: &mut Vec<u8>, place: usize, count: usize, bytes: &[u8]) {
    out.resize(out.len().next_multiple_of(4), 0);
    let target = out.len();
    refer(out, place, target);
    out.extend((count as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// A network under construction.
#[derive(Default)]
pub struct Builder {
    tensors: Vec<Vec<(usize, Field)>>,
    buffers: Vec<Vec<(usize, Field)>>,
    operators: Vec<Vec<(usize, Field)>>,
    codes: Vec<Vec<(usize, Field)>>,
    inputs: Vec<i32>,
}

impl Builder {
    fn tensor(&mut self, shape: &[i32], kind: i8, data: Vec<u8>) -> i32 {
        let index = self.tensors.len() as i32;
        let name = format!("tensor {index}").into_bytes();
        let fields = vec![(0, Ints(shape.to_vec())), (1, Byte(kind)), (2, Int(index)), (3, Bytes(name))];
        self.tensors.push(fields);
        self.buffers.push(vec![(0, Bytes(data))]);
        index
    }

    /// A value of 32-bit numbers.
    pub fn value(&mut self, shape: &[i32]) -> i32 {
        self.tensor(shape, 0, vec![])
    }

    pub fn input(&mut self, shape: &[i32]) -> i32 {
        let index = self.value(shape);
        self.inputs.push(index);
        index
    }

    pub fn floats(&mut self, shape: &[i32], numbers: &[f32]) -> i32 {
        self.tensor(shape, 0, numbers.iter().flat_map(|n| n.to_le_bytes()).collect())
    }

    /// So many more tensors with the content of `tensor`.
    pub fn share(&mut self, tensor: i32, times: usize) {
        let Some((_, Ints(shape))) = self.tensors[tensor as usize].first() else {
            return;
        };
        let shape = shape.clone();
        for _ in 0..times {
            self.tensors.push(vec![(0, Ints(shape.clone())), (2, Int(tensor))]);
        }
    }

    /// Half-precision numbers, given by their bits.
    pub fn halves(&mut self, shape: &[i32], bits: &[u16]) -> i32 {
        self.tensor(shape, 1, bits.iter().flat_map(|n| n.to_le_bytes()).collect())
    }

    pub fn ints(&mut self, numbers: &[i32]) -> i32 {
        let data = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        self.tensor(&[numbers.len() as i32], 2, data)
    }

    pub fn operator(&mut self, code: i8, inputs: &[i32], output: i32, options: Vec<(usize, Field)>) -> i32 {
        self.codes.push(vec![(0, Byte(code)), (3, Int(i32::from(code)))]);
        self.operators.push(vec![
            (0, Int(self.codes.len() as i32 - 1)),
            (1, Ints(inputs.to_vec())),
            (2, Ints(vec![output])),
            (3, Byte(1)),
            (4, Table(options)),
        ]);
        output
    }

    /// The file with these outputs.
    pub fn finish(self, outputs: &[i32]) -> Vec<u8> {
        let graph = vec![
            (0, Tables(self.tensors)),
            (1, Ints(self.inputs)),
            (2, Ints(outputs.to_vec())),
            (3, Tables(self.operators)),
        ];
        let model =
            [(0, Int(3)), (1, Tables(self.codes)), (2, Tables(vec![graph])), (4, Tables(self.buffers))];
        let mut out = vec![0; 8];
        out[4..].copy_from_slice(b"TFL3");
        let root = write_table(&mut out, &model);
        refer(&mut out, 0, root);
        out
    }
}
