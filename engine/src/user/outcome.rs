//! Whether a request succeeded, and what the error table calls it when not.

use std::{ops::RangeInclusive, sync::LazyLock};

use gregaria_http::{Error, Response};
use gregaria_stats::Outcome;

/// The statuses that a request expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect(RangeInclusive<u16>);

impl From<u16> for Expect {
    fn from(status: u16) -> Self {
        Self(status..=status)
    }
}

impl From<RangeInclusive<u16>> for Expect {
    fn from(statuses: RangeInclusive<u16>) -> Self {
        Self(statuses)
    }
}

/// An outcome that owns its text where it must.
pub(super) enum Verdict {
    Success,
    Known(&'static str),
    Told(String),
}

impl Verdict {
    pub(super) fn of(result: &Result<Response, Error>, expect: Option<&Expect>) -> Self {
        match (result, expect) {
            (Err(error), _) => Self::Known(error.message()),
            (Ok(response), None) if response.status() < 400 => Self::Success,
            (Ok(response), None) => Self::Known(status_text(response.status())),
            (Ok(response), Some(Expect(statuses))) if statuses.contains(&response.status()) => Self::Success,
            (Ok(response), Some(expect)) => {
                Self::Told(format!("{} instead of {expect}", status_text(response.status())))
            }
        }
    }

    pub(super) fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::Success => Outcome::Success,
            Self::Known(text) => Outcome::Failure(text),
            Self::Told(text) => Outcome::Failure(text),
        }
    }
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.start() == self.0.end() {
            write!(f, "{}", self.0.start())
        } else {
            write!(f, "{} to {}", self.0.start(), self.0.end())
        }
    }
}

/// `HTTP 404 Not Found`, made once for all users: a run against a broken target asks for it at every request.
fn status_text(status: u16) -> &'static str {
    static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| (0..1000).map(name_status).collect());
    TEXTS.get(usize::from(status)).map_or("HTTP status out of range", String::as_str)
}

fn name_status(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    match reason {
        Some(reason) => format!("HTTP {status} {reason}"),
        None => format!("HTTP {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_the_names_people_know() {
        assert_eq!(status_text(404), "HTTP 404 Not Found");
        assert_eq!(status_text(599), "HTTP 599");
    }

    #[test]
    fn expectations_read_well() {
        assert_eq!(Expect::from(201).to_string(), "201");
        assert_eq!(Expect::from(200..=204).to_string(), "200 to 204");
    }
}
