//! What a task asks for beside method and URL, as the Python half (`sending.py`) has worked it out, packed into an errand.

use std::str;

use gregaria_engine::io_thread::{PackedRequest, UploadInfo};
use gregaria_http::Auth;
use pyo3::{
    buffer::PyBuffer,
    exceptions::PyValueError,
    prelude::*,
    types::{PyBytes, PyString},
};

use crate::{bridge::Hub, transport_cache::TlsWish};

/// Read from an object with these attributes, each of which may be `None`.
#[derive(FromPyObject)]
pub(crate) struct Details<'py> {
    /// Pairs of name and value; a header whose value is `None` is not sent, also if every request has it.
    headers: Option<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>>,
    /// A text or bytes.
    body: Option<Bound<'py, PyAny>>,
    /// For a body that comes piece by piece: its length if that is known, and whether it can begin again.
    upload: Option<(Option<u64>, bool)>,
    connect_timeout_s: Option<f64>,
    read_timeout_s: Option<f64>,
    total_timeout_s: Option<f64>,
    follow_redirects: Option<bool>,
    max_redirects: Option<u32>,
    cookies: Option<Vec<(String, String)>>,
    /// User, password, and whether they are to be kept from the wire (Digest).
    auth: Option<(Vec<u8>, Vec<u8>, bool)>,
    proxies: Option<Vec<(String, String)>>,
    tls: Option<TlsWish>,
    pub(crate) is_streamed: bool,
}

impl Details<'_> {
    pub(crate) fn pack(&self, py: Python<'_>, errand: &mut PackedRequest, hub: &Hub) -> PyResult<()> {
        for (name, value) in self.headers.iter().flatten() {
            add_header(errand, name, value)?;
        }
        match (&self.body, self.upload) {
            (_, Some((length, can_rewind))) => errand.upload(UploadInfo { length_bytes: length, can_rewind }),
            (Some(body), None) => add_body(errand, body)?,
            (None, None) => {}
        }
        if self.is_streamed {
            errand.stream_response();
        }
        self.pack_timeouts(errand);
        if let Some(follow) = self.follow_redirects {
            errand.options_mut().follow_redirects = Some(follow);
        }
        if let Some(most) = self.max_redirects {
            errand.options_mut().max_redirects = Some(most);
        }
        if let Some(cookies) = &self.cookies {
            errand.options_mut().cookies.clone_from(cookies);
        }
        if let Some((user, password, is_digest)) = &self.auth {
            errand.options_mut().auth = Some(auth(user, password, *is_digest));
        }
        if let Some(proxies) = &self.proxies {
            errand.options_mut().proxies = Some(hub.routes.proxies(py, proxies)?);
        }
        if let Some(wish) = &self.tls {
            errand.options_mut().tls = Some(hub.routes.tls(wish)?);
        }
        Ok(())
    }

    fn pack_timeouts(&self, errand: &mut PackedRequest) {
        let nanoseconds = |seconds: f64| (seconds.max(0.0) * 1e9) as u64;
        if let Some(seconds) = self.connect_timeout_s {
            errand.options_mut().connect_timeout_ns = Some(nanoseconds(seconds));
        }
        if let Some(seconds) = self.read_timeout_s {
            errand.options_mut().read_timeout_ns = Some(nanoseconds(seconds));
        }
        if let Some(seconds) = self.total_timeout_s {
            errand.options_mut().total_timeout_ns = Some(nanoseconds(seconds));
        }
    }
}

fn auth(user: &[u8], password: &[u8], is_digest: bool) -> Auth {
    if is_digest {
        Auth::digest(String::from_utf8_lossy(user), String::from_utf8_lossy(password))
    } else {
        Auth::basic(user, password)
    }
}

/// What decides the framing follows from the body, whatever the task says: as in requests.
fn add_header(errand: &mut PackedRequest, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let name = part(name, "name", is_valid_name)?;
    if value.is_none() {
        errand.options_mut().suppressed_default_headers.push(name.to_owned());
        return Ok(());
    }
    let value = part(value, "value", is_valid_value)?;
    if !FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
        errand.header(name, value);
    }
    Ok(())
}

fn part<'a>(part: &'a Bound<'_, PyAny>, what: &str, is_valid: fn(&str) -> bool) -> PyResult<&'a str> {
    let text = if let Ok(text) = part.cast::<PyString>() {
        text.to_str()?
    } else if let Ok(bytes) = part.cast::<PyBytes>() {
        str::from_utf8(bytes.as_bytes()).map_err(|_| PyValueError::new_err("headers must be UTF-8"))?
    } else {
        let class = part.get_type();
        return invalid_header(part, format!("Header {what} ({part:?}) must be of type str or bytes, not {class}"));
    };
    if is_valid(text) {
        return Ok(text);
    }
    let wrong = "Invalid leading whitespace, reserved character(s), or return character(s)";
    invalid_header(part, format!("{wrong} in header {what}: {part:?}"))
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

fn add_body(errand: &mut PackedRequest, body: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(text) = body.cast::<PyString>() {
        errand.body(text.to_str()?.as_bytes());
    } else if let Ok(bytes) = body.cast::<PyBytes>() {
        errand.body(bytes.as_bytes());
    } else {
        errand.body(&PyBuffer::<u8>::get(body)?.to_vec(body.py())?);
    }
    Ok(())
}

const FRAMING: [&str; 2] = ["Content-Length", "Transfer-Encoding"];
