//! The window without a window: widgets found by their accessible names, pressed, and the commands read.

mod support;

use eframe::egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use mien_config::{Camera, Overlay, PrivacyKind, Recording, Theme, VideoKind};
use mien_gui::{App, AppOptions, Command, SaveState, View};
use support::{Commands, ScriptedBackend};

fn open(cameras: usize) -> (Harness<'static, App>, Commands) {
    open_with(cameras, |_| {})
}

fn open_with(cameras: usize, change: impl FnOnce(&mut ScriptedBackend)) -> (Harness<'static, App>, Commands) {
    open_at([1440.0, 900.0], cameras, change)
}

fn open_at(
    size: [f32; 2],
    cameras: usize,
    change: impl FnOnce(&mut ScriptedBackend),
) -> (Harness<'static, App>, Commands) {
    let (mut backend, commands) = ScriptedBackend::new(cameras);
    change(&mut backend);
    let app = App::new(Box::new(backend), AppOptions::default());
    let mut harness = Harness::builder().with_size(size).build_ui_state(
        |ui, app: &mut App| {
            app.update(ui.ctx());
            app.draw(ui);
        },
        app,
    );
    harness.run_steps(2);
    (harness, commands)
}

#[test]
fn every_page_draws_with_and_without_cameras() {
    for cameras in [0, 1, 4, 16] {
        let (mut harness, _) = open(cameras);
        for view in View::ALL {
            harness.state_mut().model.view = view;
            harness.run_steps(2);
        }
    }
}

#[test]
fn a_first_start_offers_the_synthetic_camera() {
    let (mut harness, commands) = open(0);
    harness.get_by_label("Start the synthetic camera").click();
    harness.run_steps(2);
    assert_eq!(
        commands.borrow().as_slice(),
        [Command::AddCamera(Box::new(Camera::new("camera-1", "synthetic")))]
    );
}

#[test]
fn a_click_enlarges_a_camera_and_escape_goes_back() {
    let (mut harness, _) = open(4);
    harness.get_by_label("camera camera-2, live").click();
    harness.run_steps(2);
    assert_eq!(harness.state().model.enlarged.as_deref(), Some("camera-2"));
    harness.key_press(eframe::egui::Key::Escape);
    harness.run_steps(2);
    assert_eq!(harness.state().model.enlarged, None);
}

#[test]
fn record_stop_and_markers_by_button_and_key() {
    let (mut harness, commands) = open(1);
    harness.get_by_label("Record").click();
    harness.run_steps(2);
    harness.key_press(eframe::egui::Key::F3);
    harness.run_steps(2);
    harness.get_by_label("Stop").click();
    harness.run_steps(2);
    let commands = commands.borrow();
    assert!(matches!(commands[0], Command::StartRecording(_)));
    assert_eq!(commands[1..], [Command::Marker("F3".to_owned()), Command::StopRecording]);
}

#[test]
fn a_bad_name_is_refused_beside_the_button() {
    let (mut harness, commands) = open(1);
    harness.state_mut().model.session.task = "../up".to_owned();
    harness.run_steps(1);
    harness.get_by_label("Record").click();
    harness.run_steps(2);
    assert!(commands.borrow().is_empty());
    harness.get_by_label_contains("Task: only letters");
}

/// The commands that are not about the window's place.
fn asked(commands: &Commands) -> Vec<Command> {
    let all = commands.borrow();
    all.iter()
        .filter(|command| !matches!(command, Command::KeepWindow(_) | Command::RefreshChecks))
        .cloned()
        .collect()
}

fn page(harness: &mut Harness<'static, App>, view: View) {
    harness.state_mut().model.view = view;
    harness.run_steps(2);
}

