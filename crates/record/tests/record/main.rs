//! Sessions: recorded, killed, checked, exported.

mod export;
mod faults;
mod killed;
mod support;
mod whole;
