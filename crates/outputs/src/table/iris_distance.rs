//! How far the camera is from the eyes, by the size at which it sees their irises.

use mien_face::{FacePart, FaceState};

use crate::{Channel, Csv, Json, Layout, Output, Plot, Sample, Unit, Values};

/// Diameter of a human iris in mm: the cornea's horizontal diameter from white to white, 11.71 ± 0.42 mm in 743 eyes
/// (Rüfer, Schröder & Erb 2005, Cornea 24(3):259–261). The distance is wrong by as many per cent as a person differs.
const IRIS_DIAMETER_MM: f32 = 11.7;
/// Landmarks at the middle of the left iris, and at the ends of two diameters at right angles.
const LEFT_IRIS: [usize; 5] = [473, 474, 476, 475, 477];
/// The same of the right iris.
const RIGHT_IRIS: [usize; 5] = [468, 469, 471, 470, 472];

/// See [`IRIS_DISTANCE`](crate::IRIS_DISTANCE).
pub(crate) static OUTPUT: Output = Output {
    name: "iris_distance",
    title: "Iris distance",
    content_type: "Distance",
    coordinates: None,
    is_filtered: true,
    is_usual: false,
    needs: &[FacePart::Irises],
    layout: Layout::Values,
    values: &Values::of_face(channel, row),
    json: Json::Channels(&[(
        "faces[].iris_distance",
        "left_mm, right_mm, mean_mm: from the camera to the irises by their size; spread_mm: left and right apart",
    )]),
    csv: Csv::Channels(&[
        (
            "iris_distance_left_mm, iris_distance_right_mm, iris_distance_mean_mm",
            "from the camera to the irises by their apparent size, for irises of 11.7 mm",
        ),
        ("iris_distance_spread_mm", "how far the distances of left and right iris differ"),
    ]),
    restore: None,
    plot: Some(Plot {
        range: [0.0, 1000.0],
        lines: &[("iris distance left, mm", 0), ("iris distance right, mm", 1)],
    }),
};

fn channel(channel: usize) -> Channel {
    let label = [
        "iris_distance_left_mm",
        "iris_distance_right_mm",
        "iris_distance_mean_mm",
        "iris_distance_spread_mm",
    ][channel];
    Channel::new(label, "Distance", Unit::Millimeters)
}

fn row(_: &mut (), sample: &Sample<'_>) -> [f32; 4] {
    let Some(state) = sample.face_state() else { return [f32::NAN; 4] };
    let [left, right] = [LEFT_IRIS, RIGHT_IRIS].map(|iris| distance_mm(sample, state, iris));
    [left, right, 0.5 * (left + right), (left - right).abs()]
}

