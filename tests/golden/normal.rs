//! Takes out what differs from run to run and from machine to machine.

use std::collections::HashMap;

/// Versions, and the name of the host in source ids.
pub fn text(text: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    text.replace(&format!("mien:{}:", host.trim()), "mien:HOST:")
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

/// A stream's header without when it was made.
pub fn header(xml: &str) -> String {
    let created_at = inside(xml, "created_at").to_owned();
    let lines = xml.replace("<channels>", "\n<channels>").replace("</channels>", "</channels>\n");
    text(&lines.replace(&created_at, "CREATED"))
}

fn inside<'a>(xml: &'a str, tag: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{tag}>")).expect("the header has this tag");
    rest.split_once("</").expect("the tag ends").0
}

/// `session.toml` without times.
pub fn session(toml: &str) -> String {
    let varies =
        ["started", "started_lsl_seconds", "unix_minus_lsl_seconds", "unix_minus_lsl_seconds_at_end"];
    let line = |line: &str| match line.split_once(" = ") {
        Some((key, _)) if varies.contains(&key) || key == "duration_seconds" || key == "from_lsl_seconds" => {
            format!("{key} = VARIES\n")
        }
        _ => format!("{line}\n"),
    };
    text(&toml.lines().map(line).collect::<String>())
}

/// A table with its columns' names: what [`value`] leaves of each value.
pub fn table(lines: impl Iterator<Item = String>, names: &[String], separator: char) -> String {
    let cell = |(at, cell): (usize, &str)| value(names.get(at).map_or("", String::as_str), cell);
    let line = |line: String| {
        let cells: Vec<_> = line.split(separator).enumerate().map(cell).collect();
        text(&cells.join(&separator.to_string())) + "\n"
    };
    lines.map(line).collect()
}

/// A value of the column of this name: nothing of how long results took, and four decimals where sines and cosines
/// went in.
pub fn value(name: &str, value: &str) -> String {
    let ends = |ending: &str| name == ending || name.ends_with(&format!("_{ending}"));
    let is_angle = ["OrientationA", "OrientationB", "OrientationC", "OrientationD"]
        .iter()
        .any(|part| ends(part) || ends(&format!("{part}_filtered")))
        || name.starts_with("pose_R");
    match value.parse::<f64>() {
        Ok(_) if ends("latency") => "LATENCY".to_owned(),
        Ok(number) if is_angle => format!("{:.4}", number + 0.0),
        _ => value.to_owned(),
    }
}

/// The text with `~` for every value that stands in the full line above, and a reference for a long line that was
/// there before: what is left of tables whose values hardly change is small.
pub fn folded(text: &str) -> String {
    let (mut folded, mut known, mut before) = (String::new(), HashMap::new(), Vec::new());
    let mut length = 0;
    for (number, line) in text.lines().enumerate() {
        let values: Vec<_> = line.split_inclusive([',', '\t', ' ']).collect();
        match known.get(line) {
            Some(first) => folded += &format!("(line {first} again)"),
            None if values.len() == before.len() && values.len() > 20 => {
                let same =
                    values.iter().zip(&before).map(|(value, above)| if value == above { "~" } else { value });
                folded.extend(same);
            }
            None => folded += line,
        }
        if line.len() > 200 {
            known.entry(line).or_insert(number);
        }
        folded.push('\n');
        // Rows without a face are short.
        if values.len() != before.len() || line.len() > length {
            (before, length) = (values, line.len() / 2);
        }
    }
    folded
}

/// A marker that the program sets by itself has the time at which it did.
pub fn marker(timestamp: &str, text: &str) -> String {
    let timestamp = if text.trim_start_matches('"').starts_with("mien ") { "NOW" } else { timestamp };
    format!("{timestamp} {text}")
}
