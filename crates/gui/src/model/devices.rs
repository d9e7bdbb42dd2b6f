//! The devices page: cameras to add, and the settings of one camera while they are being changed.

use mien_capture::CameraDevice;
use mien_config::{Camera, CameraFormat};

use crate::backend::Command;
use crate::model::session::name_problem;

/// Sizes that are offered where the source tells none.
pub const USUAL_SIZES: [[u32; 2]; 4] = [[640, 480], [960, 540], [1280, 720], [1920, 1080]];
/// Rates that are offered where the source tells none.
pub const USUAL_RATES_HZ: [f64; 5] = [10.0, 15.0, 25.0, 30.0, 60.0];

/// The devices page.
#[derive(Debug, Default)]
pub struct DevicesModel {
    /// The camera to add.
    pub add: NewCamera,
    /// What is wrong with it.
    pub add_problem: Option<String>,
    /// The camera whose settings are open.
    pub draft: Option<CameraDraft>,
}

impl DevicesModel {
    /// Opens the settings of a camera; keeps what was typed when they are open already.
    pub fn open(&mut self, camera: &Camera) {
        if self.draft.as_ref().is_none_or(|draft| draft.original.name != camera.name) {
            self.draft = Some(CameraDraft::new(camera));
        }
    }

    /// Follows cameras that have changed or gone.
    pub fn follow(&mut self, cameras: &[Camera]) {
        let Some(draft) = &mut self.draft else { return };
        let now = cameras.iter().find(|camera| camera.name == draft.original.name);
        let renamed = || cameras.iter().find(|camera| camera.name == draft.wanted.name);
        match now.or_else(renamed) {
            Some(camera) if *camera == draft.original => {}
            Some(camera) => {
                let untouched = !draft.is_changed() || draft.wanted == *camera;
                if untouched {
                    *draft = CameraDraft::new(camera);
                } else {
                    // The driver's controls are changed at once; they are not for this draft to undo.
                    draft.wanted.controls.clone_from(&camera.controls);
                    draft.original = camera.clone();
                }
            }
            None => self.draft = None,
        }
    }
}

/// The fields with which a camera is added.
#[derive(Debug, Default)]
pub struct NewCamera {
    /// Its name; empty takes the next free one.
    pub name: String,
    /// Its source SPEC.
    pub source: String,
}

impl NewCamera {
    /// The command that adds this camera.
    ///
    /// # Errors
    /// Says which field is wrong, and how.
    pub fn command(&self, cameras: &[Camera]) -> Result<Command, String> {
        let source = self.source.trim();
        if source.is_empty() {
            return Err("Source: synthetic, usb:ID, a file or an address".to_owned());
        }
        let name = if self.name.is_empty() { free_name(cameras) } else { self.name.clone() };
        check_name(&name, cameras)?;
        Ok(Command::AddCamera(Box::new(Camera::new(name, source))))
    }
}

/// The settings of one camera while they are being changed.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraDraft {
    /// As they are.
    pub original: Camera,
    /// As they are to be.
    pub wanted: Camera,
}

impl CameraDraft {
    fn new(camera: &Camera) -> Self {
        Self { original: camera.clone(), wanted: camera.clone() }
    }

    /// Whether there is anything to apply.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.original != self.wanted
    }

    /// Forgets what was changed.
    pub fn revert(&mut self) {
        self.wanted = self.original.clone();
    }

    /// The command that makes it so.
    ///
    /// # Errors
    /// Says which field is wrong, and how.
    pub fn command(&self, cameras: &[Camera]) -> Result<Command, String> {
        if self.wanted.source.is_blank() {
            return Err("Source: synthetic, usb:ID, a file or an address".to_owned());
        }
        if self.wanted.name != self.original.name {
            check_name(&self.wanted.name, cameras)?;
        }
        let camera = Box::new(self.wanted.clone());
        Ok(Command::ChangeCamera { name: self.original.name.clone(), camera })
    }

    /// Sizes to choose from: what the device offers in the chosen format, else the usual ones.
    #[must_use]
    pub fn sizes(&self, device: Option<&CameraDevice>) -> Vec<[u32; 2]> {
        let mut sizes: Vec<[u32; 2]> = Vec::new();
        for mode in device.map(|device| device.modes.as_slice()).unwrap_or_default() {
            if self.wanted.format.is_none_or(|format| fourcc(format) == mode.format)
                && !sizes.contains(&mode.size)
            {
                sizes.push(mode.size);
            }
        }
        if sizes.is_empty() { USUAL_SIZES.to_vec() } else { sizes }
    }

    /// Rates to choose from, likewise, in the chosen format and size.
    #[must_use]
    pub fn rates_hz(&self, device: Option<&CameraDevice>) -> Vec<f64> {
        let mut rates: Vec<f64> = device
            .map(|device| device.modes.as_slice())
            .unwrap_or_default()
            .iter()
            .filter(|mode| self.wanted.format.is_none_or(|format| fourcc(format) == mode.format))
            .filter(|mode| self.wanted.size.is_none_or(|size| size == mode.size))
            .flat_map(|mode| mode.rates_hz.iter().copied())
            .collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup_by(|a, b| (*a - *b).abs() < 0.01);
        if rates.is_empty() { USUAL_RATES_HZ.to_vec() } else { rates }
    }
}

