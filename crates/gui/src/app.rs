//! The app: takes in what is new, has the page drawn, hands commands on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{self, ThemePreference, ViewportCommand};
use mien_config::Theme;
use mien_control::CameraState;

use crate::backend::{Backend, Command};
use crate::feed::CameraFeed;
use crate::model::{AppModel, Closing, SessionForm, View, WindowState};
use crate::pace::Pace;
use crate::typing::Typing;
use crate::{keys, shell, theme};

/// How often the window's place is looked at, to be remembered.
const WINDOW_LOOK: Duration = Duration::from_secs(1);

/// How the app is to be opened.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// Title of the window.
    pub title: String,
    /// Version, engine and other facts for the check-up page.
    pub about: Vec<(String, String)>,
    /// How the window was when it was closed last.
    pub window: WindowState,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self { title: "Mien".to_owned(), about: Vec::new(), window: WindowState::default() }
    }
}

/// The app: machinery, interface state, pictures.
pub struct App {
    backend: Box<dyn Backend>,
    /// The interface's own state.
    pub model: AppModel,
    feeds: Vec<CameraFeed>,
    options: AppOptions,
    pace: Arc<Pace>,
    started: Instant,
    theme: Option<Theme>,
    title: String,
    window_told: (WindowState, Instant),
    typing: Typing,
}

/// What a view may use while it draws.
pub struct Page<'a> {
    /// The machinery.
    pub backend: &'a mut dyn Backend,
    /// The interface's own state.
    pub model: &'a mut AppModel,
    /// Pictures and results, one a camera.
    pub feeds: &'a mut [CameraFeed],
    /// How the app was opened.
    pub options: &'a AppOptions,
}

impl App {
    /// An app over its machinery; usable without a window.
    #[must_use]
    pub fn new(backend: Box<dyn Backend>, options: AppOptions) -> Self {
        let pace = Arc::new(Pace::new(backend.config().gui.repaints_hz));
        Self::paced(backend, options, pace)
    }

    pub(crate) fn paced(backend: Box<dyn Backend>, options: AppOptions, pace: Arc<Pace>) -> Self {
        let window = options.window.sound();
        let model = AppModel { view: window.page, window, ..AppModel::default() };
        Self {
            backend,
            model,
            feeds: Vec::new(),
            options,
            pace,
            started: Instant::now(),
            theme: None,
            title: String::new(),
            window_told: (window, Instant::now()),
            typing: Typing::default(),
        }
    }

    /// Takes in what is new: statuses, pictures, results, keys.
    pub fn update(&mut self, ctx: &egui::Context) {
        self.pace.painted(Instant::now());
        self.backend.poll();
        if !self.model.settings.is_loaded() {
            self.load_settings();
            theme::install(ctx);
        }
        self.set_theme(ctx);
        self.take_in(ctx);
        let seconds = ctx.input(|input| input.time);
        self.model.follow_recording(self.backend.recording(), seconds);
        self.keys(ctx);
        self.closing(ctx);
        self.remember_window(ctx);
    }

    fn load_settings(&mut self) {
        let config = self.backend.config();
        self.model.settings.load(config);
        self.model.session = SessionForm::new(&config.recording);
        self.model.signals.plot_names(&config.gui.signals);
    }

    fn set_theme(&mut self, ctx: &egui::Context) {
        let wanted = self.model.settings.wanted.gui.theme;
        if self.theme != Some(wanted) {
            self.theme = Some(wanted);
            ctx.set_theme(match wanted {
                Theme::System => ThemePreference::System,
                Theme::Dark => ThemePreference::Dark,
                Theme::Light => ThemePreference::Light,
            });
        }
    }

    /// Pictures and results of the cameras that there are now.
    fn take_in(&mut self, ctx: &egui::Context) {
        let seconds = self.started.elapsed().as_secs_f64();
        let cameras = self.backend.cameras();
        self.model.performance.update(seconds, cameras);
        self.model.follow(cameras.iter().map(|camera| camera.name.as_str()));
        self.model.devices.follow(&self.backend.config().cameras);
        if !cameras.iter().map(|camera| &camera.name).eq(self.feeds.iter().map(|feed| &feed.name)) {
            let mut old = std::mem::take(&mut self.feeds);
            for camera in cameras {
                let known = old.iter().position(|feed| feed.name == camera.name);
                let feed =
                    known.map_or_else(|| CameraFeed::new(&camera.name), |place| old.swap_remove(place));
                self.feeds.push(feed);
            }
        }
        let vertical_fov_deg = self.backend.config().detection.vertical_fov_deg;
        self.model.signals.optics = mien_outputs::Camera::with_fov_deg(vertical_fov_deg);
        for (camera, feed) in self.feeds.iter_mut().enumerate() {
            let is_live =
                self.backend.cameras().get(camera).is_some_and(|status| status.state == CameraState::Live);
            // Only what is on the screen is uploaded.
            let in_view = self.model.view == View::Live
                && self.model.enlarged.as_ref().is_none_or(|enlarged| *enlarged == feed.name);
            if in_view && feed.take_picture(ctx, |into| self.backend.take_preview(camera, into)) {
                let age_ms = (mien_clock::monotonic_nanos() - feed.capture_nanos()) as f32 * 1e-6;
                self.model.performance.shown(seconds, &feed.name, age_ms);
            }
            let is_new = self.backend.take_faces(camera, &mut feed.faces);
            if !is_live {
                // Whom it saw last is nobody to show.
                feed.faces.face_count = 0;
                self.model.signals.interrupt(&feed.name);
            } else if is_new {
                self.model.signals.update(&feed.name, &feed.faces);
            }
        }
    }

