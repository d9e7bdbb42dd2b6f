//! Configurations that are right, and what is said of those that are not.

use std::path::Path;

use mien_config::{
    Camera, CameraFormat, Config, ConfigError, EngineKind, TEMPLATE, init, load, parse, print,
};

fn good(text: &str) -> Config {
    parse(text, Path::new("f.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn complaint(text: &str) -> String {
    parse(text, Path::new("f.toml")).expect_err(text).to_string()
}

#[test]
fn the_template_says_what_holds_without_it() {
    let template = good(TEMPLATE);
    let expected = Config { cameras: vec![Camera::new("camera", "synthetic")], ..Config::default() };
    assert_eq!(template, expected);
    // And it mentions every key there is: what is commented out in it must be accepted, too.
    let all: String = TEMPLATE.lines().fold(String::new(), |text, line| {
        let key = line.strip_prefix("# ").filter(|rest| {
            rest.split_once(" = ")
                .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        });
        text + key.unwrap_or(line) + "\n"
    });
    let all = good(&all);
    assert_eq!(all.cameras[0].size, Some([1280, 720]));
    assert_eq!(all.cameras[0].format, Some(CameraFormat::Mjpeg));
    assert_eq!(all.cameras[0].engine, Some(EngineKind::Cpu));
    assert_eq!(all.detection.detector_size, Some(640));
    assert_eq!((all.cameras[0].gpu, all.cameras[0].rate_hz), (Some(0), Some(30.0)));
    assert_eq!(all.cameras[0].participants, ["P01", "P02"]);
    assert_eq!((all.cameras[0].triggered_rate_hz, all.cameras[0].stamp_delay_ms), (Some(60.0), Some(0.0)));
    assert_eq!(all.cameras[0].rotate.degrees(), 180);
    assert!(all.cameras[0].redirects);
    assert_eq!(all.models.dir.as_deref(), Some(Path::new("models")));
}

#[test]
fn what_is_printed_gives_the_same_again() {
    for text in
        [TEMPLATE, "version = 1", "version = 1\n[[cameras]]\nname='a'\nsource='b'\nsize=[640,480]\ngpu=1"]
    {
        let config = good(text);
        assert_eq!(good(&print(&config)), config);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
    }
}

#[test]
fn complaints_name_file_line_and_what_is_allowed() {
    let said = complaint("version = 1\n\n[detection]\nmax_faces = 11\n");
    assert_eq!(said, "f.toml:4: max_faces: 11 is not possible; allowed are 1 to 10");
    let said = complaint("version = 1\n[engine]\nkind = \"gpu\"\n");
    assert!(said.starts_with("f.toml:3: ") && said.contains("`auto`, `cpu`, `tensorrt`"), "{said}");
    let said = complaint("version = 1\n[preview]\nwitdh = 5\n");
    assert!(said.starts_with("f.toml:3: ") && said.contains("witdh") && said.contains("`width`"), "{said}");
    let said = complaint("version = 1\n[rings]\nslots = 24\n");
    assert!(said.starts_with("f.toml:3: ") && said.contains("powers of two"), "{said}");
    let said = complaint("version = 1\n[preview]\nwidth = -5\n");
    assert!(said.starts_with("f.toml:3: "), "{said}");
    let camera = "version = 1\n[[cameras]]\nname = 'a'\nsource = 'b'\n";
    let said = complaint(&format!("{camera}participants = ['P1', 'P 2', 'P1']\n"));
    assert!(said.contains("`P 2` is no name") && said.contains("`P1` is there already"), "{said}");
    let said = complaint(&format!("{camera}triggered_rate_hz = 0.0\n"));
    assert!(said.starts_with("f.toml:5: triggered_rate_hz"), "{said}");
    let said = complaint(&format!("{camera}rotate = 45\n"));
    assert!(said.starts_with("f.toml:5: ") && said.contains("use 0, 90, 180 or 270"), "{said}");
    let said = complaint("version = 1\n[recording]\nrequired_streams = ['EEG', 'type=']\n");
    assert!(said.starts_with("f.toml:3: 1: is empty"), "{said}");
    let said = complaint("version = 1\nnonsense");
    assert!(said.starts_with("f.toml:2: "), "{said}");
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_lines() {
    let text = "version = 1
[[cameras]]
name = 'a b'
source = ' '
[[cameras]]
name = 'x'
source = 'synthetic'
rate_hz = 0.0
size = [8, 480]
[[cameras]]
name = 'x'
source = 'synthetic'
[smoothing]
beta = nan
";
    let Err(ConfigError::Invalid { problems, .. }) = parse(text, Path::new("f.toml")) else { panic!() };
    let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 4, 8, 9, 11, 14].map(Some), "{problems:?}");
}

#[test]
fn the_version_comes_first() {
    assert!(complaint("").contains("`version = 1`"));
    let said = complaint("version = 2\n[of_the_future]\n");
    assert!(said.starts_with("f.toml:1: version: 2") && !said.contains("future"), "{said}");
}

#[test]
fn version_0_is_migrated_with_its_comments_and_lines() {
    let old = "# our lab
version = 0 # old

# at the window
[[camera]]
name = 'window' # north
source = 'synthetic'
# a slow one
fps = 15 # Hz

[engine]
name = 'cpu'

[detection]
score_percent = 60
max_faces = 2
";
    let config = good(old);
    assert_eq!(config.version, 1);
    assert_eq!(config.cameras[0].rate_hz, Some(15.0));
    assert_eq!(config.engine.kind, EngineKind::Cpu);
    assert_eq!((config.detection.score_threshold, config.detection.max_faces), (0.6, 2));
    let new = mien_config::migrate(old);
    for comment in ["# our lab", "# old", "# at the window", "# north", "# a slow one", "# Hz"] {
        assert!(new.contains(comment), "{comment} is lost in\n{new}");
    }
    assert_eq!(mien_config::migrate(&new), new);
    let said = complaint(&old.replace("max_faces = 2", "max_faces = 0"));
    assert!(said.starts_with("f.toml:16: "), "{said}\n{new}");
}

#[test]
fn files_are_found_from_the_folder_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mien.toml");
    init(&path).unwrap();
    assert!(matches!(init(&path), Err(ConfigError::Exists { .. })));
    assert_eq!(load(&path).unwrap().recording.dir, dir.path().join("recordings"));
    std::fs::write(dir.path().join("clip.mp4"), "").unwrap();
    let text =
        "version = 1\n[[cameras]]\nname='a'\nsource='clip.mp4'\n[[cameras]]\nname='b'\nsource='usb:x'\n";
    std::fs::write(&path, text).unwrap();
    let config = load(&path).unwrap();
    assert_eq!(Path::new(config.cameras[0].source.expose_secret()), dir.path().join("clip.mp4"));
    assert_eq!(config.cameras[1].source, "usb:x");
    assert!(matches!(load(&dir.path().join("nothing")), Err(ConfigError::File { .. })));
    std::fs::write(&path, [0xFF, 0xFE]).unwrap();
    assert!(matches!(load(&path), Err(ConfigError::File { .. })));
}

