//! What a camera's driver lets one change while the camera runs: exposure, gain, focus and the like.
//!
//! Video4Linux lets any process change them beside the one that reads the frames.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use v4l::Device;
use v4l::control::{Control, Description, Flags, MenuItem, Type, Value};

use crate::SourceError;
use crate::usb::{explain, find};

/// Something that can be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraControl {
    /// The driver's name in lower case, with `_` for what is neither letter nor digit.
    pub name: String,
    /// The driver's name.
    pub label: String,
    /// Its value now.
    pub value: i64,
    /// The driver's own choice.
    pub default: i64,
    /// What values it may have.
    pub values: ControlValues,
    /// Whether another control makes it of no effect now.
    pub inactive: bool,
}

/// Values of a [`CameraControl`].
#[derive(Debug, Clone, PartialEq)]
pub enum ControlValues {
    /// From `low` to `high`, `step` apart.
    Range {
        /// Smallest.
        low: i64,
        /// Largest.
        high: i64,
        /// Distance.
        step: i64,
    },
    /// 0 or 1.
    Switch,
    /// One of these, with the driver's words.
    Choice(Vec<(i64, String)>),
}

/// What can be changed at a camera (`usb:ID`); nothing at other sources.
///
/// # Errors
/// When the camera is not there or its driver gives no answer.
pub fn controls(spec: &str) -> Result<Vec<CameraControl>, SourceError> {
    let Some(id) = spec.strip_prefix("usb:") else { return Ok(Vec::new()) };
    with_device(spec, id, |device| {
        let described = describe(device)?;
        Ok(described.iter().filter_map(|description| read(device, description)).collect())
    })
}

/// Changes one of them by its name.
///
/// # Errors
/// When the camera is not there, has no such control, or refuses the value.
pub fn set_control(spec: &str, name: &str, value: i64) -> Result<(), SourceError> {
    let Some(id) = spec.strip_prefix("usb:") else {
        let reason = format!("has no `{name}` to change: it is no camera at this machine");
        return Err(SourceError::Camera { camera: spec.into(), reason });
    };
    with_device(spec, id, |device| apply_one(device, &describe(device)?, name, value))
}

/// Sets what a configuration lists, on an opened camera; what it refuses is told and left as it is. What
/// switches others on and off (automatic exposure) goes first.
pub(crate) fn apply(device: &Device, wanted: &BTreeMap<String, i64>) {
    if wanted.is_empty() {
        return;
    }
    let described = match describe(device) {
        Ok(described) => described,
        Err(error) => {
            tracing::warn!("the driver's controls cannot be set: {error}");
            return;
        }
    };
    let is_switch = |name: &str| {
        let description = described.iter().find(|description| plain_name(&description.name) == name);
        description.is_some_and(|description| matches!(description.typ, Type::Boolean | Type::Menu))
    };
    let (first, then): (Vec<_>, Vec<_>) = wanted.iter().partition(|(name, _)| is_switch(name));
    for (name, value) in first.into_iter().chain(then) {
        if let Err(error) = apply_one(device, &described, name, *value) {
            tracing::warn!("{name} = {value}: {error}");
        }
    }
}

fn with_device<T>(
    spec: &str,
    id: &str,
    work: impl FnOnce(&Device) -> io::Result<T>,
) -> Result<T, SourceError> {
    let failed = |reason| SourceError::Camera { camera: spec.into(), reason };
    let node = find(Path::new("/sys/class/video4linux"), id)
        .ok_or_else(|| failed("is not plugged in; `mien cameras` lists those that are".into()))?;
    let opened = Device::with_path(&node).and_then(|device| work(&device));
    opened.map_err(|error| failed(explain(&error, &node)))
}

/// The driver's list. The `v4l` crate panics at controls of kinds that it does not know; a camera with one
/// of those then has none to change.
fn describe(device: &Device) -> io::Result<Vec<Description>> {
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| device.query_controls()));
    asked.unwrap_or_else(|_| Err(io::Error::other("the driver has controls of an unknown kind")))
}

