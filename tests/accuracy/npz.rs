//! NumPy archives of little-endian numbers, as far as the reference results need them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zip::ZipArchive;

/// What MediaPipe's Face Landmarker found in a clip. One row a face.
pub struct Reference {
    /// Frame number of each face.
    pub frames: Vec<u64>,
    /// 478 × (x, y, z): x and y as parts of the frame's width and height, z on x's scale.
    pub landmarks: Vec<f32>,
    pub blendshapes: Vec<f32>,
    /// 4 × 4, row by row.
    pub matrices: Vec<f32>,
    /// Width and height in pixels.
    pub size: [f32; 2],
}

impl Reference {
    pub fn read(path: &Path) -> Self {
        let mut archive = ZipArchive::new(File::open(path).unwrap()).unwrap();
        let mut array = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(&format!("{name}.npy")).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        let frames = integers(&array("frame"));
        let size = integers(&array("size"));
        Self {
            frames: frames.iter().map(|&frame| frame as u64).collect(),
            landmarks: floats(&array("landmarks")),
            blendshapes: floats(&array("blendshapes")),
            matrices: floats(&array("matrix")),
            size: [size[0] as f32, size[1] as f32],
        }
    }

    /// Landmarks of a row in frame pixels.
    pub fn landmarks_px(&self, row: usize) -> Vec<[f32; 3]> {
        let [width, height] = self.size;
        let landmarks = self.landmarks[3 * 478 * row..][..3 * 478].as_chunks::<3>().0;
        landmarks.iter().map(|&[x, y, z]| [x * width, y * height, z * width]).collect()
    }

    pub fn blendshapes(&self, row: usize) -> &[f32] {
        &self.blendshapes[52 * row..][..52]
    }

    pub fn matrix(&self, row: usize) -> [f32; 16] {
        self.matrices[16 * row..][..16].try_into().unwrap()
    }
}

/// The numbers after a version 1 header that announces the given type.
fn numbers<'a>(npy: &'a [u8], kind: &str) -> &'a [[u8; 4]] {
    assert_eq!(&npy[..7], b"\x93NUMPY\x01", "an array of format version 1");
    let header_bytes = usize::from(u16::from_le_bytes([npy[8], npy[9]]));
    let (header, data) = npy[10..].split_at(header_bytes);
    let header = String::from_utf8_lossy(header);
    assert!(header.contains(&format!("'descr': '{kind}'")) && header.contains("'fortran_order': False"));
    data.as_chunks::<4>().0
}

fn floats(npy: &[u8]) -> Vec<f32> {
    numbers(npy, "<f4").iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

fn integers(npy: &[u8]) -> Vec<i32> {
    numbers(npy, "<i4").iter().map(|&bytes| i32::from_le_bytes(bytes)).collect()
}
