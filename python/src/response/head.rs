//! The head of a response in the forms that Python code reads: header texts, the character set, an absent exchange.

use gregaria_http::{Error, Exchange, ExchangePhases, Response as HttpResponse, Version, decode_header};
use pyo3::{prelude::*, types::PyList};

/// Returns the character set of a response as requests determines it. A text without one is latin-1, as in RFC 2616.
pub(super) fn charset(response: &HttpResponse) -> Option<String> {
    let content_type = response.header("content-type")?.to_ascii_lowercase();
    let charset = content_type.split(';').find_map(|part| part.trim().strip_prefix("charset="));
    match charset {
        Some(charset) => Some(charset.trim_matches(['"', '\'']).to_owned()),
        None if content_type.contains("text") => Some("ISO-8859-1".to_owned()),
        None if content_type.contains("application/json") => Some("utf-8".to_owned()),
        None => None,
    }
}

/// Returns the headers as a Python list of pairs; an empty one without a response.
pub(super) fn header_pairs<'py>(py: Python<'py>, response: Option<&HttpResponse>) -> PyResult<Bound<'py, PyList>> {
    let pairs = PyList::empty(py);
    for (name, value) in response.into_iter().flat_map(HttpResponse::headers) {
        pairs.append((name, decode_header(value)))?;
    }
    Ok(pairs)
}

/// Returns the HTTP version as `http.client` states it: 10 or 11; 0 without a response.
pub(super) fn version_number(response: Option<&HttpResponse>) -> u8 {
    match response.map(HttpResponse::version) {
        Some(Version::Http10) => 10,
        Some(Version::Http11) => 11,
        None => 0,
    }
}

/// Returns an exchange that did not take place.
pub(super) fn empty_exchange(at_ns: u64) -> Exchange {
    Exchange {
        due_ns: at_ns,
        sent_ns: at_ns,
        first_byte_ns: at_ns,
        phases: ExchangePhases::default(),
        done_ns: at_ns,
        bytes_out: 0,
        bytes_in: 0,
        retries: 0,
        dropped_cookies: 0,
        status: 0,
        result: Err(Error::ConnectFailed),
    }
}
