//! How a user proves who it is: [`Auth`], the credentials in a URL, and what answers a challenge ([`DigestState`]).
//!
//! Knows nothing of sessions: who may see the credentials is decided where requests are sent, and by
//! [`redirect`](crate::redirect). No credentials are shown by `Debug`.

mod challenge;
mod digest;

use std::borrow::Cow;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use percent_encoding::percent_decode_str;

pub use self::digest::{DigestCredentials, DigestState};
use crate::origin::AUTHORITY_TERMINATORS;

/// What a request carries to prove who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// User and password as they are (RFC 7617).
    Basic(CredentialsLine),
    /// A digest of them, made anew for each request of what the target has asked for (RFC 7616).
    Digest(DigestCredentials),
}

impl Auth {
    /// Basic authentication. Python's requests takes text as Latin-1, browsers as UTF-8: the bytes decide.
    pub fn basic(user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        Self::Basic(CredentialsLine::basic("Authorization", user.as_ref(), password.as_ref()))
    }

    /// Digest authentication.
    pub fn digest(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Digest(DigestCredentials::new(user.into(), password.into()))
    }
}

/// A header line that proves who somebody is, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialsLine(Box<str>);

impl CredentialsLine {
    fn basic(header: &str, user: &[u8], password: &[u8]) -> Self {
        let credentials = BASE64_STANDARD.encode([user, b":", password].concat());
        Self(format!("{header}: Basic {credentials}\r\n").into())
    }

    /// From `user:password` as it stands in a URL, or `user` alone.
    pub(crate) fn from_user_info(header: &str, user_info: &str) -> Self {
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decoded = |text| Cow::from(percent_decode_str(text));
        Self::basic(header, &decoded(user), &decoded(password))
    }

    /// The line with its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CredentialsLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Cuts user and password out of a URL: they become Basic authentication. A user alone has an empty password.
pub fn split_credentials(url: &str) -> (Cow<'_, str>, Option<Auth>) {
    let (url, user_info) = strip_user_info(url);
    (url, user_info.map(|user_info| Auth::Basic(CredentialsLine::from_user_info("Authorization", user_info))))
}

/// A URL without what is before the `@` of its authority, and that, unless it is empty.
pub(crate) fn strip_user_info(url: &str) -> (Cow<'_, str>, Option<&str>) {
    let Some(start) = url.find("://").map(|at| at + "://".len()) else {
        return (url.into(), None);
    };
    let rest = &url[start..];
    let end = rest.bytes().position(|byte| AUTHORITY_TERMINATORS.contains(&byte)).unwrap_or(rest.len());
    let Some((user_info, _)) = rest[..end].rsplit_once('@') else {
        return (url.into(), None);
    };
    let without = [&url[..start], &rest[user_info.len() + 1..]].concat();
    (without.into(), Some(user_info).filter(|user_info| !user_info.is_empty()))
}

const REDACTED: &str = "(hidden)";

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
    fn basic_is_a_line_of_its_own() {
        // RFC 7617 §2 and §2.1
        let basic = |user: &str, password: &str| line(Some(Auth::basic(user, password)));
        assert_eq!(basic("Aladdin", "open sesame"), "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
        assert_eq!(basic("test", "123\u{a3}"), "Authorization: Basic dGVzdDoxMjPCow==\r\n");
        assert_eq!(basic("", "\r\nX: 1"), "Authorization: Basic Og0KWDogMQ==\r\n");
    }

    #[test]
    fn credentials_are_cut_out_of_a_url() {
        let cases: [(&str, &str, &[u8], &[u8]); 7] = [
            ("http://u:p@h:81/x?a@b#c", "http://h:81/x?a@b#c", b"u", b"p"),
            ("HTTPS://u@h", "HTTPS://h", b"u", b""),
            ("http://:p@h", "http://h", b"", b"p"),
            ("http://u%40a:p%3A%2F%ff@h/", "http://h/", b"u@a", b"p:/\xff"),
            ("http://u:p:q@h/", "http://h/", b"u", b"p:q"),
            ("http://a@b@h/", "http://h/", b"a@b", b""),
            ("http://u:p@[::1]/", "http://[::1]/", b"u", b"p"),
        ];
        for (url, without, user, password) in cases {
            let (cut, auth) = split_credentials(url);
            assert_eq!((&*cut, auth), (without, Some(Auth::basic(user, password))), "{url}");
        }
        assert_eq!(split_credentials("http://@h/"), ("http://h/".into(), None));
        for url in ["http://h/a@b", "http://h?u:p@x", "http://h\\@evil/", "/u:p@h", "u:p@h", ""] {
            assert!(matches!(split_credentials(url), (Cow::Borrowed(same), None) if same == url), "{url}");
        }
    }

    #[test]
    fn nobody_sees_a_password_by_accident() {
        for auth in [Auth::basic("user", "secret"), Auth::digest("user", "secret")] {
            let shown = format!("{auth:?}");
            assert!(!shown.contains("secret") && !shown.contains("c2VjcmV0"), "{shown}");
        }
    }
}
