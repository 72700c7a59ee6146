//! The options of a request beside method and URL, packed from the `RequestOptions` of the Python package
//! (`request_options.py`) into a request for the I/O thread.
//!
//! [`pack`] is the list of options: each is read by its attribute's name and applied in the same statement. Adding one
//! takes a statement here and a declaration in `request_options.py`.

use std::str;

use gregaria_engine::io_thread::{PackedRequest, UploadInfo};
use gregaria_http::Auth;
use pyo3::{
    buffer::PyBuffer,
    exceptions::PyValueError,
    intern,
    prelude::*,
    types::{PyBytes, PyString},
};

use crate::transport_cache::{TlsKey, TransportCache};

/// The options of one request, by name. `None` means that the option was not given.
struct PythonRequestOptions<'a, 'py>(&'a Bound<'py, PyAny>);

/// Reads the attribute `$name` as an `Option`.
macro_rules! option {
    ($options:ident.$name:ident) => {
        $options.0.getattr(intern!($options.0.py(), stringify!($name)))?.extract()?
    };
}

/// Packs all options of a request. Returns `true` if its response is streamed.
///
/// # Errors `InvalidHeader` or `InvalidProxyURL` of requests, `OSError` for a certificate file, `ValueError` or
/// `TypeError` for a value of a wrong kind.
pub(crate) fn pack(request: &mut PackedRequest, options: &Bound<'_, PyAny>, cache: &TransportCache) -> PyResult<bool> {
    let options = PythonRequestOptions(options);
    options.pack_headers(request)?;
    options.pack_body(request)?;
    options.pack_timeouts(request)?;
    options.pack_transport(request, cache)?;
    if let Some(follow) = option!(options.allow_redirects) {
        request.options_mut().follow_redirects = Some(follow);
    }
    if let Some(max) = option!(options.max_redirects) {
        request.options_mut().max_redirects = Some(max);
    }
    if let Some(cookies) = option!(options.cookies) {
        request.options_mut().cookies = cookies;
    }
    // User, password, and whether they are for Digest.
    if let Some((user, password, is_digest)) = option!(options.auth) {
        request.options_mut().auth = Some(auth(user, password, is_digest));
    }
    let is_streamed: Option<bool> = option!(options.is_streamed);
    if is_streamed == Some(true) {
        request.stream_response();
    }
    Ok(is_streamed == Some(true))
}

impl PythonRequestOptions<'_, '_> {
    /// Packs pairs of name and value. A header with the value `None` is not sent, even if it is one of the defaults.
    fn pack_headers(&self, request: &mut PackedRequest) -> PyResult<()> {
        let headers: Option<Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>> = option!(self.headers);
        for (name, value) in headers.iter().flatten() {
            add_header(request, name, value)?;
        }
        Ok(())
    }

    /// Packs a body in memory, or the length (if known) and rewindability of one that is uploaded in chunks.
    fn pack_body(&self, request: &mut PackedRequest) -> PyResult<()> {
        if let Some((length_bytes, can_rewind)) = option!(self.upload) {
            request.upload(UploadInfo { length_bytes, can_rewind });
            return Ok(());
        }
        let body: Option<Bound<'_, PyAny>> = option!(self.body);
        body.map_or(Ok(()), |body| add_body(request, &body))
    }

    /// Packs the timeouts, in seconds.
    fn pack_timeouts(&self, request: &mut PackedRequest) -> PyResult<()> {
        let nanoseconds = |seconds: f64| (seconds.max(0.0) * 1e9) as u64;
        if let Some(seconds) = option!(self.connect_timeout_s) {
            request.options_mut().connect_timeout_ns = Some(nanoseconds(seconds));
        }
        if let Some(seconds) = option!(self.read_timeout_s) {
            request.options_mut().read_timeout_ns = Some(nanoseconds(seconds));
        }
        if let Some(seconds) = option!(self.total_timeout_s) {
            request.options_mut().total_timeout_ns = Some(nanoseconds(seconds));
        }
        Ok(())
    }

    /// Packs proxies and TLS settings, which connections are chosen by.
    fn pack_transport(&self, request: &mut PackedRequest, cache: &TransportCache) -> PyResult<()> {
        let proxies: Option<Vec<(String, String)>> = option!(self.proxies);
        if let Some(proxies) = proxies {
            request.options_mut().proxies = Some(cache.proxies(self.0.py(), &proxies)?);
        }
        let tls: Option<TlsKey> = option!(self.tls);
        if let Some(tls) = tls {
            request.options_mut().tls = Some(cache.tls(&tls)?);
        }
        Ok(())
    }
}

fn auth(user: Vec<u8>, password: Vec<u8>, is_digest: bool) -> Auth {
    if is_digest {
        Auth::digest(String::from_utf8_lossy(&user), String::from_utf8_lossy(&password))
    } else {
        Auth::basic(user, password)
    }
}

/// Adds a header. Framing headers are left out: the framing follows from the body, as in requests.
fn add_header(request: &mut PackedRequest, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let name = header_text(name, "name", is_valid_name)?;
    if value.is_none() {
        request.options_mut().suppressed_default_headers.push(name.to_owned());
        return Ok(());
    }
    let value = header_text(value, "value", is_valid_value)?;
    if !FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
        request.header(name, value);
    }
    Ok(())
}

/// Returns a header's name or value as text. The errors have the texts of requests.
fn header_text<'a>(part: &'a Bound<'_, PyAny>, kind: &str, is_valid: fn(&str) -> bool) -> PyResult<&'a str> {
    let text = if let Ok(text) = part.cast::<PyString>() {
        text.to_str()?
    } else if let Ok(bytes) = part.cast::<PyBytes>() {
        str::from_utf8(bytes.as_bytes()).map_err(|_| PyValueError::new_err("headers must be UTF-8"))?
    } else {
        let class = part.get_type();
        return invalid_header(part, format!("Header {kind} ({part:?}) must be of type str or bytes, not {class}"));
    };
    if is_valid(text) {
        return Ok(text);
    }
    let problem = "Invalid leading whitespace, reserved character(s), or return character(s)";
    invalid_header(part, format!("{problem} in header {kind}: {part:?}"))
}

fn invalid_header<T>(part: &Bound<'_, PyAny>, text: String) -> PyResult<T> {
    let class = part.py().import("requests.exceptions")?.getattr("InvalidHeader")?;
    Err(PyErr::from_value(class.call1((text,))?))
}

fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(char::is_whitespace) && !name.contains([':', '\r', '\n', '\0'])
}

fn is_valid_value(value: &str) -> bool {
    !value.starts_with(char::is_whitespace) && !value.contains(['\r', '\n', '\0'])
}

fn add_body(request: &mut PackedRequest, body: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(text) = body.cast::<PyString>() {
        request.body(text.to_str()?.as_bytes());
    } else if let Ok(bytes) = body.cast::<PyBytes>() {
        request.body(bytes.as_bytes());
    } else {
        request.body(&PyBuffer::<u8>::get(body)?.to_vec(body.py())?);
    }
    Ok(())
}

const FRAMING: [&str; 2] = ["Content-Length", "Transfer-Encoding"];
