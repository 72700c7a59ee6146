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
    outer: Layer,
    /// Those that were applied before it, the last of them first.
    inner: Vec<InnerLayer>,
    bounds: Bounds,
    failed: Option<Error>,
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
            let Some(coding) = Coding::named(name) else { return Ok(None) };
            if layers.len() == CODINGS_MAX {
                return Err(Error::ContentCoding);
            }
            layers.push(Layer::new(coding));
        }
        let Some(outer) = layers.pop() else { return Ok(None) };
        let inner = layers.into_iter().rev().map(InnerLayer::new).collect();
        Ok(Some(Self { outer, inner, bounds: Bounds::new(limits), failed: None }))
    }

    /// Lets the decoded body be of any length, for those who do not keep it; it still may not grow by more than
    /// [`HttpLimits::decoded_ratio`].
    #[must_use]
    pub const fn unbounded(mut self) -> Self {
        self.bounds.bytes = u64::MAX;
        self
    }

    /// Decodes `input` wholly, and appends what comes of it to `out`.
    ///
    /// # Errors
    /// [`Error::ContentCoding`], [`Error::DecodedTooLarge`] or [`Error::DecodedTooMuch`]; it stays at that.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut rest = input;
        while self.feed_some(&mut rest, out)? {}
        Ok(())
    }

    /// As [`feed`](Self::feed), but appends no more than there is room for in `out`, or 32 KiB and more if there is none:
    /// for those who hand on what is decoded piece by piece. Moves `input` past what was taken; `false` when it is used
    /// up and nothing more comes of it.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn feed_some(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let made_before = self.inner.last().map_or(&self.outer, |inner| &inner.layer).made;
        self.bounds.make_room(out, made_before);
        let mut source = Source { layer: &mut self.outer, input, bounds: &mut self.bounds };
        let read = read(&mut self.inner, &mut source, out);
        self.failed = read.err();
        read.map(|made| made > 0)
    }

    /// The end of the input, after which nothing may be fed.
    ///
    /// # Errors
    /// As [`feed`](Self::feed); [`Error::ContentCoding`] also when the coding's own end has not come.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.feed(&[], out)?;
        let is_whole = self.outer.coding.is_whole() && self.inner.iter().all(|inner| inner.layer.coding.is_whole());
        if is_whole { Ok(()) } else { Err(Error::ContentCoding) }
    }
}

impl fmt::Debug for BodyDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDecoder").field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// Whether this is the name of a coding that leaves bytes other than they were; a list may have empty places.
fn changes_bytes(name: &[u8]) -> bool {
    !name.is_empty() && !name.eq_ignore_ascii_case(b"identity")
}

/// Appends what comes next of `source` after all `layers`, as much as there is room for in `out`. Nothing came: the input
/// is used up.
fn read(layers: &mut [InnerLayer], source: &mut Source<'_, '_>, out: &mut Vec<u8>) -> Result<usize, Error> {
    let Some((last, before)) = layers.split_last_mut() else {
        return source.read(out);
    };
    loop {
        if last.taken == last.inbox.len() {
            last.taken = 0;
            last.inbox.clear();
            read(before, source, &mut last.inbox)?;
        }
        let step = last.layer.step(&last.inbox[last.taken..], out)?;
        last.taken += step.taken;
        source.bounds.check(last.layer.made)?;
        if step.made > 0 || last.inbox.is_empty() {
            return Ok(step.made);
        }
    }
}

/// Where all layers read from: the body as it came, less the outer coding.
struct Source<'a, 'input> {
    layer: &'a mut Layer,
    input: &'a mut &'input [u8],
    bounds: &'a mut Bounds,
}

impl Source<'_, '_> {
    fn read(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        loop {
            let step = self.layer.step(self.input, out)?;
            *self.input = &self.input[step.taken..];
            self.bounds.taken += step.taken as u64;
            self.bounds.check(self.layer.made)?;
            if step.made > 0 || self.input.is_empty() {
                return Ok(step.made);
            }
        }
    }
}

/// A layer that reads what the one before it has made.
struct InnerLayer {
    layer: Layer,
    inbox: Vec<u8>,
    /// Bytes of the inbox that the layer has read.
    taken: usize,
}

impl InnerLayer {
    fn new(layer: Layer) -> Self {
        Self { layer, inbox: Vec::with_capacity(ROOM_BYTES), taken: 0 }
    }
}

/// One coding, and what has come of it.
struct Layer {
    coding: Coding,
    made: u64,
    /// Whether the coding may hold back some of what it has made.
    has_more: bool,
}

impl Layer {
    const fn new(coding: Coding) -> Self {
        Self { coding, made: 0, has_more: false }
    }

    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step, Error> {
        if input.is_empty() && !self.has_more {
            return Ok(Step::default());
        }
        let step = self.coding.step(input, out)?;
        if step.taken == 0 && step.made == 0 && !input.is_empty() {
            return Err(Error::ContentCoding);
        }
        self.has_more = step.has_more;
        self.made += step.made as u64;
        Ok(step)
    }
}

/// What a coding did when it was given input and room.
#[derive(Clone, Copy, Default)]
struct Step {
    taken: usize,
    made: usize,
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
    fn named(name: &[u8]) -> Option<Self> {
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
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step, Error> {
        match self {
            Self::Brotli(brotli) => brotli.step(input, out),
            Self::Deflate(deflate) => deflate.step(input, out),
            Self::Gzip(gzip) => gzip.step(input, out),
            Self::Zstd(zstd) => zstd.step(input, out),
        }
    }

    /// Whether the input may end here.
    const fn is_whole(&self) -> bool {
        match self {
            Self::Brotli(brotli) => brotli.is_whole(),
            Self::Deflate(deflate) => deflate.is_whole(),
            Self::Gzip(gzip) => gzip.is_whole(),
            Self::Zstd(zstd) => zstd.is_whole(),
        }
    }
}

/// How much may come of a body. Every layer keeps to it: what is little in the end may have been much in between.
struct Bounds {
    bytes: u64,
    ratio: u64,
    /// Bytes of the body as it came that were decoded.
    taken: u64,
}

impl Bounds {
    fn new(limits: &HttpLimits) -> Self {
        Self { bytes: limits.decoded_bytes as u64, ratio: limits.decoded_ratio.into(), taken: 0 }
    }

    fn check(&self, made: u64) -> Result<(), Error> {
        if made > self.bytes {
            return Err(Error::DecodedTooLarge);
        }
        if made > UNSUSPICIOUS_BYTES && made > self.taken.saturating_mul(self.ratio) {
            return Err(Error::DecodedTooMuch);
        }
        Ok(())
    }

    /// Lets a full `out` grow as vectors do, but not beyond the limit and the one byte that shows that it is exceeded.
    fn make_room(&self, out: &mut Vec<u8>, made: u64) {
        if out.len() == out.capacity() {
            let left = usize::try_from(self.bytes.saturating_sub(made)).unwrap_or(usize::MAX);
            out.reserve_exact(out.len().max(ROOM_BYTES).min(left.saturating_add(1)));
        }
    }
}

/// As many as urllib3 undoes.
const CODINGS_MAX: usize = 5;
/// What a decoder appends at a time, while `out` is small.
const ROOM_BYTES: usize = 32 << 10;
/// Up to here a body may grow by any ratio: a page of blanks is no attack.
const UNSUSPICIOUS_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests;