#[test]
fn the_session_form_starts_from_the_configuration_and_is_told_back() {
    let recording = Recording {
        subject: "s7".into(),
        dir: "/data/sessions".into(),
        privacy: PrivacyKind::Mesh,
        ..Recording::default()
    };
    let (mut harness, commands) = open_with(1, |backend| backend.config.recording = recording.clone());
    assert_eq!(harness.state().model.session.folder, "/data/sessions");
    assert_eq!(asked(&commands), []);
    harness.get_by_label("Subject").focus();
    harness.run_steps(2);
    harness.get_by_label("Subject").type_text("x");
    harness.run_steps(3);
    let told = asked(&commands);
    let [Command::ChangeSettings(config)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((config.recording.subject.as_str(), config.recording.privacy), ("s7x", PrivacyKind::Mesh));
}

#[test]
fn the_session_form_says_what_hiding_faces_does_not_hide() {
    let limit = "Faces that are not found stay visible; previews and data are not hidden.";
    for (privacy, video, is_said) in [
        (PrivacyKind::Full, VideoKind::H264, false),
        (PrivacyKind::Blur, VideoKind::H264, true),
        (PrivacyKind::Mesh, VideoKind::Ffv1, true),
        (PrivacyKind::Mesh, VideoKind::None, false),
    ] {
        let recording = Recording { privacy, video, ..Recording::default() };
        let (mut harness, _) = open_with(1, |backend| backend.config.recording = recording.clone());
        harness.run_steps(2);
        assert_eq!(harness.query_by_label(limit).is_some(), is_said, "{privacy:?} {video:?}");
    }
}

#[test]
fn theme_overlays_and_signals_are_settings() {
    let (mut harness, commands) = open(1);
    harness.get_by_label("Light").click();
    harness.run_steps(2);
    harness.get_by_label("Mesh").click();
    harness.run_steps(2);
    page(&mut harness, View::Signals);
    harness.get_by_label_contains("browDownLeft").click();
    harness.run_steps(2);
    let told = asked(&commands);
    let Some(Command::ChangeSettings(config)) = told.last() else { panic!("{told:?}") };
    assert_eq!((told.len(), config.gui.theme), (3, Theme::Light));
    assert!(config.gui.overlays.contains(&Overlay::Mesh));
    assert_eq!(config.gui.signals.last().map(String::as_str), Some("browDownLeft"));
}

/// The only field with this accessible name.
fn field<'a>(harness: &'a Harness<'static, App>, name: &'a str) -> egui_kittest::Node<'a> {
    harness.get_by(|node| node.label().as_deref() == Some(name) && node.role() == Role::TextInput)
}

fn type_into(harness: &mut Harness<'static, App>, name: &str, text: &str) {
    field(harness, name).focus();
    harness.run_steps(2);
    field(harness, name).type_text(text);
    harness.run_steps(2);
}

fn named(camera: &str, track_id: u32, name: &str) -> Command {
    Command::NameParticipant { camera: camera.into(), track_id, name: name.into() }
}

#[test]
fn a_participant_is_named_on_the_signals_page_and_in_the_session_panel() {
    let (mut harness, commands) = open(2);
    page(&mut harness, View::Signals);
    // The second camera's first face has no name yet.
    type_into(&mut harness, "camera-2, face 1", "Grace");
    assert_eq!(asked(&commands), []);
    harness.key_press(eframe::egui::Key::Enter);
    harness.run_steps(2);
    // The first camera's has one, and gets another; that page is left before Enter is pressed.
    type_into(&mut harness, "Participant", " L.");
    page(&mut harness, View::Live);
    assert_eq!(asked(&commands), [named("camera-2", 1, "Grace"), named("camera-1", 1, "Ada L.")]);
}

#[test]
fn who_is_being_named_stays_in_the_field_though_others_come_and_all_leave() {
    let nobody_in_view = std::rc::Rc::<std::cell::Cell<bool>>::default();
    nobody_in_view.set(true);
    let (mut harness, commands) = open_with(2, |backend| backend.nobody_in_view = nobody_in_view.clone());
    nobody_in_view.set(false);
    harness.run_steps(1);
    type_into(&mut harness, "camera-2, face 2", "Gr");
    for (is_empty, text) in [(true, "a"), (false, "c"), (true, "e")] {
        nobody_in_view.set(is_empty);
        harness.run_steps(4);
        field(&harness, "camera-2, face 2").type_text(text);
        harness.run_steps(2);
    }
    assert_eq!(asked(&commands), []);
    harness.key_press(eframe::egui::Key::Enter);
    harness.run_steps(2);
    assert_eq!(asked(&commands), [named("camera-2", 2, "Grace")]);
    assert!(
        harness.query_by_label("camera-2, face 2").is_none(),
        "who is out of view is not listed any more"
    );
}

