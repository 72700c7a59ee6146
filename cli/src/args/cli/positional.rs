//! The kinds of positional arguments: the URL of a quick run, a locustfile, or the name of a user class.

/// Returns `true` if the argument is a URL, which starts a quick run.
pub(in crate::args) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Returns `true` if the argument is a locustfile. The name of a user class cannot end with `.py`.
pub(in crate::args) fn is_locustfile(text: &str) -> bool {
    text.ends_with(".py")
}
