//! One face's signals: blendshapes now, chosen ones over time, head pose, a head that turns with it.

use eframe::egui::{self, Color32, Mesh, Rect, RichText, Sense, Shape, Vec2, pos2};
use egui_plot::{Corner, HoverPosition, Legend, Line, Plot, PlotPoints, PlotUi};
use mien_control::CameraState;
use mien_face::{BLENDSHAPE_COUNT, BLENDSHAPE_NAMES, CANONICAL_VERTICES_CM, Face, topology};

use crate::app::Page;
use crate::history::{History, Sample, plotted_outputs};
use crate::model::remember_width;
use crate::theme;

/// Height of a blendshape's bar, in points.
const ROW: f32 = 24.0;

/// In place of a value while the face is out of view.
const NOTHING: &str = "–";

/// Draws the page.
pub fn show(ui: &mut egui::Ui, page: &mut Page<'_>) {
    if page.backend.cameras().is_empty() {
        super::empty(ui, "No signals", "They appear with the first camera.");
        return;
    }
    choose(ui, page);
    let face = shown_face(page).copied();
    let camera = page.backend.cameras().iter().find(|camera| camera.name == page.model.signals.camera);
    let trouble = camera.filter(|camera| camera.state != CameraState::Live).cloned();
    if face.is_none() && page.model.signals.history.samples().is_empty() {
        match &trouble {
            Some(camera) => {
                super::empty(ui, &format!("{}: {}", camera.name, camera.state.label()), &camera.reason)
            }
            None => super::empty(ui, "No face in view", "Signals appear as soon as this camera sees a face."),
        }
        return;
    }
    if let Some(camera) = &trouble {
        let color = theme::legible(theme::state_color(camera.state), ui.visuals());
        let text = format!("{}, {}; its signals stand still", camera.name, camera.state_text());
        ui.add(egui::Label::new(RichText::new(&text).color(color).strong()).truncate());
    }
    let absence = trouble.as_ref().map_or("not in view", |camera| camera.state.label());
    let window = page.model.window;
    // Half of the page for the plots.
    let [widest_bars, widest_head] = [(0.28, 220.0, 520.0), (0.24, 170.0, 480.0)]
        .map(|(share, least, most)| (ui.available_width() * share).clamp(least, most));
    let left = egui::Panel::left("blendshapes")
        .default_size(window.blendshapes_width)
        .size_range(220.0..=widest_bars)
        .show(ui, |ui| bars(ui, page, face.as_ref()));
    let right = egui::Panel::right("head")
        .default_size(window.head_width)
        .size_range(170.0..=widest_head)
        .show(ui, |ui| pose(ui, face.as_ref(), absence));
    let window = &mut page.model.window;
    remember_width(&mut window.blendshapes_width, left.response.rect.width(), widest_bars);
    remember_width(&mut window.head_width, right.response.rect.width(), widest_head);
    plots(ui, page);
}

