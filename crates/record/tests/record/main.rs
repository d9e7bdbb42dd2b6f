//! Sessions: recorded, killed, checked, exported.

mod damaged;
mod export;
mod export_faults;
mod faults;
mod killed;
mod redact;
mod support;
mod whole;