#[test]
fn a_face_without_irises_and_blendshapes_is_shown() {
    let (mut harness, _) = open_with(1, |backend| backend.parts = mien_face::FaceParts::NONE);
    harness.run_steps(3);
    page(&mut harness, View::Signals);
    harness.run_steps(3);
    harness.get_by_label_contains("Blendshapes are not computed");
    // A dash in place of each value, also of those that are plotted.
    assert_eq!(harness.query_all_by_label("browDownLeft –").count(), 1);
    harness.get_by_label_contains("browDownLeft").click();
    harness.run_steps(3);
    page(&mut harness, View::Live);
    harness.run_steps(3);
}

#[test]
fn the_signals_page_stays_while_the_face_is_out_of_view() {
    let nobody_in_view = std::rc::Rc::<std::cell::Cell<bool>>::default();
    let shared = nobody_in_view.clone();
    let (mut harness, _) = open_with(1, |backend| backend.nobody_in_view = shared);
    page(&mut harness, View::Signals);
    harness.get_by_label_contains("browDownLeft 0.").click();
    type_into(&mut harness, "Filter", "jaw");
    nobody_in_view.set(true);
    harness.run_steps(4);
    harness.get_by_label("jawOpen –");
    field(&harness, "Filter").type_text("O");
    harness.run_steps(2);
    nobody_in_view.set(false);
    harness.run_steps(2);
    harness.get_by_label_contains("jawOpen 0.");
    let signals = &harness.state().model.signals;
    assert_eq!((signals.filter.as_str(), signals.history.runs().len()), ("jawO", 2));
}

#[test]
fn cameras_are_moved_changed_and_removed() {
    let (mut harness, commands) = open(2);
    page(&mut harness, View::Devices);
    harness.get_by_label("show camera-2 earlier").click();
    harness.run_steps(2);
    harness.get_by_label("Change camera-1").click();
    harness.run_steps(2);
    harness.get_by_label("GPU by hand").click();
    harness.run_steps(2);
    harness.get_by_label("White Balance, Automatic").click();
    harness.run_steps(2);
    harness.get_by_label("Apply").click();
    harness.run_steps(2);
    harness.get_by_label("Remove this camera").click();
    harness.run_steps(2);
    let mut wanted = Camera::new("camera-1", "synthetic?seed=0");
    wanted.gpu = Some(0);
    let expected = [
        Command::MoveCamera { name: "camera-2".into(), to: 0 },
        Command::ReadControls("camera-1".into()),
        Command::SetControl {
            camera: "camera-1".into(),
            control: "white_balance_automatic".into(),
            value: 0,
        },
        Command::ChangeCamera { name: "camera-1".into(), camera: Box::new(wanted) },
        Command::RemoveCamera("camera-1".into()),
    ];
    assert_eq!(asked(&commands), expected);
}

#[test]
fn a_found_device_is_added_with_one_press() {
    let (mut harness, commands) = open(1);
    page(&mut harness, View::Devices);
    harness.get_by_label("Add HD Webcam C920").click();
    harness.run_steps(2);
    let camera = Camera::new("camera-2", "usb:pci-0000:00:14.0-usb-0:2");
    assert_eq!(asked(&commands), [Command::AddCamera(Box::new(camera))]);
}

#[test]
fn settings_that_cannot_be_saved_are_told_on_every_page() {
    let (mut harness, commands) = open_with(1, |backend| {
        backend.settings_file.state = SaveState::Failed("mien.toml is read-only".into())
    });
    for view in View::ALL {
        page(&mut harness, view);
        assert!(harness.query_all_by_label_contains("mien.toml is read-only").count() > 0, "{view:?}");
    }
    page(&mut harness, View::Live);
    harness.get_by_label("Try again").click();
    harness.run_steps(2);
    assert_eq!(asked(&commands), [Command::SaveSettings]);
}

fn no_video(camera: u32) -> mien_gui::Warning {
    mien_gui::Warning::NoVideo {
        camera: format!("camera-{camera}"),
        problem: "its encoder gave up".to_owned(),
    }
}

#[test]
fn warnings_are_on_every_page_until_they_are_dismissed() {
    let (mut harness, commands) = open_with(1, |backend| backend.recording.warnings = vec![no_video(1)]);
    for view in View::ALL {
        page(&mut harness, view);
        harness.get_by_label_contains("its encoder gave up");
    }
    harness.get_by_label("Dismiss").click();
    harness.run_steps(2);
    assert_eq!(asked(&commands), [Command::DismissWarnings]);
}

