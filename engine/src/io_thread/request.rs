//! An errand: one request, packed into a single buffer so that it can change threads.

use std::{cell::RefCell, str};

use gregaria_http::{Body, BodySource, Exchange, Method, Request, RequestOptions, ResponseBodyMode};

use super::{SessionId, UploadInfo};

/// A request on its way to the carrier.
pub struct PackedRequest {
    /// Target, then header names and values, then the body.
    packed: Vec<u8>,
    target_end: usize,
    /// Where each header's name and value end.
    headers: Vec<(usize, usize)>,
    has_body: bool,
    pub(super) upload: Option<UploadInfo>,
    pub(super) is_streamed: bool,
    method: Method,
    options: Option<Box<RequestOptions>>,
    due_ns: u64,
    pub(super) request_id: usize,
    pub(super) session: SessionId,
}

/// An errand that is done.
pub struct CompletedRequest {
    /// As given to [`Errand::seal`].
    pub request_id: usize,
    /// What came of it. Due is the time given to [`Errand::seal`].
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
            request_id: 0,
            session: SessionId(0),
        }
    }

    /// Method and target, which come first.
    pub fn request_line(&mut self, method: Method, target: &str) {
        self.method = method;
        self.packed.extend_from_slice(target.as_bytes());
        self.target_end = self.packed.len();
    }

    /// A header, before the body.
    pub fn header(&mut self, name: &str, value: &str) {
        self.packed.extend_from_slice(name.as_bytes());
        let name_end = self.packed.len();
        self.packed.extend_from_slice(value.as_bytes());
        self.headers.push((name_end, self.packed.len()));
    }

    /// The body, which comes last.
    pub fn body(&mut self, body: &[u8]) {
        self.packed.extend_from_slice(body);
        self.has_body = true;
    }

    /// A body that the carrier is to ask for, piece by piece ([`Word::Wants`](super::Word::Wants)), in place of one that
    /// comes with the errand.
    pub fn upload(&mut self, upload: UploadInfo) {
        self.upload = Some(upload);
    }

    /// The errand is done with the head of the response; the body is read with [`Carrier::read`](super::Carrier::read).
    pub fn stream_response(&mut self) {
        self.is_streamed = true;
    }

    /// What is rarely asked for.
    pub fn options_mut(&mut self) -> &mut RequestOptions {
        self.options.get_or_insert_default()
    }

    /// Whose it is, when it was called for (monotonic), and the number by which its sender knows it.
    pub fn finish(&mut self, session: SessionId, due_ns: u64, request_id: usize) {
        self.session = session;
        self.due_ns = due_ns;
        self.request_id = request_id;
    }

    /// The headers, for [`Errand::unpack`].
    pub(super) fn headers(&self) -> Vec<(&str, &str)> {
        let mut start = self.target_end;
        let pair = |&(name_end, value_end): &(usize, usize)| {
            let pair = (self.text(start, name_end), self.text(name_end, value_end));
            start = value_end;
            pair
        };
        self.headers.iter().map(pair).collect()
    }

    /// The request, with the body that it comes with or the one that is given here.
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
        str::from_utf8(&self.packed[from..to]).expect("it was packed from texts")
    }
}
