//! The entries.

pub(crate) mod blendshapes;
pub(crate) mod iris_distance;
pub(crate) mod landmarks;
pub(crate) mod pose;
pub(crate) mod quality;
