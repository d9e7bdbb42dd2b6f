//! A square colour texture with its smaller copies.

/// Square, a power of two on a side, with every half-size copy down to 8×8.
#[derive(Debug)]
pub(crate) struct Texture {
    levels: Vec<Level>,
}

/// One size of a [`Texture`].
#[derive(Debug)]
pub(crate) struct Level {
    size: usize,
    texels: Vec<[u8; 4]>,
}

impl Texture {
    /// From colours 0–1, row by row.
    pub(crate) fn new(size: usize, colors: &[[f32; 3]]) -> Self {
        let texels: Vec<[u8; 4]> = colors
            .iter()
            .map(|c| [(c[0] * 255.0) as u8, (c[1] * 255.0) as u8, (c[2] * 255.0) as u8, 255])
            .collect();
        let mut levels = vec![Level { size, texels }];
        while let Some(half) = levels.last().and_then(Level::halved) {
            levels.push(half);
        }
        Self { levels }
    }

    /// The largest copy of which one texel is at least `texels_per_sample` of the full texture's.
    pub(crate) fn level(&self, texels_per_sample: f32) -> &Level {
        let wanted = texels_per_sample.max(1.0).log2().round() as usize;
        &self.levels[wanted.min(self.levels.len() - 1)]
    }
}

impl Level {
    fn halved(&self) -> Option<Self> {
        if self.size <= 8 {
            return None;
        }
        let size = self.size / 2;
        let mut texels = Vec::with_capacity(size * size);
        for row in 0..size {
            for column in 0..size {
                let at = |dx, dy| self.texels[(2 * row + dy) * self.size + 2 * column + dx];
                let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
                texels.push(std::array::from_fn(|i| {
                    ((u16::from(a[i]) + u16::from(b[i]) + u16::from(c[i]) + u16::from(d[i]) + 2) / 4) as u8
                }));
            }
        }
        Some(Self { size, texels })
    }

    /// Bilinear colour 0–255 at `u`, `v` in 0–1; outside, the edge's.
    pub(crate) fn color(&self, u: f32, v: f32) -> [f32; 3] {
        let last = (self.size - 1) as f32;
        let x = (u * self.size as f32 - 0.5).clamp(0.0, last);
        let y = (v * self.size as f32 - 0.5).clamp(0.0, last);
        let (column, row) = (x as usize, y as usize);
        let (fx, fy) = (x - column as f32, y - row as f32);
        let right = usize::from(column + 1 < self.size);
        let down = if row + 1 < self.size { self.size } else { 0 };
        let at = row * self.size + column;
        let (a, b) = (self.texels[at], self.texels[at + right]);
        let (c, d) = (self.texels[at + down], self.texels[at + down + right]);
        let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
        std::array::from_fn(|i| {
            f32::from(a[i]) * weights[0]
                + f32::from(b[i]) * weights[1]
                + f32::from(c[i]) * weights[2]
                + f32::from(d[i]) * weights[3]
        })
    }
}
