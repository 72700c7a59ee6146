//! stub
use crate::Origin;
#[derive(Clone, Debug, PartialEq, Default)]
#[allow(missing_docs)]
pub struct Proxies(Option<Proxy>);
#[allow(missing_docs)]
impl Proxies {
    pub fn proxy_for(&self, _: &Origin) -> Option<&Proxy> {
        self.0.as_ref()
    }
}
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Proxy {
    origin: Origin,
    authorization: Option<String>,
}
#[allow(missing_docs)]
impl Proxy {
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}
