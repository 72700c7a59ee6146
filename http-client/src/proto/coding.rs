//! stub
use crate::{Error, HttpLimits};
#[allow(missing_docs)]
pub struct BodyDecoder;
#[allow(missing_docs)]
impl BodyDecoder {
    pub fn for_codings(_: &[u8], _: &HttpLimits) -> Result<Option<Self>, Error> {
        Ok(None)
    }
    pub fn feed(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }
    pub fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }
    pub fn unbounded(self) -> Self {
        self
    }
}
