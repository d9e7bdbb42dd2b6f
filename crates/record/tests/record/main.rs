//! Sessions: recorded, killed, checked, exported.

mod damaged;
mod export;
mod faults;
mod killed;
mod support;
mod whole;