/// From the pinhole to the middle of an iris.
///
/// A circle is seen as an ellipse whose long axis is its diameter, whichever way the eye looks. The ellipse is measured
/// at right angles to the direction in which the iris is seen, so that it does not matter where in the frame it is.
fn distance_mm(sample: &Sample<'_>, state: &FaceState, iris: [usize; 5]) -> f32 {
    let [axis, ends @ ..] = iris.map(|landmark| {
        let [x, y, _] = state.landmarks[landmark];
        sample.camera.direction(&sample.frame, [x, y])
    });
    // Any two directions at right angles to the axis, which points away from the camera.
    let across = normalized([axis[2], 0.0, -axis[0]]);
    let down = cross(axis, across);
    let [a, b, c, d] = ends.map(|end| {
        let along = dot(end, axis);
        [dot(end, across) / along, dot(end, down) / along]
    });
    let [one, other] = [[a[0] - b[0], a[1] - b[1]], [c[0] - d[0], c[1] - d[1]]];
    // The axes of the ellipse are the singular values of its two conjugate diameters.
    let squares = one[0] * one[0] + one[1] * one[1] + other[0] * other[0] + other[1] * other[1];
    let area = one[0] * other[1] - one[1] * other[0];
    let long_axis_square = 0.5 * (squares + (squares * squares - 4.0 * area * area).max(0.0).sqrt());
    // Irises without any size are none.
    if long_axis_square > 0.0 { IRIS_DIAMETER_MM / long_axis_square.sqrt() } else { f32::NAN }
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn normalized(a: [f32; 3]) -> [f32; 3] {
    let length = dot(a, a).sqrt();
    a.map(|value| value / length)
}

#[cfg(test)]
mod tests {
    use mien_face::{Frame, FrameFaces, MESH_LANDMARK_COUNT};
    use mien_geometry::rotation_from_euler_deg;
    use mien_synthetic::{Expression, HeadState, Motion, SyntheticCamera, SyntheticSettings};

    use super::*;
    use crate::{Camera, FrameFacts, State};

    const FOV_DEG: f32 = 50.0;

    /// A frame of a camera with one head in this state, with the true landmarks.
    fn frame(state: HeadState) -> Box<FrameFaces> {
        let settings = SyntheticSettings {
            width: 1280,
            height: 720,
            heads: 1,
            vertical_fov_deg: FOV_DEG,
            script: Motion::Fixed(vec![state]),
            ..SyntheticSettings::default()
        };
        let mut camera = SyntheticCamera::new(settings);
        camera.render_at(0.0, &mut Frame::empty());
        let mut frame = FrameFaces::boxed();
        (frame.frame_width, frame.frame_height) = (1280, 720);
        frame.faces[0].measured.landmarks = camera.truth()[0].landmarks;
        frame
    }

    fn row_of(frame: &FrameFaces, camera: Camera) -> [f32; 4] {
        let facts = FrameFacts::of(frame);
        row(&mut (), &Sample { camera, frame: facts, face: Some(&frame.faces[0]), state: State::Measured })
    }

    /// Distance in mm of the middle of the left and the right iris of a head that looks straight ahead.
    fn truth_mm(state: &HeadState) -> [f32; 2] {
        let rotation = rotation_from_euler_deg(state.rotation_deg);
        // Eyeballs of 13 mm radius, whose irises of 5.85 mm radius lie before their middles.
        let [x, y, z] = [3.15, 2.63, 2.42 + (1.3f32 * 1.3 - 0.585 * 0.585).sqrt()];
        [x, -x].map(|x| {
            let [a, b, c]: [f32; 3] =
                std::array::from_fn(|axis| dot(rotation[axis], [x, y, z]) + state.translation_cm[axis]);
            10.0 * (a * a + b * b + c * c).sqrt()
        })
    }

    #[test]
    fn synthetic_heads_are_as_far_as_they_are() {
        for (translation_cm, rotation_deg) in [
            ([0.0, 0.0, -60.0], [0.0; 3]),
            ([0.0, 0.0, -35.0], [10.0, 0.0, 30.0]),
            ([20.0, -12.0, -70.0], [-15.0, 25.0, 5.0]),
            ([-60.0, 20.0, -110.0], [5.0, -30.0, -10.0]),
        ] {
            let state = HeadState { translation_cm, rotation_deg, ..HeadState::default() };
            let [left, right, mean, spread] = row_of(&frame(state), Camera::with_fov_deg(FOV_DEG));
            let [true_left, true_right] = truth_mm(&state);
            for (found, truth) in [(left, true_left), (right, true_right)] {
                assert!((found / truth - 1.0).abs() < 0.005, "{found} mm instead of {truth}: {state:?}");
            }
            assert!(
                (mean - 0.5 * (left + right)).abs() < 0.01 && (spread - (left - right).abs()).abs() < 0.01
            );
        }
    }

    #[test]
    fn where_the_eyes_look_matters_little() {
        let at = |gaze_deg| {
            let expression = Expression { gaze_deg, ..Expression::default() };
            let state = HeadState { translation_cm: [5.0, 0.0, -60.0], expression, ..HeadState::default() };
            row_of(&frame(state), Camera::with_fov_deg(FOV_DEG))[2]
        };
        let ahead = at([0.0, 0.0]);
        for gaze_deg in [[20.0, 0.0], [-15.0, 30.0], [0.0, -30.0]] {
            assert!((at(gaze_deg) / ahead - 1.0).abs() < 0.01, "{gaze_deg:?}: {} for {ahead}", at(gaze_deg));
        }
    }

    #[test]
    fn what_is_not_known_is_nan() {
        let head = HeadState { translation_cm: [0.0, 0.0, -60.0], ..HeadState::default() };
        let mut frame = frame(head);
        assert!(row_of(&frame, Camera::default()).iter().all(|value| value.is_nan()), "no field of view");
        let camera = Camera::with_fov_deg(FOV_DEG);
        let known = row_of(&frame, camera);
        (frame.frame_width, frame.frame_height) = (0, 0);
        assert!(row_of(&frame, camera).iter().all(|value| value.is_nan()), "no frame size");
        assert_eq!(row_of(&frame, Camera { frame_size: [1280, 720], ..camera }), known);
        frame.faces[0].measured.landmarks[MESH_LANDMARK_COUNT..].fill([f32::NAN; 3]);
        let camera = Camera { frame_size: [1280, 720], ..camera };
        assert!(row_of(&frame, camera).iter().all(|value| value.is_nan()), "no irises");
        frame.faces[0].measured.landmarks[MESH_LANDMARK_COUNT..].fill([0.0; 3]);
        assert!(row_of(&frame, camera).iter().all(|value| value.is_nan()), "irises of a model without them");
    }
}
