//! Bodies for hyper: the bodies of responses, and the length of a request body.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::HeaderMap;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

/// The body of a response.
pub(super) enum AnswerBody {
    Text(Option<Bytes>),
    /// Each received chunk is sent immediately.
    Echo(Incoming),
    WithTrailers {
        body: Option<Bytes>,
        trailers: Option<HeaderMap>,
    },
}

impl AnswerBody {
    pub(super) fn text(text: String) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = match &mut *self {
            Self::Echo(body) => return Pin::new(body).poll_frame(cx),
            Self::Text(text) => text.take().map(Frame::data),
            Self::WithTrailers { body, trailers } => {
                body.take().map(Frame::data).or_else(|| trailers.take().map(Frame::trailers))
            }
        };
        Poll::Ready(frame.map(Ok))
    }

    /// Returns an exact size for a response with `Content-Length`. Without an exact size hyper sends chunks.
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Self::Echo(body) => body.size_hint(),
            Self::WithTrailers { .. } => SizeHint::new(),
        }
    }
}

/// Reads a body to its end and returns the number of bytes.
pub(super) async fn body_length(mut body: Incoming) -> hyper::Result<usize> {
    let mut length = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        length += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(length)
}