fn choose(ui: &mut egui::Ui, page: &mut Page<'_>) {
    let names: Vec<String> = page.backend.cameras().iter().map(|camera| camera.name.clone()).collect();
    let shown = names.iter().position(|name| *name == page.model.signals.camera);
    let (mut camera, mut face) = (shown.unwrap_or(0), page.model.signals.face);
    ui.horizontal_wrapped(|ui| {
        let name = ui.label("Camera");
        let list =
            egui::ComboBox::from_id_salt("signals camera").selected_text(&names[camera]).show_ui(ui, |ui| {
                for (place, name) in names.iter().enumerate() {
                    ui.selectable_value(&mut camera, place, name);
                }
            });
        list.response.labelled_by(name.id);
        let label = |id: u32| {
            page.backend.participant(camera, id).map_or_else(|| format!("face {id}"), str::to_owned)
        };
        let selected = face.map_or_else(|| "first face".to_owned(), label);
        let name = ui.label("Face");
        let list = egui::ComboBox::from_id_salt("signals face").selected_text(selected).show_ui(ui, |ui| {
            ui.selectable_value(&mut face, None, "first face");
            for seen in page.feeds[camera].faces.faces() {
                ui.selectable_value(&mut face, Some(seen.track_id), label(seen.track_id));
            }
        });
        list.response.labelled_by(name.id);
        // Who is being named stays in the field.
        let named = page.model.naming.as_ref().filter(|naming| naming.camera == names[camera]);
        let shown = named.map(|naming| naming.track_id).or(face);
        let shown = shown.or_else(|| shown_face(page).map(|face| face.track_id));
        let name = ui.label("Participant");
        match shown {
            Some(track_id) => super::name_field(ui, page, (camera, track_id), "signals", name.id, 140.0),
            None => {
                let mut nobody = String::new();
                let edit = egui::TextEdit::singleline(&mut nobody).desired_width(140.0);
                ui.add_enabled(false, edit).labelled_by(name.id);
            }
        }
        ui.toggle_value(&mut page.model.signals.frozen, "Freeze").on_hover_text("Ctrl+Space");
    });
    page.model.signals.show(&names[camera], face);
}

fn shown_face<'a>(page: &'a Page<'_>) -> Option<&'a Face> {
    let signals = &page.model.signals;
    let faces = page.feeds.iter().find(|feed| feed.name == signals.camera)?.faces.faces();
    let wanted = signals.face.unwrap_or(signals.history.track_id());
    faces
        .iter()
        .find(|face| face.track_id == wanted)
        .or_else(|| if signals.face.is_none() { faces.first() } else { None })
}

/// Each blendshape with its value; without one while the face is out of view.
fn bars(ui: &mut egui::Ui, page: &mut Page<'_>, face: Option<&Face>) {
    let signals = &mut page.model.signals;
    ui.horizontal_wrapped(|ui| {
        let name = ui.label("Filter");
        ui.add(egui::TextEdit::singleline(&mut signals.filter).desired_width(120.0)).labelled_by(name.id);
        ui.toggle_value(&mut signals.by_value, "Largest first");
    });
    let measured = face.map(|face| face.smoothed.blendshapes).filter(|values| !values[0].is_nan());
    if face.is_some() && measured.is_none() {
        ui.label(RichText::new("Blendshapes are not computed; Check-up says why.").weak());
    }
    let values = measured.unwrap_or([0.0; BLENDSHAPE_COUNT]);
    let listed = signals.listed(&values);
    let mut toggled = None;
    egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, ROW, listed.len(), |ui, rows| {
        for &blendshape in &listed[rows] {
            let (rect, response) =
                ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), Sense::click());
            let plotted = signals.plotted.iter().position(|&p| p == blendshape);
            let color = plotted.map_or(theme::ACCENT, |place| theme::SERIES[place % theme::SERIES.len()]);
            let mut filled = rect.shrink2(Vec2::new(0.0, 1.0));
            filled.set_width(rect.width() * values[blendshape].clamp(0.0, 1.0));
            ui.painter().rect_filled(rect.shrink2(Vec2::new(0.0, 1.0)), 3.0, ui.visuals().faint_bg_color);
            ui.painter().rect_filled(filled, 3.0, theme::under_text(color, ui.visuals()));
            let text = ui.visuals().strong_text_color();
            let font = egui::FontId::proportional(14.5);
            let (left, right) =
                (rect.left_center() + Vec2::new(8.0, 0.0), rect.right_center() - Vec2::new(8.0, 0.0));
            ui.painter().text(
                left,
                egui::Align2::LEFT_CENTER,
                BLENDSHAPE_NAMES[blendshape],
                font.clone(),
                text,
            );
            let number =
                measured.map_or_else(|| NOTHING.to_owned(), |_| format!("{:.2}", values[blendshape]));
            ui.painter().text(right, egui::Align2::RIGHT_CENTER, &number, font, text);
            let name = BLENDSHAPE_NAMES[blendshape];
            response.widget_info(|| {
                let text = format!("{name} {number}");
                egui::WidgetInfo::selected(egui::Role::CheckBox, true, plotted.is_some(), text)
            });
            if response.has_focus() {
                ui.painter().rect_stroke(
                    rect,
                    3.0,
                    egui::Stroke::new(1.5, theme::ACCENT),
                    egui::StrokeKind::Inside,
                );
            }
            if response.on_hover_text("Press to plot, or to take it out of the plot").clicked() {
                toggled = Some(blendshape);
            }
        }
    });
    if let Some(blendshape) = toggled {
        signals.toggle_plotted(blendshape);
    }
}

