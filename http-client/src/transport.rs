//! The two seams to the world: a connection that moves bytes, and the place that makes connections and knows the time.
//!
//! Buffers are lent; only one that is sent may be kept, because the kernel may read it for a while. Implemented by the
//! engine's runtime and its simulator, by TLS around another transport, and by scripts in tests.

use std::cell::RefCell;
use std::io;

use crate::proto::HeadCache;
use crate::{Error, Origin};

/// One connection. Dropping it closes it, also in the middle of an operation.
#[expect(async_fn_in_trait, reason = "a connection never leaves its shard, so no future needs to be Send")]
pub trait Transport {
    /// Takes all that is in `buffer` to be sent, in order, and leaves an empty buffer: the same, another, or one without
    /// memory. It need not wait until the bytes have left; that they could not is then told by the next receive.
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()>;

    /// Waits until a send need not wait for one before it, or until something has come: a target may want to be rid of its
    /// answer before it takes more. A connection whose sends never wait for long is ready at once.
    async fn writable(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Appends what has arrived to `buffer`, waiting for at least one byte, within its spare capacity: it is never grown, but
    /// one without memory is replaced once there is something to receive, so that no one waits with an empty buffer in
    /// hands. `Ok(0)` is the end of the stream.
    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize>;

    /// As [`Transport::recv`], where about `to_come` bytes are still to come: if they are many, and `buffer` has space for
    /// many, a connection may receive straight into it. It then has the buffer until bytes come: dropped before, this leaves
    /// an empty buffer and a connection that is of no more use.
    async fn recv_direct(&mut self, buffer: &mut Vec<u8>, remaining_hint: u64) -> io::Result<usize> {
        let _ = remaining_hint;
        self.recv(buffer).await
    }

    /// Receives up to `len` bytes, but at least one, that nobody wants, and says how many. `Ok(0)` is the end of the stream.
    /// Dropped before it is done, it leaves a connection that is of no more use.
    async fn discard(&mut self, len: u64) -> io::Result<u64> {
        let mut unwanted = Vec::with_capacity(len.min(MAX_DISCARD_BYTES) as usize);
        self.recv(&mut unwanted).await.map(|count| count as u64)
    }

    /// When the last bytes taken by [`Transport::send`] left, in nanoseconds of [`Network::now_ns`]; 0 while they have not.
    /// Known at the latest when a receive has given something.
    fn sent_ns(&self) -> u64;

    /// When the latest bytes, or the end of the stream, had arrived, in nanoseconds of [`Network::now_ns`].
    fn received_ns(&self) -> u64;

    /// Whether an idle connection is of no more use: closed by the target, or with bytes that nobody asked for.
    fn is_stale(&self) -> bool;
}

/// The place a session runs in: what makes connections, knows the time, and lends buffers.
#[expect(async_fn_in_trait, reason = "a network never leaves its shard, so no future needs to be Send")]
pub trait ClientRuntime {
    /// The connections it makes.
    type Transport: Transport;

    /// Monotonic time, in nanoseconds from any fixed point.
    fn now_ns(&self) -> u64;

    /// Wall-clock time, in whole seconds since 1970. Only cookies ask for it.
    fn unix_time_s(&self) -> u64;

    /// Resolves the origin's host and connects to it, without TLS whatever its scheme says. When addresses had to be
    /// looked up, `resolved_ns` is set to when they were known, or known to be none.
    async fn connect(&self, origin: &Origin, resolved_ns: &mut u64) -> Result<Self::Transport, Error>;

    /// Runs `future` until `at_ns` of [`Network::now_ns`]; `None` when the time is up first. The future is then dropped.
    async fn timeout_at<F: Future>(&self, deadline_ns: u64, future: F) -> Option<F::Output>;

    /// Heads that sessions of this network have read before; none unless the network keeps them.
    fn head_cache(&self) -> Option<&RefCell<HeadCache>> {
        None
    }

    /// A number that nobody can guess. Only digests ask for it.
    fn random_u64(&self) -> u64;

    /// Lends an empty buffer.
    fn acquire_buffer(&self) -> Vec<u8>;

    /// Takes a buffer back. It may have grown to the size of a body: a pool decides what it keeps.
    fn release_buffer(&self, buffer: Vec<u8>);
}

/// What is received to be dropped has room for so many bytes.
const MAX_DISCARD_BYTES: u64 = 16 << 10;
