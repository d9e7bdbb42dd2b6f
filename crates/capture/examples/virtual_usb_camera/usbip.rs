//! The kernel's virtual USB host controller, `vhci-hcd`: a socket over which USB/IP messages go.
//!
//! <https://docs.kernel.org/usb/usbip_protocol.html>; numbers are big-endian.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The controller's folder; there once `modprobe vhci-hcd` has been done.
pub const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";
/// The broken-pipe error, by which a device refuses a request.
pub const STALL: i32 = -32;
const UNLINKED: i32 = -104;
const HIGH_SPEED: u32 = 3;
const HEADER_BYTES: usize = 48;

/// What the host asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A transfer; `data` is what goes to the device.
    Submit { seqnum: u32, into_host: bool, endpoint: u8, length: usize, setup: [u8; 8], data: Vec<u8> },
    /// The transfer of that number is no longer wanted.
    Unlink { seqnum: u32, unwanted: u32 },
}

/// Plugs a high-speed device into a port of the controller.
pub fn attach(port: u32) -> io::Result<UnixStream> {
    let (ours, hosts) = UnixStream::pair()?;
    let device = 0x1_0001 + port;
    let line = format!("{port} {} {device} {HIGH_SPEED}", hosts.as_raw_fd());
    // The kernel takes a reference to the socket while it reads this.
    std::fs::write(Path::new(CONTROLLER).join("attach"), line)?;
    Ok(ours)
}

/// Pulls it out again.
pub fn detach(port: u32) -> io::Result<()> {
    std::fs::write(Path::new(CONTROLLER).join("detach"), port.to_string())
}

fn word(header: &[u8], index: usize) -> u32 {
    let bytes = &header[4 * index..4 * index + 4];
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Reads the next request; an error when the device was pulled out.
pub fn read(stream: &mut impl Read) -> io::Result<Request> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header)?;
    let [command, seqnum, direction, endpoint] = [0, 1, 3, 4].map(|index| word(&header, index));
    match command {
        1 => {
            let (into_host, length) = (direction == 1, word(&header, 6) as usize);
            let mut setup = [0; 8];
            setup.copy_from_slice(&header[40..48]);
            let mut data = vec![0; if into_host { 0 } else { length }];
            stream.read_exact(&mut data)?;
            Ok(Request::Submit { seqnum, into_host, endpoint: endpoint as u8, length, setup, data })
        }
        2 => Ok(Request::Unlink { seqnum, unwanted: word(&header, 5) }),
        other => Err(io::Error::other(format!("command {other}"))),
    }
}

/// Ends a transfer with so many bytes moved; `data` goes to the host.
pub fn complete(
    stream: &mut impl Write,
    seqnum: u32,
    status: i32,
    moved: usize,
    data: &[u8],
) -> io::Result<()> {
    let mut message = Vec::with_capacity(HEADER_BYTES + data.len());
    for number in [3, seqnum, 0, 0, 0, status as u32, moved as u32, 0, 0, 0, 0, 0] {
        message.extend(number.to_be_bytes());
    }
    message.extend(data);
    stream.write_all(&message)
}

/// Answers an unlink: `pending` is whether the transfer was still open.
pub fn unlinked(stream: &mut impl Write, seqnum: u32, pending: bool) -> io::Result<()> {
    let status = if pending { UNLINKED } else { 0 };
    let numbers: [u32; 12] = [4, seqnum, 0, 0, 0, status as u32, 0, 0, 0, 0, 0, 0];
    let message: Vec<u8> = numbers.into_iter().flat_map(u32::to_be_bytes).collect();
    stream.write_all(&message)
}
