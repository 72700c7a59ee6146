//! The body of a response that the owner reads in chunks.
//!
//! No chunk is read before a reader requests it, so a target cannot send more than the buffers of its connection hold.
//! This file must not know the worker.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::pin,
    task::{Poll, Waker},
};

use gregaria_http::BodyStream;

use super::{IoEvent, event_queue::EventQueue};
use crate::network::SessionNetwork;

/// The owner's requests for the chunks of one body.
#[derive(Default)]
pub(super) struct RemoteDownload(RefCell<DownloadState>);

#[derive(Default)]
struct DownloadState {
    /// The readers that wait for a chunk, in the order of their requests.
    waiting_readers: VecDeque<usize>,
    is_dropped: bool,
    waker: Option<Waker>,
}

impl RemoteDownload {
    /// Queues a reader for the next chunk.
    pub(super) fn add_reader(&self, reader: usize) {
        self.0.borrow_mut().waiting_readers.push_back(reader);
        self.wake();
    }

    /// Ends the reading of the body.
    pub(super) fn drop_body(&self) {
        self.0.borrow_mut().is_dropped = true;
        self.wake();
    }

    /// Answers readers until the body ends or is dropped.
    ///
    /// After a drop between two chunks, up to 64 KiB of the remaining body are read, so that the connection can be used
    /// again. A drop during a read, or a longer remainder, closes the connection.
    pub(super) async fn serve(&self, event_queue: &EventQueue, mut stream: BodyStream<'_, SessionNetwork>) {
        while let Some(reader) = self.next_reader().await {
            let mut chunk = Vec::new();
            let Some(has_more) = self.until_dropped(stream.read_chunk(&mut chunk)).await else {
                return;
            };
            let is_over = has_more != Ok(true);
            event_queue.emit(IoEvent::BodyChunk { reader, chunk: has_more.map(|more| more.then_some(chunk)) });
            if is_over {
                return self.finish_waiting_readers(event_queue);
            }
        }
        let until_bytes = stream.bytes_read() + MAX_DRAIN_BYTES;
        let mut chunk = Vec::new();
        while stream.bytes_read() < until_bytes && stream.read_chunk(&mut chunk).await == Ok(true) {
            chunk.clear();
        }
    }

    /// Answers all waiting readers with the end of the body.
    fn finish_waiting_readers(&self, event_queue: &EventQueue) {
        for reader in self.0.borrow_mut().waiting_readers.drain(..) {
            event_queue.emit(IoEvent::BodyChunk { reader, chunk: Ok(None) });
        }
    }

    /// Waits for the next reader. Returns `None` if the body is dropped.
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

    /// Runs `future` to its end. Returns `None` if the body is dropped.
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

/// The longest rest of a body that is cheaper to read than a new connection is to open.
const MAX_DRAIN_BYTES: u64 = 64 << 10;
