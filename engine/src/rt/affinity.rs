//! Cores: which ones this process may use, and pinning a shard's thread to one.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores in this process's affinity mask, in ascending order; never empty.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let cores: Vec<usize> = sched_getaffinity(None)
        .map(|set| (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
        .unwrap_or_default();
    if cores.is_empty() { vec![0] } else { cores }
}

/// Binds the calling thread to one core.
///
/// # Errors
/// When the core is not, or no longer, allowed to this process.
pub(crate) fn pin_to_core(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}
