//! Mien as a library: what the program's commands are made of.
