//! The configuration file: parsed, checked, resolved.
