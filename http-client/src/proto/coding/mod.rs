//! [`BodyDecoder`], an incremental decoder of content codings (RFC 9110 §8.4).
//!
//! - `inflate`: gzip and deflate, with zlib-rs;
//! - `brotli` and `zstd`, each with the library of that name.
//!
//! A coding writes only into the spare capacity of the output vector. The decoder reserves that capacity, so it
//! controls the memory of a body, and counts the output of a decompression bomb before more is produced. This module
//! does not know responses. `session/hop.rs` decodes their bodies.

use std::fmt;

use crate::{Error, HttpLimits};

mod brotli;
mod inflate;
mod zstd;

use brotli::Brotli;
use inflate::{Deflate, Gzip};
use zstd::Zstd;

/// The supported codings, as the value of `Accept-Encoding`.
pub(crate) const ACCEPT_ENCODING: &str = "gzip, deflate, br, zstd";

/// A decoder of the content codings of one body.
///
/// It accepts the same input as browsers and urllib3: several gzip members and several zstd frames in sequence,
/// deflate with and without the zlib wrapper. Bytes after the end of gzip, deflate or brotli are ignored. An empty body
/// is complete, because responses to HEAD and those with status 204 or 304 may have a coding but no body.
///
/// In addition to the output, the decoder holds one window per coding: 32 KiB for gzip and deflate, at most 8 MiB
/// for zstd (a larger one is an error, RFC 9659), and for brotli the length of the decoded body, at most 16 MiB.
///
/// [`HttpLimits::max_decoded_bytes`] limits the output, and [`HttpLimits::max_decoded_ratio`] its ratio to the input.
///
/// # Examples
///
/// ```
/// use gregaria_http::proto::BodyDecoder;
/// use gregaria_http::{Error, HttpLimits};
///
/// let body = b"\x0b\x02\x80hello\x03";
/// let mut decoder = BodyDecoder::for_codings(b"br", &HttpLimits::default())?.expect("brotli is supported");
/// let mut out = Vec::new();
/// decoder.decode(body, &mut out)?;
/// decoder.finish(&mut out)?;
/// assert_eq!(out, b"hello");
///
/// let limits = HttpLimits { max_decoded_bytes: 4, ..HttpLimits::default() };
/// let mut decoder = BodyDecoder::for_codings(b"br", &limits)?.expect("brotli is supported");
/// assert_eq!(decoder.decode(body, &mut Vec::new()), Err(Error::DecodedTooLarge));
/// # Ok::<(), Error>(())
/// ```
pub struct BodyDecoder {
    /// The coding that the sender applied last.
    outer: CodingLayer,
    /// The other codings, in the order of decoding.
    inner: Vec<InnerLayer>,
    limits: DecodeLimits,
    error: Option<Error>,
}

impl BodyDecoder {
    /// Creates a decoder for the values of `Content-Encoding`, joined by commas. Names match in any case.
    ///
    /// Returns `None` if no coding except `identity` is named. Also returns `None` if a coding is unknown, so that
    /// the body stays encoded, as in Python's requests.
    ///
    /// # Errors
    /// [`Error::InvalidContentCoding`] for more than five codings, the limit of urllib3.
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

    /// Removes the limit [`HttpLimits::max_decoded_bytes`], for a caller that does not keep the body.
    /// [`HttpLimits::max_decoded_ratio`] still applies.
    #[must_use]
    pub const fn without_size_limit(mut self) -> Self {
        self.limits.max_bytes = u64::MAX;
        self
    }

    /// Decodes all of `input` and appends the output to `out`.
    ///
    /// # Errors
    /// [`Error::InvalidContentCoding`], [`Error::DecodedTooLarge`] or [`Error::DecodedRatioExceeded`]. Later calls
    /// return the same error.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut remaining = input;
        while self.decode_some(&mut remaining, out)? {}
        Ok(())
    }

    /// Decodes a part of `input` into the spare capacity of `out`, for a caller that processes the body in chunks.
    ///
    /// If `out` is full, first reserves as much again, at least 32 KiB. Advances `input` past the consumed bytes.
    /// Returns `false` once `input` is consumed and has no more output.
    ///
    /// # Errors
    /// The errors of [`decode`](Self::decode).
    pub fn decode_some(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let produced = self.inner.last().map_or(&self.outer, |inner| &inner.layer).produced;
        self.limits.reserve_output(out, produced);
        let mut source = OuterReader { layer: &mut self.outer, input, limits: &mut self.limits };
        let read = read_layers(&mut self.inner, &mut source, out);
        self.error = read.err();
        read.map(|produced| produced > 0)
    }

    /// Handles the end of the input and appends the remaining output. The decoder must not be used afterwards.
    ///
    /// # Errors
    /// The errors of [`decode`](Self::decode), and [`Error::InvalidContentCoding`] if the body is truncated.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.decode(&[], out)?;
        let is_complete =
            self.outer.coding.is_complete() && self.inner.iter().all(|inner| inner.layer.coding.is_complete());
        if is_complete { Ok(()) } else { Err(Error::InvalidContentCoding) }
    }
}

