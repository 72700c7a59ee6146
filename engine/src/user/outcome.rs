//! The outcome of a request by its status, with the text of a failure for the error table.

use std::{ops::RangeInclusive, sync::LazyLock};

use gregaria_http::{Error, Response};
use gregaria_stats::Outcome;

/// The statuses that count as a success of a request: one status or an inclusive range.
///
/// # Examples
///
/// ```
/// use gregaria_engine::ExpectedStatus;
///
/// assert_eq!(ExpectedStatus::from(201).to_string(), "201");
/// assert_eq!(ExpectedStatus::from(200..=204).to_string(), "200 to 204");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedStatus(RangeInclusive<u16>);

impl From<u16> for ExpectedStatus {
    fn from(status: u16) -> Self {
        Self(status..=status)
    }
}

impl From<RangeInclusive<u16>> for ExpectedStatus {
    fn from(statuses: RangeInclusive<u16>) -> Self {
        Self(statuses)
    }
}

/// An outcome that owns its text if the text is not static.
pub(super) enum OwnedOutcome {
    Success,
    Static(&'static str),
    Custom(String),
}

impl OwnedOutcome {
    pub(super) fn from_result(result: &Result<Response, Error>, expected: Option<&ExpectedStatus>) -> Self {
        match (result, expected) {
            (Err(error), _) => Self::Static(error.message()),
            (Ok(response), None) if response.status() < 400 => Self::Success,
            (Ok(response), None) if response.has_unsupported_challenge() => Self::Static(UNSUPPORTED_CHALLENGE),
            (Ok(response), None) => Self::Static(status_text(response.status())),
            (Ok(response), Some(ExpectedStatus(statuses))) if statuses.contains(&response.status()) => Self::Success,
            (Ok(response), Some(expected)) => {
                Self::Custom(format!("{} instead of {expected}", status_text(response.status())))
            }
        }
    }

    pub(super) fn as_outcome(&self) -> Outcome<'_> {
        match self {
            Self::Success => Outcome::Success,
            Self::Static(text) => Outcome::Failure(text),
            Self::Custom(text) => Outcome::Failure(text),
        }
    }
}

impl std::fmt::Display for ExpectedStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.start() == self.0.end() {
            write!(f, "{}", self.0.start())
        } else {
            write!(f, "{} to {}", self.0.start(), self.0.end())
        }
    }
}

/// Returns a text such as `HTTP 404 Not Found`. All texts are made once, because a run against a broken target needs
/// one for every request.
fn status_text(status: u16) -> &'static str {
    static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| (0..1000).map(format_status).collect());
    TEXTS.get(usize::from(status)).map_or("HTTP status out of range", String::as_str)
}

fn format_status(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    match reason {
        Some(reason) => format!("HTTP {status} {reason}"),
        None => format!("HTTP {status}"),
    }
}

const UNSUPPORTED_CHALLENGE: &str = "HTTP 401 Unauthorized: no supported Digest challenge";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_text_contains_the_canonical_reason() {
        assert_eq!(status_text(404), "HTTP 404 Not Found");
        assert_eq!(status_text(599), "HTTP 599");
    }
}
