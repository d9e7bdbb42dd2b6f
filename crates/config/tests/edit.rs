//! Settings written back: what changed is in the file, and everything else is as its writer left it.

use std::path::Path;

use mien_config::{Camera, Config, ConfigError, Overlay, TEMPLATE, Theme, edit, load, parse, save};
use proptest::prelude::*;

const FILE: &str = r#"# Our lab's cameras.
version = 1   # layout

# Two at the desk.

# The left one, on the tripod.
[[cameras]]
name = "left"  # seen from the chair
source = "synthetic?seed=1"
rate_hz = 30.0

# The right one.
[[cameras]]
source = "synthetic?seed=2"
name = "right"

[detection] # slow people
max_faces = 2 # a pair
detect_every=3

[gui]
overlays = [
    "boxes", # who
]
"#;

fn parsed(text: &str) -> Config {
    parse(text, Path::new("f.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The file after a change; what it says is what was wanted.
fn changed(change: impl FnOnce(&mut Config)) -> String {
    let before = parsed(FILE);
    let mut after = before.clone();
    change(&mut after);
    let text = edit(FILE, &before, &after).unwrap();
    assert_eq!(parsed(&text), after, "{text}");
    text
}

#[test]
fn nothing_changed_is_nothing_written() {
    assert_eq!(changed(|_| {}), FILE);
}

#[test]
fn a_value_changes_where_it_stands() {
    let text = changed(|config| {
        config.detection.max_faces = 5;
        config.detection.score_threshold = 0.45;
    });
    let expected = FILE.replace("max_faces = 2 # a pair", "max_faces = 5 # a pair");
    let expected = expected.replace("detect_every=3\n", "detect_every=3\nscore_threshold = 0.45\n");
    assert_eq!(text, expected);
}

#[test]
fn a_section_that_is_not_there_is_added_with_what_changed() {
    let text = changed(|config| config.smoothing.beta = 12.5);
    assert_eq!(text, format!("{FILE}\n[smoothing]\nbeta = 12.5\n"));
}

#[test]
fn an_option_can_go() {
    let text = changed(|config| config.cameras[0].rate_hz = None);
    assert_eq!(text, FILE.replace("rate_hz = 30.0\n", ""));
}

#[test]
fn a_renamed_camera_keeps_its_table() {
    let text = changed(|config| config.cameras[0].name = "desk".into());
    assert_eq!(text, FILE.replace("name = \"left\"  # seen", "name = \"desk\"  # seen"));
}

#[test]
fn cameras_swap_places_with_their_comments() {
    let text = changed(|config| config.cameras.swap(0, 1));
    let order =
        ["# Two at the desk.", "# The right one.", "\"right\"", "# The left one", "\"left\"", "[detection]"];
    let places: Vec<usize> = order.iter().map(|part| text.find(part).expect(part)).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn a_removed_camera_takes_only_its_own_comment_with_it() {
    let text = changed(|config| drop(config.cameras.remove(0)));
    assert!(
        !text.contains("tripod") && text.contains("# Two at the desk.") && text.contains("# The right one.")
    );
    let text = changed(|config| config.cameras.clear());
    assert!(!text.contains("[[cameras]]") && text.contains("# Two at the desk."), "{text}");
}

#[test]
fn a_new_camera_follows_the_others() {
    let text = changed(|config| {
        let mut camera = Camera::new("new", "clip.mp4");
        camera.gpu = Some(1);
        camera.controls.insert("gain".into(), 7);
        config.cameras.push(camera);
    });
    let table = "\n[[cameras]]\nname = \"new\"\nsource = \"clip.mp4\"\ngpu = 1\n";
    assert!(text.contains(table), "{text}");
    assert!(text.find("name = \"new\"") < text.find("[detection]"), "{text}");
}

#[test]
fn every_way_to_write_tables_is_edited() {
    let text = "version = 1\ngui.theme = \"dark\"\ncameras = [{ name = \"a\", source = \"b\" }]\nlsl = { faces = 2 }\n";
    let before = parsed(text);
    let mut after = before.clone();
    after.gui.theme = Theme::Light;
    after.lsl.faces = 3;
    after.cameras[0].gpu = Some(2);
    let edited = edit(text, &before, &after).unwrap();
    assert_eq!(parsed(&edited), after, "{edited}");
    assert!(edited.contains("gui.theme = \"light\"") && edited.contains("lsl = { faces = 3 }"), "{edited}");
}

#[test]
fn what_somebody_else_changed_meanwhile_stays() {
    let before = parsed(FILE);
    let mut after = before.clone();
    after.gui.overlays = vec![Overlay::Mesh];
    after.cameras.remove(0);
    let meanwhile = format!(
        "{}\n[[cameras]]\nname = \"third\"\nsource = \"x\"\n",
        FILE.replace("max_faces = 2", "max_faces = 9")
    );
    let text = parsed(&edit(&meanwhile, &before, &after).unwrap());
    let names: Vec<&str> = text.cameras.iter().map(|camera| camera.name.as_str()).collect();
    assert_eq!((text.detection.max_faces, names), (9, vec!["right", "third"]));
    assert_eq!(text.gui.overlays, [Overlay::Mesh]);
}

#[test]
fn a_first_change_makes_the_commented_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/mien.toml");
    let before = Config::default();
    let mut after = before.clone();
    after.cameras.push(Camera::new("camera-1", "synthetic"));
    after.recording.dir = folder.path().join("new/sessions");
    save(&path, &before, &after).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("# The GPU that this camera's process takes") && text.contains("name = \"camera-1\"")
    );
    assert!(text.contains("dir = \"sessions\""), "{text}");
    let loaded = load(&path).unwrap();
    assert_eq!(loaded, after);
    assert_eq!(
        text.lines().filter(|line| line.starts_with('#')).count(),
        TEMPLATE.lines().filter(|line| line.starts_with('#')).count()
    );
}

#[test]
fn a_file_that_may_not_be_written_or_is_broken_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mien.toml");
    std::fs::write(&path, FILE).unwrap();
    let before = load(&path).unwrap();
    let mut after = before.clone();
    after.gui.theme = Theme::Dark;
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions.clone()).unwrap();
    let error = save(&path, &before, &after).unwrap_err().to_string();
    assert!(error.contains("mien.toml") && error.contains("read-only"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), FILE);
    #[allow(clippy::permissions_set_readonly_false, reason = "a file of this test's own")]
    permissions.set_readonly(false);
    std::fs::set_permissions(&path, permissions).unwrap();
    save(&path, &before, &after).unwrap();
    assert_eq!(load(&path).unwrap(), after);

    for broken in ["version = 1\n[gui\n", "version = 1\n[gui]\ntheme = 5\nnonsense = 1\n"] {
        std::fs::write(&path, broken).unwrap();
        let result = save(&path, &before, &after);
        assert!(matches!(result, Err(ConfigError::Invalid { .. })), "{result:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), broken);
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_permissions_stay() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.toml"), folder.path().join("link.toml"));
    std::fs::write(&real, FILE).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let before = load(&link).unwrap();
    let mut after = before.clone();
    after.lsl.enabled = false;
    save(&link, &before, &after).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(load(&real).unwrap().lsl, after.lsl);
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any cameras in any order after any others: the file says so, and its first line is still there.
    #[test]
    fn any_list_of_cameras_can_follow_any_other(
        first in proptest::sample::subsequence(vec!["a", "b", "c", "d", "e"], 0..5).prop_shuffle(),
        second in proptest::sample::subsequence(vec!["a", "b", "c", "d", "e", "f"], 0..6).prop_shuffle(),
        faces in 1_usize..10,
    ) {
        let text: String = first.iter().fold("# kept\nversion = 1\n".into(), |text, name| {
            format!("{text}\n# about {name}\n[[cameras]]\nname = \"{name}\"\nsource = \"s{name}\"\n[cameras.controls]\ngain = 1\n")
        });
        let before = parsed(&text);
        let mut after = before.clone();
        after.detection.max_faces = faces;
        after.cameras = second
            .iter()
            .map(|name| {
                let known = before.cameras.iter().find(|camera| camera.name == *name).cloned();
                known.unwrap_or_else(|| Camera::new(*name, format!("s{name}")))
            })
            .collect();
        let edited = edit(&text, &before, &after).unwrap();
        prop_assert_eq!(parsed(&edited), after);
        prop_assert!(edited.starts_with("# kept\n"));
        for name in second.iter().filter(|name| first.contains(name)) {
            let about = format!("# about {name}");
            prop_assert!(edited.contains(&about), "{}", edited);
        }
    }
}

#[test]
fn secrets_are_kept_in_the_users_file_and_nowhere_else() {
    use std::os::unix::fs::PermissionsExt;
    let source = "http://alice:s3cret@cam/video?pwd=pa55";
    let before = Config::default();
    let after = Config { cameras: vec![Camera::new("front", source)], ..Config::default() };
    for text in [mien_config::print(&after), format!("{after:?}"), serde_json::to_string(&after).unwrap()] {
        assert!(!text.contains("s3cret") && !text.contains("pa55"), "{text}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mien.toml");
    save(&path, &before, &after).unwrap();
    assert_eq!(load(&path).unwrap().cameras[0].source, source);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // Where it stands where it does not belong, what is said of it does not repeat it.
    for text in [
        format!("version = 1\n[[cameras]]\nname = \"{source}\"\nsource = \"x\"\n"),
        format!("version = \"{source}\"\n"),
        format!("version = 1\n[engine]\nkind = \"{source}\"\n"),
    ] {
        let said = parse(&text, Path::new("f.toml")).unwrap_err().to_string();
        assert!(!said.contains("s3cret") && !said.contains("pa55"), "{said}");
    }
}

#[test]
fn files_of_secrets_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mien.toml");
    let text = "version = 1\n[[cameras]]\nname = \"a\"\nsource = \"http://u:${file:cam.txt}@h/\"\n";
    std::fs::write(&path, text).unwrap();
    let before = load(&path).unwrap();
    let secret = dir.path().join("cam.txt");
    assert_eq!(before.cameras[0].source, format!("http://u:${{file:{}}}@h/", secret.display()).as_str());
    let mut after = before.clone();
    after.cameras[0].enabled = false;
    save(&path, &before, &after).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("${file:cam.txt}"));
}