#[test]
fn a_look_before_the_recording_asks_for_what_is_in_the_form() {
    let (mut harness, commands) = open_with(1, |backend| {
        backend.recording.readiness = Some((false, "the stream Gaze is not there".into()))
    });
    harness.get_by_label_contains("the stream Gaze is not there");
    harness.state_mut().model.session.subject = "07".to_owned();
    harness.run_steps(1);
    harness.get_by_label("Check before recording").click();
    harness.run_steps(2);
    let told = asked(&commands);
    let Some(Command::CheckRecording(wanted)) = told.last() else { panic!("{told:?}") };
    assert_eq!(wanted.subject, "07");
}

/// What can be pressed, typed into or chosen.
const USED: [Role; 9] = [
    Role::Button,
    Role::CheckBox,
    Role::RadioButton,
    Role::TextInput,
    Role::MultilineTextInput,
    Role::ComboBox,
    Role::SpinButton,
    Role::Slider,
    Role::Link,
];

#[test]
fn all_that_can_be_used_has_a_name_for_assistive_technology() {
    let (mut harness, _) = open(2);
    for view in View::ALL {
        page(&mut harness, view);
        if view == View::Devices {
            harness.get_by_label("Change camera-1").click();
            harness.run_steps(2);
        }
        let is_named = |label: Option<String>| label.is_some_and(|label| !label.trim().is_empty());
        let nameless: Vec<_> = harness
            .query_all_by(|node| USED.contains(&node.role()) && !is_named(node.label()))
            .map(|node| (node.rect(), format!("{node:?}")))
            .collect();
        assert!(nameless.is_empty(), "{view:?}: {nameless:#?}");
        assert!(harness.query_all_by(|node| USED.contains(&node.role())).count() > 20, "{view:?}");
    }
}

#[test]
fn the_load_and_the_bottleneck_are_told() {
    let (mut harness, commands) = open(2);
    page(&mut harness, View::Performance);
    harness.get_by_label_contains("camera-1 keeps up");
    harness.get_by_label_contains("NVIDIA H100");
    harness.get_by_label("Write a trace").click();
    harness.run_steps(2);
    assert_eq!(asked(&commands), [Command::ToggleTrace]);
}

#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl eframe::egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("nobody reads it".to_owned())
    }
}

#[test]
fn dropped_files_become_cameras() {
    let (mut harness, commands) = open(1);
    for name in ["/videos/a.mp4", "/videos/b.mkv"] {
        harness.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(name.into())));
    }
    harness.run_steps(2);
    let camera = |name: &str, path: &str| Command::AddCamera(Box::new(Camera::new(name, path)));
    assert_eq!(asked(&commands), [camera("camera-2", "/videos/a.mp4"), camera("camera-3", "/videos/b.mkv")]);
}

#[test]
fn everything_can_be_reached_by_key() {
    let (mut harness, commands) = open(2);
    for (number, view) in [
        (eframe::egui::Key::Num2, View::Signals),
        (eframe::egui::Key::Num6, View::Performance),
        (eframe::egui::Key::Num1, View::Live),
    ] {
        harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, number);
        harness.run_steps(2);
        assert_eq!(harness.state().model.view, view);
    }
    harness.key_press_modifiers(eframe::egui::Modifiers::ALT, eframe::egui::Key::Num2);
    harness.run_steps(2);
    assert_eq!(harness.state().model.enlarged.as_deref(), Some("camera-2"));
    harness.key_press_modifiers(eframe::egui::Modifiers::COMMAND, eframe::egui::Key::R);
    harness.run_steps(2);
    assert!(matches!(asked(&commands)[..], [Command::StartRecording(_)]));
}

/// Holds a key down over so many repaints, and lets it go.
fn hold(harness: &mut Harness<'static, App>, modifiers: eframe::egui::Modifiers, key: eframe::egui::Key) {
    let event =
        |pressed| eframe::egui::Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
    for _ in 0..8 {
        harness.event(event(true));
        harness.run_steps(1);
    }
    harness.event(event(false));
    harness.run_steps(1);
}

