//! Words on a picture.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

use crate::canvas::{Canvas, Color};

/// The typeface, in one or another size.
pub(crate) struct Type {
    font: FontRef<'static>,
}

impl Type {
    pub(crate) fn new() -> Self {
        let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT);
        Self { font: font.expect("the font is part of the program") }
    }

    /// Writes `text` on a dark chip whose lower left corner is at `corner`, moved into the picture
    /// where it would leave it.
    pub(crate) fn chip(
        &self,
        canvas: &mut Canvas<'_>,
        text: &str,
        corner: [f32; 2],
        size: f32,
        color: Color,
    ) {
        let pad = (size * 0.3).round();
        let (glyphs, width) = self.layout(text, size);
        let font = self.font.as_scaled(PxScale::from(size));
        let (chip_width, chip_height) = (width + 2.0 * pad, (font.ascent() - font.descent() + pad).ceil());
        let left = corner[0].min(canvas.width() - chip_width).max(0.0).round();
        let bottom = corner[1].max(chip_height).min(canvas.height()).round();
        canvas.fill([left, bottom - chip_height, left + chip_width, bottom], [16, 20, 24], 0.66);
        let baseline = bottom - chip_height + pad * 0.5 + font.ascent();
        for mut glyph in glyphs {
            glyph.position.x += left + pad;
            glyph.position.y += baseline;
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, covered| {
                let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
                // A light face on a dark ground needs a little more weight at small sizes.
                canvas.blend(x, y, color, (covered * 1.25).min(1.0));
            });
        }
    }

    /// The glyphs on a baseline through (0, 0), and the width in pixels.
    fn layout(&self, text: &str, size: f32) -> (Vec<Glyph>, f32) {
        let font = self.font.as_scaled(PxScale::from(size));
        let mut x = 0.0;
        let mut last = None;
        let mut glyphs = Vec::with_capacity(text.len());
        for character in text.chars() {
            let id = font.glyph_id(character);
            x += last.map_or(0.0, |last| font.kern(last, id));
            glyphs.push(id.with_scale_and_position(size, point(x, 0.0)));
            x += font.h_advance(id);
            last = Some(id);
        }
        (glyphs, x)
    }
}
