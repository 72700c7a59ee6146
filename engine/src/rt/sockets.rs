//! Opens the sockets of connections: TCP and Unix, with the options that every connection has.
//!
//! `net.rs` connects them. `dns/resolver.rs` opens them on trial, so that a setting that cannot work is refused before
//! a run.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    ptr,
};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with, sockopt::set_tcp_nodelay,
};

/// Returns the address of the Unix socket at `path`.
///
/// # Errors
/// Returns an error if no Unix socket can have this path, for example because the path is too long.
pub(super) fn unix_address(path: &Path) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(path)?)
}

/// Opens a Unix stream socket.
pub(super) fn unix_socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)?)
}

/// Opens a TCP socket for connections to `target`, bound to `source` if there is one. Nagle's algorithm is off.
pub(super) fn tcp_socket(target: &SocketAddr, source: Option<IpAddr>, flags: SocketFlags) -> io::Result<OwnedFd> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)?;
    set_tcp_nodelay(&socket, true)?;
    if let Some(source) = source {
        defer_port_choice(&socket);
        bind(&socket, &SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}

/// Makes the kernel pick the local port at connect, so that connections to different targets can share a port. A
/// kernel without the option picks it at bind and runs out of ports sooner.
fn defer_port_choice(socket: &OwnedFd) {
    let is_on: libc::c_int = 1;
    let (value, len) = (ptr::from_ref(&is_on).cast(), size_of_val(&is_on) as libc::socklen_t);
    // SAFETY: `value` points to `len` readable bytes, which live until the call returns. The call keeps no pointer.
    unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, value, len) };
}

#[cfg(test)]
mod tests {
    use rustix::net::getsockname;

    use super::*;

    #[test]
    fn bound_socket_has_no_port_before_connect() {
        for ip in ["127.0.0.7", "::1"] {
            let target = SocketAddr::new(ip.parse().unwrap(), 80);
            let socket = tcp_socket(&target, Some(target.ip()), SocketFlags::empty()).unwrap();
            let bound = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
            assert_eq!(bound, SocketAddr::new(target.ip(), 0));
        }
    }
}
