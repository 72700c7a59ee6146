//! The machine that generated the load. A fact that the system does not tell is `None`.

use std::{fs, thread};

use rustix::system;
use serde::Serialize;

/// The machine of this process.
#[derive(Serialize)]
pub(super) struct Machine {
    hostname: String,
    kernel: String,
    architecture: &'static str,
    cpu_model: Option<String>,
    /// The processors of the machine.
    cores: Option<usize>,
    /// The processors that this process may use.
    usable_cores: Option<usize>,
}

impl Machine {
    /// Reads the facts from the system.
    pub(super) fn read() -> Self {
        let names = system::uname();
        let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            hostname: text(names.nodename()),
            kernel: format!("{} {}", text(names.sysname()), text(names.release())),
            architecture: std::env::consts::ARCH,
            cpu_model: cpu_values(&cpu_info, "model name").next().map(str::to_owned),
            cores: Some(cpu_values(&cpu_info, "processor").count()).filter(|cores| *cores > 0),
            usable_cores: thread::available_parallelism().ok().map(usize::from),
        }
    }
}

/// Iterates over the values of a key of `/proc/cpuinfo`, which has lines `key : value`.
fn cpu_values<'a>(cpu_info: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = cpu_info.lines().filter_map(|line| line.split_once(':'));
    pairs.filter(move |(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_values_are_those_of_each_core() {
        let text = "processor\t: 0\nmodel name\t: A: 5 GHz\n\nprocessor\t: 1\nmodel name\t: A: 5 GHz\n";
        assert_eq!(cpu_values(text, "processor").collect::<Vec<_>>(), ["0", "1"]);
        assert_eq!(cpu_values(text, "model name").next(), Some("A: 5 GHz"));
        assert_eq!(cpu_values(text, "Model").next(), None);
    }
}
