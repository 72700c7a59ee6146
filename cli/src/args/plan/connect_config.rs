//! The endpoints of connections: conversion of the network flags into the engine's [`ConnectConfig`].
//!
//! Flags that curl has are spelled as in curl. This file must not know whether the machine has the source addresses,
//! which the engine checks when a run starts.

use std::net::IpAddr;

use gregaria_engine::{ConnectConfig, OverrideTarget, ResolveOverride};
use gregaria_http::Origin;
use ipnet::{IpNet, Ipv4AddrRange, Ipv6AddrRange};

use super::values;
use crate::{
    args::cli::{arg_value::ArgValue, raw::NetworkArgs},
    exit::CliError,
};

/// Converts the network arguments into a [`ConnectConfig`].
///
/// # Errors
/// An invalid value, or `--unix-socket` combined with `--resolve` or `--source-ip`.
pub(super) fn plan(args: &NetworkArgs) -> Result<ConnectConfig, CliError> {
    check_unix_socket_alone(args)?;
    let dns_ttl = values::optional(&args.dns_ttl, |arg| values::duration("--dns-ttl", arg))?;
    let overrides = args.resolve.iter().map(parse_override).collect::<Result<_, _>>()?;
    let mut source_ips = Vec::new();
    for arg in &args.source_ip {
        source_ips.extend(parse_sources(arg)?);
    }
    Ok(ConnectConfig {
        overrides,
        dns_ttl: dns_ttl.unwrap_or_else(|| ConnectConfig::default().dns_ttl),
        unix_socket: args.unix_socket.as_ref().map(|path| path.text.clone().into()),
        source_ips,
    })
}

/// Checks that `--unix-socket`, which applies to all connections, is not combined with a flag that it would override.
fn check_unix_socket_alone(args: &NetworkArgs) -> Result<(), CliError> {
    let Some(socket) = &args.unix_socket else {
        return Ok(());
    };
    let others = [("--resolve", args.resolve.first()), ("--source-ip", args.source_ip.first())];
    match others.into_iter().find_map(|(flag, arg)| arg.map(|arg| arg.describe(flag))) {
        None => Ok(()),
        Some(other) => Err(CliError::usage(format!(
            "{other}: cannot be combined with {}, which applies to all connections",
            socket.describe("--unix-socket")
        ))),
    }
}

/// Parses `HOST:PORT:ADDRESS[,ADDRESS]…` or `HOST:PORT:unix:PATH`. Host and port may be `*`.
fn parse_override(arg: &ArgValue) -> Result<ResolveOverride, CliError> {
    let error = |what: &str| values::invalid_value("--resolve", arg, what);
    let (host, port, address) = split_override(&arg.text).ok_or_else(|| error(TAKES_OVERRIDE))?;
    let host = match host {
        "*" => None,
        host => Some(normalize_host(host).ok_or_else(|| error("its host is not a name or an address"))?),
    };
    let port = match port {
        "*" => None,
        port => {
            let port = port.parse().ok().filter(|port| *port > 0);
            Some(port.ok_or_else(|| error("its port is not a number from 1 to 65535, or *"))?)
        }
    };
    let target = match address.strip_prefix("unix:") {
        Some("") => return Err(error(TAKES_OVERRIDE)),
        Some(path) => OverrideTarget::UnixSocket(path.into()),
        None => {
            let ips = address.split(',').map(parse_ip).collect::<Option<_>>();
            OverrideTarget::Ips(ips.ok_or_else(|| error("its address is not an IP address, or unix:PATH"))?)
        }
    };
    Ok(ResolveOverride { host, port, target })
}

/// Splits an override into host, port and address. An IPv6 address in place of a host is in brackets.
fn split_override(text: &str) -> Option<(&str, &str, &str)> {
    let host_ends = if text.starts_with('[') { text.find("]:")? + 1 } else { text.find(':')? };
    let (port, address) = text[host_ends + 1..].split_once(':')?;
    Some((&text[..host_ends], port, address))
}

/// Returns the host in the spelling of a parsed URL, or `None` if the text is no host.
fn normalize_host(text: &str) -> Option<String> {
    if text.is_empty() || text.contains(['/', '?', '#', '@', '\\']) {
        return None;
    }
    Some(Origin::parse(&format!("http://{text}/")).ok()?.host().to_owned())
}

fn parse_ip(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inside.unwrap_or(text).parse().ok()
}

/// Parses addresses separated by commas. A range or a network stands for all of its addresses.
///
/// # Errors
/// Text that is no address, or more than [`MAX_SOURCE_IPS`] addresses.
fn parse_sources(arg: &ArgValue) -> Result<Vec<IpAddr>, CliError> {
    let mut ips = Vec::new();
    for part in arg.text.split(',') {
        let found =
            parse_source_range(part.trim()).ok_or_else(|| values::invalid_value("--source-ip", arg, TAKES_SOURCES))?;
        ips.extend(found.take(MAX_SOURCE_IPS + 1 - ips.len()));
        if ips.len() > MAX_SOURCE_IPS {
            let expected = format!("takes {MAX_SOURCE_IPS} addresses at most");
            return Err(values::invalid_value("--source-ip", arg, &expected));
        }
    }
    Ok(ips)
}

fn parse_source_range(part: &str) -> Option<Box<dyn Iterator<Item = IpAddr>>> {
    if part.contains('/') {
        return Some(Box::new(part.parse::<IpNet>().ok()?.hosts()));
    }
    let Some((first, last)) = part.split_once('-') else {
        return Some(Box::new(std::iter::once(parse_ip(part)?)));
    };
    match (parse_ip(first)?, parse_ip(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            Some(Box::new(Ipv4AddrRange::new(first, last).map(IpAddr::from)))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            Some(Box::new(Ipv6AddrRange::new(first, last).map(IpAddr::from)))
        }
        _ => None,
    }
}

