//! The data of a session against what `session.toml` says was recorded.

use std::ffi::OsStr;
use std::io::ErrorKind;

use mien_folder::Folder;
use mien_xdf::{Change, KeepOriginal, Repair, Report, XdfError, check_in, is_being_recorded_in, repair_in};

use crate::RecordError;
use crate::session_file::{CameraRecord, DATA_FILE, SessionFile, SessionState};

/// Seconds that may lie between the last sample and the end of the recording.
const END_TOLERANCE_SECONDS: f64 = 2.0;
/// Places of damage that are told one by one.
const TOLD_DAMAGES: usize = 3;

/// What is there, what was done about it, and what is wrong still.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub report: Report,
    pub repair: Repair,
    pub problems: Vec<String>,
}

/// Looks at `data.xdf`. With `repair`, what is broken is taken out; a file without any stream is left as it
/// is, unless it is that of a recording that was killed as it began.
pub(super) fn check_data(folder: &Folder, session: &SessionFile, repair: bool) -> Result<Data, RecordError> {
    let mut data = Data::default();
    match look(folder, session.state, repair, &mut data) {
        Ok(()) => data.problems = problems(session, &data.report),
        Err(error @ XdfError::Busy { .. }) => return Err(error.into()),
        Err(XdfError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            data.problems.push(format!("{DATA_FILE} is missing: it holds all that was measured"));
        }
        // Says which file it is.
        Err(error) => data.problems.push(error.to_string()),
    }
    Ok(data)
}

fn look(folder: &Folder, state: SessionState, repair: bool, data: &mut Data) -> Result<(), XdfError> {
    let name = OsStr::new(DATA_FILE);
    if is_being_recorded_in(folder, name)? {
        return Err(XdfError::Busy { path: folder.join(name).display().to_string() });
    }
    data.report = check_in(folder, name)?;
    let was_killed = state == SessionState::Recording;
    if repair && (was_killed || !data.report.streams.is_empty()) {
        let keep = if was_killed { KeepOriginal::BeyondUnfinishedChunk } else { KeepOriginal::Always };
        data.repair = repair_in(folder, name, keep)?;
        data.report = check_in(folder, name)?;
    }
    Ok(())
}

/// Seconds from the start of the recording to the last sample.
pub(super) fn data_seconds(session: &SessionFile, data: &Report) -> Option<f64> {
    let last = data.streams.iter().filter_map(|stream| stream.totals.last_timestamp).reduce(f64::max)?;
    Some((last - session.started_lsl_seconds).max(0.0))
}

/// Whether data of so many seconds are less than the recording's.
pub(super) fn ends_early(recorded_seconds: f64, there_seconds: f64) -> bool {
    recorded_seconds - there_seconds > END_TOLERANCE_SECONDS
}

fn problems(session: &SessionFile, data: &Report) -> Vec<String> {
    if data.streams.is_empty() {
        let bytes = data.file_bytes;
        return vec![format!("{DATA_FILE}: no stream is in it ({bytes} bytes): its data are lost")];
    }
    let mut problems = damages(data);
    problems.extend(changes(data));
    problems.extend(contradictions(data));
    problems.extend(session.cameras.iter().flat_map(|camera| missing_streams(camera, data)));
    let recorded = session.duration_seconds.filter(|_| session.ended_because.is_none());
    if let Some((recorded, there)) = recorded.zip(data_seconds(session, data))
        && ends_early(recorded, there)
    {
        problems.push(format!(
            "{DATA_FILE}: its data end after {there:.1} s, the recording took {recorded:.1} s: the rest is lost"
        ));
    }
    problems
}

fn damages(data: &Report) -> Vec<String> {
    let told = |damage: &mien_xdf::Damage| {
        format!("{DATA_FILE}: {} ({} bytes)", damage.what, damage.resumes_at - damage.offset)
    };
    let headers = data.restorable_headers.iter().map(|(_, stream)| {
        format!("{DATA_FILE}: the header of {stream} is damaged; a copy of it is kept beside the data")
    });
    let mut problems: Vec<_> = headers.collect();
    problems.extend(data.damages.iter().take(TOLD_DAMAGES).map(told));
    if data.damages.len() > TOLD_DAMAGES {
        let more = data.damages.len() - TOLD_DAMAGES;
        problems.push(format!("{DATA_FILE}: damaged in {more} more places"));
    }
    problems
}

