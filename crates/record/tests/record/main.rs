//! Sessions: recorded, killed, checked, exported.

mod crafted;
mod damaged;
mod deleted;
mod export;
mod export_faults;
mod faults;
mod foreign;
mod fuzz;
mod killed;
mod private;
mod sums;
mod support;
mod whole;
