//! The child process: serves the shop on a free port of 127.0.0.1 until stdin ends.
//!
//! `oxhttp` is the HTTP server. It has a thread per connection, so that a slow search does not delay other clients.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
};

use gregaria_engine::ConnectConfig;
use oxhttp::Server;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use super::{access_log::AccessLog, shop::DemoShop};
use crate::resource_limits;

/// Serves the demo shop until stdin ends. The first line on stdout is its URL.
///
/// For a process with no other purpose. The parent holds the pipe to stdin, so that the site ends with the parent.
///
/// # Errors
/// No port can be bound, or the access log cannot be opened.
pub fn serve() -> io::Result<()> {
    ignore_signals()?;
    resource_limits::raise_and_check(MAX_CONNECTIONS, &ConnectConfig::default());
    let address = listen(&Arc::new(DemoShop::new()), &Arc::new(AccessLog::from_env()?))?;
    let mut out = io::stdout().lock();
    writeln!(out, "http://{address}")?;
    out.flush()?;
    silence_stderr()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}

/// Ignores SIGINT and SIGTERM. Ctrl-C and `timeout` signal all processes of a run, but users still finish their
/// requests in flight.
fn ignore_signals() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // The flag is never read. It replaces the default effect of the signal.
        flag::register(signal, Arc::default())?;
    }
    Ok(())
}

/// Starts the server and returns its address. Connections are accepted from then on.
fn listen(shop: &Arc<DemoShop>, log: &Arc<AccessLog>) -> io::Result<SocketAddr> {
    for _ in 0..MAX_PORT_ATTEMPTS {
        // `oxhttp` cannot report the port that the kernel assigns, so it gets one that was free a moment ago.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let (shop, log) = (Arc::clone(shop), Arc::clone(log));
        let server = Server::new(move |request| {
            let response = shop.respond(request);
            log.append(request.method(), request.uri(), response.status());
            response
        });
        match server.bind(address).spawn() {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
            // The threads of the server end with the process.
            Ok(_listening) => return Ok(address),
        }
    }
    Err(ErrorKind::AddrInUse.into())
}

/// Redirects stderr to /dev/null: `oxhttp` logs each closed connection, and users close theirs at the end of a run.
fn silence_stderr() -> io::Result<()> {
    let null = File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stderr(null)?)
}

const MAX_PORT_ATTEMPTS: u32 = 10;
/// The number of connections for which open files are reserved.
const MAX_CONNECTIONS: u32 = 10_000;
