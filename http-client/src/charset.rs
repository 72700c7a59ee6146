//! stub
use std::borrow::Cow;
pub(crate) fn text<'a>(_: Option<&str>, body: &'a [u8]) -> Cow<'a, str> {
    String::from_utf8_lossy(body)
}