#[test]
fn no_text_makes_it_panic() {
    let mut state = 1_u64;
    let mut bytes = TEMPLATE.as_bytes().to_vec();
    for _ in 0..2_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = (state >> 33) as usize % bytes.len();
        bytes[place] = (state >> 24) as u8 & 0x7F;
        if state.is_multiple_of(16) {
            bytes = TEMPLATE.as_bytes().to_vec();
        }
        let _checked = parse(&String::from_utf8_lossy(&bytes), Path::new("f.toml"));
    }
}

#[test]
fn fuzz_configuration() {
    let old = "version = 0\n[engine]\nname = \"auto\"\n[[camera]]\nname = \"a\"\nsource = \"synthetic\"\nfps = 30\n";
    let sound = [mien_config::TEMPLATE, old].map(|text| text.as_bytes().to_vec());
    mien_fuzz::fuzz("configuration", &sound, 600, |input| {
        let text = String::from_utf8_lossy(input);
        match mien_config::parse(&text, std::path::Path::new("mien.toml")) {
            Ok(config) => {
                let printed = mien_config::print(&config);
                assert_eq!(mien_config::print(&mien_config::parse(&printed, "".as_ref()).unwrap()), printed);
            }
            Err(error) => drop(error.to_string()),
        }
    });
}
