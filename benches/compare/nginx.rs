//! nginx as a target: where our own server would be no fair one, as for files from memory, or none at all, as for TLS. One
//! process without workers, with no log; its status page has the counts.

use std::fs::{self, create_dir_all};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::clients;
use crate::load::now_ns;
use crate::process;
use crate::target::ServerCounts;

/// An nginx that serves.
pub(crate) struct StartedNginx {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// Where `GET /__counts` is answered, without TLS.
    pub(crate) counts_address: SocketAddr,
    /// Its files, for as long as it runs.
    pub(crate) folder: TempDir,
}

/// Starts nginx on `core`: `/64k` and `/1m` are files, `/` is the response of our own server.
pub(crate) fn start(over_tls: bool, core: usize) -> anyhow::Result<StartedNginx> {
    let program = clients::installed_program("nginx")?;
    let folder = folder()?;
    let (address, counts) = (free_address()?, free_address()?);
    write_files(folder.path(), address, counts, over_tls)?;
    let mut command = process::pinned(&[core], program)?;
    command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
    let mut child = command.stdin(Stdio::null()).spawn()?;
    let give_up_ns = now_ns() + 10_000_000_000;
    while TcpStream::connect(counts).is_err() {
        ensure!(now_ns() < give_up_ns && child.try_wait()?.is_none(), "nginx does not start");
        pause();
    }
    Ok(StartedNginx { child, address, counts_address: counts, folder })
}

/// Reads the status page, which was asked for so many times: it counts itself.
pub(crate) fn parse_counts(response: &str, counts_queries: u64) -> Option<ServerCounts> {
    let (_, body) = response.split_once("\r\n\r\n")?;
    let mut lines = body.lines();
    let active: u64 = lines.next()?.strip_prefix("Active connections:")?.trim().parse().ok()?;
    let requests: u64 = lines.nth(1)?.split_whitespace().nth(2)?.parse().ok()?;
    Some(ServerCounts { requests: requests.checked_sub(counts_queries)?, connections: active.checked_sub(1)? })
}

fn write_files(folder: &Path, address: SocketAddr, counts: SocketAddr, over_tls: bool) -> anyhow::Result<()> {
    create_dir_all(folder.join("files"))?;
    fs::write(folder.join("files/64k"), vec![b'x'; 64 << 10])?;
    fs::write(folder.join("files/1m"), vec![b'x'; 1 << 20])?;
    let tls = if over_tls {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(folder.join("certificate.pem"), own.cert.pem())?;
        fs::write(folder.join("key.pem"), own.signing_key.serialize_pem())?;
        TLS
    } else {
        ""
    };
    let ssl = if over_tls { " ssl" } else { "" };
    let greeting = "gregaria".repeat(16);
    let text = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;
        events {{ worker_connections 4096; }}
        http {{
            access_log off; sendfile on; open_file_cache max=10; default_type text/plain;
            keepalive_requests 1000000000; client_body_temp_path body; proxy_temp_path proxy;
            fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            server {{ listen {counts}; location = /__counts {{ stub_status; }} }}
            server {{
                listen {address}{ssl} backlog=4096; root files; {tls}
                location = / {{ return 200 \"{greeting}\"; }}
            }}
        }}"
    );
    Ok(fs::write(folder.join("nginx.conf"), text)?)
}

/// In memory where there is a place for that.
fn folder() -> anyhow::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    folder.context("no folder for nginx")
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[expect(clippy::disallowed_methods, reason = "waits for another process, not on anybody's way")]
fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// One cipher, so that all clients have the same: the one that OpenSSL and rustls both are fastest with.
const TLS: &str = "ssl_certificate certificate.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;
                ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_status_page() {
        let page = "HTTP/1.1 200 OK\r\nContent-Length: 97\r\n\r\nActive connections: 65 \nserver accepts handled requests\n \
                    70 70 4711 \nReading: 0 Writing: 1 Waiting: 64 \n";
        assert_eq!(parse_counts(page, 11), Some(ServerCounts { requests: 4700, connections: 64 }));
        assert_eq!(parse_counts("HTTP/1.1 404 Not Found\r\n\r\n", 1), None);
    }
}