/// Chunks that are not what was recorded: nothing can bring that back.
fn changes(data: &Report) -> Vec<String> {
    let told = |change: &Change| {
        let of = change.stream.as_ref().map(|stream| format!(" of {stream}")).unwrap_or_default();
        let span = change.span.map(|(from, to)| format!(", {from:.3} to {to:.3} s")).unwrap_or_default();
        let (offset, end) = (change.offset, change.end);
        format!(
            "{DATA_FILE}: bytes {offset} to {end}{of}{span} are not what was recorded: they were changed since"
        )
    };
    let mut problems: Vec<_> = data.changes.iter().take(TOLD_DAMAGES).map(told).collect();
    let more = data.changed_chunks.saturating_sub(problems.len() as u64);
    if more > 0 {
        problems.push(format!("{DATA_FILE}: {more} more chunks are not what was recorded"));
    }
    problems
}

/// Where the file contradicts itself.
fn contradictions(data: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    if !data.has_file_header {
        problems.push(format!("{DATA_FILE}: the file header is missing"));
    }
    let count = data.streams.len();
    match data.streams.iter().filter(|stream| !stream.has_footer).collect::<Vec<_>>().as_slice() {
        [] => {}
        [stream] => problems.push(format!("{DATA_FILE}: the stream {} has no footer", stream.info.name)),
        all if all.len() == count => {
            problems.push(format!("{DATA_FILE}: none of its {count} streams has a footer: it was cut off"));
        }
        several => problems.push(format!("{DATA_FILE}: {} of {count} streams have no footer", several.len())),
    }
    for stream in &data.streams {
        let name = &stream.info.name;
        if let Some(count) = stream.wrong_footer_count {
            let found = stream.totals.sample_count;
            problems.push(format!("{DATA_FILE}: {name} holds {found} samples, its footer says {count}"));
        }
        if stream.backward_timestamps > 0 {
            let count = stream.backward_timestamps;
            problems.push(format!("{DATA_FILE}: {count} timestamps of {name} do not rise"));
        }
    }
    problems
}

/// Streams of a camera that were recorded and are not there, or hold no frame.
fn missing_streams(camera: &CameraRecord, data: &Report) -> Vec<String> {
    let name = &camera.name;
    let is_there = |stream: &&String| data.streams.iter().any(|found| found.info.name == **stream);
    let missing: Vec<_> = camera.streams.iter().filter(|stream| !is_there(stream)).collect();
    let frames = frame_count(camera, data);
    match (missing.len(), frames) {
        (count, _) if count > 0 && count == camera.streams.len() => {
            vec![format!("{DATA_FILE}: all {count} streams of the camera {name} are missing")]
        }
        (0, None) => vec![format!("{DATA_FILE}: the frames of the camera {name} are missing")],
        _ => {
            let told = missing.iter().map(|stream| format!("{DATA_FILE}: the stream {stream} is missing"));
            let empty =
                (frames == Some(0)).then(|| format!("{DATA_FILE}: no frame of the camera {name} is in it"));
            told.chain(empty).collect()
        }
    }
}

/// Frames of a camera that the data hold; `None` without a stream of them.
pub(super) fn frame_count(camera: &CameraRecord, data: &Report) -> Option<u64> {
    let ending = format!("_{}_Frames", camera.name);
    // Another camera's name may end as this one's; sessions of the first versions do not list their streams.
    let is_own = |name: &String| camera.streams.is_empty() || camera.streams.contains(name);
    let mut names_it = data.streams.iter().filter(|stream| stream.info.name.ends_with(&ending));
    let stream = names_it.find(|stream| is_own(&stream.info.name))?;
    Some(stream.totals.sample_count)
}
