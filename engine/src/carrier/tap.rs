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

use super::{Word, desk::Desk};
use crate::network::UserNetwork;

/// What the host wants of a body.
#[derive(Default)]
pub(super) struct Tap(RefCell<State>);

#[derive(Default)]
struct State {
    /// Who waits for a piece.
    readers: VecDeque<usize>,
    is_left: bool,
    waker: Option<Waker>,
}

impl Tap {
    /// Somebody wants the next piece.
    pub(super) fn read(&self, reader: usize) {
        self.0.borrow_mut().readers.push_back(reader);
        self.wake();
    }

    /// Nobody wants anything any more.
    pub(super) fn leave(&self) {
        self.0.borrow_mut().is_left = true;
        self.wake();
    }

    /// Answers readers until the body is at its end, or left: then a short rest is read, so that the connection can be
    /// used again, and a long one cut off.
    pub(super) async fn serve(&self, desk: &Desk, mut stream: BodyStream<'_, UserNetwork>) {
        while let Some(reader) = self.next_reader().await {
            let mut piece = Vec::new();
            let Some(next) = self.unless_left(stream.read_chunk(&mut piece)).await else {
                return;
            };
            let is_over = next != Ok(true);
            desk.say(Word::Piece { reader, piece: next.map(|more| more.then_some(piece)) });
            if is_over {
                return self.turn_away(desk);
            }
        }
        let until_bytes = stream.bytes_read() + DRAINED_BYTES;
        let mut piece = Vec::new();
        while stream.bytes_read() < until_bytes && stream.read_chunk(&mut piece).await == Ok(true) {
            piece.clear();
        }
    }

    /// Tells those who still wait that there is nothing more.
    fn turn_away(&self, desk: &Desk) {
        for reader in self.0.borrow_mut().readers.drain(..) {
            desk.say(Word::Piece { reader, piece: Ok(None) });
        }
    }

    /// `None` when the body is left.
    async fn next_reader(&self) -> Option<usize> {
        poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            if state.is_left {
                return Poll::Ready(None);
            }
            let reader = state.readers.pop_front();
            if reader.is_none() {
                state.waker = Some(cx.waker().clone());
            }
            reader.map_or(Poll::Pending, |reader| Poll::Ready(Some(reader)))
        })
        .await
    }

    /// `None` when the body is left before that.
    pub(super) async fn unless_left<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.0.borrow().is_left {
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
const DRAINED_BYTES: u64 = 64 << 10;
