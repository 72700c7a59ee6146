//! SIGINT and SIGTERM: the first signal ends the run as its time limit would, the second ends the process immediately.
//!
//! For the owner of the process only. The thread that receives the signals never waits for another thread or the
//! terminal longer than [`MAX_CLEANUP_TIME`], so that a hanging one cannot delay the end.

use std::{io, sync::mpsc, thread, time::Duration};

use gregaria_engine::{RunCommand, RunHandle};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
    low_level,
};

/// Forwards the signals of this process to the run from now on.
///
/// `on_first_signal` and `on_second_signal` are called on threads of their own. The process ends soon after the second
/// signal, also if the call does not return.
///
/// # Errors
/// The handlers or their thread cannot be set up.
pub(crate) fn forward_to(
    run: RunHandle,
    on_first_signal: impl FnOnce() + Send + 'static,
    on_second_signal: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let forward = move || {
        let mut signals = signals.forever();
        let Some(first) = signals.next() else {
            return;
        };
        run.send_command(RunCommand::Stop);
        drop(run);
        let name = if first == SIGINT { "SIGINT" } else { "SIGTERM" };
        // Both calls wait for the terminal, which Ctrl-S can block.
        spawn_cleanup(move || {
            on_first_signal();
            log::info!("Got {name}: ending the run; a second signal ends it at once");
        });
        let Some(second) = signals.next() else {
            return;
        };
        // An error means that the call takes too long.
        let _ = spawn_cleanup(on_second_signal).recv_timeout(MAX_CLEANUP_TIME);
        low_level::exit(if second == SIGINT { 130 } else { 143 });
    };
    thread::Builder::new().name("gregaria-signals".into()).spawn(forward)?;
    Ok(())
}

/// Calls `action` on a thread of its own. The receiver gets an error when the action has ended, or if no thread can be
/// started.
fn spawn_cleanup(action: impl FnOnce() + Send + 'static) -> mpsc::Receiver<()> {
    let (running, receiver) = mpsc::channel();
    let run_action = move || {
        action();
        drop(running);
    };
    let _ = thread::Builder::new().name("gregaria-cleanup".into()).spawn(run_action);
    receiver
}

/// The time that the second signal leaves for erasing the live display.
const MAX_CLEANUP_TIME: Duration = Duration::from_millis(200);
