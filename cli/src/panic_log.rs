//! The reports of panics: the log shows each place once. A panic of a task is data, and the exceptions of the run count
//! it.
//!
//! A report never bypasses the screen, unless a write to the screen itself has panicked, or another thread is writing
//! in a host with a log of its own.

use std::{
    collections::HashSet,
    panic::{self, PanicHookInfo},
    sync::{Mutex, PoisonError},
    thread,
};

use gregaria_engine::rt;

use crate::terminal::Screen;

/// Takes over the panic reports of this process. For the owner of the process, once. Without `is_logged`, for a host
/// with a log of its own, the reports of the earlier hook appear above the live display.
pub(crate) fn install(screen: &Screen, is_logged: bool) {
    let (screen, earlier_hook) = (screen.clone(), panic::take_hook());
    let places = Mutex::new(HashSet::new());
    panic::set_hook(Box::new(move |panic| {
        if !is_logged {
            screen.suspend_if_idle(|| earlier_hook(panic));
        } else if is_new_place(&places, panic) {
            if is_soon_idle(&screen) {
                log::error!("{}", describe(panic));
            } else {
                earlier_hook(panic);
            }
        }
    }));
}

/// Adds the place of the panic to `places`. Returns `false` if it is known.
fn is_new_place(places: &Mutex<HashSet<String>>, panic: &PanicHookInfo<'_>) -> bool {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    places.lock().unwrap_or_else(PoisonError::into_inner).insert(place)
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    format!("Panic{place} on thread {name}: {message}; further panics at this place are only counted")
}

/// Waits until no write holds the screen. Returns `false` after [`MAX_SCREEN_WAIT_NS`]: the panic probably comes from a
/// write of this thread.
fn is_soon_idle(screen: &Screen) -> bool {
    let deadline_ns = rt::now_ns() + MAX_SCREEN_WAIT_NS;
    while !screen.is_idle() {
        if rt::now_ns() > deadline_ns {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// Longest wait for the screen: 100 ms. A write takes far less.
const MAX_SCREEN_WAIT_NS: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    use std::{panic::catch_unwind, sync::Arc};

    use super::*;

    #[test]
    fn panics_of_a_place_are_described_once() {
        let (descriptions, places) = (Arc::new(Mutex::new(Vec::new())), Mutex::new(HashSet::new()));
        let (sink, earlier_hook) = (Arc::clone(&descriptions), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            if panic.location().is_some_and(|place| place.file() == file!()) && is_new_place(&places, panic) {
                sink.lock().unwrap().push(describe(panic));
            }
        }));
        let line = line!() + 2;
        for number in 0..3 {
            let panicked = catch_unwind(|| panic!("defect {number}"));
            assert!(panicked.is_err());
        }
        panic::set_hook(earlier_hook);
        let descriptions = descriptions.lock().unwrap();
        assert_eq!(descriptions.len(), 1);
        assert!(descriptions[0].starts_with(&format!("Panic at {}:{line} on thread ", file!())), "{descriptions:?}");
        assert!(descriptions[0].ends_with(": defect 0; further panics at this place are only counted"));
    }
}
