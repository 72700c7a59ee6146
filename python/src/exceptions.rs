//! The Python exceptions of failed requests: the classes that requests raises, with the texts that Locust shows.
//!
//! [`error_text`] is the row of the error table that an exception belongs to. This file must not know how a request is
//! sent or recorded.

use gregaria::args::name_limit_flag;
use gregaria_http::{Error, InvalidRequest, ProxyFailure};
use pyo3::{prelude::*, sync::PyOnceLock, types::PyString};

/// Returns the exception for a status of 400 or more. `url` is that of the request, or the sample's name in its place.
pub(crate) fn status_error<'py>(py: Python<'py>, status: u16, reason: &str, url: &str) -> PyResult<Bound<'py, PyAny>> {
    let side = if status < 500 { "Client" } else { "Server" };
    let text = format!("{status} {side} Error: {reason} for url: {url}");
    py.import("requests.exceptions")?.getattr("HTTPError")?.call1((text,))
}

/// Returns the exception for a request without a response, as Locust's tables and listeners have it.
pub(crate) fn transport_error(py: Python<'_>, error: Error) -> PyResult<Bound<'_, PyAny>> {
    let builtin = |class: &str, errno: i32, text: &str| py.import("builtins")?.getattr(class)?.call1((errno, text));
    let text = name_limit_flag(error.message());
    let of_requests = |class: &str| py.import("requests.exceptions")?.getattr(class)?.call1((&*text,));
    match error {
        Error::ConnectRefused => builtin("ConnectionRefusedError", 111, "Connection refused"),
        Error::ConnectionReset => builtin("ConnectionResetError", 104, "Connection reset by peer"),
        Error::ClosedBeforeResponse => py
            .import("http.client")?
            .getattr("RemoteDisconnected")?
            .call1(("Remote end closed connection without response",)),
        Error::NameNotFound => py.import("socket")?.getattr("gaierror")?.call1((-2, "Name or service not known")),
        Error::ReadTimeout | Error::TotalTimeout => of_requests("ReadTimeout"),
        Error::ConnectTimeout | Error::Proxy(ProxyFailure::ConnectTimeout) => of_requests("ConnectTimeout"),
        Error::Proxy(_) => of_requests("ProxyError"),
        Error::UnsupportedScheme => of_requests("InvalidSchema"),
        Error::InvalidRequest(_) | Error::InvalidRedirect => of_requests("InvalidURL"),
        Error::Tls(_) => of_requests("SSLError"),
        Error::TooManyRedirects => of_requests("TooManyRedirects"),
        Error::BodyNotRewindable => of_requests("UnrewindableBodyError"),
        Error::IncompleteResponse => of_requests("ChunkedEncodingError"),
        Error::InvalidContentCoding => of_requests("ContentDecodingError"),
        _ => of_requests("ConnectionError"),
    }
}

/// Returns the exception that requests raises for this error: its own class, around the one that the tables show.
pub(crate) fn requests_error(py: Python<'_>, error: Error) -> PyResult<Bound<'_, PyAny>> {
    let inner = transport_error(py, error)?;
    let requests = py.import("requests.exceptions")?;
    if inner.is_instance(&requests.getattr("RequestException")?)? {
        return Ok(inner);
    }
    requests.getattr("ConnectionError")?.call1((inner,))
}

/// Returns the exception to raise for a request that cannot be sent because its URL or a header is invalid.
pub(crate) fn invalid_request_error<'py>(py: Python<'py>, error: Error, url: &str) -> PyResult<Bound<'py, PyAny>> {
    let of_requests = |class: &str, text: String| py.import("requests.exceptions")?.getattr(class)?.call1((text,));
    match error {
        Error::InvalidRequest(InvalidRequest::HeaderName | InvalidRequest::HeaderValue) => {
            of_requests("InvalidHeader", error.message().to_owned())
        }
        Error::InvalidRequest(InvalidRequest::Target | InvalidRequest::Url) => {
            of_requests("InvalidURL", format!("{}: {url:?}", error.message()))
        }
        _ => requests_error(py, error),
    }
}

/// Returns the exception that requests raises while the body of a response is read.
pub(crate) fn read_error(py: Python<'_>, error: Error) -> PyResult<Bound<'_, PyAny>> {
    let class = match error {
        Error::InvalidContentCoding => "ContentDecodingError",
        Error::IncompleteResponse | Error::InvalidResponse(_) => "ChunkedEncodingError",
        _ => "ConnectionError",
    };
    py.import("requests.exceptions")?.getattr(class)?.call1((&*name_limit_flag(error.message()),))
}

/// Returns the exception of a request that was not sent because the run is over.
pub(crate) fn run_over_error(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let text = "not sent: the run is over";
    py.import("requests.exceptions")?.getattr("ConnectionError")?.call1((text,))
}

/// Returns the text of an exception (or a string) in the error table. As in Locust, a reason given by a task stands
/// as it is, and addresses that differ between objects are masked.
///
/// If the `str` or `repr` of an exception fails, it is shown by the name of its class, because each request
/// must be counted.
pub(crate) fn error_text(exception: &Bound<'_, PyAny>) -> String {
    let text = description(exception).or_else(|_| exception.get_type().name());
    text.map_or_else(|_| "an exception without a name".to_owned(), |text| mask_addresses(&text.to_string_lossy()))
}

fn description<'py>(exception: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    static CATCH_RESPONSE_ERROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let task_error = CATCH_RESPONSE_ERROR.import(exception.py(), "gregaria.exception", "CatchResponseError")?;
    if exception.is_instance_of::<PyString>() || exception.is_instance(task_error)? {
        exception.str()
    } else {
        exception.repr()
    }
}

fn mask_addresses(text: &str) -> String {
    let mut parts = text.split(ADDRESS);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str(ADDRESS);
        masked.push_str("....");
        masked.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit()));
    }
    masked
}

const ADDRESS: &str = "object at 0x";
