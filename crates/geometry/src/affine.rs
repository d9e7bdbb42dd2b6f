//! Affine maps of the plane.

/// An affine map, `[[a, b, tx], [c, d, ty]]`: x' = a·x + b·y + tx, y' = c·x + d·y + ty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine(pub [[f32; 3]; 2]);

impl Affine {
    /// Scaling by `scale`, then moving by `offset`.
    #[must_use]
    pub fn scale_offset(scale: [f32; 2], offset: [f32; 2]) -> Self {
        Self([[scale[0], 0.0, offset[0]], [0.0, scale[1], offset[1]]])
    }

    /// Where a point goes.
    #[must_use]
    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [[a, b, tx], [c, d, ty]] = self.0;
        [a * x + b * y + tx, c * x + d * y + ty]
    }

    /// The map back, or `None` where the map flattens the plane.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b, tx], [c, d, ty]] = self.0;
        let determinant = a * d - b * c;
        if determinant == 0.0 || !determinant.is_finite() {
            return None;
        }
        let [ia, ib, ic, id] = [d, -b, -c, a].map(|v| v / determinant);
        Some(Self([[ia, ib, -(ia * tx + ib * ty)], [ic, id, -(ic * tx + id * ty)]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_and_forth() {
        let map = Affine([[0.5, -1.0, 3.0], [2.0, 0.25, -7.0]]);
        assert_eq!(map.apply([2.0, 4.0]), [0.0, -2.0]);
        let [x, y] = map.inverse().unwrap().apply(map.apply([11.0, -5.0]));
        assert!((x - 11.0).abs() < 1e-5 && (y + 5.0).abs() < 1e-5);
        assert_eq!(Affine([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]]).inverse(), None);
    }
}
