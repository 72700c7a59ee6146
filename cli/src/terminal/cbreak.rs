//! The cbreak mode of the terminal on stdin: keys are read at once and without echo.
//!
//! Only line editing and echo are switched off. Ctrl-C and Ctrl-Z remain signals. A process in the background changes
//! no mode: the kernel would stop it, and the modes belong to the process in the foreground.

use std::{io, os::fd::AsFd};

use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};

/// The cbreak mode, with the modes to restore.
#[derive(Default)]
pub(super) struct CbreakMode {
    saved: Option<Termios>,
}

impl CbreakMode {
    /// Switches line editing and echo off, unless they are off already. Returns `false` if stdin is not a terminal with
    /// this process in the foreground.
    pub(super) fn enable(&mut self) -> bool {
        let stdin = io::stdin();
        if !is_in_foreground(&stdin) {
            return false;
        }
        let Ok(current) = tcgetattr(&stdin) else {
            return false;
        };
        if self.saved.is_some() && !current.local_modes.intersects(LINE_INPUT_FLAGS) {
            return true;
        }
        let mut cbreak = current.clone();
        cbreak.local_modes.remove(LINE_INPUT_FLAGS);
        cbreak.special_codes[SpecialCodeIndex::VMIN] = 1;
        cbreak.special_codes[SpecialCodeIndex::VTIME] = 0;
        self.saved = Some(current);
        tcsetattr(&stdin, OptionalActions::Now, &cbreak).is_ok()
    }

    /// Restores the saved modes.
    pub(super) fn disable(&mut self) {
        let stdin = io::stdin();
        if let Some(saved) = self.saved.take()
            && is_in_foreground(&stdin)
        {
            // An error means that the terminal is gone.
            let _ = tcsetattr(&stdin, OptionalActions::Now, &saved);
        }
    }
}

/// Returns `true` if this process group is in the foreground of the terminal. A terminal that controls no session, as
/// in a container or a test, has no background.
pub(super) fn is_in_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).map_or(true, |group| group == getpgrp())
}

const LINE_INPUT_FLAGS: LocalModes = LocalModes::ICANON.union(LocalModes::ECHO);
