//! A USB camera made of software, at this machine's own kernel: for seeing what Mien does with one.
//!
//! It plugs itself into the kernel's virtual host controller, and the kernel's `uvcvideo` takes it for a
//! webcam with MJPEG, YUYV and NV12. It shows a synthetic head. As root:
//!
//! ```sh
//! modprobe vhci-hcd
//! cargo run --release -p mien-capture --example virtual_usb_camera
//! ```
//!
//! Lines on standard input: `unplug`, `plug [PORT]`, `freeze`, `thaw`, `damage N` (spoils every Nth picture,
//! 0 for none), `quit`.

mod camera;
mod descriptors;
mod pictures;
mod usbip;

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use camera::{Faults, Plugged};

const SERIAL: &str = "MIEN0001";

fn main() {
    let faults = Arc::new(Faults::default());
    let pictures = Arc::new(pictures::Pictures::draw());
    let plug = |port: u32| match Plugged::new(port, SERIAL, Arc::clone(&pictures), Arc::clone(&faults)) {
        Ok(plugged) => Some(plugged),
        Err(error) => {
            eprintln!("{}: {error}; is `modprobe vhci-hcd` done, and is this root?", usbip::CONTROLLER);
            None
        }
    };
    let Some(first) = plug(0) else { std::process::exit(1) };
    println!("usb:{:04x}:{:04x}:{SERIAL}", descriptors::VENDOR, descriptors::PRODUCT);
    let mut plugged = Some(first);
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut words = line.split_whitespace();
        let (command, number) = (words.next(), words.next().and_then(|word| word.parse::<u32>().ok()));
        match command {
            Some("unplug") => drop(plugged.take()),
            Some("plug") => {
                drop(plugged.take());
                plugged = plug(number.unwrap_or(0));
            }
            Some("freeze") => faults.frozen.store(true, Ordering::Relaxed),
            Some("thaw") => faults.frozen.store(false, Ordering::Relaxed),
            Some("damage") => faults.damage_every.store(number.unwrap_or(0), Ordering::Relaxed),
            Some("quit") => return,
            _ => eprintln!("{line}: use unplug, plug [PORT], freeze, thaw, damage N or quit"),
        }
    }
}