#[test]
fn a_key_that_is_held_down_acts_once() {
    use eframe::egui::{Key, Modifiers};
    let (mut harness, commands) = open(2);
    hold(&mut harness, Modifiers::NONE, Key::F3);
    hold(&mut harness, Modifiers::COMMAND, Key::R);
    hold(&mut harness, Modifiers::COMMAND, Key::Space);
    hold(&mut harness, Modifiers::ALT, Key::Num2);
    let told = asked(&commands);
    assert!(
        matches!(&told[..], [Command::Marker(text), Command::StartRecording(_)] if text == "F3"),
        "{told:?}"
    );
    let model = &harness.state().model;
    assert!(model.signals.frozen && model.enlarged.as_deref() == Some("camera-2"));
    hold(&mut harness, Modifiers::COMMAND, Key::R);
    assert_eq!(asked(&commands)[2..], [Command::StopRecording]);
}

#[test]
fn the_question_before_closing_is_answered_by_escape_and_keeps_other_keys_away() {
    use eframe::egui::{Key, Modifiers};
    let (mut harness, commands) = open(1);
    harness.get_by_label("Record").click();
    harness.run_steps(3);
    let ask = |harness: &mut Harness<'static, App>| {
        let model = &mut harness.state_mut().model;
        model.closing = mien_gui::Closing::Asking;
        harness.run_steps(2);
        harness.get_by_label("Finish and close");
    };
    ask(&mut harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::R);
    harness.key_press(Key::F1);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    harness.run_steps(2);
    let marker = Command::Marker("F1".to_owned());
    assert_eq!((&asked(&commands)[1..], harness.state().model.view), (&[marker][..], View::Live));
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(harness.query_by_label("Finish and close").is_none());
    assert_eq!(asked(&commands).len(), 2, "it goes on recording");
    // It does not outlive the recording.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::R);
    harness.run_steps(2);
    harness.state_mut().model.closing = mien_gui::Closing::Asking;
    harness.run_steps(2);
    assert!(harness.query_by_label("Finish and close").is_none());
}

#[test]
fn a_marker_that_nobody_keeps_is_told() {
    let (mut harness, _) = open_with(1, |backend| backend.streams.clear());
    harness.key_press(eframe::egui::Key::F2);
    harness.run_steps(2);
    harness.get_by_label("No recording or stream for marker F2");
}

#[test]
fn the_signals_stay_with_their_camera_when_the_order_changes() {
    let (mut harness, _) = open(2);
    page(&mut harness, View::Signals);
    let shown = |harness: &Harness<'static, App>| {
        let signals = &harness.state().model.signals;
        (signals.camera.clone(), signals.history.samples().len())
    };
    let (camera, before) = shown(&harness);
    assert_eq!(camera, "camera-1");
    page(&mut harness, View::Devices);
    harness.get_by_label("show camera-2 earlier").click();
    harness.run_steps(3);
    page(&mut harness, View::Signals);
    let (camera, after) = shown(&harness);
    assert!(camera == "camera-1" && after > before, "{camera}: {before}, then {after} samples");
}

#[test]
fn nobody_is_shown_of_a_camera_that_is_not_live() {
    use mien_control::CameraState;
    let state = std::rc::Rc::new(std::cell::Cell::new(CameraState::Live));
    let shared = state.clone();
    let (mut harness, _) = open_with(2, |backend| backend.first_state = shared);
    page(&mut harness, View::Signals);
    harness.get_by_label_contains("browDownLeft 0.");
    assert!(harness.query_by_label("camera-1, face 1").is_some());
    type_into(&mut harness, "camera-2, face 2", "G");
    state.set(CameraState::Failed);
    harness.run_steps(3);
    harness.get_by_label_contains("camera-1, failed: the cable is out");
    harness.get_by_label("browDownLeft –");
    assert!(harness.query_by_label("camera-1, face 1").is_none());
    assert!(harness.query_by_label("camera-2, face 1").is_some());
    state.set(CameraState::Live);
    harness.run_steps(3);
    harness.get_by_label_contains("browDownLeft 0.");
    assert_eq!(harness.state().model.signals.history.runs().len(), 2, "a gap where it was away");
    // Who is being named stays, live or not.
    type_into(&mut harness, "camera-1, face 1", "!");
    state.set(CameraState::Stalled);
    harness.run_steps(3);
    assert!(harness.query_by_label("camera-1, face 1").is_some());
}

/// A name as long as names can be.
const LONG: &str = "a_camera_with_a_name_of_sixty_four_characters_which_is_the_most_";

