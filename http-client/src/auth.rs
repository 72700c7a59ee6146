//! stub
use std::borrow::Cow;
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Auth {
    line: String,
}
#[allow(missing_docs)]
impl Auth {
    pub fn line(&self) -> Option<&str> {
        Some(&self.line)
    }
    pub fn is_digest(&self) -> bool {
        false
    }
}
#[derive(Default)]
pub(crate) struct DigestState;
impl DigestState {
    pub(crate) fn answer(&mut self, _: &[u8]) -> bool {
        false
    }
    pub(crate) fn authorization(&mut self, _: &Auth, _: crate::Method, _: &str, _: u64) -> Option<String> {
        None
    }
}
#[allow(missing_docs)]
pub fn split_credentials(url: &str) -> (Cow<'_, str>, Option<Auth>) {
    (Cow::Borrowed(url), None)
}
#[allow(missing_docs)]
impl Auth {
    pub fn basic(_: &str, _: &str) -> Self {
        Self { line: "x".into() }
    }
    pub fn digest(_: &str, _: &str) -> Self {
        Self { line: "x".into() }
    }
}
