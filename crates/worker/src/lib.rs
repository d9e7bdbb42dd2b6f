//! One camera's process: capture, pipeline, rings.
