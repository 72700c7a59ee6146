//! SIGINT and SIGTERM: the first signal ends the run as its time limit would, the second ends the process immediately.
//!
//! For the owner of the process only. The second signal ends the process in the handler itself, so that a thread that
//! hangs cannot delay the end.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use gregaria_engine::{RunCommand, RunHandle};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    iterator::Signals,
};

/// Forwards the signals of this process to the run from now on.
///
/// `on_first_signal` is called on a thread of its own at the first signal. The second signal leaves no time for a call.
///
/// # Errors
/// The handlers or their thread cannot be set up.
pub(crate) fn forward_to(run: RunHandle, on_first_signal: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    for (signal, exit_code) in [(SIGINT, 130), (SIGTERM, 143)] {
        // The order matters: at the first signal the flag is not set yet when the shutdown checks it.
        flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&seen))?;
        flag::register(signal, Arc::clone(&seen))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let forward = move || {
        if let Some(signal) = signals.forever().next() {
            let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
            // The command comes first: the calls below wait for the terminal, which Ctrl-S can block.
            run.send_command(RunCommand::Stop);
            on_first_signal();
            log::info!("Got {name}: ending the run; a second signal ends it at once");
        }
    };
    thread::Builder::new().name("gregaria-signals".into()).spawn(forward)?;
    Ok(())
}
