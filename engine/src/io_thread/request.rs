//! A request packed into one buffer so that it can cross threads, and its completion.

use std::{cell::RefCell, str};

use gregaria_http::{Body, BodySource, Exchange, Method, Request, RequestOptions, ResponseBodyMode};

use super::{RequestId, SessionId, UploadInfo};

/// A request on its way to the I/O thread.
///
/// Its parts must be set in this order: request line, headers, body.
pub struct PackedRequest {
    /// The target, the names and values of the headers, and the body, in this order.
    packed: Vec<u8>,
    target_end: usize,
    /// The ends of the name and the value of each header in `packed`.
    headers: Vec<(usize, usize)>,
    has_body: bool,
    pub(super) upload: Option<UploadInfo>,
    pub(super) is_streamed: bool,
    method: Method,
    options: Option<Box<RequestOptions>>,
    due_ns: u64,
    pub(super) request_id: RequestId,
    pub(super) session: SessionId,
}

/// A completed request.
pub struct CompletedRequest {
    /// The number given to [`PackedRequest::finish`].
    pub request_id: RequestId,
    /// The result of the request. Its due time is the one given to [`PackedRequest::finish`].
    pub exchange: Exchange,
}

impl PackedRequest {
    pub(super) fn new(mut packed: Vec<u8>) -> Self {
        packed.clear();
        Self {
            packed,
            target_end: 0,
            headers: Vec::new(),
            has_body: false,
            upload: None,
            is_streamed: false,
            method: Method::Get,
            options: None,
            due_ns: 0,
            request_id: RequestId(0),
            session: SessionId(0),
        }
    }

    /// Sets method and target. Must be called first.
    pub fn request_line(&mut self, method: Method, target: &str) {
        self.method = method;
        self.packed.extend_from_slice(target.as_bytes());
        self.target_end = self.packed.len();
    }

    /// Adds a header. Must be called before [`body`](Self::body).
    pub fn header(&mut self, name: &str, value: &str) {
        self.packed.extend_from_slice(name.as_bytes());
        let name_end = self.packed.len();
        self.packed.extend_from_slice(value.as_bytes());
        self.headers.push((name_end, self.packed.len()));
    }

    /// Sets the body. Must be called last.
    pub fn body(&mut self, body: &[u8]) {
        self.packed.extend_from_slice(body);
        self.has_body = true;
    }

    /// Sets a body that the owner sends in chunks, each requested by an
    /// [`IoEvent::UploadChunkNeeded`](super::IoEvent::UploadChunkNeeded), in place of [`body`](Self::body).
    pub fn upload(&mut self, upload: UploadInfo) {
        self.upload = Some(upload);
    }

    /// Completes the request with the head of the response. The owner reads the body with
    /// [`IoThread::read_body_chunk`](super::IoThread::read_body_chunk).
    pub fn stream_response(&mut self) {
        self.is_streamed = true;
    }

    /// Returns the options of the request, for changes.
    pub fn options_mut(&mut self) -> &mut RequestOptions {
        self.options.get_or_insert_default()
    }

    /// Sets the session, the due time (monotonic) and the number that identifies the request to its owner.
    pub fn finish(&mut self, session: SessionId, due_ns: u64, request_id: RequestId) {
        self.session = session;
        self.due_ns = due_ns;
        self.request_id = request_id;
    }

    /// Returns the headers, for [`as_request`](Self::as_request).
    pub(super) fn headers(&self) -> Vec<(&str, &str)> {
        let mut start = self.target_end;
        let pair = |&(name_end, value_end): &(usize, usize)| {
            let pair = (self.text(start, name_end), self.text(name_end, value_end));
            start = value_end;
            pair
        };
        self.headers.iter().map(pair).collect()
    }

    /// Returns the request, with its packed body or with `source` as the body.
    pub(super) fn as_request<'a>(
        &'a self,
        headers: &'a [(&'a str, &'a str)],
        source: Option<&'a RefCell<dyn BodySource>>,
    ) -> Request<'a> {
        let body_start = self.headers.last().map_or(self.target_end, |(_, end)| *end);
        let packed = if self.has_body { Body::Bytes(&self.packed[body_start..]) } else { Body::None };
        Request {
            method: self.method,
            target: self.text(0, self.target_end),
            headers,
            body: source.map_or(packed, Body::Source),
            response_body_mode: ResponseBodyMode::Keep,
            options: self.options.as_deref(),
        }
    }

    pub(super) fn complete(self, mut exchange: Exchange) -> (CompletedRequest, Vec<u8>) {
        exchange.due_ns = self.due_ns;
        (CompletedRequest { request_id: self.request_id, exchange }, self.packed)
    }

    fn text(&self, from: usize, to: usize) -> &str {
        str::from_utf8(&self.packed[from..to]).expect("packed from strings at the same offsets")
    }
}
