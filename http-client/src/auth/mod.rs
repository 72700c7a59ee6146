//! HTTP authentication: [`Auth`], credentials in URLs ([`split_credentials`]), and Digest challenges
//! ([`DigestState`]).
//!
//! This module does not know sessions. [`session`](crate::session) decides which requests carry credentials, and
//! removes them after a cross-origin [`redirect`](crate::redirect). `Debug` never prints credentials.

mod challenge;
mod digest;

use std::borrow::Cow;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use percent_encoding::percent_decode_str;

pub use self::digest::DigestCredentials;
pub(crate) use self::digest::DigestState;

/// The credentials of a request and their scheme.
///
/// # Examples
///
/// ```
/// use gregaria_http::Auth;
///
/// let Auth::Basic(line) = Auth::basic("Aladdin", "open sesame") else { unreachable!() };
/// assert_eq!(line.as_str(), "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
///
/// // `Debug` does not print the password.
/// assert_eq!(format!("{:?}", Auth::digest("me", "secret")), "Digest((hidden))");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// User name and password in Base64, sent with every request (RFC 7617).
    Basic(CredentialsLine),
    /// A digest of the credentials, computed per request once the target has sent a challenge (RFC 7616).
    Digest(DigestCredentials),
}

impl Auth {
    /// Creates Basic credentials.
    ///
    /// The arguments are sent as given. Python's requests encodes text as Latin-1, browsers as UTF-8. A `&str` is
    /// UTF-8.
    pub fn basic(user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        Self::Basic(CredentialsLine::basic("Authorization", user.as_ref(), password.as_ref()))
    }

    /// Creates Digest credentials.
    pub fn digest(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Digest(DigestCredentials::new(user.into(), password.into()))
    }
}

/// An encoded `Authorization` or `Proxy-Authorization` header line with Basic credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialsLine(Box<str>);

impl CredentialsLine {
    fn basic(header: &str, user: &[u8], password: &[u8]) -> Self {
        let credentials = BASE64_STANDARD.encode([user, b":", password].concat());
        Self(format!("{header}: Basic {credentials}\r\n").into())
    }

    /// Decodes `user:password` or `user` from a URL, which may be percent-encoded. A missing password is empty.
    pub(crate) fn from_user_info(header: &str, user_info: &str) -> Self {
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decoded = |text| Cow::from(percent_decode_str(text));
        Self::basic(header, &decoded(user), &decoded(password))
    }

    /// Returns the line, including CRLF.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CredentialsLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Removes the credentials from a URL and returns them as Basic authentication.
///
/// A user name without a password has an empty password. A URL without credentials is returned unchanged.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Auth, split_credentials};
///
/// let (url, auth) = split_credentials("http://me:p%40ss@shop.example/cart");
/// assert_eq!(url, "http://shop.example/cart");
/// assert_eq!(auth, Some(Auth::basic("me", "p@ss")));
/// assert_eq!(split_credentials("/cart"), ("/cart".into(), None));
/// ```
pub fn split_credentials(url: &str) -> (Cow<'_, str>, Option<Auth>) {
    let (url, user_info) = strip_user_info(url);
    (url, user_info.map(|user_info| Auth::Basic(CredentialsLine::from_user_info("Authorization", user_info))))
}

/// Splits a URL into the URL without user info, and the user info of its authority. Empty user info is `None`.
pub(crate) fn strip_user_info(url: &str) -> (Cow<'_, str>, Option<&str>) {
    let Some(start) = url.find("://").map(|position| position + "://".len()) else {
        return (url.into(), None);
    };
    let rest = &url[start..];
    let end = rest.bytes().position(|byte| AUTHORITY_TERMINATORS.contains(&byte)).unwrap_or(rest.len());
    let Some((user_info, _)) = rest[..end].rsplit_once('@') else {
        return (url.into(), None);
    };
    let stripped = [&url[..start], &rest[user_info.len() + 1..]].concat();
    (stripped.into(), Some(user_info).filter(|user_info| !user_info.is_empty()))
}

const REDACTED: &str = "(hidden)";

/// The characters that end an authority. The backslash is one of them, as in browsers, so that a path which starts
/// with a backslash is then rejected as a target.
pub(crate) const AUTHORITY_TERMINATORS: &[u8] = b"/?#\\";

#[cfg(test)]
mod tests {
    use super::*;

    fn line(auth: Option<Auth>) -> String {
        match auth {
            Some(Auth::Basic(line)) => line.as_str().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn basic_credentials_are_one_line() {
        // RFC 7617 §2 and §2.1
        let basic = |user: &str, password: &str| line(Some(Auth::basic(user, password)));
        assert_eq!(basic("Aladdin", "open sesame"), "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
        assert_eq!(basic("test", "123\u{a3}"), "Authorization: Basic dGVzdDoxMjPCow==\r\n");
        assert_eq!(basic("", "\r\nX: 1"), "Authorization: Basic Og0KWDogMQ==\r\n");
    }

    #[test]
    fn url_credentials_are_split_off() {
        let cases: [(&str, &str, &[u8], &[u8]); 7] = [
            ("http://u:p@h:81/x?a@b#c", "http://h:81/x?a@b#c", b"u", b"p"),
            ("HTTPS://u@h", "HTTPS://h", b"u", b""),
            ("http://:p@h", "http://h", b"", b"p"),
            ("http://u%40a:p%3A%2F%ff@h/", "http://h/", b"u@a", b"p:/\xff"),
            ("http://u:p:q@h/", "http://h/", b"u", b"p:q"),
            ("http://a@b@h/", "http://h/", b"a@b", b""),
            ("http://u:p@[::1]/", "http://[::1]/", b"u", b"p"),
        ];
        for (url, expected, user, password) in cases {
            let (stripped, auth) = split_credentials(url);
            assert_eq!((&*stripped, auth), (expected, Some(Auth::basic(user, password))), "{url}");
        }
        assert_eq!(split_credentials("http://@h/"), ("http://h/".into(), None));
        for url in ["http://h/a@b", "http://h?u:p@x", "http://h\\@evil/", "/u:p@h", "u:p@h", ""] {
            assert!(matches!(split_credentials(url), (Cow::Borrowed(same), None) if same == url), "{url}");
        }
    }

    #[test]
    fn debug_output_hides_credentials() {
        for auth in [Auth::basic("user", "secret"), Auth::digest("user", "secret")] {
            let debug = format!("{auth:?}");
            assert!(!debug.contains("secret") && !debug.contains("c2VjcmV0"), "{debug}");
        }
    }
}
