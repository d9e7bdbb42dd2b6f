//! Sockets that hear this machine alone.
//!
//! liblsl binds its data and service ports to every address, whatever its configuration says. A filter on each socket
//! drops what comes from elsewhere before anybody sees it: connections are not even refused.

use std::os::fd::RawFd;

/// A packet's IPv4 source address, in the packet's own network header (`SKF_NET_OFF`).
const SOURCE_ADDRESS: u32 = (libc::SKF_NET_OFF as u32).wrapping_add(12);

/// Has every internet socket of this process hear the loopback network (127.0.0.0/8) alone; IPv6 sockets hear nothing
/// but what the filter takes for it. Sockets that are opened later are not concerned; connections that are accepted
/// later inherit it. Gives the number of sockets.
///
/// # Errors
/// When the system refuses a filter, or does not list the sockets.
pub fn hear_this_machine_alone() -> std::io::Result<usize> {
    let mut sockets = 0;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        let number = entry.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok());
        if let Some(socket) = number.filter(|_| target.to_string_lossy().starts_with("socket:"))
            && is_internet(socket)
        {
            attach(socket)?;
            sockets += 1;
        }
    }
    Ok(sockets)
}

fn is_internet(socket: RawFd) -> bool {
    let (mut domain, mut length) = (0_i32, size_of::<i32>() as libc::socklen_t);
    // SAFETY: both pointers lead to live values of this function, of the size that `length` tells. A descriptor that
    // another thread has closed meanwhile gives an error.
    let result = unsafe {
        libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_DOMAIN, (&raw mut domain).cast(), &raw mut length)
    };
    result == 0 && matches!(domain, libc::AF_INET | libc::AF_INET6)
}

fn attach(socket: RawFd) -> std::io::Result<()> {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, SOURCE_ADDRESS),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, 0xff00_0000),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, 0x7f00_0000),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the pointer leads to a program whose steps live until after the call; the system copies them. A
    // descriptor that another thread has closed meanwhile gives an error.
    let result = unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    match result {
        0 => Ok(()),
        _ => match std::io::Error::last_os_error() {
            closed if closed.raw_os_error() == Some(libc::EBADF) => Ok(()),
            error => Err(error),
        },
    }
}
