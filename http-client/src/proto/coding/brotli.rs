//! Brotli (RFC 7932). Its window grows with what is decoded, up to 16 MiB; the larger ones of an extension are refused.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::DecodeStep;
use crate::Error;

/// One stream. What follows its end is ignored, as browsers ignore it.
pub(super) struct Brotli {
    decoder: Box<DecoderState>,
    state: StreamState,
}

type DecoderState = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum StreamState {
    Start,
    InStream,
    Ended,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let allocator = StandardAlloc::default;
        let state = DecoderState::new_strict(allocator(), allocator(), allocator());
        Self { decoder: Box::new(state), state: StreamState::Start }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        if self.state == StreamState::Ended {
            return Ok(DecodeStep { consumed: input.len(), ..DecodeStep::default() });
        }
        let input = &input[..input.len().min(MAX_STEP_BYTES)];
        let start = out.len();
        out.resize(out.capacity().min(start + MAX_STEP_BYTES), 0);
        let (mut consumed, mut produced) = (0, 0);
        let (mut unread, mut room) = (input.len(), out.len() - start);
        let result = BrotliDecompressStream(
            &mut unread,
            &mut consumed,
            input,
            &mut room,
            &mut produced,
            &mut out[start..],
            &mut 0,
            &mut self.decoder,
        );
        out.truncate(start + produced);
        self.state = match result {
            BrotliResult::ResultFailure => return Err(Error::InvalidContentCoding),
            BrotliResult::ResultSuccess => StreamState::Ended,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => StreamState::InStream,
        };
        Ok(DecodeStep { consumed, produced, has_more: matches!(result, BrotliResult::NeedsMoreOutput) })
    }

    pub(super) const fn is_complete(&self) -> bool {
        !matches!(self.state, StreamState::InStream)
    }
}

/// What is read and written in one step: room is filled with zeros before it is written to, and the library counts input
/// in 32 bits.
const MAX_STEP_BYTES: usize = 16 << 10;
