//! Sessions on disk: folder, video, data, export.
