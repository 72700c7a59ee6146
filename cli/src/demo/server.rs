//! The child's side: the shop on a free port of 127.0.0.1, until stdin ends.
//!
//! Each connection has a thread, so that a slow search holds up nobody else; `oxhttp` speaks HTTP.

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

/// Serves the demo shop: its address is the first line on stdout, the end of stdin is the end of it.
///
/// For the owner of a process that does nothing else. The pipe to stdin breaks with the parent, so that the site never
/// outlives it.
///
/// # Errors
/// When no port can be bound, or the log that was asked for cannot be written.
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

/// Ctrl-C in a terminal, or `timeout`, signals all processes of a run at once, but users finish what is on the wire.
fn ignore_signals() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // A flag that nobody reads: the signal has no other effect.
        flag::register(signal, Arc::default())?;
    }
    Ok(())
}

/// Returns when connections are accepted.
fn listen(shop: &Arc<DemoShop>, log: &Arc<AccessLog>) -> io::Result<SocketAddr> {
    for _ in 0..MAX_PORT_ATTEMPTS {
        // `oxhttp` cannot say which port it was given, so it is told one that was free just now.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let (shop, log) = (Arc::clone(shop), Arc::clone(log));
        let server = Server::new(move |request| {
            let answer = shop.respond(request);
            log.append(request.method(), request.uri(), answer.status());
            answer
        });
        match server.bind(address).spawn() {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
            // Its threads end with the process.
            Ok(_listening) => return Ok(address),
        }
    }
    Err(ErrorKind::AddrInUse.into())
}

/// From here on `oxhttp` would tell the terminal of every client that hangs up, as users do at the end of a run.
fn silence_stderr() -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stderr(nowhere)?)
}

const MAX_PORT_ATTEMPTS: u32 = 10;
/// More than anyone should load a demo with.
const MAX_CONNECTIONS: u32 = 10_000;
