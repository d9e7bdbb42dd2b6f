//! Where heads are and what they do, as a function of seed and time.

use crate::expression::Expression;
use crate::random::{between, mix, unit};

/// Where one head is and what its face does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HeadState {
    /// Position of the canonical model's origin in camera space, cm; z is negative before the camera.
    pub translation_cm: [f32; 3],
    /// Pitch, yaw, roll in degrees, as in [`mien_face::HeadPose`].
    pub rotation_deg: [f32; 3],
    /// What the face does.
    pub expression: Expression,
}

/// What the heads of a synthetic camera do.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Motion {
    /// People before a webcam: they sway, look about, blink and talk.
    #[default]
    Idle,
    /// Heads turn slowly to ±28° yaw and ±22° pitch, eyes and mouth as in `Idle`.
    Turning,
    /// Heads walk around each other, so that each passes before and behind the others, every five
    /// seconds for two heads.
    Crossing,
    /// Neutral faces that look into the camera and never move.
    Still,
    /// One given state per head, held for ever; heads without one are `Still`.
    Fixed(Vec<HeadState>),
}

/// The room that the heads share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) seed: u64,
    pub(crate) heads: usize,
    /// Half the width of what the camera sees, per cm of distance.
    pub(crate) half_width: f32,
}

const SPACING_CM: f32 = 36.0;
const NEAREST_SEAT_CM: f32 = 62.0;
const CROSSING_PERIOD_SECONDS: f64 = 10.0;
const CROSSING_DISTANCE_CM: f32 = 88.0;
const CROSSING_DEPTH_CM: f32 = 17.0;

impl Stage {
    pub(crate) fn state(&self, motion: &Motion, person: usize, seconds: f64) -> HeadState {
        let seed = mix(self.seed ^ mix(person as u64 + 101));
        match motion {
            Motion::Fixed(states) => states.get(person).copied().unwrap_or_else(|| self.seated(person)),
            Motion::Still => self.seated(person),
            Motion::Idle => HeadState {
                translation_cm: plus(self.seated(person).translation_cm, sway(seed, seconds)),
                rotation_deg: [
                    6.0 * wave(seed, 1, 3.7, seconds),
                    11.0 * wave(seed, 2, 5.9, seconds),
                    5.0 * wave(seed, 3, 4.7, seconds),
                ],
                expression: lively(seed, seconds),
            },
            Motion::Turning => HeadState {
                translation_cm: plus(self.seated(person).translation_cm, sway(seed, seconds)),
                rotation_deg: [
                    22.0 * wave(seed, 1, 5.3, seconds),
                    28.0 * wave(seed, 2, 7.1, seconds),
                    10.0 * wave(seed, 3, 6.1, seconds),
                ],
                expression: lively(seed, seconds),
            },
            Motion::Crossing => self.crossing(seed, person, seconds),
        }
    }

    /// Side by side, as near as the picture has room for them.
    fn seated(&self, person: usize) -> HeadState {
        let row = (self.heads.max(1) - 1) as f32 * SPACING_CM;
        let distance = ((row + 24.0) / (2.0 * self.half_width)).max(NEAREST_SEAT_CM);
        let x = person as f32 * SPACING_CM - row * 0.5;
        HeadState { translation_cm: [x, -1.0, -distance], ..Default::default() }
    }

    fn crossing(&self, seed: u64, person: usize, seconds: f64) -> HeadState {
        let share = person as f64 / self.heads.max(1) as f64;
        let angle = ((seconds / CROSSING_PERIOD_SECONDS + share).fract() * std::f64::consts::TAU) as f32;
        let reach = (self.half_width * CROSSING_DISTANCE_CM - 14.0).clamp(8.0, 26.0);
        HeadState {
            translation_cm: [
                reach * angle.cos(),
                -1.0 + 0.6 * wave(seed, 4, 1.9, seconds),
                -CROSSING_DISTANCE_CM + CROSSING_DEPTH_CM * angle.sin(),
            ],
            rotation_deg: [
                3.0 * wave(seed, 1, 3.7, seconds),
                -9.0 * angle.sin(),
                3.0 * wave(seed, 3, 4.7, seconds),
            ],
            expression: lively(seed, seconds),
        }
    }
}

fn plus(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|i| a[i] + b[i])
}

/// A smooth swing in −1–1 of about the given period.
fn wave(seed: u64, draw: u64, period_seconds: f32, seconds: f64) -> f32 {
    let period = f64::from(period_seconds * between(seed, draw, 0.85, 1.15));
    let phase = f64::from(unit(seed, draw + 50));
    let swing = |turns: f64| (turns.fract() * std::f64::consts::TAU).sin();
    (0.75 * swing(seconds / period + phase) + 0.25 * swing(seconds / period * 2.3 + 2.0 * phase)) as f32
}

fn sway(seed: u64, seconds: f64) -> [f32; 3] {
    [3.0 * wave(seed, 5, 6.7, seconds), 1.2 * wave(seed, 6, 5.1, seconds), 3.0 * wave(seed, 7, 8.3, seconds)]
}

/// Blinks, speech in phrases, brows that rise now and then, wandering eyes.
fn lively(seed: u64, seconds: f64) -> Expression {
    let blink = pulse(seed, 8, 3.3, 0.30, seconds);
    let wink = pulse(seed, 9, 17.0, 0.45, seconds);
    let phrase = (2.0 * wave(seed, 10, 7.0, seconds)).clamp(0.0, 1.0);
    let syllable = 0.5 + 0.5 * wave(seed, 11, 0.42, seconds);
    let yawn = pulse(seed, 12, 13.0, 2.4, seconds);
    Expression {
        jaw_open: (0.38 * phrase * syllable).max(0.9 * yawn),
        eye_blink_right: blink,
        eye_blink_left: blink.max(wink),
        brow_raise: pulse(seed, 13, 8.0, 1.6, seconds),
        gaze_deg: [6.0 * wave(seed, 14, 3.1, seconds), 14.0 * wave(seed, 15, 4.1, seconds)],
    }
}

/// 0, but for one smooth rise to 1 and back within `length_seconds` in each period.
fn pulse(seed: u64, draw: u64, period_seconds: f32, length_seconds: f32, seconds: f64) -> f32 {
    let period = f64::from(period_seconds * between(seed, draw, 0.8, 1.2));
    let phase = f64::from(unit(seed, draw + 50));
    let within = (seconds / period + phase).rem_euclid(1.0) * period / f64::from(length_seconds);
    if within >= 1.0 { 0.0 } else { (0.5 - 0.5 * (within * std::f64::consts::TAU).cos()) as f32 }
}
