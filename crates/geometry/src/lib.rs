//! Letterbox, rotated regions, image sampling, rigid fits: pure mathematics of the stages.
