//! Colours, type sizes and spacing: one accent, two themes.

use eframe::egui::{self, Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme};

use crate::backend::LogLevel;
use mien_control::CameraState;

/// The one accent colour.
pub const ACCENT: Color32 = Color32::from_rgb(0x2f, 0xa8, 0x9b);
/// Recording, errors, and nothing else.
pub const ALERT: Color32 = Color32::from_rgb(0xd9, 0x4f, 0x4f);
/// Needs attention, but works.
pub const CAUTION: Color32 = Color32::from_rgb(0xd2, 0x9a, 0x3a);

/// Distance between things that belong together, in points.
pub const GAP: f32 = 8.0;

/// Lines of the signals plots: distinguishable also without colour vision deficiencies in mind
/// (Okabe and Ito's palette).
pub const SERIES: [Color32; 8] = [
    Color32::from_rgb(0x56, 0xb4, 0xe9),
    Color32::from_rgb(0xe6, 0x9f, 0x00),
    Color32::from_rgb(0x00, 0x9e, 0x73),
    Color32::from_rgb(0xcc, 0x79, 0xa7),
    Color32::from_rgb(0xf0, 0xe4, 0x42),
    Color32::from_rgb(0x00, 0x72, 0xb2),
    Color32::from_rgb(0xd5, 0x5e, 0x00),
    Color32::from_rgb(0x9a, 0xa5, 0xb1),
];

/// Installs both themes.
pub fn install(ctx: &egui::Context) {
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Heading, FontId::new(20.0, FontFamily::Proportional)),
            (TextStyle::Body, FontId::new(16.0, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(16.0, FontFamily::Proportional)),
            (TextStyle::Small, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Monospace, FontId::new(13.5, FontFamily::Monospace)),
        ]
        .into();
        style.spacing.item_spacing = egui::vec2(GAP, GAP);
        style.spacing.button_padding = egui::vec2(12.0, 6.0);
        style.spacing.interact_size.y = 30.0;
        // Animated state changes cost repaints and make a still interface look busy.
        style.animation_time = 0.0;
    });
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| {
            let visuals = &mut style.visuals;
            let (window, panel, faint) = match theme {
                Theme::Dark => (
                    Color32::from_rgb(0x12, 0x15, 0x18),
                    Color32::from_rgb(0x1a, 0x1e, 0x22),
                    Color32::from_rgb(0x22, 0x27, 0x2c),
                ),
                Theme::Light => {
                    (Color32::from_rgb(0xf4, 0xf5, 0xf6), Color32::WHITE, Color32::from_rgb(0xea, 0xec, 0xee))
                }
            };
            // Readable from two metres: more contrast than egui's own greys.
            let (text, quiet) = match theme {
                Theme::Dark => (Color32::from_rgb(0xdd, 0xe2, 0xe6), Color32::from_rgb(0x9d, 0xa7, 0xaf)),
                Theme::Light => (Color32::from_rgb(0x1c, 0x22, 0x27), Color32::from_rgb(0x52, 0x5c, 0x65)),
            };
            visuals.widgets.noninteractive.fg_stroke.color = text;
            visuals.widgets.inactive.fg_stroke.color = text;
            visuals.weak_text_color = Some(quiet);
            visuals.panel_fill = panel;
            visuals.window_fill = panel;
            visuals.extreme_bg_color = window;
            visuals.faint_bg_color = faint;
            visuals.selection.bg_fill = ACCENT;
            visuals.selection.stroke = Stroke::new(1.0, ink_on(ACCENT));
            for widget in [
                &mut visuals.widgets.noninteractive,
                &mut visuals.widgets.inactive,
                &mut visuals.widgets.hovered,
                &mut visuals.widgets.active,
                &mut visuals.widgets.open,
            ] {
                widget.corner_radius = CornerRadius::same(6);
                widget.expansion = 0.0;
            }
            visuals.hyperlink_color = legible(ACCENT, visuals);
            visuals.warn_fg_color = legible(CAUTION, visuals);
            visuals.error_fg_color = legible(ALERT, visuals);
        });
    }
}

