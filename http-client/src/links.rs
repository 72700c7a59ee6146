//! stub
#[allow(missing_docs)]
pub struct Link;
pub(crate) fn parse(_: &str) -> Vec<Link> {
    Vec::new()
}
