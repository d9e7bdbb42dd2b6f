//! The entries.

pub(crate) mod blendshapes;
pub(crate) mod landmarks;
pub(crate) mod pose;
pub(crate) mod quality;
