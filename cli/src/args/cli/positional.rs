//! The kinds of positional arguments: the URL of a quick run, an address that lacks the scheme of a URL, a locustfile,
//! or the name of a user class.

use gregaria_http::BaseUrl;

/// Returns `true` if the argument is a URL, which starts a quick run. The scheme may be in any case.
pub(crate) fn is_url(text: &str) -> bool {
    gregaria_http::is_absolute_url(text)
}

/// Returns `true` if the argument is a locustfile. The name of a user class cannot end with `.py`.
pub(in crate::args) fn is_locustfile(text: &str) -> bool {
    text.ends_with(".py")
}

/// Returns `true` if the argument is meant as a URL but has no scheme of HTTP, such as `localhost:8080` or
/// `example.org/x`. The name of a Python class cannot have these characters.
pub(crate) fn is_address(text: &str) -> bool {
    !is_url(text) && !is_locustfile(text) && (text == "localhost" || text.contains(['.', ':', '/', '[']))
}

/// Returns the URL that an address stands for: the address with `http://` in front. A scheme without its slashes
/// counts as the scheme. Returns `None` if this is no URL either.
pub(crate) fn with_scheme(address: &str) -> Option<String> {
    if address.contains("://") {
        return None;
    }
    let (scheme, rest) = match address.split_once(':') {
        Some((scheme, rest)) if ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) => (scheme, rest),
        _ => ("http", address),
    };
    let url = format!("{scheme}://{}", rest.trim_start_matches('/'));
    BaseUrl::parse(&url).is_ok().then_some(url)
}

/// Describes a text that should be a URL and has no scheme of HTTP: the fault, and the text to write in its place.
pub(crate) fn scheme_error(text: &str) -> String {
    match (with_scheme(text), text.split_once("://")) {
        (Some(url), _) => format!("has no scheme: write {url}"),
        (None, Some((scheme, _))) if !scheme.is_empty() => {
            format!("has the scheme {}: write http:// or https://", scheme.escape_debug())
        }
        (None, _) => "has no scheme: write http://NAME[:PORT]".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_of_a_url_may_be_in_any_case() {
        for url in ["http://h", "HTTP://h", "Https://h/x"] {
            assert!(is_url(url) && !is_address(url), "{url}");
        }
        for text in ["httpx://h", "http:/h", "h", "", "ftp://h", "ü"] {
            assert!(!is_url(text), "{text}");
        }
    }

    #[test]
    fn address_is_no_class_and_no_file() {
        for address in ["localhost", "localhost:80", "127.0.0.1:80/x", "[::1]:80", "h/x", "example.org", "ftp://h"] {
            assert!(is_address(address), "{address}");
        }
        for other in ["Web", "WebsiteUser", "shops/a.py", "", "-"] {
            assert!(!is_address(other), "{other}");
        }
    }

    #[test]
    fn scheme_error_names_the_corrected_url() {
        for (text, url) in [
            ("localhost:8301", "http://localhost:8301"),
            ("127.0.0.1:8301/x?y", "http://127.0.0.1:8301/x?y"),
            ("[::1]:80", "http://[::1]:80"),
            ("example.org/x", "http://example.org/x"),
            ("//h/x", "http://h/x"),
            ("http:/h/x", "http://h/x"),
            ("HTTPS:h", "HTTPS://h"),
        ] {
            assert_eq!(scheme_error(text), format!("has no scheme: write {url}"));
        }
        assert_eq!(scheme_error("ftp://h"), "has the scheme ftp: write http:// or https://");
        assert_eq!(scheme_error(":80"), "has no scheme: write http://NAME[:PORT]");
    }
}
