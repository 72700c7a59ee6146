//! DEFLATE (RFC 1951) in its wrappers: gzip (RFC 1952), and what HTTP calls deflate, with the wrapper of zlib (RFC 1950) or
//! without.
//!
//! A new inflater costs one allocation of 47 KB and a third of a microsecond, a hundredth of what it takes to inflate a
//! body of 10 KB; so none is kept from one body to the next.

use flate2::{Decompress, FlushDecompress, Status};

use super::DecodeStep;
use crate::Error;

/// gzip: one member, or several in a row. Anything else behind a member is ignored, as browsers and urllib3 ignore it:
/// some servers pad with zeros.
pub(super) struct Gzip {
    inflater: Decompress,
    state: GzipState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GzipState {
    Start,
    InMember,
    AfterMember,
    /// Behind the first of the two bytes that a member begins with.
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
        let (step, is_over) = inflate(&mut self.inflater, input, out)?;
        self.state = if is_over { GzipState::AfterMember } else { GzipState::InMember };
        Ok(step)
    }

    /// Moves over bytes that are no data.
    const fn skip(&mut self, next: GzipState, consumed: usize) -> DecodeStep {
        self.state = next;
        DecodeStep { consumed, produced: 0, has_more: false }
    }

    pub(super) const fn is_complete(&self) -> bool {
        !matches!(self.state, GzipState::InMember)
    }
}

/// deflate: zlib's header is recognised by its check bits. What follows the end is ignored.
pub(super) struct Deflate {
    /// Not before it is known whether there is a header.
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
        let (step, is_over) = inflate(inflater, input, out)?;
        self.is_ended = is_over;
        Ok(step)
    }

    /// Nothing for the first byte, which is kept; an inflater behind that byte for the second, which is not taken.
    fn create_inflater(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<Decompress>, Error> {
        let (Some(first), Some(second)) = (self.first_byte, input.first()) else {
            self.first_byte = input.first().copied();
            return Ok(None);
        };
        let mut inflater = Decompress::new(is_zlib([first, *second]));
        // Nothing comes of one byte: the shortest block has ten bits.
        inflate(&mut inflater, &[first], out)?;
        Ok(Some(inflater))
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.is_ended || self.first_byte.is_none()
    }
}

/// Whether these are the two bytes that zlib begins with: method 8, a window that there is, and divisible by 31.
const fn is_zlib(header: [u8; 2]) -> bool {
    header[0] & 0x0f == 8 && header[0] >> 4 <= 7 && u16::from_be_bytes(header).is_multiple_of(31)
}

/// One step, and whether it came to the end.
fn inflate(inflater: &mut Decompress, input: &[u8], out: &mut Vec<u8>) -> Result<(DecodeStep, bool), Error> {
    let (taken_before, made_before) = (inflater.total_in(), out.len());
    let status = inflater.decompress_vec(input, out, FlushDecompress::None).map_err(|_| Error::InvalidContentCoding)?;
    let is_over = status == Status::StreamEnd;
    let consumed = (inflater.total_in() - taken_before) as usize;
    let has_more = !is_over && out.len() == out.capacity();
    Ok((DecodeStep { consumed, produced: out.len() - made_before, has_more }, is_over))
}

/// The largest window there is, which every sender may use.
const WINDOW_BITS: u8 = 15;
/// What a gzip member begins with.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
