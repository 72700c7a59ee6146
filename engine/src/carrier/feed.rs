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

use super::{SessionId, Word, desk::Desk};

/// What is known of a body before its first piece.
#[derive(Clone, Copy, Debug)]
pub struct Upload {
    /// All bytes there will be, if that is known.
    pub length: Option<u64>,
    /// Whether the host can begin again.
    pub can_rewind: bool,
}

/// A body that is being sent.
pub(super) struct Feed {
    desk: Rc<Desk>,
    pub(super) session: SessionId,
    ticket: usize,
    upload: Upload,
    state: RefCell<State>,
}

/// The end at which an exchange takes the pieces.
pub(super) struct FeedSource(pub(super) Rc<Feed>);

#[derive(Default)]
struct State {
    answer: Option<Answer>,
    is_asked: bool,
    /// Answers that are still to come to questions from before a new beginning.
    stale: usize,
    waker: Option<Waker>,
}

/// What the host says when it is asked for a piece.
enum Answer {
    Piece(Vec<u8>),
    End,
    /// Nobody will ever answer again.
    Gone,
}

impl Feed {
    /// Asks for the first piece at once: it may be read while the connection is made.
    pub(super) fn new(desk: Rc<Desk>, session: SessionId, ticket: usize, upload: Upload) -> Rc<Self> {
        let feed = Self { desk, session, ticket, upload, state: RefCell::default() };
        feed.ask(false);
        Rc::new(feed)
    }

    /// The host's answer; `None` for the end of the body.
    pub(super) fn answer(&self, piece: Option<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        if state.stale > 0 {
            state.stale -= 1;
            return;
        }
        state.is_asked = false;
        state.tell(piece.map_or(Answer::End, Answer::Piece));
    }

    /// The host has given up.
    pub(super) fn abandon(&self) {
        self.state.borrow_mut().tell(Answer::Gone);
    }

    fn ask(&self, again: bool) {
        self.state.borrow_mut().is_asked = true;
        self.desk.say(Word::Wants { ticket: self.ticket, again });
    }
}

impl State {
    fn tell(&mut self, answer: Answer) {
        self.answer = Some(answer);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl BodySource for FeedSource {
    fn len_bytes(&self) -> Option<u64> {
        self.0.upload.length
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        let mut state = self.0.state.borrow_mut();
        match state.answer.take() {
            Some(Answer::Piece(piece)) => {
                out.extend_from_slice(&piece);
                drop(state);
                self.0.ask(false);
                Poll::Ready(Ok(true))
            }
            Some(Answer::End) => Poll::Ready(Ok(false)),
            Some(Answer::Gone) => {
                state.answer = Some(Answer::Gone);
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
        if !self.0.upload.can_rewind || matches!(state.answer, Some(Answer::Gone)) {
            return false;
        }
        state.stale += usize::from(mem::take(&mut state.is_asked));
        state.answer = None;
        drop(state);
        self.0.ask(true);
        true
    }
}