#[test]
fn nothing_lies_on_anything_else_in_the_smallest_window() {
    use eframe::egui::{Pos2, Rect};
    let least = mien_gui::WindowState::LEAST_SIZE;
    let window = Rect::from_min_max(Pos2::ZERO, least.into());
    let (mut harness, _) = open_at(least, 4, |backend| {
        backend.statuses[1].name = LONG.to_owned();
        backend.config.cameras[1].name = LONG.to_owned();
    });
    let mut looked_at = 0;
    for (view, form) in View::ALL.map(|view| (view, false)).into_iter().chain([(View::Devices, true)]) {
        page(&mut harness, view);
        if form {
            harness.get_by_label("Change camera-1").click();
            harness.run_steps(2);
        }
        let used: Vec<(String, Rect)> = harness
            .query_all_by(|node| USED.contains(&node.role()))
            .map(|node| (node.accesskit_node().label().unwrap_or_default(), node.rect()))
            .filter(|(_, rect)| window.contains(rect.center()))
            .collect();
        for (place, (name, rect)) in used.iter().enumerate() {
            assert!(rect.left() >= 0.0 && rect.right() <= least[0], "{view:?}: {name} at {rect:?}");
            for (other, there) in &used[..place] {
                let common = rect.intersect(*there);
                assert!(
                    !common.shrink(0.5).is_positive(),
                    "{view:?}: {name} at {rect:?}, {other} at {there:?}"
                );
            }
        }
        looked_at += used.len();
    }
    assert!(looked_at > 200, "{looked_at}");
}

#[test]
fn many_warnings_leave_the_button_free() {
    let (mut harness, commands) = open_at(mien_gui::WindowState::LEAST_SIZE, 2, |backend| {
        backend.settings_file.state = SaveState::Failed("mien.toml is read-only".into());
        backend.recording.warnings = (1..=12).map(no_video).collect();
    });
    let [record, dismiss] = ["Record", "Dismiss"].map(|label| harness.get_by_label(label).rect());
    assert!(record.bottom() < dismiss.top() - 150.0 && dismiss.bottom() < 600.0, "{record:?}, {dismiss:?}");
    harness.get_by_label("Dismiss").click();
    harness.run_steps(2);
    harness.get_by_label("Record").click();
    harness.run_steps(2);
    assert!(matches!(asked(&commands)[..], [Command::DismissWarnings, Command::StartRecording(_)]));
}

#[test]
fn the_recording_before_is_told_by_the_end_of_its_folder() {
    let folder = format!("/data/{}/sub-01/run-3", LONG.repeat(3));
    let (harness, _) = open_with(1, |backend| backend.recording.last = Some((4.56, folder.into())));
    let said = harness.get_by_label_contains("recorded 4.6 s into …").value().unwrap();
    assert!(said.ends_with("sub-01/run-3"), "{said}");
}

#[test]
fn a_face_is_told_though_its_cameras_name_is_long() {
    let (harness, _) = open_with(2, |backend| backend.statuses[1].name = LONG.to_owned());
    let names = harness.query_all_by(|node| node.role() == Role::TextInput);
    let faces: Vec<String> = names
        .filter_map(|node| node.accesskit_node().label())
        .filter(|label| label.contains("face"))
        .collect();
    assert_eq!(faces, ["camera-1, face 1".to_owned(), format!("{LONG}, face 1"), format!("{LONG}, face 2")]);
    let widest = harness.query_all_by_label_contains(", face ").map(|node| node.rect().width());
    assert!(widest.fold(0.0, f32::max) < 200.0);
}

#[test]
fn whether_somebody_receives_a_stream_is_seen_in_the_smallest_window() {
    let least = mien_gui::WindowState::LEAST_SIZE;
    let (mut harness, _) = open_at(least, 1, |backend| {
        backend.streams.iter_mut().for_each(|stream| stream.name = format!("mien_{LONG}_{}", stream.name));
    });
    page(&mut harness, View::Streams);
    let session = harness.get_by_label("Record").rect().left();
    assert_eq!(harness.query_all_by_label_contains("_face-1_blendshapes").count(), 1);
    for title in ["Consumers", "Rate", "Newest sample"] {
        assert!(harness.get_by_label(title).rect().right() < session, "{title}");
    }
}
