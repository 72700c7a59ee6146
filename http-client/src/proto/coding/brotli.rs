//! Brotli (RFC 7932). Its window grows with what is decoded, up to 16 MiB; the larger ones of an extension are refused.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::Step;
use crate::Error;

/// One stream. What follows its end is ignored, as browsers ignore it.
pub(super) struct Brotli {
    state: Box<State>,
    place: Place,
}

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    InStream,
    Over,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let allocator = StandardAlloc::default;
        let state = State::new_strict(allocator(), allocator(), allocator());
        Self { state: Box::new(state), place: Place::Start }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step, Error> {
        if self.place == Place::Over {
            return Ok(Step { taken: input.len(), ..Step::default() });
        }
        let input = &input[..input.len().min(PIECE_BYTES)];
        let start = out.len();
        out.resize(out.capacity().min(start + PIECE_BYTES), 0);
        let (mut taken, mut made) = (0, 0);
        let (mut unread, mut room) = (input.len(), out.len() - start);
        let result = BrotliDecompressStream(
            &mut unread,
            &mut taken,
            input,
            &mut room,
            &mut made,
            &mut out[start..],
            &mut 0,
            &mut self.state,
        );
        out.truncate(start + made);
        self.place = match result {
            BrotliResult::ResultFailure => return Err(Error::ContentCoding),
            BrotliResult::ResultSuccess => Place::Over,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Place::InStream,
        };
        Ok(Step { taken, made, has_more: matches!(result, BrotliResult::NeedsMoreOutput) })
    }

    pub(super) const fn is_whole(&self) -> bool {
        !matches!(self.place, Place::InStream)
    }
}

/// What is read and written in one step: room is filled with zeros before it is written to, and the library counts input
/// in 32 bits.
const PIECE_BYTES: usize = 16 << 10;