fn plots(ui: &mut egui::Ui, page: &Page<'_>) {
    let signals = &page.model.signals;
    let history = &signals.history;
    let streamed = &page.backend.config().lsl.streams;
    // What is neither usual nor asked for would take room from the others.
    let outputs: Vec<_> = plotted_outputs()
        .filter(|(output, _)| output.is_usual || streamed.contains(output))
        .filter_map(|(output, begins)| Some((output, begins, output.entry().plot.as_ref()?)))
        .collect();
    let count = (2 + outputs.len()) as f32;
    let height = (ui.available_height() - theme::GAP * count) / count;
    let (now, runs) = (history.now_seconds(), history.runs());
    let colors: Vec<_> = (0..theme::SERIES.len()).map(|place| theme::series(place, ui.visuals())).collect();
    // A line for each run of one name and colour, which the legend takes for one.
    let series = |plot: &mut PlotUi<'_>, name: &str, place: usize, value: &dyn Fn(&Sample) -> f32| {
        for run in &runs {
            let samples = history.samples().range(run.clone());
            let points = samples.map(|sample| [sample.seconds - now, f64::from(value(sample))]);
            let points: PlotPoints<'_> = points.filter(|[_, measured]| !measured.is_nan()).collect();
            let line = Line::new(name.to_owned(), points).id((name, run.start)).width(1.6);
            // The plot's bands, for points that are dense, are thin where they are steep, and break.
            plot.line(line.color(colors[place % colors.len()]).allow_band(false));
        }
    };
    plot("blendshape plot", height, [0.0, 1.0]).show(ui, |plot| {
        for (place, &blendshape) in signals.plotted.iter().enumerate() {
            series(plot, BLENDSHAPE_NAMES[blendshape], place, &|sample| sample.blendshapes[blendshape]);
        }
    });
    for (output, begins, shown) in outputs {
        let id = format!("{} plot", output.name);
        plot(&id, height, shown.range).show(ui, |plot| {
            for (place, &(name, channel)) in shown.lines.iter().enumerate() {
                series(plot, name, place, &|sample| sample.rows[begins + channel]);
            }
        });
    }
    plot("gaze plot", height, [-1.0, 1.0]).x_axis_label("seconds").show(ui, |plot| {
        series(plot, "gaze left", 0, &|sample| gaze(&sample.blendshapes)[0]);
        series(plot, "gaze up", 1, &|sample| gaze(&sample.blendshapes)[1]);
        series(plot, "blink", 2, &|sample| blinks(&sample.blendshapes).iter().sum::<f32>() * 0.5);
    });
}

/// A plot of the last seconds that reaches at least over this range.
fn plot(id: &str, height: f32, [low, high]: [f64; 2]) -> Plot<'_> {
    Plot::new(id)
        .height(height)
        .legend(Legend::default().position(Corner::LeftTop).text_style(egui::TextStyle::Small))
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .label_formatter(read_out)
        // The further apart its lines are, the stronger egui draws them: these stay in the background.
        .grid_spacing(egui::Rangef::new(8.0, 1200.0))
        .include_x(-History::SECONDS)
        .include_x(0.0)
        .include_y(low)
        .include_y(high)
        // The same place for the axis, however wide its numbers are.
        .y_axis_min_width(44.0)
}

