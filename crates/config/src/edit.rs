//! Changes of a configuration, written into the text that a person wrote: only the keys that changed are
//! touched; comments, order and layout of everything else stay.

use toml_edit::{ArrayOfTables, DocumentMut, Item, RawString, Table, TableLike, Value};

use crate::load::with_secrets;
use crate::{Config, migrate};

const CAMERAS: &str = "cameras";

/// The text with what is different in `after` from `before`. Keys that are the same in both stay as the
/// text has them, so a file that somebody edited meanwhile loses nothing but the keys that changed here.
/// Cameras are known again by their names, renamed ones by their sources.
///
/// # Errors
/// When the text is no TOML.
pub fn edit(text: &str, before: &Config, after: &Config) -> Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = migrate(text).parse()?;
    let (from, to) = (with_secrets(before), with_secrets(after));
    for (section, wanted) in to.iter().filter(|(section, _)| *section != CAMERAS) {
        if let Some(wanted) = wanted.as_table() {
            let old = from.get(section).and_then(Item::as_table);
            edit_section(&mut document, section, old, wanted);
        }
    }
    if before.cameras != after.cameras {
        edit_cameras(&mut document, before, after, tables(&from), tables(&to));
    }
    Ok(document.to_string())
}

/// What a value is, without the blanks and comments around it.
fn bare(item: &Item) -> String {
    item.as_value().map_or_else(
        || item.to_string(),
        |value| {
            let mut value = value.clone();
            value.decor_mut().clear();
            value.to_string()
        },
    )
}

fn edit_section(document: &mut DocumentMut, section: &str, old: Option<&Table>, wanted: &Table) {
    let changed = changes(old, wanted);
    if changed.is_empty() {
        return;
    }
    if document.get(section).and_then(Item::as_table_like).is_none() {
        document.insert(section, Item::Table(Table::new()));
    }
    if let Some(table) = document.get_mut(section).and_then(Item::as_table_like_mut) {
        apply(table, &changed);
    }
}

/// Keys that are to be set, or (without a value) to go.
fn changes<'a>(old: Option<&'a Table>, wanted: &'a Table) -> Vec<(&'a str, Option<&'a Item>)> {
    let old_value = |key: &str| old.and_then(|old| old.get(key));
    let set = wanted
        .iter()
        .filter(|(key, item)| old_value(key).map(bare) != Some(bare(item)))
        .map(|(key, item)| (key, Some(item)));
    let gone = old.into_iter().flat_map(Table::iter).filter(|(key, _)| !wanted.contains_key(key));
    set.chain(gone.map(|(key, _)| (key, None))).collect()
}

fn apply(table: &mut dyn TableLike, changed: &[(&str, Option<&Item>)]) {
    for (key, wanted) in changed {
        match wanted.and_then(|item| item.clone().into_value().ok()) {
            Some(value) => set(table, key, value),
            None => drop(table.remove(key)),
        }
    }
}

/// Sets a value; the blanks and the comment around the old one stay.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    value.decor_mut().clear();
    match table.get_mut(key) {
        Some(item) => {
            if let Some(old) = item.as_value() {
                *value.decor_mut() = old.decor().clone();
            }
            *item = Item::Value(value);
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}

fn tables(document: &DocumentMut) -> Vec<&Table> {
    document.get(CAMERAS).and_then(Item::as_array_of_tables).into_iter().flatten().collect()
}

/// For each camera now, which it was: by name; a renamed one by its source.
fn origins(before: &Config, after: &Config) -> Vec<Option<usize>> {
    let place = |name: &str| before.cameras.iter().position(|camera| camera.name == name);
    let mut origins: Vec<Option<usize>> = after.cameras.iter().map(|camera| place(&camera.name)).collect();
    for (index, camera) in after.cameras.iter().enumerate() {
        if origins[index].is_none() {
            let renamed = (0..before.cameras.len())
                .find(|old| !origins.contains(&Some(*old)) && before.cameras[*old].source == camera.source);
            origins[index] = renamed;
        }
    }
    origins
}

fn edit_cameras(
    document: &mut DocumentMut,
    before: &Config,
    after: &Config,
    from: Vec<&Table>,
    to: Vec<&Table>,
) {
    let there = document
        .remove(CAMERAS)
        .map_or_else(ArrayOfTables::new, |item| item.into_array_of_tables().unwrap_or_default());
    let mut positions: Vec<isize> = there.iter().filter_map(Table::position).collect();
    positions.sort_unstable();
    let mut left: Vec<Option<Table>> = there.into_iter().map(Some).collect();
    let general = left.first_mut().and_then(Option::as_mut).map(take_general_comment);

    let mut cameras = Vec::new();
    for (wanted, origin) in to.into_iter().zip(origins(before, after)) {
        let known = origin.and_then(|origin| {
            let name = before.cameras[origin].name.as_str();
            left.iter_mut()
                .find(|table| table.as_ref().is_some_and(|table| name_of(table) == Some(name)))?
                .take()
        });
        cameras.push(match (known, origin) {
            (Some(mut table), Some(origin)) => {
                apply(&mut table, &changes(from.get(origin).copied(), wanted));
                table
            }
            _ => new_camera(wanted),
        });
    }
    // What somebody added to the file meanwhile stays; what was here and is no more goes.
    let is_known = |table: &Table| {
        before.cameras.iter().any(|camera| name_of(table) == Some(camera.name.as_str()))
            || after.cameras.iter().any(|camera| name_of(table) == Some(camera.name.as_str()))
    };
    cameras.extend(left.into_iter().flatten().filter(|table| !is_known(table)));
    put(document, cameras, &positions, general.as_deref().unwrap_or_default());
}

fn name_of(table: &Table) -> Option<&str> {
    table.get("name").and_then(Item::as_str)
}

/// A table for a camera that the file does not have: only what differs from the defaults.
fn new_camera(wanted: &Table) -> Table {
    let mut table = Table::new();
    for (key, item) in wanted {
        let is_default = key == "enabled" && item.as_bool() == Some(true);
        if let (false, Ok(value)) = (is_default, item.clone().into_value()) {
            set(&mut table, key, value);
        }
    }
    table.decor_mut().set_prefix("\n");
    table
}

/// Takes from before a table's header what an empty line sets apart from it: that is about the list, not
/// about this camera.
fn take_general_comment(table: &mut Table) -> String {
    let prefix = table.decor().prefix().and_then(RawString::as_str).unwrap_or_default().to_owned();
    let Some(end) = prefix.rfind("\n\n").map(|at| at + 1).filter(|end| prefix[..*end].contains('#')) else {
        return String::new();
    };
    table.decor_mut().set_prefix(&prefix[end..]);
    prefix[..end].to_owned()
}

fn put(document: &mut DocumentMut, cameras: Vec<Table>, positions: &[isize], general: &str) {
    if cameras.is_empty() {
        let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(format!("{general}{trailing}"));
        return;
    }
    let mut places = positions.iter().copied();
    let mut array = ArrayOfTables::new();
    for (index, mut table) in cameras.into_iter().enumerate() {
        // Tables are printed in the order of their positions; without one, after the table before.
        table.set_position(places.next());
        for (_, item) in table.iter_mut() {
            if let Some(inner) = item.as_table_mut() {
                inner.set_position(None);
            }
        }
        if index == 0 {
            let own = table.decor().prefix().and_then(RawString::as_str).unwrap_or("\n").to_owned();
            table.decor_mut().set_prefix(format!("{general}{own}"));
        }
        array.push(table);
    }
    document.insert(CAMERAS, Item::ArrayOfTables(array));
}
