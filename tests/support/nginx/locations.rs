//! The paths of an nginx of the tests.
//!
//! | path | response |
//! |---|---|
//! | `/chunked/FILE`, `/gzip/FILE` | a file, chunked or compressed |
//! | `/echo` | method, length, `X-Test` and `User-Agent` of the request |
//! | `/login`, `/profile`, `/account` | a site with a cookie; `/account` is forbidden without it |
//! | `/private` | a page for [`USER`] with [`PASSWORD`] |
//! | `/status/CODE` | that status |
//! | `/redirect/CODE/PATH`, `/loop` | a redirect to `/PATH`, which may be another redirect; a redirect to itself |
//! | `/upload`, `/small-upload` | the length of the body, which is read; `/small-upload` has 413 above 1 KiB |

use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

/// The user of `/private`.
pub const USER: &str = "ellen";
/// The password of [`USER`].
pub const PASSWORD: &str = "key@1900/7";

pub(super) fn write_files(folder: &Path) -> io::Result<()> {
    fs::write(folder.join(PASSWORDS), format!("{USER}:{{PLAIN}}{PASSWORD}\n"))
}

/// Returns the directives. `address` is an address of the same nginx without TLS.
pub(super) fn locations(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    let statuses = STATUSES.map(|code| format!("        location = /status/{code} {{ return {code}; }}\n")).concat();
    let redirects = REDIRECTS.map(redirect).concat();
    format!(
        r#"
        absolute_redirect off;
        location /chunked/ {{ alias {folder}/files/; ssi on; ssi_types *; }}
        location /gzip/ {{ alias {folder}/files/; gzip on; gzip_types *; gzip_min_length 0; }}
        location = /echo {{ return 200 "$request_method $content_length $http_x_test $http_user_agent"; }}
        location = /login {{ add_header Set-Cookie "session=s1; Path=/"; return 200 "welcome"; }}
        location = /profile {{ return 200 "Ellen Key"; }}
        location = /account {{ if ($cookie_session != s1) {{ return 403; }} return 200 "balance"; }}
        location = /private {{
            alias {folder}/files/index.html;
            auth_basic "the shop";
            auth_basic_user_file {folder}/{PASSWORDS};
        }}
        location = /loop {{ return 302 /loop; }}
        # nginx reads a body only as a proxy, so these locations forward to nginx itself.
        location = /upload {{ client_max_body_size 0; proxy_pass http://{address}/uploaded; }}
        location = /small-upload {{ client_max_body_size 1k; proxy_pass http://{address}/uploaded; }}
        location = /uploaded {{ access_log off; client_max_body_size 0; return 200 "$request_method $content_length"; }}
{statuses}
{redirects}"#
    )
}

fn redirect(code: u16) -> String {
    format!("        location ~ ^/redirect/{code}(?<to>/.*)$ {{ return {code} $to$is_args$args; }}\n")
}

const PASSWORDS: &str = "passwords";

/// The codes of `/status/CODE`.
const STATUSES: [u16; 14] = [200, 201, 202, 204, 301, 302, 304, 400, 403, 404, 429, 500, 502, 503];

/// The codes of `/redirect/CODE/`.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];
