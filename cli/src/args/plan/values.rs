//! The conversion of single values from text. An error is one line with the flag and the values that it takes.
//!
//! A function takes the flag only to name it in the error. What a combination of flags means is up to `mod.rs`.

use std::time::Duration;

use gregaria_engine::{Method, rt::DriverChoice};
use gregaria_http::{BaseUrl, DefaultHeaders, InvalidMethod};
use log::LevelFilter;

use super::duration;
use crate::{
    args::cli::{arg_value::ArgValue, positional},
    exit::CliError,
};

/// Converts a whole number of at least 1.
pub(super) fn positive_int<N: TryFrom<u64>>(flag: &str, arg: &ArgValue) -> Result<N, CliError> {
    let number = arg.text.parse::<u64>().ok().filter(|number| *number > 0).and_then(|number| N::try_from(number).ok());
    number.ok_or_else(|| invalid_value(flag, arg, "takes a whole number of at least 1"))
}

/// Converts a whole number, 0 included.
pub(super) fn non_negative_int(flag: &str, arg: &ArgValue) -> Result<u32, CliError> {
    arg.text.parse().map_err(|_| invalid_value(flag, arg, "takes a whole number, or 0 for none"))
}

/// Converts a number of users per second, which must be finite and more than 0.
pub(super) fn spawn_rate(flag: &str, arg: &ArgValue) -> Result<f64, CliError> {
    let rate = arg.text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| invalid_value(flag, arg, "takes users per second, more than 0"))
}

/// Converts a duration, 0 included.
pub(super) fn duration(flag: &str, arg: &ArgValue) -> Result<Duration, CliError> {
    duration::parse(&arg.text).ok_or_else(|| invalid_value(flag, arg, &format!("takes a time, {}", duration::FORMS)))
}

/// Converts a duration of more than 0.
pub(super) fn positive_duration(flag: &str, arg: &ArgValue) -> Result<Duration, CliError> {
    let duration = duration::parse(&arg.text).filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| invalid_value(flag, arg, &format!("takes a time of more than 0, {}", duration::FORMS)))
}

/// Converts an exit code, from 0 to 255.
pub(super) fn exit_code(flag: &str, arg: &ArgValue) -> Result<u8, CliError> {
    arg.text.parse().map_err(|_| invalid_value(flag, arg, "takes a number from 0 to 255"))
}

/// Converts a level name of Locust, in any case.
pub(super) fn log_level(flag: &str, arg: &ArgValue) -> Result<LevelFilter, CliError> {
    match arg.text.to_ascii_uppercase().as_str() {
        "DEBUG" => Ok(LevelFilter::Debug),
        "INFO" => Ok(LevelFilter::Info),
        "WARNING" => Ok(LevelFilter::Warn),
        "ERROR" => Ok(LevelFilter::Error),
        "CRITICAL" => Ok(LevelFilter::Off),
        _ => Err(invalid_value(flag, arg, "takes DEBUG, INFO, WARNING, ERROR or CRITICAL")),
    }
}

/// Checks a base URL, `http://[user:password@]name[:port][/prefix]`, and returns it as written.
pub(super) fn host(flag: &str, arg: &ArgValue) -> Result<String, CliError> {
    base_url(&arg.text).map(|_| arg.text.clone()).map_err(|what| invalid_value(flag, arg, &what))
}

/// Splits a URL into base URL, with credentials if there are any, and target: path and query, as written.
pub(super) fn split_url(text: &str) -> Result<(String, String), CliError> {
    let url = base_url(text).map_err(|what| invalid_value("URL", &text.into(), &what))?;
    let root = if url.prefix().starts_with('/') { "" } else { "/" };
    let authority = text.find("://").map_or(0, |index| index + 3);
    let end = text[authority..].find(['/', '?', '#']).map_or(text.len(), |index| authority + index);
    Ok((text[..end].to_owned(), format!("{root}{}", url.prefix())))
}

/// Converts a request method, in any case.
pub(super) fn method(flag: &str, arg: &ArgValue) -> Result<Method, CliError> {
    arg.text.parse().map_err(|unknown: InvalidMethod| invalid_value(flag, arg, &unknown.to_string()))
}

/// Splits a request header, `Name: value`, and checks both parts.
pub(super) fn header(flag: &str, arg: &ArgValue) -> Result<(String, String), CliError> {
    let (name, value) = arg.text.split_once(':').ok_or_else(|| invalid_value(flag, arg, "takes 'Name: value'"))?;
    let (name, value) = (name.trim(), value.trim());
    let checked = DefaultHeaders::none().set(name, value);
    checked.map(|()| (name.to_owned(), value.to_owned())).map_err(|error| invalid_value(flag, arg, error.message()))
}

/// Converts the kernel interface of a thread.
pub(super) fn driver(arg: &ArgValue) -> Result<DriverChoice, CliError> {
    arg.text.parse().map_err(|error: String| invalid_value("--driver", arg, &error))
}

/// Converts a port number, 0 included.
pub(super) fn port(flag: &str, arg: &ArgValue) -> Result<u16, CliError> {
    arg.text.parse().map_err(|_| invalid_value(flag, arg, "takes a port, from 0 to 65535"))
}

/// Converts a value if there is one.
pub(super) fn optional<T>(
    arg: &Option<ArgValue>,
    convert: impl FnOnce(&ArgValue) -> Result<T, CliError>,
) -> Result<Option<T>, CliError> {
    arg.as_ref().map(convert).transpose()
}

