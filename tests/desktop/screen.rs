//! A screen of the test's own: Xvfb with Mesa's software OpenGL. Keys go through `xdotool`; pictures are read
//! from the file in which Xvfb keeps its screen.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mien_needs::Need;

/// See the module. Ends with the test.
pub struct Screen {
    server: Child,
    /// Name of the display, for `DISPLAY`.
    pub display: String,
    folder: tempfile::TempDir,
}

impl Screen {
    /// A screen of this size; `None`, with the reason printed, where there is no Xvfb or no xdotool.
    pub fn start(width: u16, height: u16) -> Option<Self> {
        let missing = |what: &str, why: String| skip(&format!("{what} cannot be had ({why})"));
        if let Err(error) =
            Command::new("xdotool").arg("help").stdout(Stdio::null()).stderr(Stdio::null()).status()
        {
            missing("xdotool", error.to_string());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let server = Command::new("Xvfb")
            // Without -noreset it would begin anew, deaf for a moment, when xdotool was its only client.
            .args([
                "-displayfd",
                "1",
                "-noreset",
                "-nolisten",
                "tcp",
                "-screen",
                "0",
                &format!("{width}x{height}x24"),
            ])
            .arg("-fbdir")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn();
        let mut server = server.map_err(|error| missing("Xvfb", error.to_string())).ok()?;
        let mut number = String::new();
        let read = BufReader::new(server.stdout.take().unwrap()).read_line(&mut number);
        if read.is_err() || number.trim().is_empty() {
            let _gone = server.kill();
            let _gone = server.wait();
            missing("a display", "Xvfb gives none".into());
            return None;
        }
        let screen = Self { server, display: format!(":{}", number.trim()), folder };
        // Out of the way: nothing is to be hovered over.
        screen.xdotool(&["mousemove", &(width - 1).to_string(), &(height - 1).to_string()]);
        Some(screen)
    }

    /// The window whose title begins so, once it is on the screen.
    pub fn window(&self, title: &str) -> Option<String> {
        let found = self.xdotool(&["search", "--onlyvisible", "--name", &format!("^{title}")])?;
        found.lines().next().map(str::to_owned)
    }

    /// A window's title.
    pub fn title(&self, window: &str) -> Option<String> {
        self.xdotool(&["getwindowname", window]).map(|text| text.trim().to_owned())
    }

    /// Gives a window the keyboard, which a window manager would do. Whether it took it.
    pub fn focus(&self, window: &str) -> bool {
        self.xdotool(&["windowfocus", "--sync", window]).is_some()
    }

    /// Presses and releases a key, such as `ctrl+r`.
    pub fn press(&self, key: &str) {
        self.xdotool(&["key", key]).expect("the key is pressed");
    }

    /// Presses and releases a key so often, a repaint and more apart.
    pub fn press_often(&self, key: &str, times: usize) {
        let repeat = ["key", "--repeat", &times.to_string(), "--repeat-delay", "200", key];
        self.xdotool(&repeat).expect("the key is pressed");
    }

    /// Clicks at a place of the screen.
    pub fn click(&self, x: u32, y: u32) {
        let at = [x.to_string(), y.to_string()];
        self.xdotool(&["mousemove", &at[0], &at[1], "click", "1"]).expect("the button is pressed");
    }

    /// The screen's picture: width, height, and red, green, blue for each pixel.
    pub fn picture(&self) -> (u32, u32, Vec<u8>) {
        let read = read_screen(&self.frame_buffer(), [0, 0], None);
        let (width, height, rgb) = read.expect("Xvfb keeps its screen in a file");
        (width as u32, height as u32, rgb)
    }

    /// Writes the screen's picture into a PNG file, with 128 shades of each colour: much smaller than 256.
    pub fn shoot(&self, file: &Path) {
        let (width, height, mut rgb) = self.picture();
        for value in &mut rgb {
            *value = *value & 0xfe | *value >> 7;
        }
        let mut encoder = png::Encoder::new(std::fs::File::create(file).unwrap(), width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        encoder.write_header().unwrap().write_image_data(&rgb).unwrap();
    }

    /// The file in which Xvfb keeps its screen, in the format of `xwd`.
    pub fn frame_buffer(&self) -> PathBuf {
        self.folder.path().join("Xvfb_screen0")
    }

    fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _gone = self.server.wait();
    }
}

/// Skips a test that needs a screen.
pub fn skip(why: &str) {
    mien_needs::skip(Need::Screen, format_args!("{why}; `./x test` installs what is needed"));
}

/// A part of a screen: red, green, blue for each of `width` × `height` pixels from the corner `left`, `top`.
/// `None` for the size takes all.
///
/// The file has the format of `xwd` with 32 bits a pixel (blue, green, red, unused): a header of big-endian
/// numbers, of which the first is its own length, a palette of 12 bytes an entry, rows.
pub fn read_screen(
    path: &Path,
    [left, top]: [usize; 2],
    size: Option<[usize; 2]>,
) -> std::io::Result<(usize, usize, Vec<u8>)> {
    let file = std::fs::File::open(path)?;
    let mut header = [0; 100];
    file.read_exact_at(&mut header, 0)?;
    let number =
        |place: usize| u32::from_be_bytes(header[4 * place..4 * place + 4].try_into().unwrap()) as usize;
    let (bits, stride, colors) = (number(11), number(12), number(19));
    assert_eq!(bits, 32, "{}: {bits} bits a pixel", path.display());
    let [width, height] = size.unwrap_or([number(4), number(5)]);
    let mut rows = vec![0; stride * height];
    file.read_exact_at(&mut rows, (number(0) + 12 * colors + top * stride) as u64)?;
    let rows = rows.chunks(stride).map(|row| &row[4 * left..4 * (left + width)]);
    let rgb =
        rows.flat_map(|row| row.as_chunks::<4>().0).flat_map(|[blue, green, red, _]| [*red, *green, *blue]);
    Ok((width, height, rgb.collect()))
}

/// Waits until something is so, and gives it; panics with `what` after `seconds`.
pub fn until<T>(what: &str, seconds: u64, mut so: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = so() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {seconds} s in vain for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
