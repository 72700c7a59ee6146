//! What the web page is to be like. There is no page yet: its flags are judged, and change nothing.

use std::{path::PathBuf, time::Duration};

use super::values;
use crate::{
    args::{ArgValue, cli::raw::WebArgs},
    exit::CliError,
};

/// What the web page is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPlan {
    /// The address that it listens on; all when empty.
    pub host: String,
    /// The name of this machine in links to the page.
    pub host_display_name: Option<String>,
    /// The port.
    pub port: u16,
    /// The path below which it is served, without a slash at its end.
    pub base_path: String,
    /// Whether it asks who one is.
    pub login: bool,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether it offers the user classes.
    pub class_picker: bool,
    /// Whether a run begins at once.
    pub autostart: bool,
    /// How long the process outlives that run; `None` for as long as it is let.
    pub autoquit: Option<Duration>,
}

pub(super) fn plan(args: &WebArgs) -> Result<WebPlan, CliError> {
    let autoquit = values::optional(&args.autoquit, |given| values::seconds("--autoquit", given))?;
    if autoquit.is_some() && !args.autostart {
        return Err(CliError::usage("--autoquit is for runs that start by themselves: give --autostart too"));
    }
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Some((PathBuf::from(&cert.text), PathBuf::from(&key.text))),
        (None, None) => None,
        _ => return Err(CliError::usage("--tls-cert and --tls-key go together")),
    };
    let text = |given: &Option<ArgValue>| given.as_ref().map(|given| given.text.clone()).unwrap_or_default();
    let port = values::optional(&args.web_port, |given| values::port("-P", given))?;
    Ok(WebPlan {
        host: Some(text(&args.web_host)).filter(|host| host != "*").unwrap_or_default(),
        host_display_name: args.web_host_display_name.as_ref().map(|given| given.text.clone()),
        port: port.unwrap_or(DEFAULT_WEB_PORT),
        base_path: text(&args.web_base_path).trim_end_matches('/').to_owned(),
        login: args.web_login,
        tls,
        class_picker: args.class_picker,
        autostart: args.autostart,
        autoquit,
    })
}

const DEFAULT_WEB_PORT: u16 = 8089;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(args: &WebArgs) -> String {
        plan(args).unwrap_err().message
    }

    #[test]
    fn values_are_judged_although_there_is_no_page() {
        let port = |port: &str| WebArgs { web_port: Some(port.into()), ..WebArgs::default() };
        assert_eq!(plan(&port("80")).unwrap().port, 80);
        assert_eq!(refusal(&port("http")), "-P http: takes a port, from 0 to 65535");
        assert_eq!(refusal(&port("65536")), "-P 65536: takes a port, from 0 to 65535");
        let everywhere = WebArgs { web_host: Some("*".into()), ..WebArgs::default() };
        assert_eq!(plan(&everywhere).unwrap().host, "");
    }

    #[test]
    fn some_flags_need_others() {
        let autoquit = WebArgs { autoquit: Some("5".into()), ..WebArgs::default() };
        assert!(refusal(&autoquit).starts_with("--autoquit"));
        let both = WebArgs { autostart: true, ..autoquit };
        assert_eq!(plan(&both).unwrap().autoquit, Some(Duration::from_secs(5)));
        let cert = WebArgs { tls_cert: Some("cert.pem".into()), ..WebArgs::default() };
        assert!(refusal(&cert).starts_with("--tls-cert and --tls-key"));
    }
}
