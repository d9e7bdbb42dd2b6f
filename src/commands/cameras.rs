//! `mien cameras`: what is plugged in.

use anyhow::Result;
use clap::Args;
use mien_capture::list_cameras;

/// Arguments of `mien cameras`.
#[derive(Args)]
pub(crate) struct CamerasArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists cameras, formats and rates.
pub(crate) fn run(arguments: &CamerasArguments) -> Result<()> {
    let cameras = list_cameras();
    if arguments.json {
        let mode = |mode: &mien_capture::CameraMode| serde_json::json!({"format": mode.format, "size": mode.size, "rates_hz": mode.rates_hz});
        let camera = |camera: &mien_capture::CameraDevice| {
            let modes: Vec<_> = camera.modes.iter().map(mode).collect();
            serde_json::json!({"source": camera.spec, "label": camera.label, "node": camera.node, "modes": modes})
        };
        say!("{}", serde_json::to_string_pretty(&cameras.iter().map(camera).collect::<Vec<_>>())?);
        return Ok(());
    }
    if cameras.is_empty() {
        say!("No camera is plugged in. `synthetic`, video files and network addresses work without one.");
    }
    for camera in cameras {
        say!("{}   {} ({})", camera.spec, camera.label, camera.node.display());
        if camera.modes.is_empty() {
            say!("    its formats cannot be asked now: another program may be using it");
        }
        for mode in camera.modes {
            let rates: Vec<String> = mode.rates_hz.iter().map(|rate| format!("{rate:.4}")).collect();
            let rates: Vec<&str> =
                rates.iter().map(|rate| rate.trim_end_matches('0').trim_end_matches('.')).collect();
            say!("    {} {}×{}   {} fps", mode.format, mode.size[0], mode.size[1], rates.join(", "));
        }
    }
    Ok(())
}
