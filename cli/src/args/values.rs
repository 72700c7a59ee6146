//! Single values: from text to what it means, or one line that names the flag and says what it takes.
//!
//! Each function is given the flag only to name it. How values combine is `plan.rs`'s affair.

use std::time::Duration;

use gregaria_engine::{Method, rt::RingChoice};
use gregaria_http::{BaseUrl, DefaultHeaders, UnknownMethod};
use log::LevelFilter;

use super::duration;
use crate::exit::Refusal;

/// A whole number of at least 1.
pub(super) fn count<N: TryFrom<u64>>(flag: &str, text: &str) -> Result<N, Refusal> {
    let number = text.parse::<u64>().ok().filter(|number| *number > 0).and_then(|number| N::try_from(number).ok());
    number.ok_or_else(|| wrong(flag, text, "takes a whole number of at least 1"))
}

/// Users per second.
pub(super) fn rate(flag: &str, text: &str) -> Result<f64, Refusal> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| wrong(flag, text, "takes users per second, more than 0"))
}

/// A span of time of more than 0.
pub(super) fn time(flag: &str, text: &str) -> Result<Duration, Refusal> {
    let time = duration::parse(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| wrong(flag, text, "takes a time of more than 0, such as 90, 300s, 20m or 1h30m"))
}

/// Seconds, 0 and fractions included, or a span of time.
pub(super) fn seconds(flag: &str, text: &str) -> Result<Duration, Refusal> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.or_else(|| duration::parse(text)).ok_or_else(|| wrong(flag, text, "takes seconds, such as 0, 1.5 or 30"))
}

/// Seconds, fractions included, of more than 0.
pub(super) fn timeout(flag: &str, text: &str) -> Result<Duration, Refusal> {
    let timeout = seconds(flag, text).ok().filter(|timeout| !timeout.is_zero());
    timeout.ok_or_else(|| wrong(flag, text, "takes seconds of more than 0, such as 0.5 or 30"))
}

/// A code that a process can exit with.
pub(super) fn exit_code(flag: &str, text: &str) -> Result<u8, Refusal> {
    text.parse().map_err(|_| wrong(flag, text, "takes a number from 0 to 255"))
}

/// One of Locust's level names, in any case.
pub(super) fn log_level(flag: &str, text: &str) -> Result<LevelFilter, Refusal> {
    match text.to_ascii_uppercase().as_str() {
        "DEBUG" => Ok(LevelFilter::Debug),
        "INFO" => Ok(LevelFilter::Info),
        "WARNING" => Ok(LevelFilter::Warn),
        "ERROR" => Ok(LevelFilter::Error),
        "CRITICAL" => Ok(LevelFilter::Off),
        _ => Err(wrong(flag, text, "takes DEBUG, INFO, WARNING, ERROR or CRITICAL")),
    }
}

/// A base URL: `http://name[:port][/prefix]`.
pub(super) fn host(flag: &str, text: &str) -> Result<String, Refusal> {
    base_url(flag, text).map(|_| text.to_owned())
}

/// A URL, taken apart into base and target (path and query, as written).
pub(super) fn base_and_target(text: &str) -> Result<(String, String), Refusal> {
    let url = base_url("URL", text)?;
    let root = if url.prefix().starts_with('/') { "" } else { "/" };
    Ok((url.origin().to_string(), format!("{root}{}", url.prefix())))
}

/// A request method, in any case.
pub(super) fn method(flag: &str, text: &str) -> Result<Method, Refusal> {
    text.parse().map_err(|unknown: UnknownMethod| wrong(flag, text, &unknown.to_string()))
}

/// A request header, `Name: value`.
pub(super) fn header(flag: &str, text: &str) -> Result<(String, String), Refusal> {
    let (name, value) = text.split_once(':').ok_or_else(|| wrong(flag, text, "takes 'Name: value'"))?;
    let (name, value) = (name.trim(), value.trim());
    let sendable = DefaultHeaders::none().set(name, value);
    sendable.map(|()| (name.to_owned(), value.to_owned())).map_err(|error| wrong(flag, text, error.message()))
}

