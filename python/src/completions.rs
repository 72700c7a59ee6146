//! The way back of a request: each event of the bridge becomes the Python object that a greenlet is resumed with.
//!
//! The outcome of a request without `catch_response` is decided and recorded here, before its greenlet runs.

use gregaria_http::{Error, Exchange};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyTuple},
};

use crate::{
    bridge::{BridgeEvent, EngineBridge},
    exceptions,
    pending::PendingRequest,
    response::Response,
};

/// The value for a greenlet that uploads a body: the next chunk must be sent.
#[pyclass(frozen, module = "gregaria._engine")]
pub(crate) struct UploadChunkNeeded {
    /// Whether the body must be sent from its start again.
    #[pyo3(get)]
    from_start: bool,
}

/// Returns the next greenlet to resume and the value to resume it with, or `None` if the queue is empty.
///
/// The value is a [`Response`], the exception for a request that cannot be sent, an [`UploadChunkNeeded`], or a chunk
/// of a body (`bytes`, `None` at the end, or an exception).
#[pyfunction]
pub(crate) fn next_completion<'py>(bridge: &Bound<'py, EngineBridge>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let py = bridge.py();
    // Making a Python object may run the collector, which may call the bridge. `next_event` leaves no cell borrowed.
    let Some(event) = bridge.borrow().next_event(py) else {
        return Ok(None);
    };
    let completion = match event {
        BridgeEvent::Completed { request_id, mut request, exchange } => {
            let resume = request.resume.take();
            (resume, completed(bridge, request_id, request, exchange)?).into_pyobject(py)?
        }
        BridgeEvent::UploadChunkNeeded { resume, from_start } => {
            (resume, UploadChunkNeeded { from_start }).into_pyobject(py)?
        }
        BridgeEvent::BodyChunk { resume, chunk } => (resume, body_chunk(py, chunk)?).into_pyobject(py)?,
    };
    Ok(Some(completion))
}

/// Returns the response of a completed request, or the exception for one that cannot be sent.
fn completed<'py>(
    bridge: &Bound<'py, EngineBridge>,
    request_id: usize,
    request: PendingRequest,
    mut exchange: Exchange,
) -> PyResult<Bound<'py, PyAny>> {
    let py = bridge.py();
    if let Err(error @ (Error::InvalidRequest(_) | Error::UnsupportedScheme)) = exchange.result {
        // The mistake is the task's, not the target's: it is raised and not counted.
        bridge.borrow().accounting.cancel_admission();
        return exceptions::invalid_request_error(py, error, request.url.to_str(py)?);
    }
    let is_streamed = request.stream_session.is_some();
    if is_streamed {
        exchange.bytes_in = content_length(&exchange);
    }
    let has_stream = is_streamed && exchange.result.is_ok();
    let is_caught = request.is_caught;
    let mut response = Response::new(bridge, exchange, request);
    if has_stream {
        response = response.with_stream(py, request_id)?;
    }
    if !is_caught {
        response.record_by_status(&bridge.borrow(), py);
    }
    Ok(Bound::new(py, response)?.into_any())
}

fn body_chunk(py: Python<'_>, chunk: Result<Option<Vec<u8>>, Error>) -> PyResult<Bound<'_, PyAny>> {
    match chunk {
        Ok(Some(chunk)) => Ok(PyBytes::new(py, &chunk).into_any()),
        Ok(None) => Ok(py.None().into_bound(py)),
        Err(error) => exceptions::read_error(py, error),
    }
}

/// Returns the `Content-Length` of a streamed response, which counts as its size; 0 if the head has none.
fn content_length(exchange: &Exchange) -> u64 {
    let response = exchange.result.as_ref().ok();
    response.and_then(|response| response.header("content-length")?.parse().ok()).unwrap_or(0)
}