/// Least contrast of text with its ground (WCAG 2.2, level AA).
const TEXT_CONTRAST: f32 = 4.5;
/// Least contrast of lines and keys with their ground (the same).
const LINE_CONTRAST: f32 = 3.0;
/// Steps in which a colour goes over into another one.
const STEPS: u8 = 20;

/// Contrast of two opaque colours as WCAG 2.2 defines it, 1–21.
#[must_use]
pub fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |color: Color32| {
        let [red, green, blue] = [color.r(), color.g(), color.b()].map(|value| {
            let value = f32::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// A colour as text on any of the window's grounds: as much nearer to the text's as it takes to be read.
#[must_use]
pub fn legible(color: Color32, visuals: &egui::Visuals) -> Color32 {
    let text = visuals.widgets.noninteractive.fg_stroke.color;
    towards(color, text, |color| {
        grounds(visuals).into_iter().all(|ground| contrast(color, ground) >= TEXT_CONTRAST)
    })
}

/// The colour of the line, or of the key, with this number on any of the window's grounds.
#[must_use]
pub fn series(place: usize, visuals: &egui::Visuals) -> Color32 {
    let text = visuals.widgets.noninteractive.fg_stroke.color;
    let is_visible =
        |color| grounds(visuals).into_iter().all(|ground| contrast(color, ground) >= LINE_CONTRAST);
    towards(SERIES[place % SERIES.len()], text, is_visible)
}

/// A colour as ground of strong text that also lies beside it: as pale as it takes for the text to be read.
#[must_use]
pub fn under_text(color: Color32, visuals: &egui::Visuals) -> Color32 {
    let text = visuals.strong_text_color();
    towards(color, visuals.faint_bg_color, |color| contrast(text, color) >= TEXT_CONTRAST)
}

/// Black or white, whichever reads better on a colour.
#[must_use]
pub fn ink_on(fill: Color32) -> Color32 {
    let (black, white) = (contrast(Color32::BLACK, fill), contrast(Color32::WHITE, fill));
    if black > white { Color32::BLACK } else { Color32::WHITE }
}

/// What the window's texts and lines lie on.
fn grounds(visuals: &egui::Visuals) -> [Color32; 3] {
    [visuals.panel_fill, visuals.extreme_bg_color, visuals.faint_bg_color]
}

/// The colour, as little nearer to `end` as it takes.
fn towards(color: Color32, end: Color32, is_enough: impl Fn(Color32) -> bool) -> Color32 {
    let steps = (0..STEPS).map(|step| color.lerp_to_gamma(end, f32::from(step) / f32::from(STEPS)));
    steps.into_iter().find(|color| is_enough(*color)).unwrap_or(end)
}

/// The colour of a camera's state.
#[must_use]
pub fn state_color(state: CameraState) -> Color32 {
    match state {
        CameraState::Live => ACCENT,
        CameraState::Starting | CameraState::Stalled | CameraState::Reconnecting => CAUTION,
        CameraState::Failed => ALERT,
        CameraState::Stopped => Color32::GRAY,
    }
}

/// The colour of a log line.
#[must_use]
pub fn level_color(level: LogLevel, visuals: &egui::Visuals) -> Color32 {
    match level {
        LogLevel::Debug => visuals.weak_text_color(),
        LogLevel::Info => visuals.text_color(),
        LogLevel::Warning => legible(CAUTION, visuals),
        LogLevel::Error => legible(ALERT, visuals),
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::Visuals;

    use super::*;

    fn both() -> [(&'static str, Visuals); 2] {
        let ctx = egui::Context::default();
        install(&ctx);
        [("dark", Theme::Dark), ("light", Theme::Light)]
            .map(|(name, theme)| (name, ctx.style_of(theme).visuals.clone()))
    }

    fn assert_contrast(what: &str, a: Color32, b: Color32, least: f32) {
        assert!(a.is_opaque() && b.is_opaque(), "{what}: {a:?} {b:?}");
        let found = contrast(a, b);
        assert!(found >= least, "{what}: {a:?} on {b:?} has a contrast of {found:.2}");
    }

    #[test]
    fn contrasts_are_those_of_the_standard() {
        let near = |a: Color32, b: Color32, expected: f32| {
            assert!((contrast(a, b) - expected).abs() < 0.01 && contrast(a, b) == contrast(b, a));
        };
        near(Color32::BLACK, Color32::WHITE, 21.0);
        near(Color32::WHITE, Color32::WHITE, 1.0);
        // The lightest grey that is legible on white, by the standard's own tables.
        near(Color32::from_gray(0x76), Color32::WHITE, 4.54);
        near(Color32::WHITE, ACCENT, 2.91);
    }

    #[test]
    fn every_text_is_legible_on_every_ground_of_both_themes() {
        for (name, visuals) in both() {
            let texts = [
                ("text", visuals.text_color()),
                ("quiet text", visuals.weak_text_color()),
                ("strong text", visuals.strong_text_color()),
                ("links", visuals.hyperlink_color),
                ("warnings", visuals.warn_fg_color),
                ("errors", visuals.error_fg_color),
                ("accent", legible(ACCENT, &visuals)),
                ("alert", legible(ALERT, &visuals)),
                ("caution", legible(CAUTION, &visuals)),
            ];
            use CameraState::{Failed, Live, Reconnecting, Stalled, Starting, Stopped};
            let states = [Live, Failed, Reconnecting, Stalled, Starting, Stopped]
                .map(|state| ("a camera's state", legible(state_color(state), &visuals)));
            let levels = [LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error]
                .map(|level| ("a line of the log", level_color(level, &visuals)));
            for (what, text) in texts.into_iter().chain(states).chain(levels) {
                for ground in grounds(&visuals) {
                    assert_contrast(&format!("{name}, {what}"), text, ground, TEXT_CONTRAST);
                }
            }
        }
    }

    #[test]
    fn text_is_legible_on_buttons_and_selections_and_banners_of_both_themes() {
        for (name, visuals) in both() {
            let widgets = &visuals.widgets;
            for (state, look) in [
                ("at rest", &widgets.inactive),
                ("under the pointer", &widgets.hovered),
                ("pressed", &widgets.active),
                ("open", &widgets.open),
            ] {
                for fill in [look.bg_fill, look.weak_bg_fill] {
                    assert_contrast(
                        &format!("{name}, a button {state}"),
                        look.text_color(),
                        fill,
                        TEXT_CONTRAST,
                    );
                }
            }
            let selection = visuals.selection;
            assert_contrast(name, selection.stroke.color, selection.bg_fill, TEXT_CONTRAST);
            for fill in [ACCENT, ALERT, CAUTION] {
                assert_contrast(name, ink_on(fill), fill, TEXT_CONTRAST);
            }
        }
    }

    #[test]
    fn lines_and_bars_are_seen_and_the_text_on_them_read_in_both_themes() {
        for (name, visuals) in both() {
            for place in 0..SERIES.len() {
                let what = format!("{name}, line {place}");
                let line = series(place, &visuals);
                grounds(&visuals)
                    .into_iter()
                    .for_each(|ground| assert_contrast(&what, line, ground, LINE_CONTRAST));
                assert_contrast(&what, ink_on(line), line, TEXT_CONTRAST);
                let strong = visuals.strong_text_color();
                assert_contrast(&what, strong, under_text(SERIES[place], &visuals), TEXT_CONTRAST);
                assert_contrast(&what, strong, under_text(ACCENT, &visuals), TEXT_CONTRAST);
                for other in (0..SERIES.len()).filter(|other| *other != place) {
                    assert_ne!(line, series(other, &visuals), "{what} and {other}");
                }
            }
        }
    }
}
