//! A response's body, read piece by piece by whoever wants it.

use super::Session;
use super::exchange_io::ExchangeIo;
use super::timeouts::Timeouts;
use crate::proto::coding::BodyDecoder;
use crate::{ClientRuntime, Error, Exchange};

/// What is still to come of a response. Dropped before its end, it closes the connection.
pub struct BodyStream<'s, N: ClientRuntime> {
    session: &'s Session<N>,
    runtime: &'s N,
    /// Taken at the end.
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

    /// Appends what comes next to `out`, without content codings; false at the end of the body.
    ///
    /// # Errors
    /// When the rest of the body will not come. It is the same from then on. [`Error::ReadTimeout`] too when an earlier
    /// call was dropped before it was done, and something was lost with it.
    pub async fn read_chunk(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let before = out.len();
        while out.len() == before {
            if let Some(error) = self.error {
                return Err(error);
            }
            let Some(exchange_io) = &mut self.exchange_io else {
                return Ok(false);
            };
            let moved = read_some(self.runtime, self.timeouts, exchange_io, self.decoder.as_mut(), out).await;
            self.done_ns = exchange_io.received_ns();
            match moved {
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

    /// Reads the rest without keeping it, so that the connection can be used again.
    ///
    /// # Errors
    /// As [`BodyStream::next`].
    pub async fn drain(&mut self) -> Result<(), Error> {
        // Bytes are counted in one way or the other.
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

    /// Bytes of body that were read so far, without content codings.
    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Why the rest will not come.
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    /// Brings the exchange that the stream came with up to date: with the time of the latest bytes, how many there were,
    /// and what went wrong.
    pub fn update_exchange(&self, exchange: &mut Exchange) {
        let body_ns = self.done_ns.saturating_sub(exchange.done_ns);
        exchange.done_ns += body_ns;
        exchange.phases.body_ns += body_ns;
        exchange.bytes_in = self.bytes_read;
        if let Some(error) = self.error {
            exchange.result = Err(error);
        }
    }

    /// The body is complete: its connection may serve another request.
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

/// Appends some of the body that is at hand, or else receives more. False when there is nothing left.
async fn read_some<N: ClientRuntime>(
    runtime: &N,
    timeouts: Timeouts,
    exchange_io: &mut ExchangeIo<'_, N::Transport>,
    decoder: Option<&mut StreamDecoder>,
    out: &mut Vec<u8>,
) -> Result<bool, Error> {
    let ExchangeIo { parser, buffer, .. } = &mut *exchange_io;
    // Whoever waited before has gone away in the middle of it, and the connection has the buffer.
    let body = buffer.get(parser.body_range()).ok_or(Error::ReadTimeout)?;
    let had = out.len();
    match decoder {
        None => out.extend_from_slice(body),
        Some(decoding) => {
            if decoding.decode_some(body, out)? {
                return Ok(true);
            }
            if parser.is_done() {
                decoding.decoder.finish(out)?;
            }
        }
    }
    parser.consume_body(buffer);
    if parser.is_done() {
        return Ok(false);
    }
    if out.len() > had {
        return Ok(true);
    }
    // A reader may take its time: the target's silence begins when it is listened to.
    let since_ns = runtime.now_ns();
    exchange_io.receive_once(runtime, timeouts, since_ns).await?;
    Ok(true)
}

/// A body being decoded: what is at hand may become more than its reader wants at once.
struct StreamDecoder {
    decoder: BodyDecoder,
    /// Bytes at hand that are decoded already.
    decoded_len: usize,
}

impl StreamDecoder {
    /// Appends some of what `body` becomes; false when it is used up.
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
