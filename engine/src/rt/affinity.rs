//! CPU affinity: the cores that this process may use, and pinning a thread to one core.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Returns the cores in this process's affinity mask in ascending order. Returns core 0 if the mask is unknown or
/// empty.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let cores: Vec<usize> = sched_getaffinity(None)
        .map(|set| (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
        .unwrap_or_default();
    if cores.is_empty() { vec![0] } else { cores }
}

/// Pins the calling thread to one core.
///
/// # Errors
/// Returns an error if this process may not use the core.
pub(crate) fn pin_to_core(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}
