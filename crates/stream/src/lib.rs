//! Faces as Lab Streaming Layer outlets.
