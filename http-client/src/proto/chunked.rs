//! [`ChunkedDecoder`], a state machine for the chunked coding (RFC 9112 §7.1). It counts framing bytes and data
//! bytes, and leaves moving them to the caller.
//!
//! The only line end is CRLF, because parsers that disagree about a bare LF make request smuggling possible.
//! Extensions and trailers are skipped and counted, because a target could make them endless. Trailer lines must
//! have the syntax of header lines, which distinguishes a trailer from a response that was injected after the last
//! chunk.

use crate::token::{is_tchar, is_text_byte};
use crate::{Error, HttpLimits, InvalidResponse};

/// A decoder of one chunked body.
#[derive(Clone, Copy, Debug)]
pub struct ChunkedDecoder {
    state: ChunkedState,
    /// In a size line, the size read so far. In data, the number of bytes still expected.
    remaining: u64,
    /// Number of bytes of extensions that the target may still send.
    extension_bytes_left: usize,
    /// Number of bytes of trailers that the target may still send.
    trailer_bytes_left: usize,
}

/// A part of the input: framing bytes, then data bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSpan {
    /// Number of framing bytes to skip.
    pub framing: usize,
    /// Number of data bytes after them.
    pub data: usize,
    /// Whether the body is complete. There is no data then, and the following bytes are not part of the response.
    pub end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkedState {
    /// Before the first digit of a size.
    SizeStart,
    Size,
    /// Blanks after a size, with which some servers pad.
    SizePadding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of the first trailer line, or of the empty line that ends the body.
    TrailerStart,
    /// At the start of a further line, which may be folded.
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

impl ChunkedDecoder {
    /// Creates a decoder for the start of a body.
    pub const fn new(limits: &HttpLimits) -> Self {
        Self {
            state: ChunkedState::SizeStart,
            remaining: 0,
            extension_bytes_left: limits.max_chunk_extension_bytes,
            trailer_bytes_left: limits.max_trailer_bytes,
        }
    }

    /// Decodes the next span of `input`, which the caller then skips. Empty input gives an empty span.
    ///
    /// # Errors
    /// [`Error::InvalidResponse`] if the bytes are not the chunked coding. [`Error::ChunkExtensionsTooLarge`] or
    /// [`Error::TrailersTooLarge`] if they exceed the limits.
    pub fn next_span(&mut self, input: &[u8]) -> Result<ChunkSpan, Error> {
        let mut framing = 0;
        while self.state != ChunkedState::Data && self.state != ChunkedState::End {
            let Some(&byte) = input.get(framing) else {
                break;
            };
            self.step(byte)?;
            framing += 1;
        }
        let data = self.take_data(input.len() - framing);
        let end = self.state == ChunkedState::End;
        Ok(ChunkSpan { framing, data, end })
    }

    fn take_data(&mut self, available: usize) -> usize {
        if self.state != ChunkedState::Data {
            return 0;
        }
        let data = usize::try_from(self.remaining).map_or(available, |remaining| available.min(remaining));
        self.remaining -= data as u64;
        if self.remaining == 0 {
            self.state = ChunkedState::DataCr;
        }
        data
    }

    /// Applies one byte of framing.
    fn step(&mut self, byte: u8) -> Result<(), Error> {
        self.state = match (self.state, byte) {
            (ChunkedState::SizeStart | ChunkedState::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.add_digit(byte)?
            }
            (ChunkedState::SizeStart, _) => return Err(InvalidResponse::ChunkSize.into()),
            (ChunkedState::Size | ChunkedState::SizePadding | ChunkedState::Extension, b'\r') => ChunkedState::SizeLf,
            (ChunkedState::Size | ChunkedState::SizePadding, b';') => self.count_extension(ChunkedState::Extension)?,
            (ChunkedState::Size | ChunkedState::SizePadding, b' ' | b'\t') => {
                self.count_extension(ChunkedState::SizePadding)?
            }
            (ChunkedState::Size | ChunkedState::SizePadding, _) => return Err(InvalidResponse::ChunkSize.into()),
            (ChunkedState::Extension, byte) if is_text_byte(byte) => self.count_extension(ChunkedState::Extension)?,
            (ChunkedState::SizeLf, b'\n') if self.remaining == 0 => ChunkedState::TrailerStart,
            (ChunkedState::SizeLf, b'\n') => ChunkedState::Data,
            (ChunkedState::DataCr, b'\r') => ChunkedState::DataLf,
            (ChunkedState::DataLf, b'\n') => ChunkedState::SizeStart,
            (ChunkedState::TrailerStart | ChunkedState::LineStart, b'\r') => ChunkedState::EndLf,
            (ChunkedState::EndLf, b'\n') => ChunkedState::End,
            (
                ChunkedState::TrailerStart
                | ChunkedState::LineStart
                | ChunkedState::TrailerName
                | ChunkedState::TrailerValue
                | ChunkedState::TrailerLf,
                _,
            ) => {
                let next = trailer_state(self.state, byte)?;
                self.trailer_bytes_left = self.trailer_bytes_left.checked_sub(1).ok_or(Error::TrailersTooLarge)?;
                next
            }
            _ => return Err(InvalidResponse::ChunkSyntax.into()),
        };
        Ok(())
    }

    fn add_digit(&mut self, byte: u8) -> Result<ChunkedState, Error> {
        let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
        let size = self.remaining.checked_mul(16).ok_or(InvalidResponse::ChunkSize)?;
        // Otherwise leading zeros could make a size line endless.
        if self.state == ChunkedState::Size && size == 0 {
            self.count_extension(ChunkedState::Size)?;
        }
        self.remaining = size | digit;
        Ok(ChunkedState::Size)
    }

    /// Counts a byte of a size line that is neither a significant digit nor the line end.
    fn count_extension(&mut self, next: ChunkedState) -> Result<ChunkedState, Error> {
        self.extension_bytes_left = self.extension_bytes_left.checked_sub(1).ok_or(Error::ChunkExtensionsTooLarge)?;
        Ok(next)
    }
}

/// Returns the state after a byte of a trailer line. A blank at its start continues the line before it.
fn trailer_state(state: ChunkedState, byte: u8) -> Result<ChunkedState, InvalidResponse> {
    use ChunkedState::{LineStart, TrailerLf, TrailerName, TrailerStart, TrailerValue};
    match (state, byte) {
        (TrailerStart | LineStart | TrailerName, byte) if is_tchar(byte) => Ok(TrailerName),
        (LineStart, b' ' | b'\t') => Ok(TrailerValue),
        (TrailerName, b':') => Ok(TrailerValue),
        (TrailerValue, b'\r') => Ok(TrailerLf),
        (TrailerValue, byte) if is_text_byte(byte) => Ok(TrailerValue),
        (TrailerLf, b'\n') => Ok(LineStart),
        (TrailerStart | LineStart | TrailerValue, b'\n') | (TrailerLf, _) => Err(InvalidResponse::ChunkSyntax),
        (TrailerValue, _) => Err(InvalidResponse::HeaderValue),
        _ => Err(InvalidResponse::HeaderName),
    }
}