/// The four characters by which drivers call a format.
#[must_use]
pub fn fourcc(format: CameraFormat) -> &'static str {
    match format {
        CameraFormat::Mjpeg => "MJPG",
        CameraFormat::Yuyv => "YUYV",
        CameraFormat::Nv12 => "NV12",
    }
}

fn check_name(name: &str, cameras: &[Camera]) -> Result<(), String> {
    if let Some(problem) = name_problem(name) {
        return Err(format!("Name: {problem}"));
    }
    if cameras.iter().any(|camera| camera.name == name) {
        return Err(format!("Name: there is a camera {name} already"));
    }
    Ok(())
}

/// The first `camera-N` that no camera has.
#[must_use]
pub fn free_name(cameras: &[Camera]) -> String {
    (1..)
        .map(|number| format!("camera-{number}"))
        .find(|name| cameras.iter().all(|camera| &camera.name != name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use mien_capture::CameraMode;

    use super::*;

    #[test]
    fn new_cameras_get_free_names() {
        let mut form = NewCamera { source: "synthetic".to_owned(), ..NewCamera::default() };
        let there = [Camera::new("camera-1", "x")];
        let expected = Command::AddCamera(Box::new(Camera::new("camera-2", "synthetic")));
        assert_eq!(form.command(&there), Ok(expected));
        form.name = "a b".to_owned();
        assert!(form.command(&[]).is_err());
        form.name = "camera-1".to_owned();
        assert!(form.command(&there).is_err());
        form.source.clear();
        assert!(form.command(&[]).is_err());
    }

    #[test]
    fn a_draft_is_kept_while_its_camera_lives() {
        let mut cameras = vec![Camera::new("a", "synthetic"), Camera::new("b", "synthetic")];
        let mut model = DevicesModel::default();
        model.open(&cameras[0]);
        model.draft.as_mut().unwrap().wanted.size = Some([640, 480]);
        model.open(&cameras[0]);
        assert_eq!(model.draft.as_ref().unwrap().wanted.size, Some([640, 480]));
        // Its control is changed at once, beside the draft.
        cameras[0].controls.insert("gain".into(), 3);
        model.follow(&cameras);
        let draft = model.draft.as_ref().unwrap();
        assert_eq!((draft.wanted.size, draft.wanted.controls.len()), (Some([640, 480]), 1));
        // Applied: there is nothing to apply any more.
        cameras[0].size = Some([640, 480]);
        model.follow(&cameras);
        assert!(!model.draft.as_ref().unwrap().is_changed());
        cameras.remove(0);
        model.follow(&cameras);
        assert_eq!(model.draft, None);
    }

    #[test]
    fn a_draft_follows_its_camera_through_a_new_name() {
        let mut cameras = vec![Camera::new("a", "synthetic")];
        let mut model = DevicesModel::default();
        model.open(&cameras[0]);
        let draft = model.draft.as_mut().unwrap();
        draft.wanted.name = "b".into();
        let Ok(Command::ChangeCamera { name, camera }) = draft.command(&cameras) else { panic!() };
        assert_eq!((name.as_str(), camera.name.as_str()), ("a", "b"));
        cameras[0].name = "b".into();
        model.follow(&cameras);
        let draft = model.draft.as_ref().unwrap();
        assert!(!draft.is_changed() && draft.original.name == "b");
    }

    #[test]
    fn only_what_the_device_offers_can_be_chosen() {
        let mode = |format: &str, size, rates: &[f64]| CameraMode {
            format: format.to_owned(),
            size,
            rates_hz: rates.to_vec(),
        };
        let device = CameraDevice {
            spec: "usb:1".into(),
            label: "cam".into(),
            node: "/dev/video0".into(),
            modes: vec![
                mode("MJPG", [1920, 1080], &[60.0, 30.0]),
                mode("YUYV", [640, 480], &[30.0]),
                mode("YUYV", [1920, 1080], &[5.0]),
            ],
        };
        let mut draft = CameraDraft::new(&Camera::new("a", "usb:1"));
        assert_eq!(draft.sizes(Some(&device)), [[1920, 1080], [640, 480]]);
        draft.wanted.format = Some(CameraFormat::Yuyv);
        draft.wanted.size = Some([1920, 1080]);
        assert_eq!(draft.rates_hz(Some(&device)), [5.0]);
        assert_eq!(draft.rates_hz(None), USUAL_RATES_HZ);
        assert_eq!(draft.sizes(None), USUAL_SIZES);
    }
}
