//! Typical inputs of the networks, from which TensorRT finds the scales of 8-bit engines.

use std::fmt;

use mien_engine::Role;
use mien_face::{Face, FrameView};
use mien_geometry::{Border, Cropper, Letterbox, Normalization, Region};
use mien_gpu::{Device, DeviceBuffer};
use mien_tensorrt::CalibrationBatches;

/// What the detector and the landmark network read in frames like those of the user's cameras, made by the
/// CPU's stages.
pub struct CalibrationInputs {
    cropper: Cropper,
    /// One for each size of the detector's input.
    detectors: Vec<DetectorInputs>,
    landmarks: Items,
    /// Side of the landmark network's input in pixels.
    crop_size: usize,
}

impl fmt::Debug for CalibrationInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [frames, faces] = self.counts();
        f.debug_struct("CalibrationInputs").field("frames", &frames).field("faces", &faces).finish()
    }
}

/// What a detector reads.
struct DetectorInputs {
    /// Height and width in pixels.
    size: [usize; 2],
    letterbox: Letterbox,
    items: Items,
}

impl DetectorInputs {
    fn new(size: [usize; 2]) -> Self {
        let [height, width] = size;
        let letterbox = Letterbox::new(height, width, Normalization::RETINAFACE);
        Self { size, letterbox, items: Items::new(3 * height * width) }
    }
}

/// Inputs of one network.
struct Items {
    length: usize,
    items: Vec<Vec<f32>>,
}

impl Items {
    fn new(length: usize) -> Self {
        Self { length, items: Vec::new() }
    }

    /// One more, of zeros.
    fn next(&mut self) -> &mut [f32] {
        self.items.push(vec![0.0; self.length]);
        self.items.last_mut().expect("just put there")
    }
}

impl CalibrationInputs {
    /// For detectors that read pictures of these heights and widths, and a landmark network that reads
    /// squares of `crop_size` pixels.
    #[must_use]
    pub fn new(detector_sizes: &[[usize; 2]], crop_size: usize) -> Self {
        let mut sizes = detector_sizes.to_vec();
        sizes.sort_unstable();
        sizes.dedup();
        Self {
            cropper: Cropper::new(),
            detectors: sizes.into_iter().map(DetectorInputs::new).collect(),
            landmarks: Items::new(3 * crop_size * crop_size),
            crop_size,
        }
    }

    /// Adds a frame and the faces that are in it.
    pub fn add(&mut self, frame: &FrameView<'_>, faces: &[Face]) {
        for detector in &mut self.detectors {
            detector.letterbox.apply(frame, detector.items.next());
        }
        for face in faces {
            let frame_from_crop =
                Region::from_landmarks(&face.measured.landmarks).frame_from_crop(self.crop_size);
            self.cropper.crop(
                frame,
                &frame_from_crop,
                self.crop_size,
                Border::Replicate,
                &Normalization::UNIT_RGB,
                self.landmarks.next(),
            );
        }
    }

    /// How many frames and faces there are.
    #[must_use]
    pub fn counts(&self) -> [usize; 2] {
        let frames = self.detectors.first().map_or(0, |detector| detector.items.items.len());
        [frames, self.landmarks.items.len()]
    }

    /// Those of a network; none for a detector of a size that was not asked for, and for networks that
    /// are not built in 8 bits.
    fn of(&self, role: Role, detector_size: [usize; 2]) -> Option<&Items> {
        match role {
            Role::Detector => {
                let detector = self.detectors.iter().find(|detector| detector.size == detector_size);
                detector.map(|detector| &detector.items)
            }
            Role::Landmarks => Some(&self.landmarks),
            _ => None,
        }
    }

    /// Batches of one for TensorRT, in an allocation of the device that lasts as long as they do.
    pub(crate) fn batches(
        &self,
        role: Role,
        detector_size: [usize; 2],
        device: &Device,
    ) -> Result<Option<DeviceBatches<'_>>, mien_gpu::GpuError> {
        let inputs = self.of(role, detector_size).filter(|inputs| !inputs.items.is_empty());
        let Some(inputs) = inputs else { return Ok(None) };
        let buffer = device.alloc("a calibration input", inputs.length)?;
        Ok(Some(DeviceBatches { device: device.clone(), inputs, buffer, given: 0 }))
    }
}

/// Inputs, brought to the device one by one.
pub(crate) struct DeviceBatches<'a> {
    device: Device,
    inputs: &'a Items,
    buffer: DeviceBuffer<f32>,
    given: usize,
}

// SAFETY: the address is that of `buffer`, which lives as long as this, holds one whole item (profiles begin
// with a batch of one), and is written before the address is given and not again before the next call.
unsafe impl CalibrationBatches for DeviceBatches<'_> {
    fn batch_size(&self) -> i32 {
        1
    }

    fn next_batch(&mut self, inputs: &[&str], addresses: &mut [u64]) -> Result<bool, String> {
        let [address] = addresses else {
            return Err(format!("the network has {} inputs, but one is expected", inputs.len()));
        };
        let Some(item) = self.inputs.items.get(self.given) else { return Ok(false) };
        self.device.stream().write(&self.buffer, item).map_err(|error| error.to_string())?;
        *address = self.buffer.pointer();
        self.given += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use mien_face::{Frame, PixelFormat};

    use super::*;

    #[test]
    fn frames_and_their_faces_are_counted_apart() {
        let (size, other) = ([32, 64], [32, 32]);
        let mut inputs = CalibrationInputs::new(&[size, other, size], 16);
        let mut frame = Frame::empty();
        frame.reshape(64, 48, PixelFormat::Rgb8);
        frame.pixels.fill(200);
        let mut face = <Face as bytemuck::Zeroable>::zeroed();
        for (index, landmark) in face.measured.landmarks.iter_mut().enumerate() {
            *landmark = [20.0 + (index % 20) as f32, 10.0 + (index / 20) as f32, 0.0];
        }
        let view = frame.view().unwrap();
        inputs.add(&view, &[]);
        inputs.add(&view, &[face, face]);
        assert_eq!(inputs.counts(), [2, 2]);
        let crops = inputs.of(Role::Landmarks, size).unwrap().items.concat();
        assert_eq!(crops.len(), 2 * 3 * 16 * 16);
        assert!(crops.iter().all(|value| (value - 200.0 / 255.0).abs() < 1e-5), "{:?}", &crops[..4]);
        for [height, width] in [size, other] {
            let letterboxed = inputs.of(Role::Detector, [height, width]).unwrap().items.concat();
            assert_eq!(letterboxed.len(), 2 * 3 * height * width);
            // Blue first, and its mean is 104.
            assert!((letterboxed[0] - 96.0).abs() < 1e-3, "{}", letterboxed[0]);
        }
        assert!(inputs.of(Role::Detector, [64, 64]).is_none());
        assert!(inputs.of(Role::Blendshapes, size).is_none());
    }
}
