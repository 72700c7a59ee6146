//! What this machine allows one process, against what so many users need: open files and local ports. What is missing is
//! said before the run.

use std::fs;

use gregaria_engine::ConnectConfig;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files as far as this process may, and warns of what may not be enough for so many users.
pub(crate) fn raise_and_check(users: u32, connect_config: &ConnectConfig) {
    let before = getrlimit(Resource::Nofile);
    // Refused is as good as not tried: the warning below says what is missing.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: before.maximum, ..before });
    let shortages = [
        open_files_shortage(users, getrlimit(Resource::Nofile).current),
        local_ports_shortage(users, &local_port_range(), connect_config),
    ];
    shortages.iter().flatten().for_each(|shortage| log::warn!("{shortage}"));
}

/// Every user holds a connection, and every connection an open file.
fn open_files_shortage(users: u32, allowed: Option<u64>) -> Option<String> {
    let needed = u64::from(users) + RESERVED_FILES;
    let allowed = allowed.filter(|allowed| *allowed < needed)?;
    Some(format!("{users} users may need {needed} open files, but the limit is {allowed}: raise it with ulimit -n"))
}

/// Every connection from one address to another has a local port of its own.
fn local_ports_shortage(users: u32, range: &str, connect_config: &ConnectConfig) -> Option<String> {
    if connect_config.unix_socket.is_some() {
        return None;
    }
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    let sources = u32::try_from(connect_config.source_ips.len()).unwrap_or(u32::MAX).max(1);
    let there_are = (last + 1).saturating_sub(first).saturating_mul(sources);
    let setting = "net.ipv4.ip_local_port_range";
    (there_are < users).then(|| {
        format!(
            "{users} users may need as many local ports towards one address, but there are {there_are}: widen {setting} or give several --source-ip"
        )
    })
}

fn local_port_range() -> String {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default()
}

/// Rings, timers, log and the standard streams, generously.
const RESERVED_FILES: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        assert_eq!(open_files_shortage(100, Some(200)), None);
        assert_eq!(open_files_shortage(100, None), None);
        let said = "100 users may need 200 open files, but the limit is 199: raise it with ulimit -n";
        assert_eq!(open_files_shortage(100, Some(199)).unwrap(), said);
        let few = "40000\t40010\n";
        let anywhere = ConnectConfig::default();
        assert_eq!(local_ports_shortage(11, few, &anywhere), None);
        let said = "there are 11: widen net.ipv4.ip_local_port_range or give several --source-ip";
        assert!(local_ports_shortage(12, few, &anywhere).unwrap().ends_with(said));
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
