//! A response's body that the host reads piece by piece: the host asks, the thread's side answers.
//!
//! Nothing is read ahead, so a target cannot send more than its connection holds while nobody asks.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::pin,
    task::{Poll, Waker},
};

use gregaria_http::BodyStream;

use super::{IoEvent, worker::IoWorker};
use crate::network::UserNetwork;

/// What the host wants of a body.
#[derive(Default)]
pub(super) struct RemoteDownload(RefCell<DownloadState>);

#[derive(Default)]
struct DownloadState {
    /// Who waits for a piece.
    waiting_readers: VecDeque<usize>,
    is_dropped: bool,
    waker: Option<Waker>,
}

impl RemoteDownload {
    /// Somebody wants the next piece.
    pub(super) fn add_reader(&self, reader: usize) {
        self.0.borrow_mut().waiting_readers.push_back(reader);
        self.wake();
    }

    /// Nobody wants anything any more.
    pub(super) fn drop_body(&self) {
        self.0.borrow_mut().is_dropped = true;
        self.wake();
    }

    /// Answers readers until the body is at its end, or left: then a short rest is read, so that the connection can be
    /// used again, and a long one cut off.
    pub(super) async fn serve(&self, worker: &IoWorker, mut stream: BodyStream<'_, UserNetwork>) {
        while let Some(reader) = self.next_reader().await {
            let mut piece = Vec::new();
            let Some(next) = self.until_dropped(stream.read_chunk(&mut piece)).await else {
                return;
            };
            let is_over = next != Ok(true);
            worker.emit(IoEvent::BodyChunk { reader, chunk: next.map(|more| more.then_some(piece)) });
            if is_over {
                return self.finish_waiting_readers(worker);
            }
        }
        let until_bytes = stream.bytes_read() + MAX_DRAIN_BYTES;
        let mut piece = Vec::new();
        while stream.bytes_read() < until_bytes && stream.read_chunk(&mut piece).await == Ok(true) {
            piece.clear();
        }
    }

    /// Tells those who still wait that there is nothing more.
    fn finish_waiting_readers(&self, worker: &IoWorker) {
        for reader in self.0.borrow_mut().waiting_readers.drain(..) {
            worker.emit(IoEvent::BodyChunk { reader, chunk: Ok(None) });
        }
    }

    /// `None` when the body is left.
    async fn next_reader(&self) -> Option<usize> {
        poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            if state.is_dropped {
                return Poll::Ready(None);
            }
            let reader = state.waiting_readers.pop_front();
            if reader.is_none() {
                state.waker = Some(cx.waker().clone());
            }
            reader.map_or(Poll::Pending, |reader| Poll::Ready(Some(reader)))
        })
        .await
    }

    /// `None` when the body is left before that.
    pub(super) async fn until_dropped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.0.borrow().is_dropped {
                return Poll::Ready(None);
            }
            let output = future.as_mut().poll(cx);
            if output.is_pending() {
                self.0.borrow_mut().waker = Some(cx.waker().clone());
            }
            output.map(Some)
        })
        .await
    }

    fn wake(&self) {
        if let Some(waker) = self.0.borrow_mut().waker.take() {
            waker.wake();
        }
    }
}

/// A rest up to this is cheaper to read than a new connection to make.
const MAX_DRAIN_BYTES: u64 = 64 << 10;
