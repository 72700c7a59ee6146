//! Every user holds a connection, and every connection an open file: the process may need more than it is given.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files as far as this process may, and warns when that is not enough for so many users.
pub(crate) fn allow_for(users: u32) {
    let before = getrlimit(Resource::Nofile);
    // Refused is as good as not tried: the warning below says what is missing.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: before.maximum, ..before });
    let Some(allowed) = getrlimit(Resource::Nofile).current else {
        return;
    };
    let needed = u64::from(users) + OWN_FILES;
    if allowed < needed {
        log::warn!("{users} users may need {needed} open files, but the limit is {allowed}: raise it with ulimit -n");
    }
}

/// Rings, timers, log and the standard streams, generously.
const OWN_FILES: u64 = 100;
