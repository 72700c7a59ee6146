//! The open files and local ports that users need, compared with the limits of this machine.
//!
//! A shortage is logged as a warning before the run. It does not prevent the run.

use std::fs;

use gregaria_engine::ConnectConfig;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files to its maximum, and logs a warning for each limit that is too low for this number of
/// users.
pub(crate) fn raise_and_check(users: u32, connect_config: &ConnectConfig) {
    let limit = getrlimit(Resource::Nofile);
    // An error leaves the limit as it was, and the check below reports a shortage.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let shortages = [
        open_files_shortage(users, getrlimit(Resource::Nofile).current),
        local_ports_shortage(users, &local_port_range(), connect_config),
    ];
    shortages.iter().flatten().for_each(|shortage| log::warn!("{shortage}"));
}

/// Returns a warning if the limit on open files is too low: one connection per user, one open file per connection.
/// `allowed` is `None` without a limit.
fn open_files_shortage(users: u32, allowed: Option<u64>) -> Option<String> {
    let needed = u64::from(users) + RESERVED_FILES;
    let allowed = allowed.filter(|allowed| *allowed < needed)?;
    Some(format!("{users} users may need {needed} open files, but the limit is {allowed}: raise it with ulimit -n"))
}

/// Returns a warning if the local ports are too few: each connection from a source address to the target has its own.
/// `range` is the text of `ip_local_port_range`.
fn local_ports_shortage(users: u32, range: &str, connect_config: &ConnectConfig) -> Option<String> {
    if connect_config.unix_socket.is_some() {
        return None;
    }
    let mut bounds = range.split_whitespace().map(str::parse::<u32>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    let sources = u32::try_from(connect_config.source_ips.len()).unwrap_or(u32::MAX).max(1);
    let available = (last + 1).saturating_sub(first).saturating_mul(sources);
    let setting = "net.ipv4.ip_local_port_range";
    (available < users).then(|| {
        format!(
            "{users} users may need as many local ports towards one address, but there are {available}: widen {setting} or give several --source-ip"
        )
    })
}

fn local_port_range() -> String {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default()
}

/// Open files besides the connections: drivers, timers, log and standard streams, with a margin.
const RESERVED_FILES: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortage_is_reported_with_remedy() {
        assert_eq!(open_files_shortage(100, Some(200)), None);
        assert_eq!(open_files_shortage(100, None), None);
        let warning = "100 users may need 200 open files, but the limit is 199: raise it with ulimit -n";
        assert_eq!(open_files_shortage(100, Some(199)).unwrap(), warning);
        let few = "40000\t40010\n";
        let anywhere = ConnectConfig::default();
        assert_eq!(local_ports_shortage(11, few, &anywhere), None);
        let warning = "there are 11: widen net.ipv4.ip_local_port_range or give several --source-ip";
        assert!(local_ports_shortage(12, few, &anywhere).unwrap().ends_with(warning));
        assert_eq!(local_ports_shortage(12, "", &anywhere), None);
        let two = ConnectConfig {
            source_ips: vec![[127, 0, 0, 1].into(), [127, 0, 0, 2].into()],
            ..ConnectConfig::default()
        };
        assert_eq!(local_ports_shortage(22, few, &two), None);
        assert!(local_ports_shortage(23, few, &two).unwrap().contains("there are 22: "));
        assert_eq!(
            local_ports_shortage(99, few, &ConnectConfig { unix_socket: Some("x".into()), ..ConnectConfig::default() }),
            None
        );
    }
}
