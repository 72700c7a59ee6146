//! The body of a response that the caller reads in chunks.
//!
//! This file must not know how a request is sent. `session/mod.rs` creates the stream after the head, and
//! `exchange_io.rs` receives the bytes.

use super::Session;
use super::exchange_io::ExchangeIo;
use super::timeouts::Timeouts;
use crate::proto::coding::BodyDecoder;
use crate::{ClientRuntime, Error, Exchange};

/// The rest of a response. A stream that is dropped before its end closes the connection.
///
/// # Examples
///
/// ```
/// use gregaria_http::{ClientRuntime, Error, Request, Session};
///
/// async fn download<N: ClientRuntime>(session: &Session<N>, runtime: &N) -> Result<u64, Error> {
///     let (mut exchange, stream) = session.send_streaming(runtime, &Request::get("/video")).await;
///     if let Some(mut stream) = stream {
///         let mut chunk = Vec::new();
///         while stream.read_chunk(&mut chunk).await? {
///             chunk.clear();
///         }
///         stream.update_exchange(&mut exchange);
///     }
///     exchange.result.map(|_| exchange.bytes_in)
/// }
/// ```
pub struct BodyStream<'s, N: ClientRuntime> {
    session: &'s Session<N>,
    runtime: &'s N,
    /// The IO of the response, until its end.
    exchange_io: Option<ExchangeIo<'s, N::Transport>>,
    timeouts: Timeouts,
    decoder: Option<StreamDecoder>,
    bytes_read: u64,
    done_ns: u64,
    error: Option<Error>,
}

impl<'s, N: ClientRuntime> BodyStream<'s, N> {
    pub(super) fn new(
        session: &'s Session<N>,
        runtime: &'s N,
        exchange_io: ExchangeIo<'s, N::Transport>,
        timeouts: Timeouts,
    ) -> Self {
        let done_ns = exchange_io.received_ns();
        let decoder = new_stream_decoder(session, &exchange_io);
        let (decoder, error) = match decoder {
            Ok(decoder) => (decoder, None),
            Err(error) => (None, Some(error)),
        };
        Self { session, runtime, exchange_io: Some(exchange_io), timeouts, decoder, bytes_read: 0, done_ns, error }
    }

    /// Appends the next bytes to `out`, without content codings. Returns `false` at the end of the body.
    ///
    /// # Errors
    /// If the rest of the body cannot be read. Every later call returns the same error.
    ///
    /// # Cancel safety
    /// A dropped future leaves `out` unchanged. If the connection was receiving directly into the buffer, that
    /// buffer is lost. The next call then fails with [`Error::ReadTimeout`].
    pub async fn read_chunk(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let before = out.len();
        while out.len() == before {
            if let Some(error) = self.error {
                return Err(error);
            }
            let Some(exchange_io) = &mut self.exchange_io else {
                return Ok(false);
            };
            let progress = read_some(self.runtime, self.timeouts, exchange_io, self.decoder.as_mut(), out).await;
            self.done_ns = exchange_io.received_ns();
            match progress {
                Ok(true) => {}
                Ok(false) => self.release_connection(),
                Err(error) => {
                    self.done_ns = self.runtime.now_ns();
                    self.error = Some(error);
                    self.abort();
                }
            }
            self.bytes_read += (out.len() - before) as u64;
        }
        Ok(true)
    }

    /// Reads and drops the rest, so that the connection can be reused.
    ///
    /// # Errors
    /// As [`BodyStream::read_chunk`].
    ///
    /// # Cancel safety
    /// As [`BodyStream::read_chunk`]. Bytes that were drained before stay dropped.
    pub async fn drain(&mut self) -> Result<(), Error> {
        // Either all bytes are counted before decoding, or all after it.
        if self.bytes_read == 0 {
            self.decoder = None;
        }
        let mut chunk = self.runtime.acquire_buffer();
        let mut more = Ok(true);
        while more == Ok(true) {
            chunk.clear();
            more = self.read_chunk(&mut chunk).await;
        }
        self.runtime.release_buffer(chunk);
        more.map(drop)
    }