/// What stands beside the pointer: the signal's name and value there, and when it was.
#[allow(clippy::unnecessary_wraps, reason = "the plot wants it so")]
fn read_out(hover: &HoverPosition<'_>) -> Option<String> {
    Some(match hover {
        HoverPosition::NearDataPoint { plot_name, position, .. } => {
            format!("{plot_name}: {:.2}\n{:.2} s", position.y, position.x)
        }
        HoverPosition::Elsewhere { position } => format!("{:.2}\n{:.2} s", position.y, position.x),
    })
}

/// The head as it is turned, and where it is; why there is none.
fn pose(ui: &mut egui::Ui, face: Option<&Face>, absence: &str) {
    let side = ui.available_width();
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
    ui.painter().rect_filled(rect, 6.0, ui.visuals().extreme_bg_color);
    match face {
        Some(face) => drop(ui.painter().add(Shape::mesh(head(rect, &face.smoothed.pose.camera_from_head)))),
        None => {
            let (font, color) = (egui::FontId::proportional(14.5), ui.visuals().weak_text_color());
            ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, absence, font, color);
        }
    }
    const NAMES: [&str; 9] = ["Pitch", "Yaw", "Roll", "x", "y", "Distance", "Gaze", "Eyes", "Presence"];
    let values = face.map_or_else(|| NAMES.map(|_| NOTHING.to_owned()), pose_texts);
    egui::Grid::new("pose").num_columns(2).spacing([20.0, 6.0]).show(ui, |ui| {
        for (name, value) in NAMES.into_iter().zip(values) {
            ui.label(RichText::new(name).weak());
            ui.label(RichText::new(value).monospace());
            ui.end_row();
        }
    });
}

fn pose_texts(face: &Face) -> [String; 9] {
    let [pitch, yaw, roll] = face.smoothed.pose.rotation_deg;
    let [x, y, z] = face.smoothed.pose.translation_cm;
    let has_blendshapes = !face.smoothed.blendshapes[0].is_nan();
    let eyes = |text: fn(&Face) -> String| if has_blendshapes { text(face) } else { NOTHING.to_owned() };
    [
        format!("{pitch:+.1}°"),
        format!("{yaw:+.1}°"),
        format!("{roll:+.1}°"),
        format!("{x:+.1} cm"),
        format!("{y:+.1} cm"),
        format!("{:.1} cm", -z),
        eyes(gaze_text),
        eyes(blink_text),
        format!("{:.2}", face.presence),
    ]
}

fn value(blendshapes: &[f32; BLENDSHAPE_COUNT], name: &str) -> f32 {
    mien_face::blendshape_index(name).map_or(0.0, |index| blendshapes[index])
}

/// Where the eyes look, to the person's left and up, −1 to 1: the means of both eyes' look coefficients.
fn gaze(blendshapes: &[f32; BLENDSHAPE_COUNT]) -> [f32; 2] {
    let of = |name| value(blendshapes, name);
    let left = of("eyeLookOutLeft") + of("eyeLookInRight");
    let right = of("eyeLookInLeft") + of("eyeLookOutRight");
    let up = of("eyeLookUpLeft") + of("eyeLookUpRight");
    let down = of("eyeLookDownLeft") + of("eyeLookDownRight");
    [(left - right) * 0.5, (up - down) * 0.5]
}

/// How far the left and the right eye are closed.
fn blinks(blendshapes: &[f32; BLENDSHAPE_COUNT]) -> [f32; 2] {
    ["eyeBlinkLeft", "eyeBlinkRight"].map(|name| value(blendshapes, name))
}

fn gaze_text(face: &Face) -> String {
    let [across, along] = gaze(&face.smoothed.blendshapes);
    let word = |amount: f32, positive: &'static str, negative: &'static str| {
        if amount > 0.2 {
            positive
        } else if amount < -0.2 {
            negative
        } else {
            ""
        }
    };
    let text = format!("{} {}", word(along, "up", "down"), word(across, "left", "right"));
    let text = text.trim();
    if text.is_empty() { "ahead".to_owned() } else { text.to_owned() }
}

