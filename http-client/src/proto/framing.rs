//! The end of a response's body, decided by `decide_framing`, a pure function in the order of RFC 9112 §6.3.
//!
//! This file does not know how headers are parsed. `head.rs` reports the two that matter.

use crate::{Error, InvalidResponse, Method};

/// The HTTP version of a response.
///
/// # Examples
///
/// ```
/// use gregaria_http::proto::ResponseParser;
/// use gregaria_http::{HttpLimits, Method, ResponseBodyMode, Version};
///
/// let limits = HttpLimits::default();
/// let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits);
/// parser.feed(&mut b"HTTP/1.0 204 No Content\r\n\r\n".to_vec())?;
/// assert_eq!(parser.head().map(|head| head.version), Some(Version::Http10));
/// # Ok::<(), gregaria_http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0. A connection closes after the response unless both ends negotiate `keep-alive`.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// The framing of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    /// There is no body.
    None,
    /// The body has this many bytes.
    Length(u64),
    /// The body has the chunked coding, which marks the end.
    Chunked,
    /// The body lasts until the target closes the connection.
    UntilClose,
}

/// The framing headers of a head. Invalid fields are not errors until [`decide_framing`] uses them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FramingFields {
    pub(super) content_length: ParsedField<u64>,
    pub(super) transfer_encoding: ParsedField<()>,
}

/// A header that may be absent or invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ParsedField<T> {
    #[default]
    Absent,
    Valid(T),
    Invalid(InvalidResponse),
}

/// Decides the framing of a response. An interim response has no body.
///
/// A 2xx response to CONNECT has no body regardless of its headers, because the tunnel follows (RFC 9110 §9.3.6).
pub(super) fn decide_framing(method: Method, status: u16, fields: FramingFields) -> Result<ResponseFraming, Error> {
    if method == Method::Head || opens_tunnel(method, status) || matches!(status, 100..=199 | 204 | 304) {
        return Ok(ResponseFraming::None);
    }
    match (fields.transfer_encoding, fields.content_length) {
        (ParsedField::Absent, ParsedField::Absent) => Ok(ResponseFraming::UntilClose),
        (ParsedField::Absent, ParsedField::Valid(length)) => Ok(ResponseFraming::Length(length)),
        (ParsedField::Absent, ParsedField::Invalid(error)) => Err(error.into()),
        // RFC 9112 §6.3 lets the coding override the length, and warns of smuggling. An error is the safe choice.
        (_, ParsedField::Valid(_) | ParsedField::Invalid(_)) => Err(InvalidResponse::LengthAndCoding.into()),
        (ParsedField::Valid(()), ParsedField::Absent) => Ok(ResponseFraming::Chunked),
        (ParsedField::Invalid(error), ParsedField::Absent) => Err(error.into()),
    }
}

/// Returns `true` if the bytes after this response belong to a tunnel.
pub(super) const fn opens_tunnel(method: Method, status: u16) -> bool {
    matches!((method, status), (Method::Connect, 200..=299))
}

impl FramingFields {
    /// Adds a `Content-Length`. Equal lengths count as one (RFC 9110 §8.6).
    pub(super) fn observe_content_length(&mut self, value: &[u8]) {
        self.content_length = match (self.content_length, parse_lengths(value)) {
            (ParsedField::Absent, None) => ParsedField::Invalid(InvalidResponse::ContentLength),
            (ParsedField::Absent, Some(length)) => ParsedField::Valid(length),
            (ParsedField::Valid(other), Some(length)) if other == length => ParsedField::Valid(length),
            _ => ParsedField::Invalid(InvalidResponse::DuplicateContentLength),
        };
    }

    pub(super) fn observe_transfer_encoding(&mut self, value: &[u8]) {
        self.transfer_encoding =
            if self.transfer_encoding == ParsedField::Absent && value.eq_ignore_ascii_case(b"chunked") {
                ParsedField::Valid(())
            } else {
                ParsedField::Invalid(InvalidResponse::TransferEncoding)
            };
    }

    /// Returns `true` if another recipient could see a body where this client sees none, so that the body would be
    /// read as the next response. A coding in an HTTP/1.0 response is always suspect (RFC 9112 §6.1).
    pub(super) fn is_suspect(self, version: Version, status: u16) -> bool {
        match (self.transfer_encoding, self.content_length) {
            (ParsedField::Absent, ParsedField::Absent | ParsedField::Valid(0)) => false,
            (ParsedField::Absent, ParsedField::Valid(_)) => status == 204,
            (ParsedField::Valid(()), ParsedField::Absent) => status == 204 || version == Version::Http10,
            _ => true,
        }
    }
}

/// Parses a length, or a list of equal lengths, into which a recipient may have joined several headers.
fn parse_lengths(value: &[u8]) -> Option<u64> {
    let mut items = value.split(|&byte| byte == b',');
    let length = parse_length(items.next()?.trim_ascii())?;
    items.all(|item| parse_length(item.trim_ascii()) == Some(length)).then_some(length)
}

