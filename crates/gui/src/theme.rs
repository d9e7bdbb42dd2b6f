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
            visuals.selection.stroke = Stroke::new(1.0, Color32::WHITE);
            visuals.hyperlink_color = ACCENT;
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
        });
    }
}

/// One of the colours above, as text: darker on light ground, where they would be too pale.
#[must_use]
pub fn legible(color: Color32, visuals: &egui::Visuals) -> Color32 {
    if visuals.dark_mode { color } else { color.lerp_to_gamma(Color32::BLACK, 0.35) }
}

/// Black or white, whichever reads better on a colour.
#[must_use]
pub fn ink_on(fill: Color32) -> Color32 {
    if fill.intensity() > 0.4 { Color32::BLACK } else { Color32::WHITE }
}

/// White, or black on a ground as light as [`CAUTION`]'s: for the few words on the window's own strong colours.
#[must_use]
pub fn ink_over(fill: Color32) -> Color32 {
    if fill.intensity() > 0.6 { Color32::BLACK } else { Color32::WHITE }
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
pub fn level_color(level: LogLevel, text: Color32) -> Color32 {
    match level {
        LogLevel::Debug => text.gamma_multiply(0.6),
        LogLevel::Info => text,
        LogLevel::Warning => CAUTION,
        LogLevel::Error => ALERT,
    }
}
