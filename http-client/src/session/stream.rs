//! A response's body, read piece by piece by whoever wants it.

use super::Session;
use super::conversation::Conversation;
use super::patience::Patience;
use crate::proto::coding::BodyDecoder;
use crate::{Error, Exchange, Network};

/// What is still to come of a response. Dropped before its end, it closes the connection.
pub struct BodyStream<'s, N: Network> {
    session: &'s Session<N>,
    network: &'s N,
    /// Taken at the end.
    conversation: Option<Conversation<'s, N::Transport>>,
    patience: Patience,
    decoder: Option<Decoding>,
    bytes: u64,
    done_ns: u64,
    error: Option<Error>,
}

impl<'s, N: Network> BodyStream<'s, N> {
    pub(super) fn new(
        session: &'s Session<N>,
        network: &'s N,
        conversation: Conversation<'s, N::Transport>,
        patience: Patience,
    ) -> Self {
        let done_ns = conversation.received_ns();
        let decoder = decoder(session, &conversation);
        let (decoder, error) = match decoder {
            Ok(decoder) => (decoder, None),
            Err(error) => (None, Some(error)),
        };
        Self { session, network, conversation: Some(conversation), patience, decoder, bytes: 0, done_ns, error }
    }

    /// Appends what comes next to `out`, without content codings; false at the end of the body.
    ///
    /// # Errors
    /// When the rest of the body will not come. It is the same from then on. [`Error::ReadTimeout`] too when an earlier
    /// call was dropped before it was done, and something was lost with it.
    pub async fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let before = out.len();
        while out.len() == before {
            if let Some(error) = self.error {
                return Err(error);
            }
            let Some(conversation) = &mut self.conversation else {
                return Ok(false);
            };
            let moved = advance(self.network, self.patience, conversation, self.decoder.as_mut(), out).await;
            self.done_ns = conversation.received_ns();
            match moved {
                Ok(true) => {}
                Ok(false) => self.end(),
                Err(error) => {
                    self.done_ns = self.network.now_ns();
                    self.error = Some(error);
                    self.give_up();
                }
            }
            self.bytes += (out.len() - before) as u64;
        }
        Ok(true)
    }

    /// Reads the rest without keeping it, so that the connection can be used again.
    ///
    /// # Errors
    /// As [`BodyStream::next`].
    pub async fn drain(&mut self) -> Result<(), Error> {
        // Bytes are counted in one way or the other.
        if self.bytes == 0 {
            self.decoder = None;
        }
        let mut piece = self.network.take_buffer();
        let mut more = Ok(true);
        while more == Ok(true) {
            piece.clear();
            more = self.next(&mut piece).await;
        }
        self.network.give_buffer(piece);
        more.map(drop)
    }

    /// Bytes of body that were read so far, without content codings.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Why the rest will not come.
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    /// Brings the exchange that the stream came with up to date: with the time of the latest bytes, how many there were,
    /// and what went wrong.
    pub fn settle(&self, exchange: &mut Exchange) {
        let body_ns = self.done_ns.saturating_sub(exchange.done_ns);
        exchange.done_ns += body_ns;
        exchange.phases.body_ns += body_ns;
        exchange.bytes_in = self.bytes;
        if let Some(error) = self.error {
            exchange.result = Err(error);
        }
    }

    /// The body is complete: its connection may serve another request.
    fn end(&mut self) {
        if let Some(mut conversation) = self.conversation.take() {
            self.network.give_buffer(conversation.take_buffer());
            self.session.give_back(&mut conversation);
        }
    }

    fn give_up(&mut self) {
        if let Some(mut conversation) = self.conversation.take() {
            self.network.give_buffer(conversation.take_buffer());
        }
    }
}

impl<N: Network> Drop for BodyStream<'_, N> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Appends some of the body that is at hand, or else receives more. False when there is nothing left.
async fn advance<N: Network>(
    network: &N,
    patience: Patience,
    conversation: &mut Conversation<'_, N::Transport>,
    decoder: Option<&mut Decoding>,
    out: &mut Vec<u8>,
) -> Result<bool, Error> {
    let Conversation { parser, buffer, .. } = &mut *conversation;
    // Whoever waited before has gone away in the middle of it, and the connection has the buffer.
    let body = buffer.get(parser.body_range()).ok_or(Error::ReadTimeout)?;
    let had = out.len();
    match decoder {
        None => out.extend_from_slice(body),
        Some(decoding) => {
            if decoding.take_some(body, out)? {
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
    let since_ns = network.now_ns();
    conversation.receive_once(network, patience, since_ns).await?;
    Ok(true)
}

/// A body being decoded: what is at hand may become more than its reader wants at once.
struct Decoding {
    decoder: BodyDecoder,
    /// Bytes at hand that are decoded already.
    taken: usize,
}

impl Decoding {
    /// Appends some of what `body` becomes; false when it is used up.
    fn take_some(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<bool, Error> {
        let mut rest = &body[self.taken..];
        let more = self.decoder.decode_some(&mut rest, out)?;
        self.taken = if more { body.len() - rest.len() } else { 0 };
        Ok(more)
    }
}

fn decoder<N: Network>(
    session: &Session<N>,
    conversation: &Conversation<'_, N::Transport>,
) -> Result<Option<Decoding>, Error> {
    if !conversation.parser.head().is_some_and(|head| head.is_content_encoded) {
        return Ok(None);
    }
    let codings = conversation.head_alone()?.content_codings();
    let decoder = BodyDecoder::for_codings(&codings, &session.config.limits)?;
    Ok(decoder.map(|decoder| Decoding { decoder: decoder.without_size_limit(), taken: 0 }))
}
