//! How a body leaves: a short one with its head, a long one behind it, piece by piece.
//!
//! The target may answer before it has all of it, or be asked first whether it wants it at all (`Expect: 100-continue`);
//! what it does not want is not sent, and the connection is of no more use. An early 2xx refuses nothing: such a target
//! answers while it reads, so its answer is received between the pieces.

use std::cell::RefCell;
use std::future::poll_fn;

use super::hop::Reading;
use super::trace::Trace;
use crate::proto::encode::{self, BodyFraming, CHUNK_START, LAST_CHUNK, Wishes};
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
    wishes: &mut Wishes,
) -> Option<Upload<'a>> {
    let (framing, upload) = match request.body {
        Body::None => (BodyFraming::None, None),
        Body::Bytes(bytes) => (BodyFraming::Length(bytes.len() as u64), Some(Upload::Bytes(bytes))),
        Body::Source(source) => {
            let length = source.borrow().len_bytes();
            if let Some(content_type) = source.borrow().content_type().filter(|_| !wishes.own_content_type) {
                for part in ["Content-Type: ", &content_type, "\r\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            let framing = length.map_or(BodyFraming::Chunked, BodyFraming::Length);
            (framing, Some(Upload::Source { source, length }))
        }
    };
    if !wishes.expects_continue && is_asked_first(framing, config) {
        wishes.expects_continue = true;
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    encode::append_end_of_head(out, request.method, framing);
    match upload {
        Some(Upload::Bytes(bytes)) if bytes.len() <= PIECE_BYTES && !wishes.expects_continue => {
            out.extend_from_slice(bytes);
            None
        }
        upload => upload,
    }
}

fn is_asked_first(framing: BodyFraming, config: &ClientConfig) -> bool {
    let Some(above_bytes) = config.expect_continue_above_bytes else {
        return false;
    };
    match framing {
        BodyFraming::None => false,
        BodyFraming::Length(length) => length > above_bytes,
        BodyFraming::Chunked => true,
    }
}

/// Sends a body whose head has been sent. False when the target has refused the rest of it.
pub(super) async fn send<N: Network, T: Transport>(
    upload: Upload<'_>,
    reading: &mut Reading<'_, '_, N, T>,
    config: &ClientConfig,
    asks_first: bool,
    trace: &mut Trace,
) -> Result<bool, Error> {
    if asks_first && !wait_for_leave(reading, config).await? {
        return Ok(false);
    }
    match upload {
        Upload::Bytes(bytes) => send_bytes(bytes, reading, trace).await,
        Upload::Source { source, length: Some(length) } => send_source(source, length, reading, trace).await,
        Upload::Source { source, length: None } => send_chunks(source, reading, trace).await,
    }
}

/// Whether the target lets the body come; one that says nothing for long does.
async fn wait_for_leave<N: Network, T: Transport>(
    reading: &mut Reading<'_, '_, N, T>,
    config: &ClientConfig,
) -> Result<bool, Error> {
    let patience = reading.patience;
    reading.patience = patience.with_read_timeout(config.expect_continue_timeout_ns);
    let asked_ns = reading.network.now_ns();
    let leave = loop {
        if reading.parser.head().is_some() {
            break Ok(false);
        }
        if reading.parser.has_continue() {
            break Ok(true);
        }
        match reading.receive_once(asked_ns).await {
            Ok(()) => {}
            Err(Error::ReadTimeout) => break Ok(true),
            Err(error) => break Err(error),
        }
    };
    reading.patience = patience;
    leave
}

async fn send_bytes<N: Network, T: Transport>(
    bytes: &[u8],
    reading: &mut Reading<'_, '_, N, T>,
    trace: &mut Trace,
) -> Result<bool, Error> {
    for piece in bytes.chunks(PIECE_BYTES) {
        if !send_piece(piece.to_vec(), reading, trace).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A source must give what it has promised, or the target would take the next request for the rest.
async fn send_source<N: Network, T: Transport>(
    source: &RefCell<dyn BodySource>,
    length: u64,
    reading: &mut Reading<'_, '_, N, T>,
    trace: &mut Trace,
) -> Result<bool, Error> {
    let mut remaining = length;
    let mut has_more = true;
    while has_more {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        has_more = next_piece(source, reading, &mut piece).await?;
        remaining = remaining.checked_sub(piece.len() as u64).ok_or(Error::BodySource)?;
        if !piece.is_empty() && !send_piece(piece, reading, trace).await? {
            return Ok(false);
        }
    }
    if remaining == 0 { Ok(true) } else { Err(Error::BodySource) }
}

async fn send_chunks<N: Network, T: Transport>(
    source: &RefCell<dyn BodySource>,
    reading: &mut Reading<'_, '_, N, T>,
    trace: &mut Trace,
) -> Result<bool, Error> {
    let mut has_more = true;
    while has_more {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        piece.extend_from_slice(CHUNK_START);
        has_more = next_piece(source, reading, &mut piece).await?;
        if piece.len() > CHUNK_START.len() {
            encode::finish_chunk(&mut piece);
        } else {
            piece.clear();
        }
        if !has_more {
            piece.extend_from_slice(LAST_CHUNK);
        }
        if !piece.is_empty() && !send_piece(piece, reading, trace).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// False when there is nothing more behind this piece.
async fn next_piece<N: Network, T: Transport>(
    source: &RefCell<dyn BodySource>,
    reading: &Reading<'_, '_, N, T>,
    piece: &mut Vec<u8>,
) -> Result<bool, Error> {
    let next = poll_fn(|cx| source.borrow_mut().poll_next(cx, piece));
    reading.patience.in_time(reading.network, next).await?.map_err(|_| Error::BodySource)
}

/// False when the target has refused the rest.
async fn send_piece<N: Network, T: Transport>(
    piece: Vec<u8>,
    reading: &mut Reading<'_, '_, N, T>,
    trace: &mut Trace,
) -> Result<bool, Error> {
    while !reading.parser.is_done() && reading.connection.is_stale() {
        let since_ns = reading.network.now_ns();
        reading.receive_once(since_ns).await?;
        let Some(head) = reading.parser.head() else {
            continue;
        };
        trace.first_byte(reading.connection.received_ns());
        if head.status >= 300 {
            return Ok(false);
        }
    }
    let length = piece.len();
    if let Err(error) = reading.send_piece(piece).await {
        return if is_answered(reading).await { Ok(false) } else { Err(error) };
    }
    trace.bytes_out(length);
    Ok(true)
}

/// Whether a target that takes no more has said why.
async fn is_answered<N: Network, T: Transport>(reading: &mut Reading<'_, '_, N, T>) -> bool {
    while reading.parser.head().is_none() && reading.connection.is_stale() {
        let since_ns = reading.network.now_ns();
        if reading.receive_once(since_ns).await.is_err() {
            return false;
        }
    }
    reading.parser.head().is_some()
}

/// Up to here a body goes with its head; one that is longer goes in pieces of this.
const PIECE_BYTES: usize = 64 << 10;
