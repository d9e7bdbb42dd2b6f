//! Reading, writing and repairing XDF files.
