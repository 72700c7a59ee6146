//! The two traits that the client requires of its environment: a connection that transfers bytes, and a runtime that
//! opens connections and has a clock.
//!
//! Buffers are lent. Only a sent buffer may be kept, because the kernel may read it for a while. The implementors
//! are the engine's runtime and its simulator, TLS around another transport, and scripts in tests.

use std::cell::RefCell;
use std::io;

use crate::proto::HeadCache;
use crate::{Error, Origin};

/// A connection. Dropping it closes it, even during an operation.
///
/// # Examples
///
/// ```
/// use std::io;
///
/// use gregaria_http::Transport;
///
/// /// A connection to a target that sends all received bytes back.
/// struct EchoTransport {
///     pending: Vec<u8>,
/// }
///
/// impl Transport for EchoTransport {
///     async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
///         self.pending.append(buffer);
///         Ok(())
///     }
///
///     async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
///         if buffer.capacity() == 0 {
///             buffer.reserve(4096);
///         }
///         let count = self.pending.len().min(buffer.capacity() - buffer.len());
///         buffer.extend(self.pending.drain(..count));
///         Ok(count)
///     }
///
///     fn sent_ns(&self) -> u64 {
///         0
///     }
///
///     fn received_ns(&self) -> u64 {
///         0
///     }
///
///     fn is_stale(&self) -> bool {
///         !self.pending.is_empty()
///     }
/// }
/// ```
#[expect(async_fn_in_trait, reason = "a connection never leaves its thread, so no future needs to be Send")]
pub trait Transport {
    /// Takes all of `buffer` to be sent, in order, and leaves an empty buffer: the same, another, or one without
    /// memory.
    ///
    /// The call need not wait until the bytes are sent. The next receive then reports that sending failed.
    ///
    /// # Cancel safety
    /// A dropped future may have sent a part of the bytes. No further bytes may then be sent on the connection.
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()>;

    /// Waits until a send does not have to wait for an earlier send, or until bytes have arrived.
    ///
    /// A target may need to send its response before it reads more. A connection with
    /// sends that never wait for long is always ready.
    ///
    /// # Cancel safety
    /// A dropped future has no effect.
    async fn writable(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Appends received bytes to `buffer` within its spare capacity, and waits for at least one byte.
    ///
    /// The buffer never grows. A buffer without memory is replaced once there are bytes to receive, so that a
    /// waiting connection holds no empty buffer. `Ok(0)` is the end of the stream.
    ///
    /// # Cancel safety
    /// A dropped future leaves `buffer` in place and loses no bytes.
    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize>;

    /// Receives like [`Transport::recv`] when about `remaining_hint` bytes are still expected.
    ///
    /// If these are many and `buffer` has space for many, a connection may receive directly into the buffer. The
    /// connection holds the buffer until bytes arrive.
    ///
    /// # Cancel safety
    /// A future that is dropped before that leaves an empty buffer and a connection that is no longer usable.
    async fn recv_direct(&mut self, buffer: &mut Vec<u8>, remaining_hint: u64) -> io::Result<usize> {
        let _ = remaining_hint;
        self.recv(buffer).await
    }

    /// Receives and drops at least one and at most `len` bytes, and returns their number. `Ok(0)` is the end of the
    /// stream.
    ///
    /// # Cancel safety
    /// A future that is dropped early leaves a connection that is no longer usable.
    async fn discard(&mut self, len: u64) -> io::Result<u64> {
        let mut discarded = allocate_discard_buffer(len);
        self.recv(&mut discarded).await.map(|count| count as u64)
    }

    /// Returns the time when the last bytes taken by [`Transport::send`] were sent, in nanoseconds of
    /// [`ClientRuntime::now_ns`]. Returns 0 while they are not. The time is known at the latest when a receive has
    /// returned bytes.
    fn sent_ns(&self) -> u64;

    /// Returns the time when the latest bytes or the end of the stream arrived, in nanoseconds of
    /// [`ClientRuntime::now_ns`].
    fn received_ns(&self) -> u64;

    /// Returns `true` if an idle connection is no longer usable: closed by the target, or with bytes that belong to
    /// no request.
    fn is_stale(&self) -> bool;
}

/// The environment of a session. It opens connections, has a clock, and lends buffers.
///
/// # Examples
///
/// ```
/// use gregaria_http::{ClientRuntime, Request, Session};
///
/// /// Sends requests for one second, and returns their number.
/// async fn send_for_a_second<N: ClientRuntime>(runtime: &N, session: &Session<N>) -> usize {
///     let deadline_ns = runtime.now_ns() + 1_000_000_000;
///     let request = Request::get("/");
///     let mut count = 0;
///     while let Some(exchange) = runtime.timeout_at(deadline_ns, session.send(runtime, &request)).await {
///         count += 1;
///         if let Ok(response) = exchange.result {
///             runtime.release_buffer(response.into_buffer());
///         }
///     }
///     count
/// }
/// ```
#[expect(async_fn_in_trait, reason = "a runtime never leaves its thread, so no future needs to be Send")]
pub trait ClientRuntime {
    /// The connections of this runtime.
    type Transport: Transport;

    /// Returns the monotonic time, in nanoseconds from any fixed point.
    fn now_ns(&self) -> u64;

    /// Returns the wall-clock time, in whole seconds since 1970. Only cookies use it.
    fn unix_time_s(&self) -> u64;

    /// Resolves the origin's host and connects to it, without TLS for any scheme.
    ///
    /// If addresses had to be looked up, `resolved_ns` is set to the time when the lookup ended, successful or not.
    ///
    /// # Cancel safety
    /// A dropped future closes a connection that is being opened.
    async fn connect(&self, origin: &Origin, resolved_ns: &mut u64) -> Result<Self::Transport, Error>;

    /// Runs `future` until `deadline_ns` of [`ClientRuntime::now_ns`]. Returns `None` if the deadline is reached
    /// first. The future is then dropped.
    ///
    /// # Cancel safety
    /// A dropped call drops `future`.
    async fn timeout_at<F: Future>(&self, deadline_ns: u64, future: F) -> Option<F::Output>;

    /// Returns the response heads that sessions of this runtime have parsed before. `None`, the default, is off.
    fn head_cache(&self) -> Option<&RefCell<HeadCache>> {
        None
    }

    /// Returns an unpredictable number. Only digest authentication uses it.
    fn random_u64(&self) -> u64;

    /// Lends an empty buffer.
    fn acquire_buffer(&self) -> Vec<u8>;

    /// Takes a buffer back. The buffer may have grown to the size of a body. The runtime decides which buffers it
    /// keeps.
    fn release_buffer(&self, buffer: Vec<u8>);
}

/// Returns a buffer for [`Transport::discard`]: a receive into it drops up to `len` bytes, at most 16 KiB.
pub fn allocate_discard_buffer(len: u64) -> Vec<u8> {
    Vec::with_capacity(len.min(MAX_DISCARD_BYTES) as usize)
}

/// Largest buffer for bytes that are received to be dropped.
const MAX_DISCARD_BYTES: u64 = 16 << 10;
