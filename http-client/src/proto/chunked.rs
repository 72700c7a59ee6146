//! The chunked coding (RFC 9112 §7.1) as a machine over bytes: it says how many bytes are framing and how many are data.
//!
//! Line ends are CRLF and nothing else, because two parsers that disagree about a bare LF are how requests get smuggled.
//! Extensions and trailers are read over, and counted: they are the parts a target could make endless.

use crate::{Error, InvalidResponse};

/// Where in the coding the next byte stands.
#[derive(Clone, Copy, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// The size being read, then the bytes of the chunk still to come.
    remaining: u64,
    overhead: usize,
    overhead_limit: usize,
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
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

impl ChunkedDecoder {
    /// A decoder at the start of a body, which refuses more than this many bytes of extensions and trailers.
    pub const fn new(overhead_limit: usize) -> Self {
        Self { state: State::SizeStart, remaining: 0, overhead: 0, overhead_limit }
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
            (State::Size | State::SizePadding, b';') => self.count(State::Extension)?,
            (State::Size | State::SizePadding, b' ' | b'\t') => self.count(State::SizePadding)?,
            (State::Size | State::SizePadding, _) => return Err(InvalidResponse::ChunkSize.into()),
            (State::SizeLf, b'\n') if self.remaining == 0 => State::LineStart,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::LineStart, b'\r') => State::EndLf,
            (State::EndLf, b'\n') => State::End,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::LineStart,
            (State::Extension, byte) if is_text(byte) => self.count(State::Extension)?,
            (State::LineStart | State::Trailer, byte) if is_text(byte) => self.count(State::Trailer)?,
            _ => return Err(InvalidResponse::ChunkSyntax.into()),
        };
        Ok(())
    }

    fn add_digit(&mut self, byte: u8) -> Result<State, Error> {
        let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
        let size = self.remaining.checked_mul(16).ok_or(InvalidResponse::ChunkSize)?;
        // Leading zeros would otherwise make a size line without end.
        if self.state == State::Size && size == 0 {
            self.count(State::Size)?;
        }
        self.remaining = size | digit;
        Ok(State::Size)
    }

    fn count(&mut self, next: State) -> Result<State, Error> {
        self.overhead += 1;
        if self.overhead > self.overhead_limit {
            return Err(Error::ChunkExtensionsTooLarge);
        }
        Ok(next)
    }
}

/// A byte that may stand in an extension or a trailer line.
const fn is_text(byte: u8) -> bool {
    !byte.is_ascii_control() || byte == b'\t'
}
