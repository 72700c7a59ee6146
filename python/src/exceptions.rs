//! What a failed request is called: the exception that requests would have raised, as Locust writes it into its tables.

use gregaria_http::{Error, InvalidRequest};
use pyo3::{prelude::*, sync::PyOnceLock, types::PyString};

/// The exception for a status of 400 or more. `url` is that of the request, or the name of its sample in place of it.
pub(crate) fn status_error<'py>(py: Python<'py>, status: u16, reason: &str, url: &str) -> PyResult<Bound<'py, PyAny>> {
    let kind = if status < 500 { "Client" } else { "Server" };
    let text = format!("{status} {kind} Error: {reason} for url: {url}");
    py.import("requests.exceptions")?.getattr("HTTPError")?.call1((text,))
}

/// The exception for a request without a response, as tables show it and listeners are told.
pub(crate) fn transport_error(py: Python<'_>, error: Error) -> PyResult<Bound<'_, PyAny>> {
    let builtin = |class: &str, errno: i32, text: &str| py.import("builtins")?.getattr(class)?.call1((errno, text));
    let of_requests = |class: &str| py.import("requests.exceptions")?.getattr(class)?.call1((error.message(),));
    match error {
        Error::ConnectRefused => builtin("ConnectionRefusedError", 111, "Connection refused"),
        Error::ConnectionReset => builtin("ConnectionResetError", 104, "Connection reset by peer"),
        Error::ClosedBeforeResponse => py
            .import("http.client")?
            .getattr("RemoteDisconnected")?
            .call1(("Remote end closed connection without response",)),
        Error::NameNotFound => py.import("socket")?.getattr("gaierror")?.call1((-2, "Name or service not known")),
        Error::ReadTimeout | Error::TotalTimeout => of_requests("ReadTimeout"),
        Error::ConnectTimeout => of_requests("ConnectTimeout"),
        Error::UnsupportedScheme => of_requests("InvalidSchema"),
        Error::InvalidRequest(_) | Error::InvalidRedirect => of_requests("InvalidURL"),
        Error::Tls(_) => of_requests("SSLError"),
        Error::ProxyRefused => of_requests("ProxyError"),
        Error::TooManyRedirects => of_requests("TooManyRedirects"),
        Error::BodyNotRewindable => of_requests("UnrewindableBodyError"),
        Error::IncompleteResponse => of_requests("ChunkedEncodingError"),
        Error::InvalidContentCoding => of_requests("ContentDecodingError"),
        _ => of_requests("ConnectionError"),
    }
}

/// What requests would have raised for it: its own class, around what the tables show.
pub(crate) fn requests_error(py: Python<'_>, error: Error) -> PyResult<Bound<'_, PyAny>> {
    let inner = transport_error(py, error)?;
    let requests = py.import("requests.exceptions")?;
    if inner.is_instance(&requests.getattr("RequestException")?)? {
        return Ok(inner);
    }
    requests.getattr("ConnectionError")?.call1((inner,))
}

/// What is raised for a request that cannot be made at all, as `url` or something else of it is wrong.
pub(crate) fn unmakeable_error<'py>(py: Python<'py>, error: Error, url: &str) -> PyResult<Bound<'py, PyAny>> {
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

/// What requests would have raised while the body of a response is read.
pub(crate) fn reading_error(py: Python<'_>, error: Error) -> PyResult<Bound<'_, PyAny>> {
    let class = match error {
        Error::InvalidContentCoding => "ContentDecodingError",
        Error::IncompleteResponse | Error::InvalidResponse(_) => "ChunkedEncodingError",
        _ => "ConnectionError",
    };
    py.import("requests.exceptions")?.getattr(class)?.call1((error.message(),))
}

/// What a request comes to that was not sent any more.
pub(crate) fn unsent_error(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let text = "not sent: the run is over";
    py.import("requests.exceptions")?.getattr("ConnectionError")?.call1((text,))
}

/// The row of the error table that this exception (or text) belongs to: as Locust writes it, which shows the reason that a
/// task gives as it is, and no address that differs from one object to the next.
/// One that cannot say what it is, is called by its class: a request is counted whatever happens.
pub(crate) fn error_text(exception: &Bound<'_, PyAny>) -> String {
    let text = told_by(exception).or_else(|_| exception.get_type().name());
    text.map_or_else(|_| "an exception without a name".to_owned(), |text| without_addresses(&text.to_string_lossy()))
}

fn told_by<'py>(exception: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    static CATCH_RESPONSE_ERROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let of_task = CATCH_RESPONSE_ERROR.import(exception.py(), "gregaria.exception", "CatchResponseError")?;
    if exception.is_instance_of::<PyString>() || exception.is_instance(of_task)? {
        exception.str()
    } else {
        exception.repr()
    }
}

fn without_addresses(text: &str) -> String {
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
