//! Streams of other programs that are called as this program's are to be.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mien_outlets::{Launch, RequiredStream, find_required};
use mien_stream::{CameraDescription, StreamSettings};

/// How long the network is asked.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Names that this program has used: their streams may be its own, which are just being closed.
static USED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Warns, in one line, where another program on this machine or in the network has streams of the names that these
/// cameras' streams will have. To be called before they are opened.
pub(crate) fn warn_of_others(launch: &Launch, cameras: &[CameraDescription], settings: &StreamSettings) {
    if let Some(warning) = renamed(cameras, settings) {
        tracing::warn!("{warning}");
    }
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    let names: Vec<String> = cameras
        .iter()
        .map(|camera| format!("{}_Frames", camera.stream_prefix(settings)))
        .chain([format!("{}_markers", settings.markers.prefix(&settings.prefix))])
        .filter(|name| used.insert(name.clone()))
        .collect();
    drop(used);
    // Without liblsl there are no streams, which is told elsewhere.
    let Ok(found) = find_required(launch, &names, PATIENCE) else { return };
    if let Some(warning) = taken(&found) {
        tracing::warn!("{warning}");
    }
}

/// What is told when this program's streams have other names than usual, because another program has these.
fn renamed(cameras: &[CameraDescription], settings: &StreamSettings) -> Option<String> {
    let usual = &settings.prefix;
    let names: Vec<String> = cameras
        .iter()
        .filter(|camera| camera.identity.name_number > 1)
        .map(|camera| format!("`{}_…`", camera.stream_prefix(settings)))
        .collect();
    let markers = settings.markers.prefix(usual);
    match names.as_slice() {
        [] if markers == *usual => None,
        [] => Some(format!(
            "another program on this machine sends the LSL stream `{usual}_markers`: this one is called \
             `{markers}_markers`; [lsl] `prefix` names each program's streams"
        )),
        names => Some(format!(
            "another program on this machine sends LSL streams of these cameras' names: these are called {}; [lsl] \
             `prefix` names each program's streams",
            names.join(", ")
        )),
    }
}

/// What is told of streams in the network that have this program's names.
fn taken(found: &[RequiredStream]) -> Option<String> {
    let streams = found.iter().filter_map(|stream| stream.found.as_ref());
    let names: Vec<String> = streams.map(|stream| format!("`{}` ({})", stream.name, stream.host)).collect();
    (!names.is_empty()).then(|| {
        format!(
            "the network already has LSL streams of these names: {}; whoever receives by name may get either: set \
             another [lsl] `prefix`",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use mien_outlets::VisibleStream;
    use mien_stream::StreamIdentity;

    use super::*;

    #[test]
    fn other_names_and_taken_names_are_told_in_a_line() {
        let numbered = |name_number| StreamIdentity { name_number, ..StreamIdentity::default() };
        let camera = |number| CameraDescription {
            name: "front".into(),
            identity: numbered(number),
            ..CameraDescription::default()
        };
        let settings = |number| StreamSettings { markers: numbered(number), ..StreamSettings::default() };
        assert_eq!(renamed(&[camera(1)], &settings(1)), None);
        let warning = renamed(&[camera(2)], &settings(2)).unwrap();
        assert!(warning.contains("are called `mien-2_front_…`; [lsl] `prefix`"), "{warning}");
        let warning = renamed(&[camera(1)], &settings(2)).unwrap();
        assert!(warning.contains("called `mien-2_markers`"), "{warning}");
        let there = RequiredStream {
            wanted: "mien_front_Frames".into(),
            found: Some(VisibleStream {
                name: "mien_front_Frames".into(),
                content_type: "VideoFrames".into(),
                host: "lab2".into(),
            }),
        };
        let free = RequiredStream { wanted: "mien_markers".into(), found: None };
        assert_eq!(taken(std::slice::from_ref(&free)), None);
        let warning = taken(&[free, there]).unwrap();
        assert!(warning.contains("`mien_front_Frames` (lab2); whoever"), "{warning}");
    }
}
