//! The synthetic camera: a rendered, moving head with known landmarks and pose.
