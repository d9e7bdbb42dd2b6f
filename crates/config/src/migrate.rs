//! Files of earlier versions.

use toml_edit::{DocumentMut, Item, Table};

/// Version of the layout that this program writes.
pub const VERSION: u32 = 1;

/// Brings a file's text to [`VERSION`], keeping its comments and, as far as keys are only renamed, its
/// lines. The text comes back unchanged when it has that version already, and also when it is no TOML or
/// its version is unknown: parsing it then says what is wrong.
#[must_use]
pub fn migrate(text: &str) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text.to_owned() };
    match document.get("version").and_then(Item::as_integer) {
        Some(0) => {
            from_0(&mut document);
            document.to_string()
        }
        _ => text.to_owned(),
    }
}

/// Version 0, of the time before the first release: `[[camera]]` with `fps`, `engine.name`, and the
/// detector's confidence in per cent.
fn from_0(document: &mut DocumentMut) {
    rename(document, "camera", "cameras");
    if let Some(cameras) = document.get_mut("cameras").and_then(Item::as_array_of_tables_mut) {
        for camera in cameras.iter_mut() {
            rename(camera, "fps", "rate_hz");
            // `fps = 30` was usual, and a rate is a number with a fraction now.
            if let Some(item) = camera.get_mut("rate_hz")
                && let Some(rate) = item.as_integer()
            {
                replace(item, (rate as f64).into());
            }
        }
    }
    if let Some(engine) = document.get_mut("engine").and_then(Item::as_table_mut) {
        rename(engine, "name", "kind");
    }
    if let Some(detection) = document.get_mut("detection").and_then(Item::as_table_mut) {
        rename(detection, "score_percent", "score_threshold");
        if let Some(item) = detection.get_mut("score_threshold")
            && let Some(percent) = item.as_float().or_else(|| item.as_integer().map(|value| value as f64))
        {
            replace(item, (percent / 100.0).into());
        }
    }
    if let Some(item) = document.get_mut("version") {
        replace(item, 1.into());
    }
}

/// Renames a key where it is, with the comments before it.
fn rename(table: &mut Table, from: &str, to: &str) {
    let Some(position) = table.iter().position(|(key, _)| key == from) else { return };
    let entries: Vec<(toml_edit::Key, Item)> = {
        let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
        // From the end: each of the others would move the rest.
        let mut entries: Vec<_> = keys.iter().rev().filter_map(|key| table.remove_entry(key)).collect();
        entries.reverse();
        entries
    };
    for (index, (key, item)) in entries.into_iter().enumerate() {
        if index == position {
            let renamed = toml_edit::Key::new(to)
                .with_leaf_decor(key.leaf_decor().clone())
                .with_dotted_decor(key.dotted_decor().clone());
            table.insert_formatted(&renamed, item);
        } else {
            table.insert_formatted(&key, item);
        }
    }
}

/// Replaces a value and keeps the blanks and the comment around it.
fn replace(item: &mut Item, mut value: toml_edit::Value) {
    if let Some(old) = item.as_value() {
        *value.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(value);
}
