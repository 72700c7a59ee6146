//! What the command line says of requests: laid over the client settings of every user class, be it in Rust, in Python, or
//! that of a quick run.
//!
//! What is not given stays as the class has it. Where requests go is in `addresses.rs`.

use std::{path::PathBuf, time::Duration};

use gregaria_http::{CertificateCheck, ClientConfig, TlsConfig, TlsOptions};

use super::{limits::ResponseLimit, values};
use crate::{
    args::cli::{
        arg_value::ArgValue,
        raw::{NetworkArgs, TlsArgs},
    },
    exit::CliError,
};

/// What is said of every user's client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPlan {
    /// Longest time for making a connection.
    pub(crate) connect_timeout: Option<Duration>,
    /// Longest silence of the target.
    pub(crate) read_timeout: Option<Duration>,
    /// Longest time for a whole request, redirects included.
    pub(crate) total_timeout: Option<Duration>,
    /// Requests until a connection is closed; 0 for never.
    pub(crate) requests_per_connection: Option<u32>,
    /// Bytes of a body beyond which the target is asked first.
    pub(crate) expect_continue_above_bytes: Option<u64>,
    /// Bounds on responses, in the order in which they were given.
    pub(crate) limits: Vec<ResponseLimit>,
    /// Whom to trust, and who to be.
    pub(crate) tls: Option<TlsConfig>,
}

impl ClientPlan {
    /// Lays what was given over `config`.
    pub fn apply_to(&self, config: &mut ClientConfig) {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        config.connect_timeout_ns = self.connect_timeout.map_or(config.connect_timeout_ns, ns);
        config.read_timeout_ns = self.read_timeout.map_or(config.read_timeout_ns, ns);
        config.total_timeout_ns = self.total_timeout.map(ns).or(config.total_timeout_ns);
        config.max_requests_per_connection = self.requests_per_connection.unwrap_or(config.max_requests_per_connection);
        config.expect_continue_above_bytes = self.expect_continue_above_bytes.or(config.expect_continue_above_bytes);
        self.limits.iter().for_each(|limit| limit.apply_to(&mut config.limits));
        if let Some(tls) = &self.tls {
            config.tls = tls.clone();
        }
    }
}

/// Finds out what is said of every user's client.
pub(super) fn plan(network: &NetworkArgs, tls: &TlsArgs) -> Result<ClientPlan, CliError> {
    let timeout = |flag, given: &Option<ArgValue>| values::optional(given, |given| values::timeout(flag, given));
    let requests = |given: &ArgValue| values::non_negative_int("--requests-per-connection", given);
    let bytes = |given: &ArgValue| {
        values::byte_count(&given.text)
            .ok_or_else(|| values::invalid_value("--expect-continue", given, values::TAKES_BYTES))
    };
    Ok(ClientPlan {
        connect_timeout: timeout("--connect-timeout", &network.connect_timeout)?,
        read_timeout: timeout("--read-timeout", &network.read_timeout)?,
        total_timeout: timeout("--timeout", &network.timeout)?,
        requests_per_connection: values::optional(&network.requests_per_connection, requests)?,
        expect_continue_above_bytes: values::optional(&network.expect_continue, bytes)?,
        limits: network.limits.iter().map(ResponseLimit::parse).collect::<Result<_, _>>()?,
        tls: tls_config(tls)?,
    })
}

/// Reads the files at once: what is wrong with them is said before anything runs.
fn tls_config(args: &TlsArgs) -> Result<Option<TlsConfig>, CliError> {
    let trust = match &args.cacert {
        _ if args.insecure => CertificateCheck::AcceptAnyCertificate,
        Some(bundle) => CertificateCheck::CaBundle(PathBuf::from(&bundle.text)),
        None => CertificateCheck::SystemRoots,
    };
    let settings = TlsOptions { certificate_check: trust, client_identity: client_identity(args)? };
    if settings == TlsOptions::default() {
        return Ok(None);
    }
    TlsConfig::new(&settings).map(Some).map_err(|error| CliError::usage(error.to_string()))
}

