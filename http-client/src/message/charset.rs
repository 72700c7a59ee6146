//! The character set of a body: from the header, from a byte order mark, or detected from the bytes.
//!
//! Labels have the meaning of the Encoding Standard, which browsers follow. python-requests decodes `text/*` without
//! a charset as ISO-8859-1. This crate tries UTF-8 first, because most such text is UTF-8.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Decodes a body as text, with a replacement character for each sequence that is invalid.
///
/// The first known charset applies: the `Content-Type` header, a byte order mark, UTF-8 if the whole body is valid
/// UTF-8, or the detected charset. A byte order mark is not part of the text.
///
/// # Examples
///
/// ```
/// use gregaria_http::charset;
///
/// assert_eq!(charset::decode(Some("text/plain; charset=iso-8859-1"), b"caf\xe9"), "café");
/// assert_eq!(charset::decode(None, "café".as_bytes()), "café");
/// ```
pub fn decode<'a>(content_type: Option<&str>, body: &'a [u8]) -> Cow<'a, str> {
    let named = content_type.and_then(content_type_charset).and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = match named {
        Some(encoding) if is_utf_16(encoding) => {
            bom_encoding(body).filter(|marked| is_utf_16(marked)).unwrap_or(encoding)
        }
        Some(encoding) => encoding,
        None => bom_encoding(body).unwrap_or_else(|| detect_encoding(body)),
    };
    encoding.decode_with_bom_removal(body).0
}

/// Returns the `charset` parameter of a `Content-Type` header as written, without quotes.
fn content_type_charset(content_type: &str) -> Option<&str> {
    let parameters = content_type.split(';').skip(1);
    let named = parameters.filter_map(|parameter| parameter.split_once('='));
    let mut values = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).map(|(_, value)| value);
    values.next().map(|value| value.trim_matches(is_quote_or_blank)).filter(|value| !value.is_empty())
}

/// Returns the encoding of the byte order mark, if there is one.
fn bom_encoding(body: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(body).map(|(encoding, _)| encoding)
}

/// Returns `true` for UTF-16. A label does not fix its byte order, so a byte order mark decides.
fn is_utf_16(encoding: &Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

fn detect_encoding(body: &[u8]) -> &'static Encoding {
    let Err(error) = std::str::from_utf8(body) else { return UTF_8 };
    let non_utf8 = &body[error.valid_up_to()..];
    let sample = &non_utf8[..non_utf8.len().min(MAX_SAMPLE_BYTES)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, sample.len() == non_utf8.len());
    detector.guess(None, Utf8Detection::Allow)
}

const fn is_quote_or_blank(letter: char) -> bool {
    matches!(letter, '"' | '\'' | ' ' | '\t')
}

/// Number of bytes examined, from the first byte that is not UTF-8. A larger sample does not improve the result, and
/// delays all other users of the thread.
const MAX_SAMPLE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_applies_charset_of_header() {
        for (content_type, body, expected) in [
            ("text/html; charset=utf-8", &b"caf\xc3\xa9"[..], "café"),
            ("text/html; charset=ISO-8859-1", b"caf\xc3\xa9", "cafÃ©"),
            ("text/plain;charset=\"windows-1251\"", b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"),
            ("text/plain; format=flowed; CharSet = 'Shift_JIS'", b"\x83e\x83X\x83g", "テスト"),
            ("application/json; charset=utf-16le", b"a\0b\0", "ab"),
            ("text/html; charset=utf-8", b"\xef\xbb\xbfcaf\xe9", "caf\u{fffd}"),
            ("text/html; charset=utf-16", b"\xfe\xff\0a", "a"),
            ("text/html; charset=iso-8859-1", b"\xef\xbb\xbfa", "ï»¿a"),
        ] {
            assert_eq!(decode(Some(content_type), body), expected, "{content_type}");
        }
    }

    #[test]
    fn decode_without_charset_applies_bom_then_detection() {
        let russian = "Быстрая бурая лиса прыгает через ленивую собаку";
        let (in_1251, ..) = encoding_rs::WINDOWS_1251.encode(russian);
        for content_type in [None, Some("text/html"), Some("text/html; charset=none-such"), Some("text/html; charset=")]
        {
            assert_eq!(decode(content_type, b""), "");
            assert_eq!(decode(content_type, "plain, café".as_bytes()), "plain, café");
            assert_eq!(decode(content_type, b"\xef\xbb\xbfcaf\xc3\xa9"), "café");
            assert_eq!(decode(content_type, b"\xff\xfea\0b\0"), "ab");
            assert_eq!(decode(content_type, &in_1251), russian);
        }
    }

    #[test]
    fn decode_of_utf_8_borrows_body() {
        assert!(matches!(decode(None, "café".as_bytes()), Cow::Borrowed("café")));
        assert!(matches!(decode(Some("text/html; charset=UTF8"), b"abc"), Cow::Borrowed("abc")));
    }

    #[test]
    fn decode_detects_charset() {
        let text = "これは日本語の文章です。文字コードを当ててください。";
        let (japanese, ..) = encoding_rs::EUC_JP.encode(text);
        for (body, expected) in [
            (&b"ascii"[..], "ascii"),
            (b"\xfe\xff\0a", "a"),
            (b"d\xe9j\xe0 vu, \xe0 la carte", "déjà vu, à la carte"),
            (&japanese, text),
        ] {
            assert_eq!(decode(None, body), expected);
        }
        let long = [b"<p>".repeat(100_000), japanese.to_vec(), b"</p>".repeat(100_000)].concat();
        assert!(decode(None, &long).contains(text));
    }

    #[test]
    fn charset_parameter_is_returned_as_written() {
        assert_eq!(content_type_charset("text/html; charset=x-Any"), Some("x-Any"));
        assert_eq!(content_type_charset("text/html; a=b;charset=\"a\"; charset=c"), Some("a"));
        for content_type in
            ["", "charset=a", "text/html", "text/html; charset", "text/html; charset=\"\"", "text/html; x-charset=a"]
        {
            assert_eq!(content_type_charset(content_type), None, "{content_type}");
        }
    }
}
