//! Draws given scenes: `synthetic_scenes DIR < scenes.json`.
//!
//! The input is an array of objects with `seed`, `width`, `height`, `vertical_fov_deg` and `heads`; each
//! head has `translation_cm`, `rotation_deg` and, where not 0, `jaw_open`, `eye_blink_right`,
//! `eye_blink_left`, `brow_raise`, `gaze_deg`. Writes what `synthetic_dataset` writes.

#[path = "../synthetic_dataset/record.rs"]
mod record;

use std::path::Path;

use anyhow::{Context, Result};
use mien_face::Frame;
use mien_synthetic::{Expression, HeadState, Motion, SyntheticCamera, SyntheticSettings};
use serde_json::Value;

fn main() -> Result<()> {
    let directory = std::env::args().nth(1).context("usage: synthetic_scenes DIR < scenes.json")?;
    let directory = Path::new(&directory);
    std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let scenes: Vec<Value> =
        serde_json::from_reader(std::io::stdin().lock()).context("the input must be an array of scenes")?;
    let mut records = Vec::new();
    for (index, scene) in scenes.iter().enumerate() {
        let heads: Vec<HeadState> = scene["heads"].as_array().into_iter().flatten().map(head).collect();
        let plain = SyntheticSettings::default();
        let mut camera = SyntheticCamera::new(SyntheticSettings {
            width: scene["width"].as_u64().map_or(plain.width, |v| v as u32),
            height: scene["height"].as_u64().map_or(plain.height, |v| v as u32),
            seed: scene["seed"].as_u64().unwrap_or(plain.seed),
            vertical_fov_deg: scene["vertical_fov_deg"].as_f64().map_or(plain.vertical_fov_deg, |v| v as f32),
            heads: heads.len(),
            script: Motion::Fixed(heads),
            ..plain
        });
        let mut frame = Frame::empty();
        camera.render_at(0.0, &mut frame);
        let file = format!("{index:06}.png");
        record::write_png(&directory.join(&file), &frame)?;
        records.push(record::picture(&file, &camera));
    }
    record::write_truth(directory, &records)
}

fn head(value: &Value) -> HeadState {
    let number = |v: &Value| v.as_f64().unwrap_or(0.0) as f32;
    let triple = |v: &Value| [number(&v[0]), number(&v[1]), number(&v[2])];
    HeadState {
        translation_cm: triple(&value["translation_cm"]),
        rotation_deg: triple(&value["rotation_deg"]),
        expression: Expression {
            jaw_open: number(&value["jaw_open"]),
            eye_blink_right: number(&value["eye_blink_right"]),
            eye_blink_left: number(&value["eye_blink_left"]),
            brow_raise: number(&value["brow_raise"]),
            gaze_deg: [number(&value["gaze_deg"][0]), number(&value["gaze_deg"][1])],
        },
    }
}
