//! Where connections go and come from: the flags that become the engine's [`Addresses`].
//!
//! They are spelled as curl's where curl has them. Whether this machine has the source addresses is not known here: that
//! is asked when a run is prepared (`run.rs`).

use std::net::IpAddr;

use gregaria_engine::{ConnectConfig, OverrideTarget, ResolveOverride};
use gregaria_http::Origin;
use ipnet::{IpNet, Ipv4AddrRange, Ipv6AddrRange};

use super::values;
use crate::{
    args::cli::{arg_value::ArgValue, raw::NetworkArgs},
    exit::CliError,
};

/// Finds out where connections are to go and come from.
pub(super) fn plan(args: &NetworkArgs) -> Result<ConnectConfig, CliError> {
    check_unix_socket_alone(args)?;
    let usual = ConnectConfig::default();
    let dns_ttl = values::optional(&args.dns_ttl, |given| values::seconds("--dns-ttl", given))?;
    let overrides = args.resolve.iter().map(parse_override).collect::<Result<_, _>>()?;
    let mut source_ips = Vec::new();
    for given in &args.source_ip {
        source_ips.extend(parse_sources(given)?);
    }
    Ok(ConnectConfig {
        overrides,
        dns_ttl: dns_ttl.unwrap_or(usual.dns_ttl),
        unix_socket: args.unix_socket.as_ref().map(|path| path.text.clone().into()),
        source_ips,
    })
}

/// With one socket for all connections, addresses would be silently without meaning.
fn check_unix_socket_alone(args: &NetworkArgs) -> Result<(), CliError> {
    let Some(socket) = &args.unix_socket else {
        return Ok(());
    };
    let others = [("--resolve", args.resolve.first()), ("--source-ip", args.source_ip.first())];
    match others.into_iter().find_map(|(flag, given)| given.map(|given| given.describe(flag))) {
        None => Ok(()),
        Some(other) => Err(CliError::usage(format!(
            "{other}: does not go together with {}, to which all connections go",
            socket.describe("--unix-socket")
        ))),
    }
}

/// `HOST:PORT:ADDRESS[,ADDRESS]…` or `HOST:PORT:unix:PATH`; host and port may be `*`.
fn parse_override(arg: &ArgValue) -> Result<ResolveOverride, CliError> {
    let wrong = |what: &str| values::invalid_value("--resolve", arg, what);
    let (host, port, to) = split_rule(&arg.text).ok_or_else(|| wrong(TAKES_A_RULE))?;
    let host = match host {
        "*" => None,
        host => Some(normalize_host(host).ok_or_else(|| wrong("its host is not a name or an address"))?),
    };
    let port = match port {
        "*" => None,
        port => {
            let port = port.parse().ok().filter(|port| *port > 0);
            Some(port.ok_or_else(|| wrong("its port is not a number from 1 to 65535, or *"))?)
        }
    };
    let destination = match to.strip_prefix("unix:") {
        Some("") => return Err(wrong(TAKES_A_RULE)),
        Some(path) => OverrideTarget::UnixSocket(path.into()),
        None => {
            let ips = to.split(',').map(parse_ip).collect::<Option<_>>();
            OverrideTarget::Ips(ips.ok_or_else(|| wrong("its address is not an IP address, or unix:PATH"))?)
        }
    };
    Ok(ResolveOverride { host, port, target: destination })
}

/// An IPv6 address in place of a host has brackets.
fn split_rule(rule: &str) -> Option<(&str, &str, &str)> {
    let host_ends = if rule.starts_with('[') { rule.find("]:")? + 1 } else { rule.find(':')? };
    let (port, to) = rule[host_ends + 1..].split_once(':')?;
    Some((&rule[..host_ends], port, to))
}

/// As URLs spell it once they have been read.
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

