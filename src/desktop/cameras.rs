//! Cameras that come, go and change, each without the others noticing.

use anyhow::{Result, anyhow, bail};
use mien_config::Camera;

use super::control::Control;
use super::devices;

impl Control {
    pub(super) fn add_camera(&mut self, camera: Camera) -> Result<()> {
        if self.config.cameras.iter().any(|known| known.name == camera.name) {
            bail!("there is a camera `{}` already; names are unique", camera.name);
        }
        if self.recording_since.is_some() {
            bail!(
                "camera `{}` is not added: a recording runs, whose cameras are fixed; stop it first",
                camera.name
            );
        }
        if camera.enabled {
            self.supervisor.add(camera.clone())?;
        }
        self.config.cameras.push(camera);
        Ok(())
    }

    pub(super) fn remove_camera(&mut self, name: &str) -> Result<()> {
        let place = self.place(name)?;
        if self.config.cameras[place].enabled {
            self.supervisor.remove(name)?;
        }
        self.config.cameras.remove(place);
        self.names.forget(name);
        Ok(())
    }

    /// Other settings; a camera's name is part of its rings' and streams' names, so with another one it
    /// goes and comes back.
    pub(super) fn change_camera(&mut self, name: &str, camera: Camera) -> Result<()> {
        let place = self.place(name)?;
        let before = self.config.cameras[place].clone();
        if camera.name != name && self.place(&camera.name).is_ok() {
            bail!("there is a camera `{}` already; names are unique", camera.name);
        }
        let stays = camera.name == name && before.enabled && camera.enabled;
        if stays {
            self.supervisor.change_camera(camera.clone())?;
            if camera.source != before.source {
                // Others sit before another camera.
                self.names.forget(name);
            }
        } else {
            if before.enabled {
                self.supervisor.remove(name)?;
            }
            self.names.forget(name);
            if camera.enabled {
                self.supervisor.add(camera.clone())?;
            }
        }
        self.config.cameras[place] = camera;
        Ok(())
    }

    pub(super) fn move_camera(&mut self, name: &str, to: usize) -> Result<()> {
        let place = self.place(name)?;
        let camera = self.config.cameras.remove(place);
        let to = to.min(self.config.cameras.len());
        self.config.cameras.insert(to, camera);
        Ok(())
    }

    /// Asks a camera's driver what can be changed, having changed one thing.
    pub(super) fn driver(&mut self, name: &str, change: Option<(String, i64)>) -> Result<()> {
        let place = self.place(name)?;
        let camera = &mut self.config.cameras[place];
        if let Some((control, value)) = &change {
            // The worker sets it again whenever it opens the camera.
            camera.controls.insert(control.clone(), *value);
        }
        devices::controls(&self.board, &self.log, name.to_owned(), camera.source.to_string(), change);
        Ok(())
    }

    fn place(&self, name: &str) -> Result<usize> {
        let place = self.config.cameras.iter().position(|camera| camera.name == name);
        place.ok_or_else(|| anyhow!("there is no camera `{name}`"))
    }
}
