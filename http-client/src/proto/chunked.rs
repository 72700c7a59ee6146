//! The chunked coding (RFC 9112 §7.1) as a machine over bytes: it says how many bytes are framing and how many are data.
//!
//! Line ends are CRLF and nothing else, because two parsers that disagree about a bare LF are how requests get smuggled.
//! Extensions and trailers are read over, and counted: they are the parts a target could make endless. Trailer lines must
//! have the form of header lines, which tells a trailer from a response that somebody put behind the last chunk.

use crate::{Error, HttpLimits, InvalidResponse};

/// Where in the coding the next byte stands.
#[derive(Clone, Copy, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// The size being read, then the bytes of the chunk still to come.
    remaining: u64,
    /// How much more of extensions and of trailers there may be.
    extension_bytes_left: usize,
    trailer_bytes_left: usize,
}

/// The next stretch of input: framing, then data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Bytes of framing to skip.
    pub framing: usize,
    /// Bytes of data behind them.
    pub data: usize,
    /// Whether the body is over; then there is no data, and what follows belongs to nobody.
    pub end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
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
            state: State::SizeStart,
            remaining: 0,
            extension_bytes_left: limits.chunk_extension_bytes,
            trailer_bytes_left: limits.trailer_bytes,
        }
    }

    /// Takes the next stretch from `input`, which the caller then moves past. Empty input gives an empty stretch.
    ///
    /// # Errors
    /// When the bytes are not the chunked coding, or there is too much of it around too little data.
    pub fn next(&mut self, input: &[u8]) -> Result<Stretch, Error> {
        let mut framing = 0;
        while self.state != State::Data && self.state != State::End {
            let Some(&byte) = input.get(framing) else {
                break;
            };
            self.step(byte)?;
            framing += 1;
        }
        let data = self.take_data(input.len() - framing);
        let end = self.state == State::End;
        Ok(Stretch { framing, data, end })
    }

    fn take_data(&mut self, available: usize) -> usize {
        if self.state != State::Data {
            return 0;
        }
        let data = usize::try_from(self.remaining).map_or(available, |remaining| available.min(remaining));
        self.remaining -= data as u64;
        if self.remaining == 0 {
            self.state = State::DataCr;
        }
        data
    }

    /// Moves over one byte of framing.
    fn step(&mut self, byte: u8) -> Result<(), Error> {
        self.state = match (self.state, byte) {
            (State::SizeStart | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.add_digit(byte)?,
            (State::SizeStart, _) => return Err(InvalidResponse::ChunkSize.into()),
            (State::Size | State::SizePadding | State::Extension, b'\r') => State::SizeLf,
            (State::Size | State::SizePadding, b';') => self.extension(State::Extension)?,
            (State::Size | State::SizePadding, b' ' | b'\t') => self.extension(State::SizePadding)?,
            (State::Size | State::SizePadding, _) => return Err(InvalidResponse::ChunkSize.into()),
            (State::Extension, byte) if is_text(byte) => self.extension(State::Extension)?,
            (State::SizeLf, b'\n') if self.remaining == 0 => State::LineStart,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::LineStart, b'\r') => State::EndLf,
            (State::EndLf, b'\n') => State::End,
            (State::LineStart | State::TrailerName | State::TrailerValue | State::TrailerLf, _) => {
                let next = trailer(self.state, byte)?;
                self.trailer_bytes_left = self.trailer_bytes_left.checked_sub(1).ok_or(Error::TrailersTooLarge)?;
                next
            }
            _ => return Err(InvalidResponse::ChunkSyntax.into()),
        };
        Ok(())
    }

    fn add_digit(&mut self, byte: u8) -> Result<State, Error> {
        let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
        let size = self.remaining.checked_mul(16).ok_or(InvalidResponse::ChunkSize)?;
        // Leading zeros would otherwise make a size line without end.
        if self.state == State::Size && size == 0 {
            self.extension(State::Size)?;
        }
        self.remaining = size | digit;
        Ok(State::Size)
    }

    /// Counts a byte that is neither size nor line end.
    fn extension(&mut self, next: State) -> Result<State, Error> {
        self.extension_bytes_left = self.extension_bytes_left.checked_sub(1).ok_or(Error::ChunkExtensionsTooLarge)?;
        Ok(next)
    }
}

/// What follows a byte of a trailer line. A folded line begins with a blank, which begins no name.
fn trailer(state: State, byte: u8) -> Result<State, InvalidResponse> {
    match (state, byte) {
        (State::LineStart | State::TrailerName, byte) if is_name(byte) => Ok(State::TrailerName),
        (State::TrailerName, b':') => Ok(State::TrailerValue),
        (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
        (State::TrailerValue, byte) if is_text(byte) => Ok(State::TrailerValue),
        (State::TrailerLf, b'\n') => Ok(State::LineStart),
        (State::LineStart | State::TrailerValue, b'\n') | (State::TrailerLf, _) => Err(InvalidResponse::ChunkSyntax),
        (State::TrailerValue, _) => Err(InvalidResponse::HeaderValue),
        _ => Err(InvalidResponse::HeaderName),
    }
}

/// A byte that may stand in an extension or in the value of a trailer.
const fn is_text(byte: u8) -> bool {
    !byte.is_ascii_control() || byte == b'\t'
}

/// A byte that may stand in the name of a trailer.
const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