    fn keys(&mut self, ctx: &egui::Context) {
        let cameras: Vec<String> = self.feeds.iter().map(|feed| feed.name.clone()).collect();
        let mut asked = keys::read(ctx, &mut self.model, &cameras);
        if asked.toggle_recording {
            let seconds = ctx.input(|input| input.time);
            asked.commands.extend(self.model.toggle_recording(self.backend.recording(), seconds));
        }
        for text in asked.markers {
            let is_kept = is_kept(self.backend.as_ref());
            asked.commands.push(self.model.set_marker(text, is_kept));
        }
        if asked.close {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        for command in asked.commands {
            self.backend.command(command);
        }
    }

    fn closing(&mut self, ctx: &egui::Context) {
        if self.backend.wants_to_close() && self.model.closing != Closing::Confirmed {
            self.model.closing = Closing::Confirmed;
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if ctx.input(|input| input.viewport().close_requested())
            && !self.model.ask_to_close(self.backend.recording())
        {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
        }
    }

    fn remember_window(&mut self, ctx: &egui::Context) {
        let window = &mut self.model.window;
        window.page = self.model.view;
        let zoom = ctx.zoom_factor();
        // The window's place is told in points of the zoom before.
        let is_told = window.zoom == zoom;
        window.zoom = zoom;
        ctx.input(|input| {
            let now = input.viewport();
            window.maximized = now.maximized.unwrap_or(false);
            if window.maximized || !is_told {
                return;
            }
            if let Some(inner) = now.inner_rect {
                window.size = (inner.size() * zoom).into();
            }
            if let Some(outer) = now.outer_rect {
                window.position = Some((outer.min.to_vec2() * zoom).into());
            }
        });
        let (told, at) = &mut self.window_told;
        if *told != *window && at.elapsed() >= WINDOW_LOOK {
            (*told, *at) = (*window, Instant::now());
            self.backend.command(Command::KeepWindow(*window));
        }
    }

    /// Draws the whole window, and tells what was changed in it.
    pub fn draw(&mut self, ui: &mut egui::Ui) {
        let mut page = Page {
            backend: self.backend.as_mut(),
            model: &mut self.model,
            feeds: &mut self.feeds,
            options: &self.options,
        };
        shell::show(ui, &mut page);
        self.tell_changes();
        self.tell_name(ui.ctx());
        self.set_title(ui.ctx());
    }

    /// Gives a participant the name that was typed once its field has lost the focus, be it by a key, a click or
    /// because another page is shown.
    fn tell_name(&mut self, ctx: &egui::Context) {
        let Some(naming) = &self.model.naming else { return };
        if ctx.memory(|memory| memory.focused()) == Some(naming.field) {
            return;
        }
        let camera = self.feeds.iter().position(|feed| feed.name == naming.camera);
        let now = camera.and_then(|camera| self.backend.participant(camera, naming.track_id));
        if let Some(command) = self.model.typed_name(now) {
            self.backend.command(command);
        }
    }

    fn tell_changes(&mut self) {
        let AppModel { settings, session, signals, .. } = &mut self.model;
        // What is being typed is told once it makes sense.
        if let Ok(recording) = session.request(&settings.wanted.recording) {
            settings.wanted.recording = recording;
        }
        settings.wanted.gui.signals = signals.plotted_names();
        self.pace.set(settings.wanted.gui.repaints_hz);
        if let Some(command) = settings.change() {
            self.backend.command(command);
        }
    }

    fn set_title(&mut self, ctx: &egui::Context) {
        let what =
            if self.backend.recording().folder.is_some() { "recording" } else { self.model.view.label() };
        let title = format!("{} – {what}", self.options.title);
        if title != self.title {
            self.title.clone_from(&title);
            ctx.send_viewport_cmd(ViewportCommand::Title(title));
        }
    }
}

/// Whether a marker that is set now goes anywhere.
pub(crate) fn is_kept(backend: &dyn Backend) -> bool {
    backend.recording().folder.is_some() || !backend.streams().is_empty()
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.update(ui.ctx());
        self.draw(ui);
    }

    fn raw_input_hook(&mut self, ctx: &egui::Context, input: &mut egui::RawInput) {
        self.typing.in_order(ctx, input);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        // The panels lie on it without a ground of their own (see the shell).
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.backend.command(Command::KeepWindow(self.model.window));
        self.backend.shut_down();
    }
}

/// Opens the window and runs until it is closed.
///
/// # Errors
/// When no window or no OpenGL can be had; the text says what the system answered.
pub fn run(mut backend: Box<dyn Backend>, options: AppOptions) -> Result<(), eframe::Error> {
    let window = options.window.sound();
    let mut viewport = egui::ViewportBuilder::default()
        .with_title(&options.title)
        .with_app_id("mien")
        .with_inner_size(window.size)
        .with_min_inner_size(WindowState::LEAST_SIZE)
        .with_maximized(window.maximized)
        .with_drag_and_drop(true);
    if let Some(position) = window.position {
        viewport = viewport.with_position(position);
    }
    // Without a graphics card each pixel's shading counts, and nothing here has gradients to dither.
    let native = eframe::NativeOptions { viewport, dithering: false, ..eframe::NativeOptions::default() };
    let title = options.title.clone();
    eframe::run_native(
        &title,
        native,
        Box::new(move |context| {
            let ctx = context.egui_ctx.clone();
            ctx.set_zoom_factor(window.zoom);
            let pace = Arc::new(Pace::new(backend.config().gui.repaints_hz));
            let shared = Arc::clone(&pace);
            backend.on_change(Box::new(move || {
                if let Some(pause) = shared.pause(Instant::now()) {
                    ctx.request_repaint_after(pause);
                }
            }));
            Ok(Box::new(App::paced(backend, options, pace)))
        }),
    )
}
