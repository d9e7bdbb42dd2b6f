//! The loop over the frames of one source.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Error};
use indicatif::ProgressBar;
use mien_capture::SourceError;
use mien_face::{Frame, FrameFaces};
use mien_pipeline::Pipeline;
use mien_tables::{Outcome, TableWriter};

use super::{AnnotatedOutput, Event, Reader, Statistics};
use crate::cli::one_line;
use crate::interrupt;

/// One source on its way through the pipeline.
pub struct Job<'a> {
    /// Where frames come from.
    pub reader: Reader,
    /// What tracks them.
    pub pipeline: &'a mut Pipeline,
    /// Where rows go.
    pub table: Option<TableWriter>,
    /// Where pictures go.
    pub annotated: Option<AnnotatedOutput>,
    /// Moves with each frame.
    pub progress: ProgressBar,
    /// Whether damaged frames are left out instead of being marked.
    pub skip_damaged: bool,
}

/// How a job went.
#[derive(Default)]
pub struct Report {
    /// Frames tracked.
    pub frames: u64,
    /// Frames with at least one face.
    pub frames_with_a_face: u64,
    /// Everyone who was seen.
    pub track_ids: BTreeSet<u32>,
    /// From the first frame's start to the last file's end.
    pub elapsed: Duration,
    /// Time in the source of the last frame, in nanoseconds.
    pub last_nanos: i64,
    /// How long the stages took.
    pub statistics: Statistics,
    /// Frames that could not be read.
    pub skipped: Vec<SourceError>,
    /// Frames that are damaged.
    pub damage: Damage,
    /// What a person should know of the source.
    pub notes: Vec<String>,
    /// Why it did not come to the end of the source.
    pub problem: Option<Error>,
}

/// Frames of a source that are damaged.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// How many.
    pub frames: u64,
    /// Number of the first one.
    pub first_frame: u64,
    /// Whether they were left out instead of being marked.
    pub left_out: bool,
}

impl Damage {
    /// What a person should know of it; nothing where nothing is damaged.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let what = match self.frames {
            0 => return None,
            1 => format!("frame {} is damaged", self.first_frame),
            frames => format!("{frames} frames are damaged, the first is frame {}", self.first_frame),
        };
        Some(match self.left_out {
            true => format!("{what}; left out, as asked for"),
            false => format!("{what}; marked in the table, --skip-damaged leaves them out"),
        })
    }

    fn add(&mut self, frame_index: u64) {
        if self.frames == 0 {
            self.first_frame = frame_index;
        }
        self.frames += 1;
    }
}

impl Report {
    /// For the file beside the table.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let damage = self.damage.words();
        let (left_out, marked) = if self.damage.left_out { (damage, None) } else { (None, damage) };
        let problem = match (&self.problem, self.skipped.as_slice()) {
            (Some(problem), _) => Some(one_line(problem)),
            (None, [only]) => Some(format!("a frame could not be read: {only}")),
            (None, [first, ..]) => {
                Some(format!("{} frames could not be read, first: {first}", self.skipped.len()))
            }
            (None, []) => marked,
        };
        Outcome {
            complete: self.problem.is_none(),
            frames: self.frames,
            frames_with_a_face: self.frames_with_a_face,
            damaged_frames: self.damage.frames,
            problem,
            notes: self.notes.iter().cloned().chain(left_out).collect(),
            elapsed_seconds: self.elapsed.as_secs_f64(),
            stages: self.statistics.rows().collect(),
        }
    }
}

impl Job<'_> {
    /// Tracks every frame, showing each with its faces to `watch`. Whatever happens, the files are
    /// brought to a good end; what went wrong is in the report.
    pub fn run(mut self, mut watch: impl FnMut(&Frame, &FrameFaces)) -> Report {
        let start = Instant::now();
        let damage = Damage { left_out: self.skip_damaged, ..Damage::default() };
        let mut report = Report { damage, ..Report::default() };
        report.problem = self.track(&mut report, &mut watch).err();
        let Self { reader, table, annotated, progress, .. } = self;
        drop(reader);
        let table_ended = table.map_or(Ok(()), |table| table.finish().map_err(Error::from));
        let annotated_ended = annotated.map_or(Ok(()), AnnotatedOutput::finish);
        for ended in [table_ended, annotated_ended] {
            // The first problem is the cause, the others are its consequences.
            report.problem = report.problem.or(ended.err());
        }
        progress.finish_and_clear();
        report.elapsed = start.elapsed();
        report
    }

    fn track(
        &mut self,
        report: &mut Report,
        watch: &mut impl FnMut(&Frame, &FrameFaces),
    ) -> Result<(), Error> {
        loop {
            if interrupt::is_requested() {
                anyhow::bail!(
                    "interrupted after {} frames; what was tracked until then is complete",
                    report.frames
                );
            }
            let frame = match self.reader.next_event() {
                Event::Frame(frame) => frame,
                Event::Notice(notice) => {
                    self.progress.suspend(|| tracing::warn!("{notice}"));
                    report.notes.push(notice);
                    continue;
                }
                Event::Skipped(error) => {
                    self.progress.suspend(|| tracing::warn!("skipped: {error}"));
                    report.skipped.push(error);
                    continue;
                }
                Event::End(None) => return Ok(()),
                Event::End(Some(error)) => return Err(error.into()),
            };
            if frame.damaged {
                report.damage.add(frame.frame_index);
                if self.skip_damaged {
                    self.reader.recycle(frame);
                    self.progress.inc(1);
                    continue;
                }
            }
            self.track_frame(&frame, report)?;
            watch(&frame, self.pipeline.last());
            match &self.annotated {
                None => self.reader.recycle(frame),
                Some(annotated) => {
                    if !annotated.add(frame, self.pipeline.last()) {
                        return Ok(()); // `finish` tells why.
                    }
                }
            }
            self.progress.inc(1);
        }
    }

    fn track_frame(&mut self, frame: &Frame, report: &mut Report) -> Result<(), Error> {
        let place = || format!("frame {}", frame.frame_index);
        let view = frame.view().with_context(place)?;
        self.pipeline.process(view, frame.frame_index, frame.capture_nanos).with_context(place)?;
        if frame.damaged {
            self.pipeline.mark_damaged();
        }
        let faces = self.pipeline.last();
        report.frames += 1;
        report.frames_with_a_face += u64::from(faces.face_count > 0);
        report.track_ids.extend(faces.faces().iter().map(|face| face.track_id));
        report.last_nanos = frame.capture_nanos;
        let start = Instant::now();
        if let Some(table) = &mut self.table {
            table.write(faces)?;
        }
        let write_nanos = if self.table.is_some() { start.elapsed().as_nanos() as u64 } else { 0 };
        report.statistics.add(&self.pipeline.timings(), write_nanos);
        Ok(())
    }
}
