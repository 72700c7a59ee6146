//! The conditions of a comparison on this machine: kernel, io_uring and cores. They are checked before the first
//! build, so that a missing one is an error of one line. Programs that must be installed are checked by `clients.rs`.

use std::fs;

use anyhow::{Context, ensure};
use rustix::thread::{CpuSet, sched_getaffinity};

use crate::ring;

/// Checks that this machine can run the server and the clients on `cores`.
///
/// # Errors
/// If the kernel is too old, io_uring is not available, or this process may not use one of the cores.
pub(crate) fn check_machine(cores: &[usize]) -> anyhow::Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
    check_kernel(release.trim())?;
    ring::build(8).context(
        "cannot create an io_uring; check the setting kernel.io_uring_disabled and the seccomp profile of the container",
    )?;
    let allowed = sched_getaffinity(None).context("cannot read the allowed cores")?;
    let allowed: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
    check_cores(cores, &allowed)
}

fn check_kernel(release: &str) -> anyhow::Result<()> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|digits| digits.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (major, minor) = MIN_KERNEL;
    ensure!(version >= MIN_KERNEL, "cannot compare: the kernel is {release}; use Linux {major}.{minor} or newer");
    Ok(())
}

fn check_cores(cores: &[usize], allowed: &[usize]) -> anyhow::Result<()> {
    for core in cores {
        ensure!(
            allowed.contains(core),
            "cannot use core {core}: the allowed cores are {allowed:?}; choose with --client-core, --server-core and --second-core"
        );
    }
    Ok(())
}

/// The first release with all flags of [`ring::ring_builder`].
const MIN_KERNEL: (u32, u32) = (6, 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_before_6_1_are_rejected() {
        assert!(check_kernel("6.1.0").is_ok());
        assert!(check_kernel("6.18.44-amd64").is_ok());
        assert!(check_kernel("7.0-rc1").is_ok());
        let error = check_kernel("5.15.0-91-generic").unwrap_err().to_string();
        assert_eq!(error, "cannot compare: the kernel is 5.15.0-91-generic; use Linux 6.1 or newer");
    }

    #[test]
    fn cores_outside_the_affinity_mask_are_rejected() {
        assert!(check_cores(&[0, 1, 1], &[0, 1]).is_ok());
        let error = check_cores(&[0, 2], &[0, 1]).unwrap_err().to_string();
        assert_eq!(
            error,
            "cannot use core 2: the allowed cores are [0, 1]; choose with --client-core, --server-core and --second-core"
        );
    }
}
