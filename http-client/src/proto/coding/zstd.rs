//! Decoder of Zstandard (RFC 8878), with windows of at most 8 MiB, the limit of RFC 9659.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::DecodeStep;
use crate::Error;

/// A decoder of a sequence of frames, including skippable ones. Bytes that are not a frame are an error, also at the
/// end.
pub(super) struct Zstd {
    context: DCtx<'static>,
    is_in_frame: bool,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut context = DCtx::create();
        let result = context.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG));
        debug_assert!(result.is_ok(), "the constant is in the valid range");
        Self { context, is_in_frame: false }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<DecodeStep, Error> {
        let start = out.len();
        let mut unread = InBuffer::around(input);
        let hint = self.context.decompress_stream(&mut OutBuffer::around_pos(out, start), &mut unread);
        self.is_in_frame = hint.map_err(|_| Error::InvalidContentCoding)? != FRAME_COMPLETE;
        // A complete frame has no more output, and another call would begin a new frame.
        let has_more = self.is_in_frame && out.len() == out.capacity();
        Ok(DecodeStep { consumed: unread.pos(), produced: out.len() - start, has_more })
    }

    pub(super) const fn is_complete(&self) -> bool {
        !self.is_in_frame
    }
}

/// log2 of the largest window.
const MAX_WINDOW_LOG: u32 = 23;
/// Return value of the library when a frame is complete and all of its output was written.
const FRAME_COMPLETE: usize = 0;
