//! SIGINT and SIGTERM: the first ends the run as its time limit would, the second ends the process at once.
//!
//! For the owner of the process only. The second signal is dealt with in the handler itself, so that nothing that
//! hangs can stand in its way.

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

/// From now on signals go to this run. `let_go` is called at the first one: the second leaves no time for anything.
///
/// # Errors
/// When handlers or their thread cannot be set up.
pub(crate) fn forward_to(run: RunHandle, on_first_signal: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let seen = Arc::new(AtomicBool::new(false));
    for (signal, exit_code) in [(SIGINT, 130), (SIGTERM, 143)] {
        // In this order: the first signal finds the flag down and raises it, the second finds it up.
        flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&seen))?;
        flag::register(signal, Arc::clone(&seen))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
            // The run first: what follows waits for a terminal that may be held up.
            run.send_command(RunCommand::Stop);
            on_first_signal();
            log::info!("Got {name}: ending the run; a second signal ends it at once");
        }
    };
    thread::Builder::new().name("gregaria-signals".into()).spawn(wait)?;
    Ok(())
}
