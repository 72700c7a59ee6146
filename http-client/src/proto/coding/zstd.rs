//! Zstandard (RFC 8878), with the window that RFC 9659 allows on the web: 8 MiB.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::DecodeStep;
use crate::Error;

/// Frames one after another, skippable ones among them. What is no frame is an error, wherever it stands.
pub(super) struct Zstd {
    context: DCtx<'static>,
    is_in_frame: bool,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut context = DCtx::create();
        let narrowed = context.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG));
        debug_assert!(narrowed.is_ok(), "a constant in the allowed range");
        Self { context, is_in_frame: false }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        let start = out.len();
        let mut unread = InBuffer::around(input);
        let hint = self.context.decompress_stream(&mut OutBuffer::around_pos(out, start), &mut unread);
        self.is_in_frame = hint.map_err(|_| Error::InvalidContentCoding)? != FRAME_COMPLETE;
        // Behind a frame nothing is held back, and to ask would begin another.
        let has_more = self.is_in_frame && out.len() == out.capacity();
        Ok(DecodeStep { consumed: unread.pos(), produced: out.len() - start, has_more })
    }

    pub(super) const fn is_complete(&self) -> bool {
        !self.is_in_frame
    }
}

/// log2 of the largest window.
const MAX_WINDOW_LOG: u32 = 23;
/// What the library returns when a frame is over and all of it was written.
const FRAME_COMPLETE: usize = 0;