const TAKES_OVERRIDE: &str = "takes HOST:PORT:ADDRESS, such as shop.example:80:127.0.0.1 or *:*:unix:/run/shop.sock";
const TAKES_SOURCES: &str = "takes IP addresses, such as 10.0.0.1,10.0.0.2 or 10.0.0.1-10.0.0.9 or 10.0.0.0/28";
/// The largest number of addresses in one `--source-ip`: those of a network of 16 bits.
const MAX_SOURCE_IPS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn error(args: &NetworkArgs) -> String {
        let error = plan(args).unwrap_err();
        assert_eq!(error.code, 2);
        error.message
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn override_names_host_port_and_target() {
        let parsed = |text: &str| parse_override(&text.into()).unwrap();
        let expected = |host: &str, port, target| ResolveOverride { host: Some(host.into()), port, target };
        let local = || OverrideTarget::Ips(ips(&["127.0.0.1"]));
        assert_eq!(parsed("Shop.Example:80:127.0.0.1"), expected("shop.example", Some(80), local()));
        assert_eq!(parsed("bücher.example:*:127.0.0.1"), expected("xn--bcher-kva.example", None, local()));
        assert_eq!(parsed("*:*:127.0.0.1"), ResolveOverride { host: None, port: None, target: local() });
        let both = || OverrideTarget::Ips(ips(&["::1", "127.0.0.1"]));
        assert_eq!(parsed("h:80:[::1],127.0.0.1"), expected("h", Some(80), both()));
        assert_eq!(parsed("h:80:::1, 127.0.0.1"), expected("h", Some(80), both()));
        assert_eq!(parsed("[::1]:80:127.0.0.1"), expected("::1", Some(80), local()));
        assert_eq!(
            parsed("h:80:unix:/run/a:b"),
            expected("h", Some(80), OverrideTarget::UnixSocket("/run/a:b".into()))
        );
    }

    #[test]
    fn invalid_override_is_rejected() {
        let error = |text: &str| parse_override(&text.into()).unwrap_err().message;
        for text in ["", "h", "h:80", "h:80:unix:", "[::1:80:127.0.0.1"] {
            assert!(error(text).ends_with(TAKES_OVERRIDE), "{text}: {}", error(text));
        }
        for text in [":80:127.0.0.1", "a b:80:127.0.0.1", "a/b:80:127.0.0.1"] {
            assert!(error(text).contains("its host is not"), "{text}: {}", error(text));
        }
        for text in ["h:0:127.0.0.1", "h:x:127.0.0.1", "h:70000:127.0.0.1", "::1:80:127.0.0.1"] {
            let message = error(text);
            assert!(message.contains("its port is not") || message.contains("its host is not"), "{text}: {message}");
        }
        for text in ["h:80:", "h:80:localhost", "h:80:127.0.0.1,", "h:80:[::1"] {
            assert!(error(text).contains("its address is not"), "{text}: {}", error(text));
        }
    }

    #[test]
    fn sources_are_addresses_ranges_or_networks() {
        let all = |text: &str| parse_sources(&text.into()).unwrap();
        assert_eq!(all("127.0.0.2, ::1,[::2]"), ips(&["127.0.0.2", "::1", "::2"]));
        assert_eq!(all("127.0.0.2-127.0.0.4"), ips(&["127.0.0.2", "127.0.0.3", "127.0.0.4"]));
        assert_eq!(all("::1-::2"), ips(&["::1", "::2"]));
        assert_eq!(all("10.0.0.0/30"), ips(&["10.0.0.1", "10.0.0.2"]), "without network and broadcast address");
        assert_eq!(all("10.1.0.0/16").len(), 65_534);
        for text in ["", "127.0.0.1,", "x", "127.0.0.4-127.0.0.2", "127.0.0.1-::1", "127.0.0.1/40"] {
            let error = parse_sources(&text.into()).unwrap_err().message;
            assert_eq!(error, format!("--source-ip {text}: {TAKES_SOURCES}"));
        }
        let many = parse_sources(&"fd00::/64".into()).unwrap_err().message;
        assert_eq!(many, "--source-ip fd00::/64: takes 65536 addresses at most");
    }

    #[test]
    fn network_flags_are_converted() {
        let args = NetworkArgs {
            resolve: vec!["h:80:127.0.0.1".into(), "*:*:unix:x".into()],
            source_ip: vec!["127.0.0.2".into(), "127.0.0.3,127.0.0.4".into()],
            dns_ttl: Some("0".into()),
            ..NetworkArgs::default()
        };
        let config = plan(&args).unwrap();
        assert_eq!((config.overrides.len(), config.source_ips.len(), config.dns_ttl), (2, 3, Duration::ZERO));
        assert_eq!(plan(&NetworkArgs::default()).unwrap(), ConnectConfig::default());
        assert!(error(&NetworkArgs { dns_ttl: Some("-1".into()), ..args }).starts_with("--dns-ttl -1: takes a time"));
    }

    #[test]
    fn unix_socket_excludes_other_endpoints() {
        let socket = NetworkArgs { unix_socket: Some("/run/x".into()), ..NetworkArgs::default() };
        assert_eq!(plan(&socket).unwrap().unix_socket, Some("/run/x".into()));
        for args in [
            NetworkArgs { resolve: vec!["h:80:127.0.0.1".into()], ..socket.clone() },
            NetworkArgs { source_ip: vec!["127.0.0.2".into()], ..socket },
        ] {
            let error = error(&args);
            let end = ": cannot be combined with --unix-socket /run/x, which applies to all connections";
            assert!(error.ends_with(end), "{error}");
        }
    }
}