fn blink_text(face: &Face) -> String {
    let [left, right] = blinks(&face.smoothed.blendshapes);
    match (left > 0.5, right > 0.5) {
        (true, true) => "closed",
        (true, false) => "left closed",
        (false, true) => "right closed",
        (false, false) => "open",
    }
    .to_owned()
}

/// The canonical head under the measured rotation, shaded; it turns as in the picture.
fn head(rect: Rect, camera_from_head: &[f32; 16]) -> Mesh {
    let m = camera_from_head;
    let scale = (m[0] * m[0] + m[4] * m[4] + m[8] * m[8]).sqrt().max(1e-6);
    let turned: Vec<[f32; 3]> = CANONICAL_VERTICES_CM
        .iter()
        .map(|p| {
            std::array::from_fn(|row| {
                (m[row * 4] * p[0] + m[row * 4 + 1] * p[1] + m[row * 4 + 2] * p[2]) / scale
            })
        })
        .collect();
    let mut order: Vec<(f32, usize, f32)> = Vec::with_capacity(topology::TRIANGLES.len());
    for (place, triangle) in topology::TRIANGLES.iter().enumerate() {
        let [a, b, c] = triangle.map(|index| turned[usize::from(index)]);
        let (u, v) = ([b[0] - a[0], b[1] - a[1], b[2] - a[2]], [c[0] - a[0], c[1] - a[1], c[2] - a[2]]);
        let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
        let length = (normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]).sqrt().max(1e-9);
        if normal[2] > 0.0 {
            let light = (normal[0] * 0.3 + normal[1] * 0.4 + normal[2] * 0.87) / length;
            order.push((a[2] + b[2] + c[2], place, light.clamp(0.0, 1.0)));
        }
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let pixels_per_cm = rect.width() / 24.0;
    let center = rect.center();
    let mut mesh = Mesh::default();
    for (_, place, light) in order {
        let shade = |channel: u8| (f32::from(channel) * (0.2 + 0.8 * light)) as u8;
        let [red, green, blue, _] = theme::ACCENT.lerp_to_gamma(Color32::WHITE, 0.35).to_array();
        let color = Color32::from_rgb(shade(red), shade(green), shade(blue));
        let first = mesh.vertices.len() as u32;
        for index in topology::TRIANGLES[place] {
            let [x, y, _] = turned[usize::from(index)];
            mesh.colored_vertex(pos2(center.x + x * pixels_per_cm, center.y - y * pixels_per_cm), color);
        }
        mesh.add_triangle(first, first + 1, first + 2);
    }
    mesh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_faces_the_viewer_at_rest() {
        let identity = [1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., -50., 0., 0., 0., 1.];
        let rect = Rect::from_min_size(pos2(0.0, 0.0), Vec2::splat(240.0));
        let mesh = head(rect, &identity);
        assert!(mesh.is_valid());
        assert!(mesh.indices.len() / 3 > 700, "most triangles show: {}", mesh.indices.len() / 3);
        assert!(mesh.vertices.iter().all(|vertex| rect.contains(vertex.pos)));
    }

    #[test]
    fn gaze_and_blinks_in_words() {
        let mut result = mien_face::FrameFaces::boxed();
        let face = &mut result.faces[0];
        assert_eq!((gaze_text(face).as_str(), blink_text(face).as_str()), ("ahead", "open"));
        let set = |face: &mut Face, name: &str| {
            face.smoothed.blendshapes[mien_face::blendshape_index(name).unwrap()] = 0.8;
        };
        set(face, "eyeLookOutLeft");
        set(face, "eyeLookInRight");
        set(face, "eyeBlinkLeft");
        assert_eq!((gaze_text(face).as_str(), blink_text(face).as_str()), ("left", "left closed"));
        face.smoothed.keep_parts(mien_face::FaceParts::NONE);
        assert_eq!(pose_texts(face)[6..8], [NOTHING, NOTHING]);
    }
}
