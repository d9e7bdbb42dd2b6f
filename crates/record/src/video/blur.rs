//! A region of a picture without its detail.

use mien_face::FaceBox;

/// Patches that are left of a region in each direction. Identity needs more.
const PATCHES: usize = 6;

/// The part of a region that lies in a picture of this size: columns and rows, from and to; `None` where there
/// is none.
pub(super) fn visible_part(region: &FaceBox, width: u32, height: u32) -> Option<[usize; 4]> {
    let from = |value: f32, limit: u32| value.floor().clamp(0.0, limit as f32) as usize;
    let to = |value: f32, limit: u32| value.ceil().clamp(0.0, limit as f32) as usize;
    let [x1, x2] = [from(region.x1, width), to(region.x2, width)];
    let [y1, y2] = [from(region.y1, height), to(region.y2, height)];
    (x1 < x2 && y1 < y2).then_some([x1, y1, x2, y2])
}

/// Leaves the means of 6 × 6 patches of a region, blended into one another, in a picture of tight RGB rows. The
/// patches are those of the whole region, also where only part of it lies in the picture: of a face at the edge no
/// more is left than of others.
pub(super) fn blur(rgb: &mut [u8], width: u32, region: &FaceBox) {
    let height = (rgb.len() / 3) as u32 / width.max(1);
    let Some([x1, y1, x2, y2]) = visible_part(region, width, height) else { return };
    let across = Axis::new(region.x1, region.x2, x1..x2);
    let down = Axis::new(region.y1, region.y2, y1..y2);
    let means = means(rgb, width as usize, &across, &down);
    for (y, &(above, below, lower)) in (y1..).zip(&down.between) {
        for (x, &(left, right, further)) in (x1..).zip(&across.between) {
            let pixel = &mut rgb[3 * (y * width as usize + x)..][..3];
            for (channel, value) in pixel.iter_mut().enumerate() {
                let row =
                    |i: usize| means[i][left][channel] * (1.0 - further) + means[i][right][channel] * further;
                *value = (row(above) * (1.0 - lower) + row(below) * lower).round() as u8;
            }
        }
    }
}

/// How the visible pixels of one direction lie in the patches.
struct Axis {
    first: usize,
    /// The patch of each pixel.
    patch: Vec<usize>,
    /// Between the centres of which patches each pixel lies, and how near to the second (0–1).
    between: Vec<(usize, usize, f32)>,
}

impl Axis {
    fn new(from: f32, to: f32, pixels: std::ops::Range<usize>) -> Self {
        let last = PATCHES - 1;
        let place = |pixel: usize| (pixel as f32 + 0.5 - from) / (to - from) * PATCHES as f32;
        let patch = |pixel| (place(pixel).max(0.0) as usize).min(last);
        let between = |pixel| {
            let centre = place(pixel) - 0.5;
            let first = centre.floor().clamp(0.0, last as f32);
            (first as usize, (first as usize + 1).min(last), (centre - first).clamp(0.0, 1.0))
        };
        Self {
            first: pixels.start,
            patch: pixels.clone().map(patch).collect(),
            between: pixels.map(between).collect(),
        }
    }
}

/// Mean colours of the patches; of a patch of which nothing is visible, that of all that is.
fn means(rgb: &[u8], width: usize, across: &Axis, down: &Axis) -> [[[f32; 3]; PATCHES]; PATCHES] {
    let mut sums = [[[0u64; 4]; PATCHES]; PATCHES];
    for (y, &i) in (down.first..).zip(&down.patch) {
        let row = &rgb[3 * (y * width + across.first)..][..3 * across.patch.len()];
        for (pixel, &j) in row.as_chunks::<3>().0.iter().zip(&across.patch) {
            let sum = &mut sums[i][j];
            for (sum, &value) in sum.iter_mut().zip(pixel) {
                *sum += u64::from(value);
            }
            sum[3] += 1;
        }
    }
    let mean =
        |[red, green, blue, count]: [u64; 4]| [red, green, blue].map(|sum| sum as f32 / count.max(1) as f32);
    let mut all = [0; 4];
    for sum in sums.as_flattened() {
        all.iter_mut().zip(sum).for_each(|(all, part)| *all += part);
    }
    sums.map(|row| row.map(|sum| if sum[3] > 0 { mean(sum) } else { mean(all) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<u8> {
        (0..3 * count as u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn a_tiny_or_outlying_region_is_no_trouble() {
        let mut rgb = vec![7; 3 * 100];
        for (x1, y1, x2, y2) in [
            (0.0, 0.0, 1.0, 1.0),
            (3.2, 3.7, 7.1, 12.0),
            (-50.0, -50.0, 200.0, 200.0),
            (-1e9, 4.0, 1e9, 4.1),
            (-20.0, -20.0, -3.0, -3.0),
            (5.0, 5.0, 5.0, 5.0),
        ] {
            blur(&mut rgb, 10, &FaceBox { x1, y1, x2, y2 });
            assert!(rgb.iter().all(|&value| value == 7), "{x1} {y1} {x2} {y2}");
        }
    }

    #[test]
    fn nothing_outside_the_region_changes_and_no_pixel_inside_is_left_out() {
        let before = noise(100 * 60);
        let mut rgb = before.clone();
        blur(&mut rgb, 100, &FaceBox { x1: 20.4, y1: 10.6, x2: 79.5, y2: 40.2 });
        for (k, (now, then)) in rgb.chunks(3).zip(before.chunks(3)).enumerate() {
            let (x, y) = (k % 100, k / 100);
            let inside = (20..80).contains(&x) && (10..41).contains(&y);
            assert_eq!(now == then, !inside, "{x} {y}");
        }
    }

    #[test]
    fn of_a_face_at_the_edge_no_more_is_left_than_of_others() {
        // Stripes of 20 pixels: two of them are in each patch of a region of 240 pixels.
        let mut rgb: Vec<u8> =
            (0..200 * 50).flat_map(|k| [if k % 200 / 20 % 2 == 0 { 0 } else { 200 }; 3]).collect();
        blur(&mut rgb, 200, &FaceBox { x1: -200.0, y1: -100.0, x2: 40.0, y2: 150.0 });
        let row: Vec<u8> = rgb[..3 * 40].chunks(3).map(|pixel| pixel[0]).collect();
        let (least, most) = (row.iter().min().unwrap(), row.iter().max().unwrap());
        assert!(most - least < 10, "{row:?}");
    }
}
