//! The camera that draws the heads.

use mien_face::{FaceBox, Frame, HeadPose, LANDMARK_COUNT, PixelFormat};

use crate::appearance::Appearance;
use crate::expression::Expression;
use crate::head::{Anatomy, Head, Scene, head_pose};
use crate::lens::{Lens, Light};
use crate::motion::{HeadState, Motion, Stage};
use crate::random::{between, mix};
use crate::raster::Canvas;
use crate::stamp::draw_stamp;
use crate::vector::{Vector, lerp};

/// Pictures of no more pixels than this are drawn with 2×2 samples a pixel.
const SMOOTHED_PIXELS: usize = 1_100_000;

/// What a synthetic camera shows.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticSettings {
    /// Width in pixels; 0 counts as 1.
    pub width: u32,
    /// Height in pixels; 0 counts as 1.
    pub height: u32,
    /// Frames per second; what is not a positive number counts as 30.
    pub rate_hz: f64,
    /// How many people.
    pub heads: usize,
    /// Decides looks, light, background and the course of motions.
    pub seed: u64,
    /// Vertical field of view in degrees; limited to 5–150.
    pub vertical_fov_deg: f32,
    /// What the people do.
    pub script: Motion,
    /// Whether frame index and capture time are drawn along the upper edge (see
    /// [`read_stamp`](crate::read_stamp)).
    pub stamp: bool,
}

impl Default for SyntheticSettings {
    fn default() -> Self {
        Self {
            width: 640,
            height: 480,
            rate_hz: 30.0,
            heads: 1,
            seed: 0,
            vertical_fov_deg: 63.0,
            script: Motion::Idle,
            stamp: false,
        }
    }
}

/// What is true of one drawn face.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticFace {
    /// Which of the camera's people this is, from 0; the same in every frame.
    pub person: usize,
    /// As [`mien_face::FaceState::landmarks`]: x, y in frame pixels, z on the scale of x, relative to the
    /// mean of all landmarks. The person may be partly or wholly outside the frame.
    pub landmarks: [[f32; 3]; LANDMARK_COUNT],
    /// Head pose; the scale is always 1.
    pub pose: HeadPose,
    /// What the face does.
    pub expression: Expression,
    /// Box around the landmarks in frame pixels.
    pub bounds: FaceBox,
    /// Share of the front landmarks that lie in the frame and behind nobody else, 0–1.
    pub visible: f32,
}

/// A camera that draws people and knows the truth about them.
///
/// Everything is a function of the settings and the time. After the first frame, drawing into the same
/// [`Frame`] allocates nothing.
#[derive(Debug)]
pub struct SyntheticCamera {
    settings: SyntheticSettings,
    lens: Lens,
    light: Light,
    stage: Stage,
    anatomy: Anatomy,
    heads: Vec<Head>,
    canvas: Canvas,
    /// Samples per pixel along each side.
    samples: usize,
    background: Vec<u8>,
    truth: Vec<SyntheticFace>,
}

impl SyntheticCamera {
    /// Prepares the people; takes some hundredths of a second for each.
    #[must_use]
    pub fn new(mut settings: SyntheticSettings) -> Self {
        settings.width = settings.width.max(1);
        settings.height = settings.height.max(1);
        if !(settings.rate_hz.is_finite() && settings.rate_hz > 0.0) {
            settings.rate_hz = 30.0;
        }
        let fov = settings.vertical_fov_deg;
        settings.vertical_fov_deg = if fov.is_nan() { 63.0 } else { fov.clamp(5.0, 150.0) };

        let (width, height) = (settings.width as usize, settings.height as usize);
        let samples = if width * height <= SMOOTHED_PIXELS { 2 } else { 1 };
        let half_height = (settings.vertical_fov_deg.to_radians() * 0.5).tan();
        let stage = Stage {
            seed: settings.seed,
            heads: settings.heads,
            half_width: half_height * settings.width as f32 / settings.height as f32,
        };
        let heads = (0..settings.heads).map(|person| Head::new(Appearance::new(settings.seed, person)));
        Self {
            lens: Lens::new(
                settings.width * samples as u32,
                settings.height * samples as u32,
                settings.vertical_fov_deg,
            ),
            light: Light::new(settings.seed),
            stage,
            anatomy: Anatomy::new(),
            heads: heads.collect(),
            canvas: Canvas::new(width * samples, height * samples),
            samples,
            background: background(settings.seed, width, height),
            truth: Vec::with_capacity(settings.heads),
            settings,
        }
    }

    /// The settings, with what was out of range put right.
    #[must_use]
    pub fn settings(&self) -> &SyntheticSettings {
        &self.settings
    }

    /// Draws frame number `frame_index` of the settings' rate into `frame`, which gets this number and
    /// capture time.
    pub fn render(&mut self, frame_index: u64, capture_nanos: i64, frame: &mut Frame) {
        let seconds = frame_index as f64 / self.settings.rate_hz;
        self.draw(seconds, frame_index, capture_nanos, frame);
    }

    /// Draws what is to be seen `seconds` after the start; the capture time is just that.
    pub fn render_at(&mut self, seconds: f64, frame: &mut Frame) {
        let seconds = if seconds.is_finite() { seconds } else { 0.0 };
        let frame_index = (seconds * self.settings.rate_hz).round() as u64;
        self.draw(seconds, frame_index, (seconds * 1e9).round() as i64, frame);
    }

    /// The faces of the last drawn frame, by person.
    #[must_use]
    pub fn truth(&self) -> &[SyntheticFace] {
        &self.truth
    }

