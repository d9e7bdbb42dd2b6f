//! Three-component vectors and 3×3 matrices, as plain arrays.

use mien_geometry::rotation_from_euler_deg;

pub(crate) type Vector = [f32; 3];

pub(crate) fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(crate) fn sub(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn scale(a: Vector, factor: f32) -> Vector {
    [a[0] * factor, a[1] * factor, a[2] * factor]
}

pub(crate) fn lerp(a: Vector, b: Vector, t: f32) -> Vector {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

pub(crate) fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Unit length; a vector without length stays as it is.
pub(crate) fn normalize(a: Vector) -> Vector {
    let length = dot(a, a).sqrt();
    if length > 1e-12 { scale(a, 1.0 / length) } else { a }
}

/// Matrix times vector.
pub(crate) fn rotate(matrix: &[Vector; 3], v: Vector) -> Vector {
    [dot(matrix[0], v), dot(matrix[1], v), dot(matrix[2], v)]
}

/// A rotation and a translation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rigid {
    pub(crate) rotation: [Vector; 3],
    pub(crate) translation: Vector,
}

impl Rigid {
    pub(crate) fn new(rotation_deg: Vector, translation: Vector) -> Self {
        Self { rotation: rotation_from_euler_deg(rotation_deg), translation }
    }

    pub(crate) fn point(&self, p: Vector) -> Vector {
        add(rotate(&self.rotation, p), self.translation)
    }

    pub(crate) fn inverse_point(&self, p: Vector) -> Vector {
        let d = sub(p, self.translation);
        let r = &self.rotation;
        std::array::from_fn(|i| r[0][i] * d[0] + r[1][i] * d[1] + r[2][i] * d[2])
    }

    pub(crate) fn direction(&self, d: Vector) -> Vector {
        rotate(&self.rotation, d)
    }
}
