//! nginx as a target, where our own server would be no fair one (files from memory) or cannot serve at all (TLS). One
//! process without workers and without a log. Its status page has the counts, which `counts.rs` reads.

use std::fs::{self, create_dir_all};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::load::now_ns;
use crate::process;

/// An nginx that accepts connections.
pub(crate) struct StartedNginx {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// The address that serves `GET /__counts`, without TLS.
    pub(crate) counts_address: SocketAddr,
    /// The folder with nginx's files, removed when it is dropped.
    pub(crate) folder: TempDir,
}

/// Starts nginx on `core`: `/64k` and `/1m` are files, `/` is the response of our own server.
///
/// # Errors
/// If nginx is not installed or does not accept connections within 10 s.
pub(crate) fn start(over_tls: bool, core: usize) -> anyhow::Result<StartedNginx> {
    let program = process::installed_program("nginx")?;
    let folder = folder()?;
    let (address, counts_address) = (free_address()?, free_address()?);
    write_files(folder.path(), address, counts_address, over_tls)?;
    let mut command = process::pinned(&[core], program);
    command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
    let mut child = command.stdin(Stdio::null()).spawn().context("cannot start nginx")?;
    let deadline_ns = now_ns() + 10_000_000_000;
    while TcpStream::connect(counts_address).is_err() {
        let exited = child.try_wait()?;
        ensure!(exited.is_none(), "cannot start nginx: it ended early; its output is above");
        ensure!(now_ns() < deadline_ns, "cannot start nginx: it does not listen after 10 s");
        pause();
    }
    Ok(StartedNginx { child, address, counts_address, folder })
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

/// Creates a folder in memory if `/dev/shm` exists, otherwise in the folder for temporary files.
fn folder() -> anyhow::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    folder.context("cannot create a folder for nginx")
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[expect(clippy::disallowed_methods, reason = "waits for another process outside of any measured run")]
fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// The only cipher suite, so that all clients use the same: the fastest one of both OpenSSL and rustls.
const TLS: &str = "ssl_certificate certificate.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;
                ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;";