/// Parses a length that consists of digits only. Signs, blanks and values beyond `u64` are invalid.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |length, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        length.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(method: Method, status: u16, lengths: &[&str], codings: &[&str]) -> Result<ResponseFraming, Error> {
        let mut fields = FramingFields::default();
        lengths.iter().for_each(|value| fields.observe_content_length(value.as_bytes()));
        codings.iter().for_each(|value| fields.observe_transfer_encoding(value.as_bytes()));
        decide_framing(method, status, fields)
    }

    #[test]
    fn head_304_204_and_tunnel_have_no_body() {
        assert_eq!(decide(Method::Head, 200, &["5"], &[]), Ok(ResponseFraming::None));
        assert_eq!(decide(Method::Get, 304, &["5"], &["chunked"]), Ok(ResponseFraming::None));
        assert_eq!(decide(Method::Get, 204, &["x"], &[]), Ok(ResponseFraming::None));
        assert_eq!(decide(Method::Get, 205, &["0"], &[]), Ok(ResponseFraming::Length(0)));
        assert_eq!(decide(Method::Connect, 200, &["5"], &["chunked"]), Ok(ResponseFraming::None));
        assert_eq!(decide(Method::Connect, 407, &["5"], &[]), Ok(ResponseFraming::Length(5)));
    }

    #[test]
    fn body_ends_by_length_chunks_or_close() {
        assert_eq!(decide(Method::Get, 200, &["007"], &[]), Ok(ResponseFraming::Length(7)));
        assert_eq!(decide(Method::Get, 200, &[], &["Chunked"]), Ok(ResponseFraming::Chunked));
        assert_eq!(decide(Method::Get, 200, &[], &[]), Ok(ResponseFraming::UntilClose));
    }

    #[test]
    fn content_length_must_be_digits() {
        let max = u64::MAX.to_string();
        assert_eq!(decide(Method::Get, 200, &[&max], &[]), Ok(ResponseFraming::Length(u64::MAX)));
        for value in
            ["", "+5", "-5", "5 5", "5,", ",5", "5,,5", "5,6", "5;5", "0x5", "1_0", "18446744073709551616", "٥"]
        {
            let expected = Err(InvalidResponse::ContentLength.into());
            assert_eq!(decide(Method::Get, 200, &[value], &[]), expected, "{value:?}");
        }
    }

    #[test]
    fn equal_content_lengths_count_as_one() {
        for lengths in [&["5", "5"][..], &["5, 5"], &["5,5 ,\t5", "5"], &["5", "05"]] {
            assert_eq!(decide(Method::Get, 200, lengths, &[]), Ok(ResponseFraming::Length(5)), "{lengths:?}");
        }
        let expected = Err(InvalidResponse::DuplicateContentLength.into());
        for lengths in [&["5", "6"][..], &["5, 5", "6", "5"], &["x", "5"], &["5", "x"], &["5", "5, 6"]] {
            assert_eq!(decide(Method::Get, 200, lengths, &[]), expected, "{lengths:?}");
        }
    }

    #[test]
    fn content_length_with_coding_is_rejected() {
        let expected = Err(InvalidResponse::LengthAndCoding.into());
        assert_eq!(decide(Method::Get, 200, &["5"], &["chunked"]), expected);
        assert_eq!(decide(Method::Get, 200, &["5"], &["gzip"]), expected);
    }

    #[test]
    fn contradictory_unused_fields_are_suspect() {
        let is_suspect = |status: u16, lengths: &[&str], codings: &[&str], version| {
            let mut fields = FramingFields::default();
            lengths.iter().for_each(|value| fields.observe_content_length(value.as_bytes()));
            codings.iter().for_each(|value| fields.observe_transfer_encoding(value.as_bytes()));
            fields.is_suspect(version, status)
        };
        for (status, lengths, codings) in [
            (200, &[][..], &[][..]),
            (200, &["5"], &[]),
            (200, &[], &["chunked"]),
            (304, &["5"], &[]),
            (204, &["0"], &[]),
        ] {
            assert!(!is_suspect(status, lengths, codings, Version::Http11), "{status} {lengths:?} {codings:?}");
        }
        for (status, lengths, codings) in [
            (204, &["5"][..], &[][..]),
            (204, &[], &["chunked"]),
            (304, &["5"], &["chunked"]),
            (304, &["5", "6"], &[]),
            (304, &["x"], &[]),
            (304, &[], &["gzip"]),
        ] {
            assert!(is_suspect(status, lengths, codings, Version::Http11), "{status} {lengths:?} {codings:?}");
        }
        assert!(is_suspect(304, &[], &["chunked"], Version::Http10));
    }

    #[test]
    fn transfer_encoding_must_be_a_single_chunked() {
        let expected = Err(InvalidResponse::TransferEncoding.into());
        for codings in [&["gzip, chunked"][..], &["identity"], &["chunked", "chunked"], &["xchunked"], &[""]] {
            assert_eq!(decide(Method::Get, 200, &[], codings), expected, "{codings:?}");
        }
    }
}