fn base_url(text: &str) -> Result<BaseUrl, String> {
    if !positional::is_url(text) {
        return Err(positional::scheme_error(text));
    }
    BaseUrl::parse(text).map_err(|error| error.message().to_owned())
}

/// Converts a number of bytes, as [`parse_bytes`] does.
pub(super) fn bytes(flag: &str, arg: &ArgValue) -> Result<u64, CliError> {
    parse_bytes(&arg.text).ok_or_else(|| invalid_value(flag, arg, TAKES_BYTES))
}

/// Parses a number of bytes. The units `K`, `M` and `G` are powers of 1024. Returns `None` for other text, or beyond 64
/// bits.
pub(super) fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = match text.char_indices().next_back()? {
        (end, 'k' | 'K') => (&text[..end], 1 << 10),
        (end, 'm' | 'M') => (&text[..end], 1 << 20),
        (end, 'g' | 'G') => (&text[..end], 1 << 30),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// The values that [`bytes`] takes, for messages.
pub(super) const TAKES_BYTES: &str = "takes bytes, such as 65536, 64K, 10M or 1G";

/// Returns the error for an invalid value. `what` describes the error or the values that the flag takes.
pub(super) fn invalid_value(flag: &str, arg: &ArgValue, what: &str) -> CliError {
    CliError::usage(format!("{}: {what}", arg.describe(flag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positive_numbers_are_whole_and_at_least_1() {
        assert_eq!(positive_int::<u32>("-u", &"64".into()), Ok(64));
        for text in ["0", "-1", "1.5", "x", "", "4294967296"] {
            assert_eq!(positive_int::<u32>("-u", &text.into()).unwrap_err().code, 2, "{text:?}");
        }
        assert_eq!(positive_int::<u64>("-n", &"4294967296".into()), Ok(4_294_967_296));
        assert_eq!(
            positive_int::<u32>("-u", &"x".into()).unwrap_err().message,
            "-u x: takes a whole number of at least 1"
        );
    }

    #[test]
    fn spawn_rate_is_finite_and_positive() {
        assert_eq!(spawn_rate("-r", &"0.5".into()), Ok(0.5));
        for text in ["0", "-1", "inf", "NaN", ""] {
            assert!(spawn_rate("-r", &text.into()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn invalid_duration_lists_the_forms() {
        assert_eq!(duration("-s", &"0".into()), Ok(Duration::ZERO));
        assert_eq!(positive_duration("-t", &"1.5s".into()), Ok(Duration::from_millis(1500)));
        let error = |result: Result<Duration, CliError>| result.unwrap_err().message;
        let forms = "such as 90 (seconds), 1.5s, 500ms, 20m or 1h30m";
        assert_eq!(error(duration("-s", &"x".into())), format!("-s x: takes a time, {forms}"));
        for text in ["0", "0ms", "0h0m", "x"] {
            let message = error(positive_duration("-t", &text.into()));
            assert_eq!(message, format!("-t {text}: takes a time of more than 0, {forms}"));
        }
    }

    #[test]
    fn log_level_names_are_those_of_locust() {
        assert_eq!(log_level("-L", &"warning".into()), Ok(LevelFilter::Warn));
        assert_eq!(log_level("-L", &"Critical".into()), Ok(LevelFilter::Off));
        assert!(log_level("-L", &"trace".into()).is_err());
    }

    #[test]
    fn host_needs_a_scheme() {
        assert_eq!(host("-H", &"http://localhost:8080/api".into()), Ok("http://localhost:8080/api".into()));
        assert_eq!(host("-H", &"https://user:secret@h".into()), Ok("https://user:secret@h".into()));
        let message = |text: &str| host("-H", &text.into()).unwrap_err().message;
        assert_eq!(message("localhost:8080"), "-H localhost:8080: has no scheme: write http://localhost:8080");
        assert_eq!(host("-H", &"HTTP://h".into()), Ok("HTTP://h".into()));
        assert!(message("http://").starts_with("-H http://: "));
    }

    #[test]
    fn url_is_split_as_written() {
        let split = |text| split_url(text).unwrap();
        assert_eq!(split("http://h:81/a/../b?q=1#x"), ("http://h:81".into(), "/a/../b?q=1".into()));
        assert_eq!(split("https://me:secret@h?q=1"), ("https://me:secret@h".into(), "/?q=1".into()));
        assert_eq!(split("HTTP://H/x"), ("HTTP://H".into(), "/x".into()));
        assert_eq!(split("http://h"), ("http://h".into(), "/".into()));
        assert_eq!(split("http://h?q"), ("http://h".into(), "/?q".into()));
    }

    #[test]
    fn headers_and_methods_are_checked() {
        assert_eq!(header("--header", &"X-A: b: c ".into()), Ok(("X-A".into(), "b: c".into())));
        assert!(header("--header", &"no colon".into()).is_err());
        assert!(header("--header", &"a b: c".into()).is_err());
        assert!(header("--header", &"a: b\nc".into()).unwrap_err().message.starts_with("--header a: b\\nc: "));
        assert_eq!(method("-X", &"patch".into()), Ok(Method::Patch));
        assert_eq!(method("-X", &"BREW".into()), Ok("BREW".parse().unwrap()));
        assert!(method("-X", &"GET /".into()).is_err());
    }
}
