//! Happy eyeballs (RFC 8305): races connection attempts to several addresses. The first connection wins.
//!
//! Attempts start one after another, each a fixed delay after the one before, or earlier if an attempt fails. This file
//! knows neither addresses nor sockets. The order of the addresses comes from `host.rs`.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use gregaria_http::Error;

use crate::rt::{PooledFuture, Runtime, Sleep};

/// Runs `attempts` until one succeeds, and drops the others.
///
/// # Errors
/// If all attempts fail, returns the most informative error, and of equally informative ones the last. Returns
/// [`Error::NameNotFound`] if there are no attempts.
///
/// # Cancel safety
/// All running attempts are dropped.
pub(in crate::rt) async fn happy_eyeballs<T, A>(rt: &Runtime, attempts: impl Iterator<Item = A>) -> Result<T, Error>
where
    A: Future<Output = Result<T, Error>>,
{
    let attempts = attempts.map(|attempt| PooledFuture::new(|| attempt));
    let mut race = HappyEyeballs {
        rt,
        pending: attempts,
        running: Vec::new(),
        attempt_delay: rt.sleep_until(0),
        best_error: None,
    };
    poll_fn(|cx| race.poll(cx)).await
}

/// A race of connection attempts.
struct HappyEyeballs<'a, I: Iterator> {
    rt: &'a Runtime,
    pending: I,
    running: Vec<I::Item>,
    /// The wait before the next attempt may start.
    attempt_delay: Sleep,
    best_error: Option<Error>,
}

impl<'a, T, I: Iterator<Item = PooledFuture<'a, Result<T, Error>>>> HappyEyeballs<'a, I> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Error>> {
        loop {
            match self.poll_running(cx) {
                Some(Ok(winner)) => return Poll::Ready(Ok(winner)),
                Some(Err(error)) => {
                    self.record_error(error);
                    self.start_next();
                }
                None if Pin::new(&mut self.attempt_delay).poll(cx).is_ready() && self.start_next() => {}
                None if self.running.is_empty() => {
                    return Poll::Ready(Err(self.best_error.unwrap_or(Error::NameNotFound)));
                }
                None => return Poll::Pending,
            }
        }
    }

    /// Polls the running attempts. Removes the first one that is done and returns its result.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<Result<T, Error>> {
        for index in 0..self.running.len() {
            if let Poll::Ready(result) = Pin::new(&mut self.running[index]).poll(cx) {
                drop(self.running.remove(index));
                return Some(result);
            }
        }
        None
    }

    /// Starts the next attempt and its delay. Returns `false` if no attempt is left.
    fn start_next(&mut self) -> bool {
        let Some(attempt) = self.pending.next() else {
            return false;
        };
        self.running.push(attempt);
        self.attempt_delay = self.rt.sleep_until(self.rt.now_ns() + ATTEMPT_DELAY_NS);
        true
    }

    fn record_error(&mut self, error: Error) {
        if self.best_error.is_none_or(|known| error_rank(error) >= error_rank(known)) {
            self.best_error = Some(error);
        }
    }
}

/// Ranks an error by the information it has about the target. An error from a reached target ranks above an address
/// without a route, and that above a missing source address.
fn error_rank(error: Error) -> u8 {
    match error {
        Error::NoSourceAddress => 0,
        Error::Unreachable => 1,
        _ => 2,
    }
}

/// Delay between two attempts, as RFC 8305 recommends: 250 ms.
const ATTEMPT_DELAY_NS: u64 = 250_000_000;

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;
    use crate::rt::sim::SimWorld;

    const MS: u64 = 1_000_000;

    /// Races attempts, each given by its duration in milliseconds and its result. Returns the start times of the
    /// attempts, the result of the race, and its end time, in milliseconds.
    fn run(attempts: &'static [(u64, Result<&str, Error>)]) -> (Vec<u64>, Result<&'static str, Error>, u64) {
        let (world, rt) = SimWorld::new(1);
        let (starts, end) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(None)));
        let (clock, start_log, race_end) = (rt.clone(), Rc::clone(&starts), Rc::clone(&end));
        rt.spawn(async move {
            let attempts = attempts.iter().map(|(duration_ms, result)| {
                let (clock, start_log) = (&clock, &start_log);
                async move {
                    start_log.borrow_mut().push(clock.now_ns() / MS);
                    clock.sleep_until(clock.now_ns() + duration_ms * MS).await;
                    *result
                }
            });
            let result = happy_eyeballs(&clock, attempts).await;
            *race_end.borrow_mut() = Some((result, clock.now_ns() / MS));
        });
        world.run_until(&rt, 100_000 * MS);
        let (result, end_ms) = end.take().expect("the race is not over");
        (starts.take(), result, end_ms)
    }

    #[test]
    fn next_attempt_starts_after_delay_first_success_wins() {
        assert_eq!(run(&[(240, Ok("first")), (1, Ok("second"))]), (vec![0], Ok("first"), 240));
        assert_eq!(run(&[(9_000, Ok("first")), (10, Ok("second"))]), (vec![0, 250], Ok("second"), 260));
        assert_eq!(run(&[(300, Ok("first")), (100, Ok("second"))]), (vec![0, 250], Ok("first"), 300));
        assert_eq!(run(&[(600, Ok("a")), (600, Ok("b")), (600, Ok("c"))]), (vec![0, 250, 500], Ok("a"), 600));
    }

    #[test]
    fn next_attempt_starts_when_one_fails() {
        const REFUSED: Result<&str, Error> = Err(Error::ConnectRefused);
        assert_eq!(run(&[(0, REFUSED), (0, REFUSED), (5, Ok("third"))]), (vec![0, 0, 0], Ok("third"), 5));
        assert_eq!(run(&[(40, REFUSED), (0, Ok("second"))]), (vec![0, 40], Ok("second"), 40));
        // A late failure starts the next attempt early. The attempt after that waits for a whole delay again.
        let late = &[(300, REFUSED), (9_000, Ok("b")), (9_000, Ok("c")), (1, Ok("d"))];
        assert_eq!(run(late), (vec![0, 250, 300, 550], Ok("d"), 551));
    }

    #[test]
    fn failed_race_returns_the_most_informative_error() {
        use Error::{ConnectFailed, ConnectRefused, NoSourceAddress, Unreachable};
        assert_eq!(run(&[(0, Err(ConnectRefused)), (0, Err(Unreachable))]).1, Err(ConnectRefused));
        assert_eq!(run(&[(0, Err(Unreachable)), (0, Err(ConnectRefused))]).1, Err(ConnectRefused));
        assert_eq!(run(&[(0, Err(ConnectRefused)), (0, Err(ConnectFailed))]).1, Err(ConnectFailed));
        assert_eq!(run(&[(0, Err(Unreachable)), (0, Err(NoSourceAddress))]).1, Err(Unreachable));
        assert_eq!(run(&[(700, Err(ConnectRefused)), (0, Err(Unreachable))]), (vec![0, 250], Err(ConnectRefused), 700));
    }
}
