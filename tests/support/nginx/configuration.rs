//! The files that an nginx of the tests serves, and the text of `nginx.conf`.
//!
//! A new kind of response is a new location in `locations.rs`. A test with special needs adds directives in
//! [`NginxOptions::extra_directives`].

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::{fs, io};

use tempfile::TempDir;

use super::certificates;
use super::locations::{self, locations};

/// The settings of an nginx.
#[derive(Clone, Debug)]
pub struct NginxOptions {
    /// Number of requests per connection. The last response has `Connection: close`. Default 1,000,000.
    pub keepalive_requests: u64,
    /// Seconds until nginx closes an idle connection, without notice. Default 60.
    pub keepalive_timeout_s: u64,
    /// Path and size in bytes of static files. By default `/` has 128 bytes.
    pub files: Vec<(&'static str, usize)>,
    /// TLS mode. `None` serves plain HTTP.
    pub tls: Option<NginxTls>,
    /// Further directives inside `server { … }`.
    pub extra_directives: String,
}

/// The TLS mode of an nginx. The certificate is for `127.0.0.1` and `localhost`.
#[derive(Clone, Copy, Debug)]
pub enum NginxTls {
    /// All clients are accepted.
    AnyClient,
    /// Clients without a certificate of the authority get a response with status 400.
    KnownClients,
}

impl Default for NginxOptions {
    fn default() -> Self {
        Self {
            keepalive_requests: 1_000_000,
            keepalive_timeout_s: 60,
            files: Vec::new(),
            tls: None,
            extra_directives: String::new(),
        }
    }
}

pub(super) fn write_files(directory: &TempDir, options: &NginxOptions) -> io::Result<()> {
    let root = directory.path().join("files");
    fs::create_dir(&root)?;
    fs::write(root.join("index.html"), body_of(128))?;
    for (path, size) in &options.files {
        let path = root.join(if *path == "/" { "index.html" } else { path.trim_start_matches('/') });
        fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
        fs::write(path, body_of(*size))?;
    }
    if options.tls.is_some() {
        certificates::write_files(directory.path())?;
    }
    locations::write_files(directory.path())
}

fn body_of(size: usize) -> String {
    let mut body = LINE.repeat(size.div_ceil(LINE.len()));
    body.truncate(size);
    body
}

/// The addresses on which an nginx listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListenAddresses {
    /// Address for the program under test.
    pub(super) address: SocketAddr,
    /// Address for the fixture itself, always without TLS. It equals `address` in a server without TLS.
    pub(super) fence_address: SocketAddr,
}

/// Returns the text of `nginx.conf`.
pub(super) fn render_configuration(
    directory: &TempDir,
    addresses: ListenAddresses,
    fence: &str,
    options: &NginxOptions,
) -> String {
    // As root, nginx would switch to a user that cannot read the temporary directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let listening = listen_directives(addresses, options.tls);
    let NginxOptions { keepalive_requests, keepalive_timeout_s, extra_directives, .. } = options;
    let folder = directory.path().display();
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(temporary, "    {kind}_temp_path {folder}/{kind};").expect("writing to a String cannot fail");
    }
    let locations = locations(directory.path(), addresses.fence_address);
    format!(
        r#"{user}
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    log_format counted "$status\t$request_method\t$request_uri\t$content_length\t$connection\t$remote_addr\t$body_bytes_sent\t$request_length";
    access_log {folder}/access.log counted;
{temporary}
    default_type text/plain;
    keepalive_requests {keepalive_requests};
    keepalive_timeout {keepalive_timeout_s}s;
    server {{
{listening}
        listen unix:{folder}/socket backlog=4096;
        root {folder}/files;
        location = /fence {{ access_log off; return 200 "{fence}"; }}
{locations}
{extra_directives}
    }}
}}
"#
    )
}

fn listen_directives(ListenAddresses { address, fence_address }: ListenAddresses, tls: Option<NginxTls>) -> String {
    let Some(tls) = tls else {
        return format!("        listen {address} backlog=4096;");
    };
    let verify = match tls {
        NginxTls::AnyClient => "off",
        NginxTls::KnownClients => "on",
    };
    format!(
        r"        listen {fence_address};
        listen {address} ssl backlog=4096;
        ssl_certificate server.pem;
        ssl_certificate_key server.pem;
        ssl_session_cache shared:sessions:1m;
        ssl_client_certificate authority.pem;
        ssl_verify_client {verify};"
    )
}

const LINE: &str = "The desert locust eats its own weight every day.\n";