/// How shards talk to the kernel.
pub(super) fn ring(text: &str) -> Result<RingChoice, Refusal> {
    text.parse().map_err(|error: String| Refusal::usage(format!("--ring, GREGARIA_RING: {error}")))
}

/// Whether a positional argument asks for a quick run.
pub(super) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn base_url(flag: &str, text: &str) -> Result<BaseUrl, Refusal> {
    if text.starts_with("https://") {
        return Err(wrong(flag, text, "needs TLS, which is not there yet: use http://"));
    }
    if !is_url(text) {
        return Err(wrong(flag, text, "has no scheme: write http://NAME[:PORT]"));
    }
    BaseUrl::parse(text).map_err(|error| wrong(flag, text, error.message()))
}

fn wrong(flag: &str, text: &str, what: &str) -> Refusal {
    Refusal::usage(format!("{flag} {}: {what}", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_positive() {
        assert_eq!(count::<u32>("-u", "64"), Ok(64));
        for text in ["0", "-1", "1.5", "x", "", "4294967296"] {
            assert_eq!(count::<u32>("-u", text).unwrap_err().code, 2, "{text:?}");
        }
        assert_eq!(count::<u64>("-n", "4294967296"), Ok(4_294_967_296));
        assert_eq!(count::<u32>("-u", "x").unwrap_err().message, "-u x: takes a whole number of at least 1");
    }

    #[test]
    fn rates_are_finite_and_positive() {
        assert_eq!(rate("-r", "0.5"), Ok(0.5));
        for text in ["0", "-1", "inf", "NaN", ""] {
            assert!(rate("-r", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn times_and_seconds_differ_in_zero_and_fractions() {
        assert_eq!(time("-t", "1h30m"), Ok(Duration::from_secs(5400)));
        assert!(time("-t", "0").is_err() && time("-t", "1.5").is_err());
        assert_eq!(seconds("-s", "0"), Ok(Duration::ZERO));
        assert_eq!(seconds("-s", "1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(seconds("-s", "2m"), Ok(Duration::from_secs(120)));
        assert!(seconds("-s", "-1").is_err() && seconds("-s", "inf").is_err());
        assert_eq!(timeout("--read-timeout", "0.5"), Ok(Duration::from_millis(500)));
        assert!(timeout("--read-timeout", "0").is_err());
    }

    #[test]
    fn level_names_are_locusts_in_any_case() {
        assert_eq!(log_level("-L", "warning"), Ok(LevelFilter::Warn));
        assert_eq!(log_level("-L", "Critical"), Ok(LevelFilter::Off));
        assert!(log_level("-L", "trace").is_err());
    }

    #[test]
    fn a_host_needs_its_scheme() {
        assert_eq!(host("-H", "http://localhost:8080/api"), Ok("http://localhost:8080/api".into()));
        let message = |text| host("-H", text).unwrap_err().message;
        assert_eq!(message("localhost:8080"), "-H localhost:8080: has no scheme: write http://NAME[:PORT]");
        assert_eq!(message("https://h"), "-H https://h: needs TLS, which is not there yet: use http://");
        assert!(message("http://").starts_with("-H http://: "));
    }

    #[test]
    fn a_url_is_taken_apart_as_written() {
        let apart = |text| base_and_target(text).unwrap();
        assert_eq!(apart("http://h:81/a/../b?q=1#x"), ("http://h:81".into(), "/a/../b?q=1".into()));
        assert_eq!(apart("http://h"), ("http://h".into(), "/".into()));
        assert_eq!(apart("http://h?q"), ("http://h".into(), "/?q".into()));
    }

    #[test]
    fn headers_and_methods_are_checked_before_the_run() {
        assert_eq!(header("--header", "X-A: b: c "), Ok(("X-A".into(), "b: c".into())));
        assert!(header("--header", "no colon").is_err());
        assert!(header("--header", "a b: c").is_err());
        assert!(header("--header", "a: b\nc").unwrap_err().message.starts_with("--header a: b\\nc: "));
        assert_eq!(method("-X", "patch"), Ok(Method::Patch));
        assert!(method("-X", "BREW").is_err());
    }
}
