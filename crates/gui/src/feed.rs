//! What is on display of one camera: its picture on the graphics card, and its newest result.

use std::sync::Arc;

use eframe::egui::{self, Color32, ColorImage, TextureHandle, TextureOptions};
use mien_face::FrameFaces;

use crate::backend::PreviewImage;
use crate::scale::Scaler;

/// See the module.
pub struct CameraFeed {
    /// The camera's name.
    pub name: String,
    preview: PreviewImage,
    image: Arc<ColorImage>,
    texture: Option<TextureHandle>,
    /// Width and height in pixels of the screen in which the picture was last shown.
    shown: Option<[usize; 2]>,
    scaler: Scaler,
    /// The newest result.
    pub faces: Box<FrameFaces>,
}

impl CameraFeed {
    /// Nothing yet of a camera.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            preview: PreviewImage::default(),
            image: Arc::default(),
            texture: None,
            shown: None,
            scaler: Scaler::default(),
            faces: FrameFaces::boxed(),
        }
    }

    /// The picture on the graphics card, and where it came from.
    #[must_use]
    pub fn picture(&self) -> Option<(&TextureHandle, &PreviewImage)> {
        self.texture.as_ref().map(|texture| (texture, &self.preview))
    }

    /// When the picture was captured, on the monotonic clock.
    #[must_use]
    pub fn capture_nanos(&self) -> i64 {
        self.preview.faces.capture_nanos
    }

    /// Tells how large the picture is shown, in pixels of the screen: more than that is not uploaded.
    pub fn shown_at(&mut self, size: [usize; 2]) {
        self.shown = (size[0] > 0 && size[1] > 0).then_some(size);
    }

    /// Has `take` fill the picture, and uploads it, when it is new, into the texture that is there
    /// already. Whether it was new.
    pub fn take_picture(
        &mut self,
        ctx: &egui::Context,
        take: impl FnOnce(&mut PreviewImage) -> bool,
    ) -> bool {
        if !take(&mut self.preview) {
            return false;
        }
        let size = [self.preview.width, self.preview.height];
        if size[0] == 0 || size[1] == 0 || self.preview.rgb.len() != size[0] * size[1] * 3 {
            return false;
        }
        let shown = self.shown.filter(|shown| shown[0] < size[0] && shown[1] < size[1]);
        let mut image = self.buffer(shown.unwrap_or(size));
        self.scaler.scale(&self.preview.rgb, size, image.size, &mut image.pixels);
        self.image = Arc::new(image);
        // A picture in the size in which it is shown is copied pixel by pixel.
        let options = if shown.is_some() { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
        match &mut self.texture {
            Some(texture) => texture.set(Arc::clone(&self.image), options),
            none => {
                let name = format!("preview {}", self.name);
                *none = Some(ctx.load_texture(name, Arc::clone(&self.image), options));
            }
        }
        true
    }

    /// The last picture's memory, unless it is still on its way to the graphics card.
    fn buffer(&mut self, size: [usize; 2]) -> ColorImage {
        let last = std::mem::take(&mut self.image);
        match Arc::try_unwrap(last) {
            Ok(image) if image.size == size => image,
            _ => ColorImage::filled(size, Color32::BLACK),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_any_size_are_taken_and_damaged_ones_are_not() {
        let ctx = egui::Context::default();
        let mut feed = CameraFeed::new("a");
        let picture = |width: usize, height: usize, bytes: usize| {
            move |into: &mut PreviewImage| {
                (into.width, into.height) = (width, height);
                into.rgb = (0..bytes).map(|byte| byte as u8).collect();
                true
            }
        };
        assert!(!feed.take_picture(&ctx, |_| false) && feed.picture().is_none());
        assert!(!feed.take_picture(&ctx, picture(4, 2, 23)) && feed.picture().is_none());
        assert!(!feed.take_picture(&ctx, picture(0, 0, 0)));
        for (width, height) in [(4, 2), (4, 2), (2, 5)] {
            assert!(feed.take_picture(&ctx, picture(width, height, width * height * 3)));
            assert_eq!(feed.picture().unwrap().0.size(), [width, height]);
            assert_eq!(feed.image.pixels[1], Color32::from_rgb(3, 4, 5));
        }
        // Never more than is shown, and never more than there is.
        for (shown, size) in [([4, 4], [4, 4]), ([20, 20], [10, 10]), ([0, 4], [10, 10]), ([9, 9], [9, 9])] {
            feed.shown_at(shown);
            assert!(feed.take_picture(&ctx, picture(10, 10, 300)));
            assert_eq!(feed.picture().unwrap().0.size(), size);
        }
    }
}