/// Addresses with commas between them; a range of them, or a network, is as many.
fn parse_sources(arg: &ArgValue) -> Result<Vec<IpAddr>, CliError> {
    let mut ips = Vec::new();
    for part in arg.text.split(',') {
        let found =
            parse_source_range(part.trim()).ok_or_else(|| values::invalid_value("--source-ip", arg, TAKES_SOURCES))?;
        ips.extend(found.take(MAX_SOURCE_IPS + 1 - ips.len()));
        if ips.len() > MAX_SOURCE_IPS {
            let what = format!("takes {MAX_SOURCE_IPS} addresses at most");
            return Err(values::invalid_value("--source-ip", arg, &what));
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

const TAKES_A_RULE: &str = "takes HOST:PORT:ADDRESS, such as shop.example:80:127.0.0.1 or *:*:unix:/run/shop.sock";
const TAKES_SOURCES: &str = "takes IP addresses, such as 10.0.0.1,10.0.0.2 or 10.0.0.1-10.0.0.9 or 10.0.0.0/28";
/// All of a network of 16 bits.
const MAX_SOURCE_IPS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refusal(args: &NetworkArgs) -> String {
        let refusal = plan(args).unwrap_err();
        assert_eq!(refusal.code, 2);
        refusal.message
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_rule_names_host_port_and_destination() {
        let rule = |text: &str| parse_override(&text.into()).unwrap();
        let made =
            |host: &str, port, destination| ResolveOverride { host: Some(host.into()), port, target: destination };
        let home = || OverrideTarget::Ips(ips(&["127.0.0.1"]));
        assert_eq!(rule("Shop.Example:80:127.0.0.1"), made("shop.example", Some(80), home()));
        assert_eq!(rule("bücher.example:*:127.0.0.1"), made("xn--bcher-kva.example", None, home()));
        assert_eq!(rule("*:*:127.0.0.1"), ResolveOverride { host: None, port: None, target: home() });
        let both = || OverrideTarget::Ips(ips(&["::1", "127.0.0.1"]));
        assert_eq!(rule("h:80:[::1],127.0.0.1"), made("h", Some(80), both()));
        assert_eq!(rule("h:80:::1, 127.0.0.1"), made("h", Some(80), both()));
        assert_eq!(rule("[::1]:80:127.0.0.1"), made("::1", Some(80), home()));
        assert_eq!(rule("h:80:unix:/run/a:b"), made("h", Some(80), OverrideTarget::UnixSocket("/run/a:b".into())));
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_refused() {
        let refusal = |text: &str| parse_override(&text.into()).unwrap_err().message;
        for text in ["", "h", "h:80", "h:80:unix:", "[::1:80:127.0.0.1"] {
            assert!(refusal(text).ends_with(TAKES_A_RULE), "{text}: {}", refusal(text));
        }
        for text in [":80:127.0.0.1", "a b:80:127.0.0.1", "a/b:80:127.0.0.1"] {
            assert!(refusal(text).contains("its host is not"), "{text}: {}", refusal(text));
        }
        for text in ["h:0:127.0.0.1", "h:x:127.0.0.1", "h:70000:127.0.0.1", "::1:80:127.0.0.1"] {
            let said = refusal(text);
            assert!(said.contains("its port is not") || said.contains("its host is not"), "{text}: {said}");
        }
        for text in ["h:80:", "h:80:localhost", "h:80:127.0.0.1,", "h:80:[::1"] {
            assert!(refusal(text).contains("its address is not"), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn sources_are_single_ranges_or_networks() {
        let all = |text: &str| parse_sources(&text.into()).unwrap();
        assert_eq!(all("127.0.0.2, ::1,[::2]"), ips(&["127.0.0.2", "::1", "::2"]));
        assert_eq!(all("127.0.0.2-127.0.0.4"), ips(&["127.0.0.2", "127.0.0.3", "127.0.0.4"]));
        assert_eq!(all("::1-::2"), ips(&["::1", "::2"]));
        assert_eq!(all("10.0.0.0/30"), ips(&["10.0.0.1", "10.0.0.2"]), "neither the network nor all of it");
        assert_eq!(all("10.1.0.0/16").len(), 65_534);
        for text in ["", "127.0.0.1,", "x", "127.0.0.4-127.0.0.2", "127.0.0.1-::1", "127.0.0.1/40"] {
            let refusal = parse_sources(&text.into()).unwrap_err().message;
            assert_eq!(refusal, format!("--source-ip {text}: {TAKES_SOURCES}"));
        }
        let many = parse_sources(&"fd00::/64".into()).unwrap_err().message;
        assert_eq!(many, "--source-ip fd00::/64: takes 65536 addresses at most");
    }

    #[test]
    fn all_of_it_is_planned() {
        let args = NetworkArgs {
            resolve: vec!["h:80:127.0.0.1".into(), "*:*:unix:x".into()],
            source_ip: vec!["127.0.0.2".into(), "127.0.0.3,127.0.0.4".into()],
            dns_ttl: Some("0".into()),
            ..NetworkArgs::default()
        };
        let planned = plan(&args).unwrap();
        assert_eq!((planned.overrides.len(), planned.source_ips.len(), planned.dns_ttl), (2, 3, Duration::ZERO));
        assert_eq!(plan(&NetworkArgs::default()).unwrap(), ConnectConfig::default());
        assert!(
            refusal(&NetworkArgs { dns_ttl: Some("-1".into()), ..args }).starts_with("--dns-ttl -1: takes seconds")
        );
    }

    #[test]
    fn a_unix_socket_stands_alone() {
        let socket = NetworkArgs { unix_socket: Some("/run/x".into()), ..NetworkArgs::default() };
        assert_eq!(plan(&socket).unwrap().unix_socket, Some("/run/x".into()));
        for args in [
            NetworkArgs { resolve: vec!["h:80:127.0.0.1".into()], ..socket.clone() },
            NetworkArgs { source_ip: vec!["127.0.0.2".into()], ..socket },
        ] {
            let refusal = refusal(&args);
            let end = ": does not go together with --unix-socket /run/x, to which all connections go";
            assert!(refusal.ends_with(end), "{refusal}");
        }
    }
}
