//! stub
use std::{
    io,
    task::{Context, Poll},
};
/// What gives a request's body piece by piece.
pub trait BodySource {
    /// All bytes there will be; None when that is not known: the body is then sent chunked.
    fn len_bytes(&self) -> Option<u64>;
    /// What kind of thing it is: a `Content-Type`, for requests that say none.
    fn content_type(&self) -> Option<&str> {
        None
    }
    /// Appends the next piece to `out` (some tens of KiB); Ok(false) when there is nothing more. Pending when a piece is still to come.
    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>>;
    /// Begins again, for a request that must be sent once more; false when that is not possible.
    fn rewind(&mut self) -> bool;
}
