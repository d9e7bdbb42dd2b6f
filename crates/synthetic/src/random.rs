//! Repeatable randomness: everything is a pure function of a seed and coordinates.

/// A well mixed 64-bit value (the finaliser of SplitMix64, Steele et al. 2014).
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Uniform in 0–1, for the `draw`-th question about `seed`.
pub(crate) fn unit(seed: u64, draw: u64) -> f32 {
    (mix(seed ^ mix(draw)) >> 40) as f32 / (1u64 << 24) as f32
}

/// Uniform in `low`–`high`.
pub(crate) fn between(seed: u64, draw: u64, low: f32, high: f32) -> f32 {
    low + (high - low) * unit(seed, draw)
}

/// Smooth noise in 0–1 with features of size 1.
pub(crate) fn noise(seed: u64, x: f32, y: f32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let (fx, fy) = (smooth(x - column), smooth(y - row));
    let corner = |dx: i64, dy: i64| {
        let (column, row) = (column as i64 + dx, row as i64 + dy);
        unit(seed, (column as u64).wrapping_mul(0x1_0001).wrapping_add((row as u64) << 32))
    };
    let top = corner(0, 0) * (1.0 - fx) + corner(1, 0) * fx;
    let bottom = corner(0, 1) * (1.0 - fx) + corner(1, 1) * fx;
    top * (1.0 - fy) + bottom * fy
}

/// Hermite step on 0–1.
pub(crate) fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 0 at `from`, 1 at `to`, smooth between; the edges may be in either order.
pub(crate) fn smoothstep(from: f32, to: f32, value: f32) -> f32 {
    smooth((value - from) / (to - from))
}
