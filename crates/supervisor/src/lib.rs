//! Starts, watches and restarts the camera workers.
