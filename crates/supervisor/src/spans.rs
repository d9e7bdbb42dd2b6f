//! One result in a trace.

use mien_metrics::TraceWriter;
use mien_ring::FacesEntry;

/// Writes where the time of a result went, from capture to the hands of the supervising process.
pub(crate) fn write_spans(
    writer: &mut TraceWriter,
    pid: u32,
    camera: &str,
    stage_names: &[String],
    result: &FacesEntry,
    read_nanos: i64,
) -> std::io::Result<()> {
    let (frame, timings) = (&result.frame, &result.timings);
    if frame.frame_index == 0 {
        writer.process_name(pid, &format!("camera {camera}"))?;
        for (row, name) in [(1, "capture"), (2, "pipeline"), (3, "stages"), (4, "reader")] {
            writer.row_name(pid, row, name)?;
        }
    }
    let mut span = |row, name: &str, from, to| writer.span(pid, row, name, [from, to], frame.frame_index);
    span(1, "capture", frame.capture_nanos, timings.received_nanos)?;
    span(1, "wait for the pipeline", timings.received_nanos, timings.started_nanos)?;
    span(2, "pipeline", timings.started_nanos, timings.finished_nanos)?;
    span(4, "ring", timings.finished_nanos, read_nanos)?;
    let mut from = timings.started_nanos;
    for (name, nanos) in stage_names.iter().zip(timings.stage_nanos) {
        if nanos > 0 {
            let to = from + nanos as i64;
            span(3, name, from, to)?;
            from = to;
        }
    }
    Ok(())
}
