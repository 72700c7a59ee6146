//! Content codings (RFC 9110 §8.4) undone piece by piece: [`BodyDecoder`].
//!
//! - `inflate`: gzip and deflate, by zlib-rs;
//! - `brotli` and `zstd`, each by the library of that name.
//!
//! A coding writes only where there is room in the vector that it is given. So the decoder decides how much memory a body
//! may take, and a bomb goes off in pieces that are counted.

use std::fmt;

use crate::{Error, HttpLimits};

mod brotli;
mod inflate;
mod zstd;

use brotli::Brotli;
use inflate::{Deflate, Gzip};
use zstd::Zstd;

/// The codings that can be undone, as a request's `Accept-Encoding` lists them.
pub const ACCEPT_ENCODING: &str = "gzip, deflate, br, zstd";

/// Undoes the content codings of one body.
///
/// What it reads is what browsers and urllib3 read: several gzip members and several zstd frames in a row, deflate with
/// and without the wrapper of zlib. What follows the end of gzip, deflate or brotli is ignored. A body of no bytes at all
/// is whole, as the responses to HEAD and those with status 204 or 304 have it.
///
/// Beside what it appends, it holds one window for each coding: 32 KiB for gzip and deflate, at most 8 MiB for zstd (more
/// is an error, as RFC 9659 says), and for brotli as much as the body is long, at most 16 MiB.
pub struct BodyDecoder {
    /// The coding that was applied last.
    outer: CodingLayer,
    /// Those that were applied before it, the last of them first.
    inner: Vec<InnerLayer>,
    limits: DecodeLimits,
    error: Option<Error>,
}

impl BodyDecoder {
    /// A decoder for the values of `Content-Encoding`, which are joined by commas; names are read in any case.
    ///
    /// `None` when there is nothing to undo: no coding is named, or only `identity`. `None` also when one of them is
    /// unknown: the body is then left as it is, as requests leaves it.
    ///
    /// # Errors
    /// [`Error::ContentCoding`] for more than five codings, which nobody applies in earnest.
    pub fn for_codings(value: &[u8], limits: &HttpLimits) -> Result<Option<Self>, Error> {
        let mut layers = Vec::new();
        for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| changes_bytes(name)) {
            let Some(coding) = Coding::from_name(name) else { return Ok(None) };
            if layers.len() == MAX_CODINGS {
                return Err(Error::InvalidContentCoding);
            }
            layers.push(CodingLayer::new(coding));
        }
        let Some(outer) = layers.pop() else { return Ok(None) };
        let inner = layers.into_iter().rev().map(InnerLayer::new).collect();
        Ok(Some(Self { outer, inner, limits: DecodeLimits::new(limits), error: None }))
    }

    /// Lets the decoded body be of any length, for those who do not keep it; it still may not grow by more than
    /// [`HttpLimits::decoded_ratio`].
    #[must_use]
    pub const fn without_size_limit(mut self) -> Self {
        self.limits.max_bytes = u64::MAX;
        self
    }

    /// Decodes `input` wholly, and appends what comes of it to `out`.
    ///
    /// # Errors
    /// [`Error::ContentCoding`], [`Error::DecodedTooLarge`] or [`Error::DecodedTooMuch`]; it stays at that.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut rest = input;
        while self.decode_some(&mut rest, out)? {}
        Ok(())
    }

    /// As [`feed`](Self::feed), but appends no more than there is room for in `out`, or 32 KiB and more if there is none:
    /// for those who hand on what is decoded piece by piece. Moves `input` past what was taken; `false` when it is used
    /// up and nothing more comes of it.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn decode_some(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let made_before = self.inner.last().map_or(&self.outer, |inner| &inner.layer).produced;
        self.limits.reserve_output(out, made_before);
        let mut source = OuterReader { layer: &mut self.outer, input, limits: &mut self.limits };
        let read = read_layers(&mut self.inner, &mut source, out);
        self.error = read.err();
        read.map(|made| made > 0)
    }

    /// The end of the input, after which nothing may be fed.
    ///
    /// # Errors
    /// As [`feed`](Self::feed); [`Error::ContentCoding`] also when the coding's own end has not come.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.decode(&[], out)?;
        let is_complete =
            self.outer.coding.is_complete() && self.inner.iter().all(|inner| inner.layer.coding.is_complete());
        if is_complete { Ok(()) } else { Err(Error::InvalidContentCoding) }
    }
}

impl fmt::Debug for BodyDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDecoder").field("failed", &self.error).finish_non_exhaustive()
    }
}

/// Whether this is the name of a coding that leaves bytes other than they were; a list may have empty places.
fn changes_bytes(name: &[u8]) -> bool {
    !name.is_empty() && !name.eq_ignore_ascii_case(b"identity")
}

/// Appends what comes next of `source` after all `layers`, as much as there is room for in `out`. Nothing came: the input
/// is used up.
fn read_layers(layers: &mut [InnerLayer], source: &mut OuterReader<'_, '_>, out: &mut Vec<u8>) -> Result<usize, Error> {
    let Some((last, before)) = layers.split_last_mut() else {
        return source.read(out);
    };
    loop {
        if last.consumed == last.input.len() {
            last.consumed = 0;
            last.input.clear();
            read_layers(before, source, &mut last.input)?;
        }
        let step = last.layer.step(&last.input[last.consumed..], out)?;
        last.consumed += step.consumed;
        source.limits.check(last.layer.produced)?;
        if step.produced > 0 || last.input.is_empty() {
            return Ok(step.produced);
        }
    }
}

