//! Several addresses, one connection: the first that is made wins (happy eyeballs, RFC 8305).
//!
//! Attempts are not started together: each has a head start on the next, unless it fails before. Knows neither addresses
//! nor sockets; in which order they are tried is said by `hosts.rs`.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use gregaria_http::Error;

use crate::rt::{PooledFuture, Runtime, Sleep};

/// Runs `attempts` until one succeeds, and drops the others. There is to be at least one.
///
/// # Errors
/// When all have failed: what the last one said, or one before that knew more.
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

struct HappyEyeballs<'a, I: Iterator> {
    rt: &'a Runtime,
    pending: I,
    running: Vec<I::Item>,
    /// Until the next attempt may start.
    attempt_delay: Sleep,
    best_error: Option<Error>,
}

impl<'a, T, I: Iterator<Item = PooledFuture<'a, Result<T, Error>>>> HappyEyeballs<'a, I> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Error>> {
        loop {
            match self.poll_running(cx) {
                Some(Ok(won)) => return Poll::Ready(Ok(won)),
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

    /// The end of one that has ended.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<Result<T, Error>> {
        for at in 0..self.running.len() {
            if let Poll::Ready(result) = Pin::new(&mut self.running[at]).poll(cx) {
                drop(self.running.remove(at));
                return Some(result);
            }
        }
        None
    }

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

/// How much a refusal says of the target: that it has been reached, or that there is no way to one of its addresses.
fn error_rank(error: Error) -> u8 {
    match error {
        Error::NoSourceAddress => 0,
        Error::Unreachable => 1,
        _ => 2,
    }
}

/// The delay that RFC 8305 recommends.
const ATTEMPT_DELAY_NS: u64 = 250_000_000;

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;
    use crate::rt::sim::SimWorld;

    const MS: u64 = 1_000_000;

    /// Attempts that end after so many milliseconds: when each started, what came of the race, and when.
    fn run(attempts: &'static [(u64, Result<&str, Error>)]) -> (Vec<u64>, Result<&'static str, Error>, u64) {
        let (world, rt) = SimWorld::new(1);
        let (starts, end) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(None)));
        let (racing, started, ended) = (rt.clone(), Rc::clone(&starts), Rc::clone(&end));
        rt.spawn(async move {
            let runners = attempts.iter().map(|(takes_ms, result)| {
                let (racing, started) = (&racing, &started);
                async move {
                    started.borrow_mut().push(racing.now_ns() / MS);
                    racing.sleep_until(racing.now_ns() + takes_ms * MS).await;
                    *result
                }
            });
            let result = happy_eyeballs(&racing, runners).await;
            *ended.borrow_mut() = Some((result, racing.now_ns() / MS));
        });
        world.run_until(&rt, 100_000 * MS);
        let (result, end_ms) = end.take().expect("the race is over");
        (starts.take(), result, end_ms)
    }

    #[test]
    fn the_next_starts_after_a_head_start_and_the_first_that_is_made_wins() {
        assert_eq!(run(&[(240, Ok("first")), (1, Ok("second"))]), (vec![0], Ok("first"), 240));
        assert_eq!(run(&[(9_000, Ok("first")), (10, Ok("second"))]), (vec![0, 250], Ok("second"), 260));
        assert_eq!(run(&[(300, Ok("first")), (100, Ok("second"))]), (vec![0, 250], Ok("first"), 300));
        assert_eq!(run(&[(600, Ok("a")), (600, Ok("b")), (600, Ok("c"))]), (vec![0, 250, 500], Ok("a"), 600));
    }

    #[test]
    fn the_next_starts_when_one_has_failed() {
        const REFUSED: Result<&str, Error> = Err(Error::ConnectRefused);
        assert_eq!(run(&[(0, REFUSED), (0, REFUSED), (5, Ok("third"))]), (vec![0, 0, 0], Ok("third"), 5));
        assert_eq!(run(&[(40, REFUSED), (0, Ok("second"))]), (vec![0, 40], Ok("second"), 40));
        // A late failure hurries the next one, which then has a whole head start of its own.
        let late = &[(300, REFUSED), (9_000, Ok("b")), (9_000, Ok("c")), (1, Ok("d"))];
        assert_eq!(run(late), (vec![0, 250, 300, 550], Ok("d"), 551));
    }

    #[test]
    fn when_all_fail_the_refusal_that_says_the_most_is_told() {
        use Error::{ConnectFailed, ConnectRefused, NoSourceAddress, Unreachable};
        assert_eq!(run(&[(0, Err(ConnectRefused)), (0, Err(Unreachable))]).1, Err(ConnectRefused));
        assert_eq!(run(&[(0, Err(Unreachable)), (0, Err(ConnectRefused))]).1, Err(ConnectRefused));
        assert_eq!(run(&[(0, Err(ConnectRefused)), (0, Err(ConnectFailed))]).1, Err(ConnectFailed));
        assert_eq!(run(&[(0, Err(Unreachable)), (0, Err(NoSourceAddress))]).1, Err(Unreachable));
        assert_eq!(run(&[(700, Err(ConnectRefused)), (0, Err(Unreachable))]), (vec![0, 250], Err(ConnectRefused), 700));
    }
}
