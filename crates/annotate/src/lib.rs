//! Draws what was tracked onto pictures.
