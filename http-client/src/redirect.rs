//! stub
use crate::{Error, Method};
#[allow(missing_docs)]
pub struct Redirect {
    pub method: Method,
    pub url: String,
    pub keeps_body: bool,
    pub same_origin: bool,
}
#[allow(missing_docs)]
pub fn follow(method: Method, status: u16, location: &[u8], from_url: &str) -> Result<Option<Redirect>, Error> {
    let base = url::Url::parse(from_url).map_err(|_| Error::InvalidRedirect)?;
    let url = base.join(std::str::from_utf8(location).unwrap()).map_err(|_| Error::InvalidRedirect)?;
    let _ = status;
    Ok(Some(Redirect { method, same_origin: url.origin() == base.origin(), url: url.into(), keeps_body: true }))
}
