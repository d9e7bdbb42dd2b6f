//! The window without a window: widgets found by their accessible names, pressed, and the commands read.

mod support;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use mien_gui::{App, AppOptions, Command, View};
use support::{Commands, ScriptedBackend};

fn open(cameras: usize) -> (Harness<'static, App>, Commands) {
    let (backend, commands) = ScriptedBackend::new(cameras);
    let app = App::new(Box::new(backend), AppOptions::default());
    let mut harness = Harness::builder().with_size([1440.0, 900.0]).build_ui_state(
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
        [Command::AddCamera { name: "camera-1".to_owned(), source: "synthetic".to_owned() }]
    );
}

#[test]
fn a_click_enlarges_a_camera_and_escape_goes_back() {
    let (mut harness, _) = open(4);
    harness.get_by_label("camera camera-2, live").click();
    harness.run_steps(2);
    assert_eq!(harness.state().model.enlarged, Some(1));
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
