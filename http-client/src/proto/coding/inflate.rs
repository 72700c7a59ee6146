//! Decoders of DEFLATE (RFC 1951) in its wrappers: [`Gzip`] (RFC 1952), and [`Deflate`], which HTTP defines as zlib
//! (RFC 1950) and some servers send without a wrapper.
//!
//! A new inflater costs one allocation of 47 KB and a third of a microsecond. Inflating a body of 10 KB takes a
//! hundred times as long, so inflaters are not reused for other bodies. `mod.rs` has the limits.

use flate2::{Decompress, FlushDecompress, Status};

use super::DecodeStep;
use crate::Error;

/// A gzip decoder for one or several members. Other bytes after a member are ignored, as in browsers and urllib3,
/// because some servers pad with zeros.
pub(super) struct Gzip {
    inflater: Decompress,
    state: GzipState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GzipState {
    Start,
    InMember,
    AfterMember,
    /// After the first of the two magic bytes.
    InMagic,
    Ended,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self { inflater: Decompress::new_gzip(WINDOW_BITS), state: GzipState::Start }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        let first = input.first().copied();
        match self.state {
            GzipState::Start | GzipState::InMember => self.inflate(input, out),
            GzipState::AfterMember if first == Some(GZIP_MAGIC[0]) => Ok(self.skip(GzipState::InMagic, 1)),
            GzipState::InMagic if first == Some(GZIP_MAGIC[1]) => {
                self.inflater = Decompress::new_gzip(WINDOW_BITS);
                inflate(&mut self.inflater, &GZIP_MAGIC, out)?;
                Ok(self.skip(GzipState::InMember, 1))
            }
            GzipState::AfterMember | GzipState::InMagic | GzipState::Ended => {
                Ok(self.skip(GzipState::Ended, input.len()))
            }
        }
    }

    fn inflate(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        let (step, is_ended) = inflate(&mut self.inflater, input, out)?;
        self.state = if is_ended { GzipState::AfterMember } else { GzipState::InMember };
        Ok(step)
    }

    /// Consumes bytes without output.
    const fn skip(&mut self, next: GzipState, consumed: usize) -> DecodeStep {
        self.state = next;
        DecodeStep { consumed, produced: 0, has_more: false }
    }

    pub(super) const fn is_complete(&self) -> bool {
        !matches!(self.state, GzipState::InMember)
    }
}

/// A deflate decoder, which detects the zlib header by its check bits. Bytes after the end are ignored.
pub(super) struct Deflate {
    /// `None` until the first two bytes show whether there is a header.
    inflater: Option<Decompress>,
    first_byte: Option<u8>,
    is_ended: bool,
}

impl Deflate {
    pub(super) const fn new() -> Self {
        Self { inflater: None, first_byte: None, is_ended: false }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        if self.is_ended {
            return Ok(DecodeStep { consumed: input.len(), ..DecodeStep::default() });
        }
        if self.inflater.is_none() {
            let Some(inflater) = self.create_inflater(input, out)? else {
                return Ok(DecodeStep { consumed: 1, ..DecodeStep::default() });
            };
            self.inflater = Some(inflater);
        }
        let Some(inflater) = &mut self.inflater else { return Ok(DecodeStep::default()) };
        let (step, is_ended) = inflate(inflater, input, out)?;
        self.is_ended = is_ended;
        Ok(step)
    }

    /// Stores the first byte and returns `None`. With the second byte, which is not consumed, returns an inflater
    /// that has read the first.
    fn create_inflater(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<Decompress>, Error> {
        let (Some(first), Some(second)) = (self.first_byte, input.first()) else {
            self.first_byte = input.first().copied();
            return Ok(None);
        };
        let mut inflater = Decompress::new(is_zlib([first, *second]));
        // One byte gives no output, because the shortest block has ten bits.
        inflate(&mut inflater, &[first], out)?;
        Ok(Some(inflater))
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.is_ended || self.first_byte.is_none()
    }
}

/// Returns `true` for a zlib header: method 8, a valid window size, and divisible by 31 (RFC 1950 §2.2).
const fn is_zlib(header: [u8; 2]) -> bool {
    header[0] & 0x0f == 8 && header[0] >> 4 <= 7 && u16::from_be_bytes(header).is_multiple_of(31)
}

/// Performs one step. Also returns whether the stream has ended.
fn inflate(inflater: &mut Decompress, input: &[u8], out: &mut Vec<u8>) -> Result<(DecodeStep, bool), Error> {
    let (total_in_before, len_before) = (inflater.total_in(), out.len());
    let status = inflater.decompress_vec(input, out, FlushDecompress::None).map_err(|_| Error::InvalidContentCoding)?;
    let is_ended = status == Status::StreamEnd;
    let consumed = (inflater.total_in() - total_in_before) as usize;
    let has_more = !is_ended && out.len() == out.capacity();
    Ok((DecodeStep { consumed, produced: out.len() - len_before, has_more }, is_ended))
}

/// log2 of the largest window, 32 KiB, which every sender may use.
const WINDOW_BITS: u8 = 15;
/// First bytes of a gzip member.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