/// A control as people see it; nothing for those that are no numbers or cannot be changed.
fn read(device: &Device, description: &Description) -> Option<CameraControl> {
    if description.flags.intersects(Flags::DISABLED | Flags::READ_ONLY | Flags::WRITE_ONLY) {
        return None;
    }
    let values = values(description)?;
    let value = match device.control(description.id).ok()?.value {
        Value::Integer(value) => value,
        Value::Boolean(value) => i64::from(value),
        _ => return None,
    };
    Some(CameraControl {
        name: plain_name(&description.name),
        label: description.name.clone(),
        value,
        default: description.default,
        values,
        inactive: description.flags.intersects(Flags::INACTIVE | Flags::GRABBED),
    })
}

fn values(description: &Description) -> Option<ControlValues> {
    match description.typ {
        Type::Integer | Type::Integer64 => Some(ControlValues::Range {
            low: description.minimum,
            high: description.maximum,
            step: i64::try_from(description.step).unwrap_or(1).max(1),
        }),
        Type::Boolean => Some(ControlValues::Switch),
        Type::Menu | Type::IntegerMenu => {
            let items = description.items.as_ref()?.iter();
            let text = |item: &MenuItem| match item {
                MenuItem::Name(name) => name.clone(),
                MenuItem::Value(value) => value.to_string(),
            };
            Some(ControlValues::Choice(items.map(|(index, item)| (i64::from(*index), text(item))).collect()))
        }
        _ => None,
    }
}

fn apply_one(device: &Device, described: &[Description], name: &str, value: i64) -> io::Result<()> {
    let description = described
        .iter()
        .find(|description| plain_name(&description.name) == name)
        .ok_or_else(|| io::Error::other(format!("it has no control `{name}`")))?;
    if !(description.minimum..=description.maximum).contains(&value) {
        let allowed = format!("allowed are {} to {}", description.minimum, description.maximum);
        return Err(io::Error::other(format!("{name} = {value} is not possible; {allowed}")));
    }
    let value =
        if description.typ == Type::Boolean { Value::Boolean(value != 0) } else { Value::Integer(value) };
    device.set_control(Control { id: description.id, value })
}

/// `Exposure Time, Absolute` is `exposure_time_absolute`.
fn plain_name(label: &str) -> String {
    let words = label.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(name: &str, typ: Type, items: Option<Vec<(u32, MenuItem)>>) -> Description {
        Description {
            id: 1,
            typ,
            name: name.to_owned(),
            minimum: 1,
            maximum: 5000,
            step: 0,
            default: 157,
            flags: Flags::SLIDER,
            items,
        }
    }

    #[test]
    fn names_are_as_v4l2_tools_have_them() {
        assert_eq!(plain_name("Exposure Time, Absolute"), "exposure_time_absolute");
        assert_eq!(plain_name("White Balance, Automatic"), "white_balance_automatic");
        assert_eq!(plain_name(" Gain "), "gain");
    }

    #[test]
    fn kinds_of_controls_are_told_apart() {
        let range = values(&description("Gain", Type::Integer, None));
        assert_eq!(range, Some(ControlValues::Range { low: 1, high: 5000, step: 1 }));
        assert_eq!(values(&description("Auto", Type::Boolean, None)), Some(ControlValues::Switch));
        let items = vec![(1, MenuItem::Name("Manual Mode".into())), (3, MenuItem::Value(50))];
        let choice = values(&description("Exposure", Type::Menu, Some(items)));
        let expected = vec![(1, "Manual Mode".to_owned()), (3, "50".to_owned())];
        assert_eq!(choice, Some(ControlValues::Choice(expected)));
        assert_eq!(values(&description("Reset", Type::Button, None)), None);
    }

    #[test]
    fn sources_that_are_no_cameras_have_nothing_to_change() {
        assert_eq!(controls("synthetic").unwrap(), []);
        assert!(set_control("synthetic", "gain", 1).is_err());
        let error = set_control("usb:ffff:ffff:none", "gain", 1).unwrap_err().to_string();
        assert!(error.contains("not plugged in"), "{error}");
    }
}