    fn draw(&mut self, seconds: f64, frame_index: u64, capture_nanos: i64, frame: &mut Frame) {
        self.canvas.clear();
        self.truth.clear();
        let scene = Scene { anatomy: &self.anatomy, lens: &self.lens, light: &self.light };
        for (person, head) in self.heads.iter_mut().enumerate() {
            let mut state = self.stage.state(&self.settings.script, person, seconds);
            state.expression = state.expression.clamped();
            head.draw(&scene, &state, &mut self.canvas);
            self.truth.push(truth_of(person, &state, head, &self.lens, self.samples));
        }
        for (face, head) in self.truth.iter_mut().zip(&self.heads) {
            face.visible = visible_share(head, &self.lens, &self.canvas);
        }
        frame.reshape(self.settings.width, self.settings.height, PixelFormat::Rgb8);
        frame.frame_index = frame_index;
        frame.capture_nanos = capture_nanos;
        frame.pixels.copy_from_slice(&self.background);
        resolve(&self.canvas, self.samples, frame);
        if self.settings.stamp {
            draw_stamp(frame);
        }
    }
}

/// Averages the samples of each pixel, 1 or 2×2, over the background.
fn resolve(canvas: &Canvas, samples: usize, frame: &mut Frame) {
    for row in 0..frame.height as usize {
        let rows = row * samples..(row + 1) * samples;
        let start = rows.clone().map(|r| canvas.drawn(r).start).min().unwrap_or(0) / samples;
        let end = rows.clone().map(|r| canvas.drawn(r).end).max().unwrap_or(0).div_ceil(samples);
        let line = &mut frame.pixels[row * frame.stride + 3 * start..row * frame.stride + 3 * end.max(start)];
        if samples == 1 {
            let (colors, depths) = canvas.row(row, start..end.max(start));
            for ((pixel, color), &depth) in line.chunks_exact_mut(3).zip(colors).zip(depths) {
                if depth > 0.0 {
                    pixel.copy_from_slice(&color[..3]);
                }
            }
            continue;
        }
        let columns = 2 * start..2 * end.max(start);
        let (upper, upper_depths) = canvas.row(2 * row, columns.clone());
        let (lower, lower_depths) = canvas.row(2 * row + 1, columns);
        for (k, pixel) in line.chunks_exact_mut(3).enumerate() {
            let pair = 2 * k..2 * k + 2;
            let colors = upper[pair.clone()].iter().chain(&lower[pair.clone()]);
            let depths = upper_depths[pair.clone()].iter().chain(&lower_depths[pair]);
            let mut sum = [2u16; 3];
            for (color, &depth) in colors.zip(depths) {
                for i in 0..3 {
                    sum[i] += u16::from(if depth > 0.0 { color[i] } else { pixel[i] });
                }
            }
            pixel.copy_from_slice(&sum.map(|s| (s / 4) as u8));
        }
    }
}

fn truth_of(person: usize, state: &HeadState, head: &Head, lens: &Lens, samples: usize) -> SyntheticFace {
    let points = head.landmarks_cm();
    let middle = points.iter().map(|p| p[2]).sum::<f32>() / LANDMARK_COUNT as f32;
    let per_pixel = 1.0 / samples as f32;
    let pixels_per_cm = lens.focal * per_pixel / (-middle).max(1.0);
    let landmarks = points.map(|p| {
        let [x, y, _] = lens.project(p);
        [x * per_pixel, y * per_pixel, (middle - p[2]) * pixels_per_cm]
    });
    let mut bounds = FaceBox { x1: f32::MAX, y1: f32::MAX, x2: f32::MIN, y2: f32::MIN };
    for [x, y, _] in landmarks {
        bounds.x1 = bounds.x1.min(x);
        bounds.y1 = bounds.y1.min(y);
        bounds.x2 = bounds.x2.max(x);
        bounds.y2 = bounds.y2.max(y);
    }
    let (pose, expression) = (head_pose(state), state.expression);
    SyntheticFace { person, landmarks, pose, expression, bounds, visible: 0.0 }
}

/// Landmarks spread over the front of the face.
const FRONT: [usize; 14] = [4, 6, 9, 151, 50, 280, 205, 425, 0, 17, 199, 108, 337, 152];
/// What lies this much nearer than a landmark is another person, not this one's own nose.
const HEAD_DEPTH_CM: f32 = 14.0;

fn visible_share(head: &Head, lens: &Lens, canvas: &Canvas) -> f32 {
    let seen = FRONT.iter().filter(|&&i| {
        let point: Vector = head.landmarks_cm()[i];
        let [x, y, inverse] = lens.project(point);
        let inside = inverse > 0.0 && x >= 0.0 && y >= 0.0 && x < lens.width && y < lens.height;
        inside
            && canvas.depth_cm(x as usize, y as usize).is_none_or(|depth| depth > -point[2] - HEAD_DEPTH_CM)
    });
    seen.count() as f32 / FRONT.len() as f32
}

/// A wall: one colour, a little lighter towards one upper corner.
fn background(seed: u64, width: usize, height: usize) -> Vec<u8> {
    let own = mix(seed ^ 0xBAC6);
    let grey = between(own, 1, 0.35, 0.78);
    let wall = [
        grey * between(own, 2, 0.90, 1.05),
        grey * between(own, 3, 0.93, 1.05),
        grey * between(own, 4, 0.90, 1.10),
    ];
    let slope = between(own, 5, -0.12, 0.12);
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in 0..height {
        let down = row as f32 / height as f32;
        for column in 0..width {
            let across = column as f32 / width as f32 - 0.5;
            let color = lerp(wall, [1.0; 3], 0.14 * (1.0 - down) + slope * across);
            pixels.extend(color.map(|c| (c * 255.0) as u8));
        }
    }
    pixels
}
