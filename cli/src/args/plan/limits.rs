//! The limits of responses that `--limit` can set: one table of names, errors, units and maxima.
//!
//! The defaults are in `http-client/src/limits.rs`.

use std::borrow::Cow;

use gregaria_http::{Error, HttpLimits};

use super::values;
use crate::{args::cli::arg_value::ArgValue, exit::CliError};

/// A value of `--limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResponseLimit {
    /// A name of the table.
    name: &'static str,
    value: u64,
}

impl ResponseLimit {
    /// Parses `NAME=VALUE`.
    ///
    /// # Errors
    /// No `=`, an unknown name, or an invalid value.
    pub(super) fn parse(arg: &ArgValue) -> Result<Self, CliError> {
        let error = |what: &str| values::invalid_value("--limit", arg, what);
        let names = || LIMIT_FIELDS.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        let Some((name, value)) = arg.text.split_once('=') else {
            return Err(error(&format!("takes NAME=VALUE; the names are {}", names())));
        };
        let Some(field) = LIMIT_FIELDS.iter().find(|field| field.name == name.trim()) else {
            return Err(error(&format!("there is no such limit; the names are {}", names())));
        };
        let value = field.unit.parse(value.trim()).ok_or_else(|| error(&field.unit.expects()))?;
        Ok(Self { name: field.name, value })
    }

    /// Sets the limit in `limits`.
    pub(crate) fn apply_to(self, limits: &mut HttpLimits) {
        if let Some(field) = LIMIT_FIELDS.iter().find(|field| field.name == self.name) {
            (field.set)(limits, self.value);
        }
    }
}

/// Adds the flag to the text of an error that a limit caused. Any other text stays as it is.
///
/// # Examples
///
/// ```
/// use gregaria::args::name_limit_flag;
///
/// assert_eq!(name_limit_flag("response body too large"), "response body too large (--limit body-bytes)");
/// assert_eq!(name_limit_flag("connection reset"), "connection reset");
/// ```
pub fn name_limit_flag(error: &str) -> Cow<'_, str> {
    let is_of = |field: &&LimitField| field.error.is_some_and(|own| own.message() == error);
    match LIMIT_FIELDS.iter().find(is_of) {
        Some(field) => format!("{error} (--limit {})", field.name).into(),
        None => error.into(),
    }
}

struct LimitField {
    name: &'static str,
    /// The error of a response beyond the limit. `None` if users may set the limit too.
    error: Option<Error>,
    unit: LimitUnit,
    set: fn(&mut HttpLimits, u64),
}

#[derive(Clone, Copy)]
enum LimitUnit {
    Bytes,
    /// A number up to this maximum.
    Count(u32),
}

impl LimitUnit {
    fn parse(self, text: &str) -> Option<u64> {
        match self {
            Self::Bytes => values::parse_bytes(text),
            Self::Count(max) => text.parse().ok().filter(|count| *count <= u64::from(max)),
        }
    }

    fn expects(self) -> String {
        match self {
            Self::Bytes => values::TAKES_BYTES.to_owned(),
            Self::Count(u32::MAX) => "takes a whole number".to_owned(),
            Self::Count(max) => format!("takes a whole number up to {max}"),
        }
    }
}

const fn field(name: &'static str, error: Error, unit: LimitUnit, set: fn(&mut HttpLimits, u64)) -> LimitField {
    LimitField { name, error: Some(error), unit, set }
}

const LIMIT_FIELDS: &[LimitField] = &[
    field("head-bytes", Error::HeadTooLarge, BYTES, |limits, bytes| limits.max_head_bytes = bytes as usize),
    field("headers", Error::TooManyHeaders, HEADERS, |limits, headers| limits.max_headers = headers as usize),
    field("body-bytes", Error::BodyTooLarge, BYTES, |limits, bytes| limits.max_body_bytes = bytes as usize),
    field("decoded-bytes", Error::DecodedTooLarge, BYTES, |limits, bytes| limits.max_decoded_bytes = bytes as usize),
    field("decoded-ratio", Error::DecodedRatioExceeded, COUNT, |limits, ratio| limits.max_decoded_ratio = ratio as u32),
    LimitField {
        name: "redirects",
        // Also set by `max_redirects` of a request, and of a client session in Python.
        error: None,
        unit: COUNT,
        set: |limits, redirects| limits.max_redirects = redirects as u32,
    },
    field("informational", Error::TooManyInformational, COUNT, |limits, count| limits.max_informational = count as u32),
    field("chunk-extension-bytes", Error::ChunkExtensionsTooLarge, BYTES, |limits, bytes| {
        limits.max_chunk_extension_bytes = bytes as usize
    }),
    field("trailer-bytes", Error::TrailersTooLarge, BYTES, |limits, bytes| limits.max_trailer_bytes = bytes as usize),
];

const BYTES: LimitUnit = LimitUnit::Bytes;
const COUNT: LimitUnit = LimitUnit::Count(u32::MAX);
const HEADERS: LimitUnit = LimitUnit::Count(HttpLimits::MAX_SUPPORTED_HEADERS as u32);

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        ResponseLimit::parse(&text.into()).unwrap_err().message
    }

    #[test]
    fn every_limit_can_be_set() {
        let mut limits = HttpLimits::default();
        let texts = [
            "head-bytes=1K",
            "headers=7",
            "body-bytes=2m",
            "decoded-bytes = 3G",
            "decoded-ratio=4",
            "redirects=0",
            "informational=5",
            "chunk-extension-bytes=6",
            "trailer-bytes=8",
        ];
        assert_eq!(texts.len(), LIMIT_FIELDS.len());
        for text in texts {
            ResponseLimit::parse(&text.into()).unwrap().apply_to(&mut limits);
        }
        let expected = HttpLimits {
            max_head_bytes: 1024,
            max_headers: 7,
            max_body_bytes: 2 << 20,
            max_decoded_bytes: 3 << 30,
            max_decoded_ratio: 4,
            max_redirects: 0,
            max_informational: 5,
            max_chunk_extension_bytes: 6,
            max_trailer_bytes: 8,
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn error_of_a_limit_names_its_flag() {
        let text = |error: Error| name_limit_flag(error.message()).into_owned();
        assert_eq!(text(Error::BodyTooLarge), "response body too large (--limit body-bytes)");
        assert_eq!(text(Error::DecodedTooLarge), "decompressed response body too large (--limit decoded-bytes)");
        assert_eq!(text(Error::TooManyRedirects), "too many redirects");
        assert_eq!(text(Error::ReadTimeout), "read timeout");
    }

    #[test]
    fn invalid_limit_lists_names_or_expected_values() {
        let names = "head-bytes, headers, body-bytes, decoded-bytes, decoded-ratio, redirects, informational, \
                     chunk-extension-bytes, trailer-bytes";
        assert_eq!(error("body=1"), format!("--limit body=1: there is no such limit; the names are {names}"));
        assert_eq!(error("1M"), format!("--limit 1M: takes NAME=VALUE; the names are {names}"));
        for text in ["body-bytes=", "body-bytes=x", "body-bytes=-1", "body-bytes=K", "body-bytes=99999999999G"] {
            assert_eq!(error(text), format!("--limit {text}: takes bytes, such as 65536, 64K, 10M or 1G"));
        }
        assert_eq!(error("redirects=1K"), "--limit redirects=1K: takes a whole number");
        assert_eq!(error("headers=129"), "--limit headers=129: takes a whole number up to 128");
    }
}