/// Where all layers read from: the body as it came, less the outer coding.
struct OuterReader<'a, 'input> {
    layer: &'a mut CodingLayer,
    input: &'a mut &'input [u8],
    limits: &'a mut DecodeLimits,
}

impl OuterReader<'_, '_> {
    fn read(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        loop {
            let step = self.layer.step(self.input, out)?;
            *self.input = &self.input[step.consumed..];
            self.limits.consumed += step.consumed as u64;
            self.limits.check(self.layer.produced)?;
            if step.produced > 0 || self.input.is_empty() {
                return Ok(step.produced);
            }
        }
    }
}

/// A layer that reads what the one before it has made.
struct InnerLayer {
    layer: CodingLayer,
    input: Vec<u8>,
    /// Bytes of the inbox that the layer has read.
    consumed: usize,
}

impl InnerLayer {
    fn new(layer: CodingLayer) -> Self {
        Self { layer, input: Vec::with_capacity(OUTPUT_CHUNK_BYTES), consumed: 0 }
    }
}

/// One coding, and what has come of it.
struct CodingLayer {
    coding: Coding,
    produced: u64,
    /// Whether the coding may hold back some of what it has made.
    has_more: bool,
}

impl CodingLayer {
    const fn new(coding: Coding) -> Self {
        Self { coding, produced: 0, has_more: false }
    }

    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        if input.is_empty() && !self.has_more {
            return Ok(DecodeStep::default());
        }
        let step = self.coding.step(input, out)?;
        if step.consumed == 0 && step.produced == 0 && !input.is_empty() {
            return Err(Error::InvalidContentCoding);
        }
        self.has_more = step.has_more;
        self.produced += step.produced as u64;
        Ok(step)
    }
}

/// What a coding did when it was given input and room.
#[derive(Clone, Copy, Default)]
struct DecodeStep {
    consumed: usize,
    produced: usize,
    /// Whether more may come of what was taken, when there is room for it.
    has_more: bool,
}

enum Coding {
    Brotli(Brotli),
    Deflate(Deflate),
    Gzip(Gzip),
    Zstd(Zstd),
}

impl Coding {
    fn from_name(name: &[u8]) -> Option<Self> {
        let is = |own: &str| name.eq_ignore_ascii_case(own.as_bytes());
        if is("gzip") || is("x-gzip") {
            Some(Self::Gzip(Gzip::new()))
        } else if is("br") {
            Some(Self::Brotli(Brotli::new()))
        } else if is("deflate") {
            Some(Self::Deflate(Deflate::new()))
        } else if is("zstd") {
            Some(Self::Zstd(Zstd::new()))
        } else {
            None
        }
    }

    /// Takes from `input` and appends to `out`, which has some room and keeps its place in memory.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        match self {
            Self::Brotli(brotli) => brotli.step(input, out),
            Self::Deflate(deflate) => deflate.step(input, out),
            Self::Gzip(gzip) => gzip.step(input, out),
            Self::Zstd(zstd) => zstd.step(input, out),
        }
    }

    /// Whether the input may end here.
    const fn is_complete(&self) -> bool {
        match self {
            Self::Brotli(brotli) => brotli.is_complete(),
            Self::Deflate(deflate) => deflate.is_complete(),
            Self::Gzip(gzip) => gzip.is_complete(),
            Self::Zstd(zstd) => zstd.is_complete(),
        }
    }
}

/// How much may come of a body. Every layer keeps to it: what is little in the end may have been much in between.
struct DecodeLimits {
    max_bytes: u64,
    max_ratio: u64,
    /// Bytes of the body as it came that were decoded.
    consumed: u64,
}

impl DecodeLimits {
    fn new(limits: &HttpLimits) -> Self {
        Self { max_bytes: limits.max_decoded_bytes as u64, max_ratio: limits.max_decoded_ratio.into(), consumed: 0 }
    }

    fn check(&self, produced: u64) -> Result<(), Error> {
        if produced > self.max_bytes {
            return Err(Error::DecodedTooLarge);
        }
        if produced > MAX_RATIO_EXEMPT_BYTES && produced > self.consumed.saturating_mul(self.max_ratio) {
            return Err(Error::DecodedRatioExceeded);
        }
        Ok(())
    }

    /// Lets a full `out` grow as vectors do, but not beyond the limit and the one byte that shows that it is exceeded.
    fn reserve_output(&self, out: &mut Vec<u8>, produced: u64) {
        if out.len() == out.capacity() {
            let left = usize::try_from(self.max_bytes.saturating_sub(produced)).unwrap_or(usize::MAX);
            out.reserve_exact(out.len().max(OUTPUT_CHUNK_BYTES).min(left.saturating_add(1)));
        }
    }
}

/// As many as urllib3 undoes.
const MAX_CODINGS: usize = 5;
/// What a decoder appends at a time, while `out` is small.
const OUTPUT_CHUNK_BYTES: usize = 32 << 10;
/// Up to here a body may grow by any ratio: a page of blanks is no attack.
const MAX_RATIO_EXEMPT_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests;
