//! The window: takes in what is new, lays out the page, hands commands on.

use std::time::Duration;

use eframe::egui::{
    self, Color32, ColorImage, Key, Modifiers, RichText, TextureHandle, TextureOptions, ThemePreference,
    ViewportCommand,
};
use mien_face::FrameFaces;

use crate::backend::{Backend, Command, PreviewImage};
use crate::model::{AppModel, Closing, View};
use crate::theme;
use crate::views;

/// How the app is to be opened.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// Title of the window.
    pub title: String,
    /// Vertical field of view with which poses were fitted, in degrees.
    pub vertical_fov_deg: f32,
    /// Most repaints a second that new frames cause.
    pub max_repaints_per_second: f32,
    /// Version, engine and other facts for the check-up page.
    pub about: Vec<(String, String)>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            title: "Mien".to_owned(),
            vertical_fov_deg: 63.0,
            max_repaints_per_second: 30.0,
            about: Vec::new(),
        }
    }
}

/// What is on display of one camera.
pub struct CameraFeed {
    preview: PreviewImage,
    texture: Option<TextureHandle>,
    /// The newest result.
    pub faces: Box<FrameFaces>,
}

impl CameraFeed {
    fn new() -> Self {
        Self { preview: PreviewImage::default(), texture: None, faces: FrameFaces::boxed() }
    }

    /// The picture on the graphics card, and where it came from.
    pub fn picture(&self) -> Option<(&TextureHandle, &PreviewImage)> {
        self.texture.as_ref().map(|texture| (texture, &self.preview))
    }

    /// Uploads the picture into the texture that is already there.
    fn upload(&mut self, ctx: &egui::Context, camera: usize) {
        let size = [self.preview.width, self.preview.height];
        if size[0] == 0 || self.preview.rgb.len() != size[0] * size[1] * 3 {
            return;
        }
        let image = ColorImage::from_rgb(size, &self.preview.rgb);
        match &mut self.texture {
            Some(texture) => texture.set(image, TextureOptions::LINEAR),
            None => {
                self.texture =
                    Some(ctx.load_texture(format!("preview {camera}"), image, TextureOptions::LINEAR));
            }
        }
    }
}

/// The app: machinery, interface state, pictures.
pub struct App {
    backend: Box<dyn Backend>,
    /// The interface's own state.
    pub model: AppModel,
    feeds: Vec<CameraFeed>,
    options: AppOptions,
    theme_installed: bool,
}

/// What a view may use while it draws.
pub struct Page<'a> {
    /// The machinery.
    pub backend: &'a mut dyn Backend,
    /// The interface's own state.
    pub model: &'a mut AppModel,
    /// Pictures and results, one a camera.
    pub feeds: &'a [CameraFeed],
    /// How the app was opened.
    pub options: &'a AppOptions,
}

impl App {
    /// An app over its machinery; usable without a window.
    #[must_use]
    pub fn new(backend: Box<dyn Backend>, options: AppOptions) -> Self {
        Self { backend, model: AppModel::default(), feeds: Vec::new(), options, theme_installed: false }
    }

