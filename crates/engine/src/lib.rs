//! Neural networks behind one trait; the embedded CPU engine.