    /// Returns the number of body bytes read so far, after content decoding. A stream that was only drained counts the
    /// bytes before decoding.
    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Returns the error that prevents reading the rest.
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    /// Updates the exchange of this stream: the time of the latest bytes, their number, and the error.
    pub fn update_exchange(&self, exchange: &mut Exchange) {
        let body_ns = self.done_ns.saturating_sub(exchange.done_ns);
        exchange.done_ns += body_ns;
        exchange.phases.body_ns += body_ns;
        exchange.bytes_in = self.bytes_read;
        if let Some(error) = self.error {
            exchange.result = Err(error);
        }
    }

    /// Returns the connection of a complete body to the pool.
    fn release_connection(&mut self) {
        if let Some(mut exchange_io) = self.exchange_io.take() {
            self.runtime.release_buffer(exchange_io.take_buffer());
            self.session.release_connection(&mut exchange_io);
        }
    }

    fn abort(&mut self) {
        if let Some(mut exchange_io) = self.exchange_io.take() {
            self.runtime.release_buffer(exchange_io.take_buffer());
        }
    }
}

impl<N: ClientRuntime> Drop for BodyStream<'_, N> {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Appends a part of the body that is in the buffer, or else receives more. Returns `false` at the end.
async fn read_some<N: ClientRuntime>(
    runtime: &N,
    timeouts: Timeouts,
    exchange_io: &mut ExchangeIo<'_, N::Transport>,
    decoder: Option<&mut StreamDecoder>,
    out: &mut Vec<u8>,
) -> Result<bool, Error> {
    let ExchangeIo { parser, buffer, .. } = &mut *exchange_io;
    // An earlier call was dropped during a direct receive, and the connection has the buffer.
    let body = buffer.get(parser.body_range()).ok_or(Error::ReadTimeout)?;
    let len_before = out.len();
    match decoder {
        None => out.extend_from_slice(body),
        Some(decoder) => {
            if decoder.decode_some(body, out)? {
                return Ok(true);
            }
            if parser.is_done() {
                decoder.decoder.finish(out)?;
            }
        }
    }
    parser.consume_body(buffer);
    if parser.is_done() {
        return Ok(false);
    }
    if out.len() > len_before {
        return Ok(true);
    }
    // The caller may pause between reads, so the silence of the target starts with the read.
    let since_ns = runtime.now_ns();
    if exchange_io.body_error.is_none() {
        let received = exchange_io.receive_once(runtime, timeouts, since_ns).await;
        exchange_io.body_error = received.err();
    }
    match exchange_io.body_error {
        // The bytes before the failure are handed out first.
        Some(error) if exchange_io.parser.body_range().is_empty() => Err(error),
        _ => Ok(true),
    }
}

/// A decoder of a streamed body. Decoded bytes may exceed the size of one chunk.
struct StreamDecoder {
    decoder: BodyDecoder,
    /// Number of buffered bytes that are already decoded.
    decoded_len: usize,
}

impl StreamDecoder {
    /// Appends some of the decoded `body`. Returns `false` once all of it is decoded.
    fn decode_some(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<bool, Error> {
        let mut rest = &body[self.decoded_len..];
        let more = self.decoder.decode_some(&mut rest, out)?;
        self.decoded_len = if more { body.len() - rest.len() } else { 0 };
        Ok(more)
    }
}

fn new_stream_decoder<N: ClientRuntime>(
    session: &Session<N>,
    exchange_io: &ExchangeIo<'_, N::Transport>,
) -> Result<Option<StreamDecoder>, Error> {
    if !exchange_io.parser.head().is_some_and(|head| head.is_content_encoded) {
        return Ok(None);
    }
    let codings = exchange_io.response_head()?.content_codings();
    let decoder = BodyDecoder::for_codings(&codings, &session.config.limits)?;
    Ok(decoder.map(|decoder| StreamDecoder { decoder: decoder.without_size_limit(), decoded_len: 0 }))
}