    /// Takes in what is new: statuses, pictures, results.
    pub fn update(&mut self, ctx: &egui::Context) {
        if !self.theme_installed {
            theme::install(ctx);
            self.theme_installed = true;
        }
        self.backend.poll();
        let count = self.backend.cameras().len();
        self.feeds.truncate(count);
        self.feeds.resize_with(count, CameraFeed::new);
        self.model.clamp(count);
        for (camera, feed) in self.feeds.iter_mut().enumerate() {
            if self.backend.take_preview(camera, &mut feed.preview) {
                feed.upload(ctx, camera);
            }
            if self.backend.take_faces(camera, &mut feed.faces) {
                self.model.signals.update(camera, &feed.faces);
            }
        }
        self.keys(ctx);
        if self.backend.wants_to_close() {
            self.model.closing = Closing::Confirmed;
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if ctx.input(|input| input.viewport().close_requested())
            && !self.model.ask_to_close(self.backend.recording())
        {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
        }
    }

    fn keys(&mut self, ctx: &egui::Context) {
        const FUNCTION_KEYS: [Key; 12] = [
            Key::F1,
            Key::F2,
            Key::F3,
            Key::F4,
            Key::F5,
            Key::F6,
            Key::F7,
            Key::F8,
            Key::F9,
            Key::F10,
            Key::F11,
            Key::F12,
        ];
        const DIGITS: [Key; 7] =
            [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7];
        let mut commands: Vec<Command> = Vec::new();
        ctx.input_mut(|input| {
            for (number, key) in (1..).zip(FUNCTION_KEYS) {
                if input.consume_key(Modifiers::NONE, key) {
                    commands.push(AppModel::key_marker(number));
                }
            }
            for (view, key) in View::ALL.into_iter().zip(DIGITS) {
                if input.consume_key(Modifiers::COMMAND, key) {
                    self.model.view = view;
                }
            }
            if input.consume_key(Modifiers::COMMAND, Key::R) {
                commands.extend(self.model.toggle_recording(self.backend.recording()));
            }
            if input.consume_key(Modifiers::NONE, Key::Escape) {
                self.model.enlarged = None;
            }
            let files = input.raw.dropped_files.iter().map(|file| file.path().to_path_buf());
            for path in files {
                let cameras = self.backend.cameras();
                let name = crate::model::free_name(cameras);
                commands.push(Command::AddCamera { name, source: path.display().to_string() });
            }
        });
        for command in commands {
            self.backend.command(command);
        }
    }

    /// Draws the whole window.
    pub fn draw(&mut self, ui: &mut egui::Ui) {
        let mut page = Page {
            backend: self.backend.as_mut(),
            model: &mut self.model,
            feeds: &self.feeds,
            options: &self.options,
        };
        egui::Panel::top("navigation").show(ui, |ui| navigation(ui, &mut page));
        egui::Panel::right("session").resizable(false).exact_size(300.0).show(ui, |ui| {
            egui::ScrollArea::vertical().show(ui, |ui| views::session::show(ui, &mut page));
        });
        egui::CentralPanel::default().show(ui, |ui| match page.model.view {
            View::Live => views::live::show(ui, &mut page),
            View::Signals => views::signals::show(ui, &mut page),
            View::Devices => views::devices::show(ui, &mut page),
            View::Streams => views::streams::show(ui, &mut page),
            View::Performance => views::performance::show(ui, &mut page),
            View::Log => views::log::show(ui, &mut page),
            View::Doctor => views::doctor::show(ui, &mut page),
        });
        if page.model.closing == Closing::Asking {
            closing_question(ui, &mut page);
        }
    }
}

fn navigation(ui: &mut egui::Ui, page: &mut Page<'_>) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Mien").heading().strong());
        ui.add_space(12.0);
        for view in View::ALL {
            ui.selectable_value(&mut page.model.view, view, view.label());
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let mut preference = ui.ctx().options(|options| options.theme_preference);
            for (choice, label) in [
                (ThemePreference::Light, "Light"),
                (ThemePreference::Dark, "Dark"),
                (ThemePreference::System, "System"),
            ] {
                if ui.selectable_value(&mut preference, choice, label).clicked() {
                    ui.ctx().set_theme(preference);
                }
            }
            let recording = page.backend.recording();
            if recording.folder.is_some() {
                let text = format!("recording {}", views::clock(recording.elapsed_seconds));
                ui.label(RichText::new(text).color(theme::ALERT).strong());
            }
        });
    });
    ui.add_space(4.0);
}

fn closing_question(ui: &mut egui::Ui, page: &mut Page<'_>) {
    egui::Modal::new(egui::Id::unique("closing")).show(ui.ctx(), |ui| {
        ui.heading("A recording is running");
        ui.label("Its files are finished before Mien closes.");
        ui.horizontal(|ui| {
            if ui.button("Go on recording").clicked() {
                page.model.closing = Closing::No;
            }
            let stop =
                egui::Button::new(RichText::new("Finish and close").color(Color32::WHITE)).fill(theme::ALERT);
            if ui.add(stop).clicked() {
                page.model.closing = Closing::Confirmed;
                page.backend.command(Command::StopRecording);
                ui.ctx().send_viewport_cmd(ViewportCommand::Close);
            }
        });
    });
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.update(ui.ctx());
        self.draw(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.backend.shut_down();
    }
}

/// Opens the window and runs until it is closed.
///
/// # Errors
/// When no window or no OpenGL can be had; the text says what the system answered.
pub fn run(mut backend: Box<dyn Backend>, options: AppOptions) -> Result<(), eframe::Error> {
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title(&options.title)
            .with_app_id("mien")
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([900.0, 560.0])
            .with_drag_and_drop(true),
        ..eframe::NativeOptions::default()
    };
    let title = options.title.clone();
    eframe::run_native(
        &title,
        native,
        Box::new(move |context| {
            let ctx = context.egui_ctx.clone();
            let pause = Duration::from_secs_f32(1.0 / options.max_repaints_per_second.clamp(1.0, 240.0));
            backend.on_change(Box::new(move || ctx.request_repaint_after(pause)));
            Ok(Box::new(App::new(backend, options)))
        }),
    )
}
