//! The checks of the web page's flags. gregaria has no web page yet, so the flags have no effect on a run.
//!
//! The values reach Python through `../python/parsed_options.rs`, because Locust has the same flags.

use std::time::Duration;

use super::values;
use crate::{
    args::cli::{arg_value::ArgValue, raw::WebArgs},
    exit::CliError,
};

/// Checks the values of the web page's flags and their combinations.
///
/// # Errors
/// An invalid port or time, `--autoquit` without `--autostart`, or only one of `--tls-cert` and `--tls-key`.
pub(super) fn check(args: &WebArgs) -> Result<(), CliError> {
    if values::optional(&args.autoquit, autoquit)?.is_some() && !args.autostart {
        return Err(CliError::usage("--autoquit applies to runs that start by themselves; add --autostart"));
    }
    if args.tls_cert.is_some() != args.tls_key.is_some() {
        return Err(CliError::usage("--tls-cert and --tls-key are needed together"));
    }
    values::optional(&args.web_port, port).map(|_| ())
}

/// Converts `--autoquit`.
pub(in crate::args) fn autoquit(arg: &ArgValue) -> Result<Duration, CliError> {
    values::duration("--autoquit", arg)
}

/// Converts `--web-port`.
pub(in crate::args) fn port(arg: &ArgValue) -> Result<u16, CliError> {
    values::port("-P", arg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(args: &WebArgs) -> String {
        check(args).unwrap_err().message
    }

    #[test]
    fn web_port_is_checked() {
        let port = |port: &str| WebArgs { web_port: Some(port.into()), ..WebArgs::default() };
        assert_eq!(check(&port("80")), Ok(()));
        assert_eq!(error(&port("http")), "-P http: takes a port, from 0 to 65535");
        assert_eq!(error(&port("65536")), "-P 65536: takes a port, from 0 to 65535");
    }

    #[test]
    fn incomplete_web_flags_are_rejected() {
        let autoquit = WebArgs { autoquit: Some("5".into()), ..WebArgs::default() };
        assert!(error(&autoquit).starts_with("--autoquit"));
        assert_eq!(check(&WebArgs { autostart: true, ..autoquit }), Ok(()));
        assert!(error(&WebArgs { autoquit: Some("x".into()), ..WebArgs::default() }).starts_with("--autoquit x: "));
        let cert = WebArgs { tls_cert: Some("cert.pem".into()), ..WebArgs::default() };
        assert!(error(&cert).starts_with("--tls-cert and --tls-key"));
    }
}
