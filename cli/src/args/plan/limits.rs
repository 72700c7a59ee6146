//! The limits of responses that `--limit` can set: one table of names, units and maxima.
//!
//! The defaults are in `http-client/src/limits.rs`.

use gregaria_http::HttpLimits;

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

struct LimitField {
    name: &'static str,
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

const fn bytes_field(name: &'static str, set: fn(&mut HttpLimits, u64)) -> LimitField {
    LimitField { name, unit: LimitUnit::Bytes, set }
}

const fn count_field(name: &'static str, max: u32, set: fn(&mut HttpLimits, u64)) -> LimitField {
    LimitField { name, unit: LimitUnit::Count(max), set }
}

const LIMIT_FIELDS: &[LimitField] = &[
    bytes_field("head-bytes", |limits, bytes| limits.max_head_bytes = bytes as usize),
    count_field("headers", HttpLimits::MAX_SUPPORTED_HEADERS as u32, |limits, headers| {
        limits.max_headers = headers as usize
    }),
    bytes_field("body-bytes", |limits, bytes| limits.max_body_bytes = bytes as usize),
    bytes_field("decoded-bytes", |limits, bytes| limits.max_decoded_bytes = bytes as usize),
    count_field("decoded-ratio", u32::MAX, |limits, ratio| limits.max_decoded_ratio = ratio as u32),
    count_field("redirects", u32::MAX, |limits, redirects| limits.max_redirects = redirects as u32),
    count_field("informational", u32::MAX, |limits, responses| limits.max_informational = responses as u32),
    bytes_field("chunk-extension-bytes", |limits, bytes| limits.max_chunk_extension_bytes = bytes as usize),
    bytes_field("trailer-bytes", |limits, bytes| limits.max_trailer_bytes = bytes as usize),
];

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
