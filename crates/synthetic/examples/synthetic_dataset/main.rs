//! Writes varied pictures of synthetic people with what is true of them.
//!
//! `cargo run -p mien-synthetic --release --example synthetic_dataset -- DIR COUNT [SEED]` writes
//! `DIR/000000.png` and so on, and `DIR/truth.json`: an array with, per picture, `file`, `width`,
//! `height`, `vertical_fov_deg`, `seed` and `faces`; per face `person`, `visible`, `box`
//! `[x1, y1, x2, y2]`, `landmarks` (478 × `[x, y, z]` in pixels), `camera_from_head` (16, row by row),
//! `rotation_deg`, `translation_cm`, and the amounts of the expression.

mod record;

use std::path::Path;

use anyhow::{Context, Result, bail};
use mien_face::Frame;
use mien_synthetic::{Expression, HeadState, Motion, SyntheticCamera, SyntheticSettings};
use serde_json::Value;

const SIZES: [(u32, u32); 5] = [(640, 480), (640, 480), (640, 360), (960, 540), (1280, 720)];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, count, rest @ ..] = arguments.as_slice() else {
        bail!("usage: synthetic_dataset DIR COUNT [SEED]");
    };
    let directory = Path::new(directory);
    let count: u64 = count.parse().context("COUNT must be a number")?;
    let seed: u64 = rest.first().map_or(Ok(0), |s| s.parse()).context("SEED must be a number")?;
    std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;

    let mut records = Vec::new();
    for index in 0..count {
        let mut dice =
            Dice(seed.wrapping_mul(0x9E37_79B9).wrapping_add(index).wrapping_mul(0xD134_2543_DE82_EF95) | 1);
        let (record, frame) = picture(&mut dice, seed.wrapping_add(index), index);
        record::write_png(&directory.join(format!("{index:06}.png")), &frame)?;
        records.push(record);
    }
    record::write_truth(directory, &records)?;
    println!("{count} pictures and truth.json in {}", directory.display());
    Ok(())
}

fn picture(dice: &mut Dice, seed: u64, index: u64) -> (Value, Frame) {
    let (width, height) = SIZES[(dice.unit() * SIZES.len() as f32) as usize];
    let heads = [1, 1, 2, 3][(dice.unit() * 4.0) as usize];
    let vertical_fov_deg = if dice.unit() < 0.6 { 63.0 } else { dice.between(40.0, 75.0) };
    let half_height = (vertical_fov_deg.to_radians() * 0.5).tan();
    let half_width = half_height * width as f32 / height as f32;
    let states = (0..heads).map(|i| {
        let distance = 40.0 * 5f32.powf(dice.unit()).max(if heads > 1 { 1.6 } else { 1.0 });
        // Each head has its own strip of the picture.
        let (from, to) = (i as f32 / heads as f32, (i + 1) as f32 / heads as f32);
        let reach = (half_width * distance - 8.0).max(0.0);
        let x = reach * (2.0 * dice.between(from + 0.1 / heads as f32, to - 0.1 / heads as f32) - 1.0);
        let y = (half_height * distance - 11.0).max(0.0) * dice.between(-0.6, 0.8);
        HeadState {
            translation_cm: [x, y, -distance],
            rotation_deg: [dice.middling(28.0), dice.middling(45.0), dice.middling(25.0)],
            expression: Expression {
                jaw_open: (dice.unit() * 1.6 - 0.6).max(0.0),
                eye_blink_right: (dice.unit() * 3.0 - 2.0).max(0.0),
                eye_blink_left: (dice.unit() * 3.0 - 2.0).max(0.0),
                brow_raise: (dice.unit() * 1.6 - 0.6).max(0.0),
                gaze_deg: [dice.middling(15.0), dice.middling(25.0)],
            },
        }
    });
    let script = Motion::Fixed(states.collect());
    let settings = SyntheticSettings {
        width,
        height,
        heads,
        seed,
        vertical_fov_deg,
        script,
        ..SyntheticSettings::default()
    };
    let mut camera = SyntheticCamera::new(settings);
    let mut frame = Frame::empty();
    camera.render_at(0.0, &mut frame);
    let record = record::picture(&format!("{index:06}.png"), &camera);
    (record, frame)
}

/// A xorshift generator (Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// In ±`limit`, small values oftener.
    fn middling(&mut self, limit: f32) -> f32 {
        limit * (self.unit() + self.unit() - 1.0)
    }
}
