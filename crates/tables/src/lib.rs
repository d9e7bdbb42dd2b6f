//! Results as rows: JSON lines, CSV.
