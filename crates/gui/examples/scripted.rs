//! Opens the app over scripted cameras: `cargo run -p mien-gui --example scripted [CAMERAS [VIEW]]`.

#[path = "../tests/support/mod.rs"]
mod support;

use mien_gui::{AppOptions, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cameras = std::env::args().nth(1).map_or(Ok(4), |text| text.parse())?;
    let (backend, _) = support::ScriptedBackend::new(cameras);
    let about = vec![("Version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    run(Box::new(backend), AppOptions { about, ..AppOptions::default() })?;
    Ok(())
}
