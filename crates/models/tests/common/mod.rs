//! TFLite files for the tests.

#![allow(dead_code)]

pub mod tflite;
