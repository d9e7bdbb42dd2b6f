//! What people look like, so that they can be told apart.

use crate::random::{between, mix, unit};
use crate::vector::{Vector, scale};

/// Colours are 0–1 as displayed.
#[derive(Debug, Clone)]
pub(crate) struct Appearance {
    pub(crate) seed: u64,
    pub(crate) skin: Vector,
    pub(crate) lips: Vector,
    pub(crate) hair: Vector,
    pub(crate) brows: Vector,
    pub(crate) iris: Vector,
    pub(crate) clothes: Vector,
    pub(crate) long_hair: bool,
    /// 0 shaven, 1 dark stubble.
    pub(crate) beard: f32,
    /// Half the height of the brows in cm, added to their outline.
    pub(crate) brow_width: f32,
}

const SKINS: [Vector; 6] = [
    [0.86, 0.68, 0.58],
    [0.58, 0.41, 0.31],
    [0.90, 0.74, 0.65],
    [0.70, 0.51, 0.39],
    [0.46, 0.32, 0.25],
    [0.80, 0.62, 0.48],
];
const HAIRS: [Vector; 6] = [
    [0.16, 0.11, 0.08],
    [0.06, 0.05, 0.05],
    [0.55, 0.41, 0.22],
    [0.28, 0.17, 0.10],
    [0.08, 0.07, 0.06],
    [0.45, 0.43, 0.42],
];
const IRISES: [Vector; 5] =
    [[0.28, 0.17, 0.09], [0.20, 0.12, 0.07], [0.30, 0.42, 0.52], [0.33, 0.28, 0.14], [0.35, 0.40, 0.30]];
const CLOTHES: [Vector; 6] = [
    [0.20, 0.28, 0.44],
    [0.48, 0.16, 0.16],
    [0.22, 0.36, 0.26],
    [0.62, 0.60, 0.56],
    [0.18, 0.18, 0.20],
    [0.50, 0.40, 0.22],
];

impl Appearance {
    /// Neighbouring persons of one seed never share skin, hair or clothes.
    pub(crate) fn new(seed: u64, person: usize) -> Self {
        let own = mix(seed ^ mix(person as u64 + 1));
        let turn = (mix(seed) % 6) as usize;
        let pick = |table: &[Vector; 6]| table[(turn + person) % 6];
        let shade = between(own, 1, 0.93, 1.05);
        let skin = scale(pick(&SKINS), shade);
        let hair = scale(pick(&HAIRS), between(own, 2, 0.8, 1.2));
        Self {
            seed: own,
            skin,
            lips: [skin[0] * 0.86, skin[1] * 0.60, skin[2] * 0.62],
            hair,
            brows: [hair[0] * 0.55 + 0.02, hair[1] * 0.5 + 0.015, hair[2] * 0.5 + 0.01],
            iris: IRISES[(own % 5) as usize],
            clothes: scale(pick(&CLOTHES), between(own, 3, 0.8, 1.2)),
            long_hair: unit(own, 4) < 0.4,
            beard: if unit(own, 5) < 0.35 { between(own, 6, 0.2, 0.6) } else { 0.0 },
            brow_width: between(own, 7, 0.08, 0.18),
        }
    }
}