/// The files of the certificate to show, and of its key: the same unless one is given.
fn client_identity(args: &TlsArgs) -> Result<Option<(PathBuf, PathBuf)>, CliError> {
    let named = |key: &ArgValue| key.describe("--key");
    match (&args.cert, &args.key) {
        (None, None) => Ok(None),
        (None, Some(key)) => Err(CliError::usage(format!("{}: needs its certificate: give --cert FILE", named(key)))),
        (Some(cert), key) => match (cert.text.split_once(','), key) {
            (Some(_), Some(key)) => Err(CliError::usage(format!("{}: --cert names a key already", named(key)))),
            (Some((cert, key)), None) => Ok(Some((cert.into(), key.into()))),
            (None, key) => Ok(Some((PathBuf::from(&cert.text), PathBuf::from(&key.as_ref().unwrap_or(cert).text)))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_laid_over_and_the_rest_stays() {
        let mut own = ClientConfig { connect_timeout_ns: 1, max_requests_per_connection: 9, ..ClientConfig::default() };
        own.limits.max_headers = 3;
        let mut same = own.clone();
        plan(&NetworkArgs::default(), &TlsArgs::default()).unwrap().apply_to(&mut same);
        assert_eq!(format!("{same:?}"), format!("{own:?}"));
        let args = NetworkArgs {
            connect_timeout: Some("2".into()),
            read_timeout: Some("0.5".into()),
            timeout: Some("1m".into()),
            requests_per_connection: Some("0".into()),
            expect_continue: Some("1M".into()),
            limits: vec!["body-bytes=1K".into(), "body-bytes=2K".into()],
            ..NetworkArgs::default()
        };
        plan(&args, &TlsArgs::default()).unwrap().apply_to(&mut own);
        assert_eq!((own.connect_timeout_ns, own.read_timeout_ns), (2_000_000_000, 500_000_000));
        assert_eq!((own.total_timeout_ns, own.max_requests_per_connection), (Some(60_000_000_000), 0));
        assert_eq!(own.expect_continue_above_bytes, Some(1 << 20));
        assert_eq!((own.limits.max_body_bytes, own.limits.max_headers), (2048, 3));
    }

    #[test]
    fn wrong_values_name_their_flags() {
        let usual = NetworkArgs::default();
        for (args, start) in [
            (NetworkArgs { timeout: Some("0".into()), ..usual.clone() }, "--timeout 0: takes seconds of more than 0"),
            (
                NetworkArgs { requests_per_connection: Some("-1".into()), ..usual.clone() },
                "--requests-per-connection -1: takes a whole number",
            ),
            (
                NetworkArgs { expect_continue: Some("big".into()), ..usual.clone() },
                "--expect-continue big: takes bytes, such as 65536",
            ),
            (NetworkArgs { limits: vec!["x".into()], ..usual }, "--limit x: takes NAME=VALUE"),
        ] {
            let refusal = plan(&args, &TlsArgs::default()).unwrap_err();
            assert!(refusal.code == 2 && refusal.message.starts_with(start), "{refusal}");
        }
    }

    #[test]
    fn a_certificate_has_its_key_in_it_behind_a_comma_or_by_its_own_flag() {
        let tls = |cert: &str, key: &str| {
            let given = |text: &str| (!text.is_empty()).then(|| ArgValue::from(text));
            client_identity(&TlsArgs { cert: given(cert), key: given(key), ..TlsArgs::default() })
        };
        let files = |cert: &str, key: &str| Ok(Some((PathBuf::from(cert), PathBuf::from(key))));
        assert_eq!(tls("", ""), Ok(None));
        assert_eq!(tls("a.pem", ""), files("a.pem", "a.pem"));
        assert_eq!(tls("a.pem", "a.key"), files("a.pem", "a.key"));
        assert_eq!(tls("a.pem,a.key", ""), files("a.pem", "a.key"));
        assert_eq!(tls("", "a.key").unwrap_err().message, "--key a.key: needs its certificate: give --cert FILE");
        assert_eq!(tls("a.pem,a.key", "b.key").unwrap_err().message, "--key b.key: --cert names a key already");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let missing = |args: TlsArgs| plan(&NetworkArgs::default(), &args).unwrap_err();
        for args in [
            TlsArgs { cacert: Some("no/such.pem".into()), ..TlsArgs::default() },
            TlsArgs { cert: Some("no/such.pem".into()), ..TlsArgs::default() },
        ] {
            let refusal = missing(args);
            assert!(refusal.code == 2 && refusal.message.starts_with("no/such.pem: "), "{refusal}");
        }
    }
}
