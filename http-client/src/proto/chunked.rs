//! The chunked coding (RFC 9112 §7.1) as a machine over bytes: it says how many bytes are framing and how many are data.
//!
//! Line ends are CRLF and nothing else, because two parsers that disagree about a bare LF are how requests get smuggled.
//! Extensions and trailers are read over, and counted: they are the parts a target could make endless. Trailer lines must
//! have the form of header lines, which tells a trailer from a response that somebody put behind the last chunk.

use crate::{Error, HttpLimits, InvalidResponse};

/// Where in the coding the next byte stands.
#[derive(Clone, Copy, Debug)]
pub struct ChunkedDecoder {
    state: ChunkedState,
    /// The size being read, then the bytes of the chunk still to come.
    remaining: u64,
    /// How much more of extensions and of trailers there may be.
    extension_bytes_left: usize,
    trailer_bytes_left: usize,
}

/// The next stretch of input: framing, then data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSpan {
    /// Bytes of framing to skip.
    pub framing: usize,
    /// Bytes of data behind them.
    pub data: usize,
    /// Whether the body is over; then there is no data, and what follows belongs to nobody.
    pub end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkedState {
    /// Before the first digit of a size.
    SizeStart,
    Size,
    /// Blanks behind a size, which some servers pad with.
    SizePadding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line that ends all.
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

impl ChunkedDecoder {
    /// A decoder at the start of a body.
    pub const fn new(limits: &HttpLimits) -> Self {
        Self {
            state: ChunkedState::SizeStart,
            remaining: 0,
            extension_bytes_left: limits.max_chunk_extension_bytes,
            trailer_bytes_left: limits.max_trailer_bytes,
        }
    }

    /// Takes the next stretch from `input`, which the caller then moves past. Empty input gives an empty stretch.
    ///
    /// # Errors
    /// When the bytes are not the chunked coding, or there is too much of it around too little data.
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

    /// Moves over one byte of framing.
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
            (ChunkedState::SizeLf, b'\n') if self.remaining == 0 => ChunkedState::LineStart,
            (ChunkedState::SizeLf, b'\n') => ChunkedState::Data,
            (ChunkedState::DataCr, b'\r') => ChunkedState::DataLf,
            (ChunkedState::DataLf, b'\n') => ChunkedState::SizeStart,
            (ChunkedState::LineStart, b'\r') => ChunkedState::EndLf,
            (ChunkedState::EndLf, b'\n') => ChunkedState::End,
            (
                ChunkedState::LineStart
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
        // Leading zeros would otherwise make a size line without end.
        if self.state == ChunkedState::Size && size == 0 {
            self.count_extension(ChunkedState::Size)?;
        }
        self.remaining = size | digit;
        Ok(ChunkedState::Size)
    }

    /// Counts a byte that is neither size nor line end.
    fn count_extension(&mut self, next: ChunkedState) -> Result<ChunkedState, Error> {
        self.extension_bytes_left = self.extension_bytes_left.checked_sub(1).ok_or(Error::ChunkExtensionsTooLarge)?;
        Ok(next)
    }
}

/// What follows a byte of a trailer line. A folded line begins with a blank, which begins no name.
fn trailer_state(state: ChunkedState, byte: u8) -> Result<ChunkedState, InvalidResponse> {
    match (state, byte) {
        (ChunkedState::LineStart | ChunkedState::TrailerName, byte) if is_name_byte(byte) => {
            Ok(ChunkedState::TrailerName)
        }
        (ChunkedState::TrailerName, b':') => Ok(ChunkedState::TrailerValue),
        (ChunkedState::TrailerValue, b'\r') => Ok(ChunkedState::TrailerLf),
        (ChunkedState::TrailerValue, byte) if is_text_byte(byte) => Ok(ChunkedState::TrailerValue),
        (ChunkedState::TrailerLf, b'\n') => Ok(ChunkedState::LineStart),
        (ChunkedState::LineStart | ChunkedState::TrailerValue, b'\n') | (ChunkedState::TrailerLf, _) => {
            Err(InvalidResponse::ChunkSyntax)
        }
        (ChunkedState::TrailerValue, _) => Err(InvalidResponse::HeaderValue),
        _ => Err(InvalidResponse::HeaderName),
    }
}

/// A byte that may stand in an extension or in the value of a trailer.
const fn is_text_byte(byte: u8) -> bool {
    !byte.is_ascii_control() || byte == b'\t'
}

/// A byte that may stand in the name of a trailer.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
