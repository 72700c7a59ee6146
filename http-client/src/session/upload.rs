//! How a body leaves: a short one with its head, a long one behind it, piece by piece.
//!
//! The target may answer before it has all of it, or be asked first whether it wants it at all (`Expect: 100-continue`);
//! what it does not want is not sent, and the connection is of no more use. An early 2xx refuses nothing: such a target
//! answers while it reads, so its answer is received between the pieces.

use std::cell::RefCell;
use std::future::poll_fn;

use super::conversation::Conversation;
use super::patience::Patience;
use super::trace::Trace;
use crate::proto::encode::{self, CHUNK_SIZE_PLACEHOLDER, HeaderFlags, LAST_CHUNK, RequestFraming};
use crate::{Body, BodySource, ClientConfig, Error, Network, Request, Transport};

/// A body that is sent behind its head.
pub(super) enum Upload<'a> {
    Bytes(&'a [u8]),
    Source { source: &'a RefCell<dyn BodySource>, length: Option<u64> },
}

/// Ends the head of a request in `out`, and appends its body if that is short and nobody is to be asked first.
pub(super) fn append<'a>(
    out: &mut Vec<u8>,
    request: &Request<'a>,
    config: &ClientConfig,
    wishes: &mut HeaderFlags,
) -> Option<Upload<'a>> {
    let (framing, upload) = match request.body {
        Body::None => (RequestFraming::None, None),
        Body::Bytes(bytes) => (RequestFraming::Length(bytes.len() as u64), Some(Upload::Bytes(bytes))),
        Body::Source(source) => {
            let length = source.borrow().len_bytes();
            if let Some(content_type) = source.borrow().content_type().filter(|_| !wishes.has_content_type) {
                for part in ["Content-Type: ", &content_type, "\r\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            let framing = length.map_or(RequestFraming::Chunked, RequestFraming::Length);
            (framing, Some(Upload::Source { source, length }))
        }
    };
    if !wishes.expects_continue && is_asked_first(framing, config) {
        wishes.expects_continue = true;
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    encode::append_head_end(out, request.method, framing);
    match upload {
        Some(Upload::Bytes(bytes)) if bytes.len() <= PIECE_BYTES && !wishes.expects_continue => {
            out.extend_from_slice(bytes);
            None
        }
        upload => upload,
    }
}

fn is_asked_first(framing: RequestFraming, config: &ClientConfig) -> bool {
    let Some(above_bytes) = config.expect_continue_above_bytes else {
        return false;
    };
    match framing {
        RequestFraming::None => false,
        RequestFraming::Length(length) => length > above_bytes,
        RequestFraming::Chunked => true,
    }
}

/// Sends a request whose head is in the buffer, and the body behind it. When the target refuses the rest of that, the
/// connection is to be closed.
pub(super) async fn send<N: Network, T: Transport>(
    upload: Upload<'_>,
    network: &N,
    patience: Patience,
    conversation: &mut Conversation<'_, T>,
    config: &ClientConfig,
    asks_first: bool,
    trace: &mut Trace,
) -> Result<(), Error> {
    conversation.send_head(network, patience, trace.ready_ns()).await?;
    // How fast the rest leaves is the target's doing, or the source's.
    trace.sent(network.now_ns());
    let mut sending = Sending { network, patience, conversation, trace };
    let is_wanted = !asks_first || sending.wait_for_leave(config.expect_continue_timeout_ns).await?;
    let is_complete = is_wanted
        && match upload {
            Upload::Bytes(bytes) => sending.bytes(bytes).await?,
            Upload::Source { source, length: Some(length) } => sending.source(source, length).await?,
            Upload::Source { source, length: None } => sending.chunks(source).await?,
        };
    conversation.closes |= !is_complete;
    if conversation.parser.head().is_none() {
        // The target's silence begins when it has heard all.
        conversation.receive_once(network, patience, network.now_ns()).await?;
    }
    Ok(())
}

/// A body on its way. What sends is false when the target has refused the rest.
struct Sending<'a, 's, N, T: Transport> {
    network: &'a N,
    patience: Patience,
    conversation: &'a mut Conversation<'s, T>,
    trace: &'a mut Trace,
}

impl<N: Network, T: Transport> Sending<'_, '_, N, T> {
    /// Whether the target lets the body come; one that says nothing for long does.
    async fn wait_for_leave(&mut self, timeout_ns: u64) -> Result<bool, Error> {
        let patience = self.patience.with_read_timeout(timeout_ns);
        let asked_ns = self.network.now_ns();
        loop {
            let parser = &self.conversation.parser;
            if parser.head().is_some() || parser.has_continue() {
                return Ok(parser.head().is_none());
            }
            match self.conversation.receive_once(self.network, patience, asked_ns).await {
                Ok(()) => {}
                Err(Error::ReadTimeout) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    async fn bytes(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        for piece in bytes.chunks(PIECE_BYTES) {
            if !self.piece(piece.to_vec()).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A source must give what it has promised, or the target would take the next request for the rest.
    async fn source(&mut self, source: &RefCell<dyn BodySource>, length: u64) -> Result<bool, Error> {
        let mut remaining = length;
        let mut has_more = true;
        while has_more {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            has_more = self.next_piece(source, &mut piece).await?;
            remaining = remaining.checked_sub(piece.len() as u64).ok_or(Error::BodySource)?;
            if !piece.is_empty() && !self.piece(piece).await? {
                return Ok(false);
            }
        }
        if remaining == 0 { Ok(true) } else { Err(Error::BodySource) }
    }

    async fn chunks(&mut self, source: &RefCell<dyn BodySource>) -> Result<bool, Error> {
        let mut has_more = true;
        while has_more {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            piece.extend_from_slice(CHUNK_SIZE_PLACEHOLDER);
            has_more = self.next_piece(source, &mut piece).await?;
            if piece.len() > CHUNK_SIZE_PLACEHOLDER.len() {
                encode::finish_chunk(&mut piece);
            } else {
                piece.clear();
            }
            if !has_more {
                piece.extend_from_slice(LAST_CHUNK);
            }
            if !piece.is_empty() && !self.piece(piece).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// False when there is nothing more behind this piece.
    async fn next_piece(&self, source: &RefCell<dyn BodySource>, piece: &mut Vec<u8>) -> Result<bool, Error> {
        let next = poll_fn(|cx| source.borrow_mut().poll_next(cx, piece));
        self.patience.in_time(self.network, next).await?.map_err(|_| Error::BodySource)
    }

    async fn piece(&mut self, piece: Vec<u8>) -> Result<bool, Error> {
        let Self { network, patience, conversation, trace } = self;
        conversation.until_sendable(*network, *patience).await?;
        while !conversation.parser.is_done() && conversation.has_news() {
            conversation.receive_once(*network, *patience, network.now_ns()).await?;
            if let Some(head) = conversation.parser.head() {
                let is_refused = head.status >= 300;
                trace.first_byte(conversation.received_ns());
                if is_refused {
                    return Ok(false);
                }
            }
            conversation.until_sendable(*network, *patience).await?;
        }
        let length = piece.len();
        if let Err(error) = conversation.send_piece(*network, *patience, piece).await {
            return if self.is_answered().await { Ok(false) } else { Err(error) };
        }
        trace.bytes_out(length);
        Ok(true)
    }

    /// Whether a target that takes no more has said why.
    async fn is_answered(&mut self) -> bool {
        let Self { network, patience, conversation, .. } = self;
        while conversation.parser.head().is_none() && conversation.has_news() {
            if conversation.receive_once(*network, *patience, network.now_ns()).await.is_err() {
                return false;
            }
        }
        conversation.parser.head().is_some()
    }
}

/// Up to here a body goes with its head; one that is longer goes in pieces of this.
const PIECE_BYTES: usize = 64 << 10;
