//! The body of a request that the owner sends in chunks.
//!
//! The owner answers each [`IoEvent::UploadChunkNeeded`] with one chunk. The next chunk is requested as soon as the
//! exchange takes the previous one, so that at most two are in memory. This file must not know the worker.

use std::{
    cell::RefCell,
    io, mem,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use gregaria_http::BodySource;

use super::{IoEvent, RequestId, SessionId, event_queue::EventQueue};

/// The properties of a body that are known before its first chunk.
#[derive(Clone, Copy, Debug)]
pub struct UploadInfo {
    /// Length of the body in bytes. `None` if it is not known.
    pub length_bytes: Option<u64>,
    /// Whether the owner can send the body again from its start.
    pub can_rewind: bool,
}

/// An upload in progress.
pub(super) struct RemoteUpload {
    event_queue: Rc<EventQueue>,
    pub(super) session: SessionId,
    request_id: RequestId,
    info: UploadInfo,
    state: RefCell<UploadState>,
}

/// The upload as the exchange reads it.
pub(super) struct RemoteBodySource(pub(super) Rc<RemoteUpload>);

#[derive(Default)]
struct UploadState {
    reply: Option<UploadReply>,
    is_reply_pending: bool,
    /// Number of replies still expected for chunk requests made before the last rewind. They are ignored.
    stale_replies: usize,
    waker: Option<Waker>,
}

/// The owner's reply to a chunk request.
enum UploadReply {
    Data(Vec<u8>),
    End,
    /// The owner has cancelled the request. The state keeps this reply.
    Aborted,
}

impl RemoteUpload {
    /// Creates an upload and requests its first chunk, which the owner may read while the connection is opened.
    pub(super) fn new(
        event_queue: Rc<EventQueue>,
        session: SessionId,
        request_id: RequestId,
        info: UploadInfo,
    ) -> Rc<Self> {
        let upload = Self { event_queue, session, request_id, info, state: RefCell::default() };
        upload.request_chunk(false);
        Rc::new(upload)
    }

    /// Accepts the owner's reply: a chunk, or `None` at the end of the body.
    pub(super) fn on_reply(&self, chunk: Option<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        if state.stale_replies > 0 {
            state.stale_replies -= 1;
            return;
        }
        state.is_reply_pending = false;
        state.set_reply(chunk.map_or(UploadReply::End, UploadReply::Data));
    }

    /// Fails the upload, because the owner has cancelled the request.
    pub(super) fn abort(&self) {
        self.state.borrow_mut().set_reply(UploadReply::Aborted);
    }

    fn request_chunk(&self, from_start: bool) {
        self.state.borrow_mut().is_reply_pending = true;
        self.event_queue.emit(IoEvent::UploadChunkNeeded { request_id: self.request_id, from_start });
    }
}

impl UploadState {
    fn set_reply(&mut self, reply: UploadReply) {
        self.reply = Some(reply);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl BodySource for RemoteBodySource {
    fn len_bytes(&self) -> Option<u64> {
        self.0.info.length_bytes
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        let mut state = self.0.state.borrow_mut();
        match state.reply.take() {
            Some(UploadReply::Data(chunk)) => {
                out.extend_from_slice(&chunk);
                drop(state);
                self.0.request_chunk(false);
                Poll::Ready(Ok(true))
            }
            Some(UploadReply::End) => Poll::Ready(Ok(false)),
            Some(UploadReply::Aborted) => {
                state.reply = Some(UploadReply::Aborted);
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn rewind(&mut self) -> bool {
        let mut state = self.0.state.borrow_mut();
        if !self.0.info.can_rewind || matches!(state.reply, Some(UploadReply::Aborted)) {
            return false;
        }
        state.stale_replies += usize::from(mem::take(&mut state.is_reply_pending));
        state.reply = None;
        drop(state);
        self.0.request_chunk(true);
        true
    }
}
