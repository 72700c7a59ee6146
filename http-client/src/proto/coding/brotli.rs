//! Decoder of Brotli (RFC 7932). The window grows with the output, up to 16 MiB. The "large window" extension is an
//! error.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::DecodeStep;
use crate::Error;

/// A decoder of one stream. Bytes after its end are ignored, as in browsers.
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
        let (mut available_in, mut available_out) = (input.len(), out.len() - start);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut consumed,
            input,
            &mut available_out,
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

/// Maximum input and output of one step. The output is filled with zeros before the library writes it, and the
/// library counts input in 32 bits.
const MAX_STEP_BYTES: usize = 16 << 10;