impl fmt::Debug for BodyDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDecoder").field("error", &self.error).finish_non_exhaustive()
    }
}

/// Returns `true` for the name of a coding other than `identity`. A list may have empty items (RFC 9110 §5.6.1).
fn changes_bytes(name: &[u8]) -> bool {
    !name.is_empty() && !name.eq_ignore_ascii_case(b"identity")
}

/// Decodes `source` through all `layers` into the spare capacity of `out`. Returns the number of bytes appended,
/// which is 0 once the input is consumed.
fn read_layers(layers: &mut [InnerLayer], source: &mut OuterReader<'_, '_>, out: &mut Vec<u8>) -> Result<usize, Error> {
    let Some((last, others)) = layers.split_last_mut() else {
        return source.read(out);
    };
    loop {
        if last.consumed == last.input.len() {
            last.consumed = 0;
            last.input.clear();
            read_layers(others, source, &mut last.input)?;
        }
        let step = last.layer.step(&last.input[last.consumed..], out)?;
        last.consumed += step.consumed;
        source.limits.check(last.layer.produced)?;
        if step.produced > 0 || last.input.is_empty() {
            return Ok(step.produced);
        }
    }
}

/// The source of the inner layers: the received body without its outer coding.
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

/// A layer that decodes the output of the previous layer.
struct InnerLayer {
    layer: CodingLayer,
    /// Output of the previous layer.
    input: Vec<u8>,
    /// Number of bytes of `input` that the layer has consumed.
    consumed: usize,
}

impl InnerLayer {
    fn new(layer: CodingLayer) -> Self {
        Self { layer, input: Vec::with_capacity(OUTPUT_CHUNK_BYTES), consumed: 0 }
    }
}

/// A coding with the amount of its output.
struct CodingLayer {
    coding: Coding,
    /// Number of bytes that the coding has produced.
    produced: u64,
    /// Whether the coding may have more output without more input.
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

/// The result of one step of a coding.
#[derive(Clone, Copy, Default)]
struct DecodeStep {
    consumed: usize,
    produced: usize,
    /// Whether the consumed input may have more output, for which there was no space.
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
        let is_named = |coding: &str| name.eq_ignore_ascii_case(coding.as_bytes());
        if is_named("gzip") || is_named("x-gzip") {
            Some(Self::Gzip(Gzip::new()))
        } else if is_named("br") {
            Some(Self::Brotli(Brotli::new()))
        } else if is_named("deflate") {
            Some(Self::Deflate(Deflate::new()))
        } else if is_named("zstd") {
            Some(Self::Zstd(Zstd::new()))
        } else {
            None
        }
    }

    /// Decodes a part of `input` into the spare capacity of `out`, which is not empty. Does not reallocate `out`.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        match self {
            Self::Brotli(brotli) => brotli.step(input, out),
            Self::Deflate(deflate) => deflate.step(input, out),
            Self::Gzip(gzip) => gzip.step(input, out),
            Self::Zstd(zstd) => zstd.step(input, out),
        }
    }

    /// Returns `true` if the input may end here.
    const fn is_complete(&self) -> bool {
        match self {
            Self::Brotli(brotli) => brotli.is_complete(),
            Self::Deflate(deflate) => deflate.is_complete(),
            Self::Gzip(gzip) => gzip.is_complete(),
            Self::Zstd(zstd) => zstd.is_complete(),
        }
    }
}

/// The limits on the output of a body. They apply to each layer, because an intermediate result may be larger than
/// the final one.
struct DecodeLimits {
    max_bytes: u64,
    max_ratio: u64,
    /// Number of bytes of the received body that were decoded.
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

    /// Doubles the capacity of a full `out`, up to the limit plus one byte, which reveals that the limit is exceeded.
    fn reserve_output(&self, out: &mut Vec<u8>, produced: u64) {
        if out.len() == out.capacity() {
            let remaining = usize::try_from(self.max_bytes.saturating_sub(produced)).unwrap_or(usize::MAX);
            out.reserve_exact(out.len().max(OUTPUT_CHUNK_BYTES).min(remaining.saturating_add(1)));
        }
    }
}

/// Maximum number of codings, as in urllib3.
const MAX_CODINGS: usize = 5;
/// Minimum capacity that is reserved for output.
const OUTPUT_CHUNK_BYTES: usize = 32 << 10;
/// Maximum size of a decoded body with any ratio, because small bodies such as a page of blanks are no attack.
const MAX_RATIO_EXEMPT_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests;
