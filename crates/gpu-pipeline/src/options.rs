//! What a user may choose about the GPU.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use mien_engine::FACES;

use crate::{CalibrationInputs, EngineCache};

/// The arithmetic that engines are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum GpuPrecision {
    /// 32-bit throughout; TF32 is off.
    Fp32,
    /// 16-bit wherever TensorRT finds it faster. Inputs and outputs stay 32-bit.
    #[default]
    Fp16,
    /// 8-bit wherever TensorRT finds it faster, else 16-bit; building takes
    /// [`GpuOptions::calibration`].
    Int8,
}

impl GpuPrecision {
    /// All of them.
    const ALL: [Self; 3] = [Self::Fp32, Self::Fp16, Self::Int8];

    /// The word on the command line and in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for GpuPrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GpuPrecision {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|precision| precision.name() == word)
            .ok_or_else(|| format!("there is no precision called {word:?}: take fp32, fp16 or int8"))
    }
}

/// Which GPU, which TensorRT, and how.
#[derive(Debug, Clone)]
pub struct GpuOptions {
    /// Number of the GPU, from 0.
    pub gpu: usize,
    /// A folder that holds TensorRT, or the library; the system's without it.
    pub tensorrt: Option<PathBuf>,
    /// The engines' arithmetic.
    pub precision: GpuPrecision,
    /// Most faces that are tracked: graphs for more are not captured.
    pub max_faces: usize,
    /// Most faces read in one launch, one of the buckets of [`FACES`]. Fewer take less memory; more faces than that are read
    /// in several launches.
    pub max_batch: usize,
    /// Height and width in pixels of the picture that the detector reads.
    pub detector_size: [usize; 2],
    /// Width and height in pixels of the frames, where they are known: their memory is then taken at the start.
    pub frame_size: Option<[u32; 2]>,
    /// How long TensorRT searches for fast code, 0 (least) to 5, when it builds; its own level otherwise.
    pub optimization_level: Option<i32>,
    /// Typical inputs, without which no engine of [`GpuPrecision::Int8`] is built.
    pub calibration: Option<Arc<CalibrationInputs>>,
    /// Build every engine, also those that the cache has.
    pub rebuild: bool,
    /// Where built engines are kept.
    pub cache: EngineCache,
}

impl GpuOptions {
    /// Numbers of faces for which a graph is captured, of [`FACES`]: up to the first that holds `max_faces`, none
    /// above `max_batch`. A frame takes the smallest that holds its faces.
    #[must_use]
    pub fn buckets(&self) -> Vec<usize> {
        FACES.buckets_for(self.max_faces, self.max_batch).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_buckets_than_faces_or_memory_allow() {
        let buckets = |max_faces, max_batch| {
            GpuOptions {
                gpu: 0,
                tensorrt: None,
                precision: GpuPrecision::Fp16,
                max_faces,
                max_batch,
                detector_size: [384, 640],
                frame_size: None,
                optimization_level: None,
                calibration: None,
                rebuild: false,
                cache: EngineCache::at("unused"),
            }
            .buckets()
        };
        assert_eq!(buckets(1, 8), [1]);
        assert_eq!(buckets(3, 8), [1, 2, 4]);
        assert_eq!(buckets(10, 8), [1, 2, 4, 8]);
        assert_eq!(buckets(10, 2), [1, 2]);
        assert_eq!(buckets(4, 0), [1]);
    }

    #[test]
    fn precisions_by_name() {
        assert_eq!("fp16".parse(), Ok(GpuPrecision::Fp16));
        assert_eq!("int8".parse(), Ok(GpuPrecision::Int8));
        assert!("fp8".parse::<GpuPrecision>().unwrap_err().contains("fp32, fp16 or int8"));
    }
}
