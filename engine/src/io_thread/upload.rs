//! A request's body that comes from the host, piece by piece: the thread's side asks, the host answers.
//!
//! Each question ([`Word::Wants`]) is answered with one piece. The next one is asked for as soon as a piece is on its way
//! to the target, so that never more than two are in memory.

use std::{
    cell::RefCell,
    io, mem,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use gregaria_http::BodySource;

use super::{IoEvent, SessionId, worker::IoWorker};

/// What is known of a body before its first piece.
#[derive(Clone, Copy, Debug)]
pub struct UploadInfo {
    /// All bytes there will be, if that is known.
    pub length_bytes: Option<u64>,
    /// Whether the host can begin again.
    pub can_rewind: bool,
}

/// A body that is being sent.
pub(super) struct RemoteUpload {
    worker: Rc<IoWorker>,
    pub(super) session: SessionId,
    request_id: usize,
    info: UploadInfo,
    state: RefCell<UploadState>,
}

/// The end at which an exchange takes the pieces.
pub(super) struct RemoteBodySource(pub(super) Rc<RemoteUpload>);

#[derive(Default)]
struct UploadState {
    reply: Option<UploadReply>,
    is_reply_pending: bool,
    /// Answers that are still to come to questions from before a new beginning.
    stale_replies: usize,
    waker: Option<Waker>,
}

/// What the host says when it is asked for a piece.
enum UploadReply {
    Data(Vec<u8>),
    End,
    /// Nobody will ever answer again.
    Aborted,
}

impl RemoteUpload {
    /// Asks for the first piece at once: it may be read while the connection is made.
    pub(super) fn new(worker: Rc<IoWorker>, session: SessionId, request_id: usize, info: UploadInfo) -> Rc<Self> {
        let feed = Self { worker, session, request_id, info, state: RefCell::default() };
        feed.request_chunk(false);
        Rc::new(feed)
    }

    /// The host's answer; `None` for the end of the body.
    pub(super) fn on_reply(&self, chunk: Option<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        if state.stale_replies > 0 {
            state.stale_replies -= 1;
            return;
        }
        state.is_reply_pending = false;
        state.set_reply(chunk.map_or(UploadReply::End, UploadReply::Data));
    }

    /// The host has given up.
    pub(super) fn abort(&self) {
        self.state.borrow_mut().set_reply(UploadReply::Aborted);
    }

    fn request_chunk(&self, from_start: bool) {
        self.state.borrow_mut().is_reply_pending = true;
        self.worker.emit(IoEvent::UploadChunkNeeded { request_id: self.request_id, from_start });
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
            Some(UploadReply::Data(piece)) => {
                out.extend_from_slice(&piece);
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
