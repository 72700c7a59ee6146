//! The modes of the terminal on stdin: keys at once and unseen, everything else as it was.
//!
//! Only line editing and echo are switched off: Ctrl-C and Ctrl-Z stay signals. A process in the background touches
//! nothing, which would stop it; whoever is in the foreground then has its own modes.

use std::{io, os::fd::AsFd};

use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};

/// What to go back to.
#[derive(Default)]
pub(super) struct CbreakMode {
    saved: Option<Termios>,
}

impl CbreakMode {
    /// Switches line editing and echo off, unless that is so already. False when the terminal is not ours to change.
    pub(super) fn enable(&mut self) -> bool {
        let stdin = io::stdin();
        if !is_in_foreground(&stdin) {
            return false;
        }
        let Ok(now) = tcgetattr(&stdin) else {
            return false;
        };
        if self.saved.is_some() && !now.local_modes.intersects(LINE_INPUT_FLAGS) {
            return true;
        }
        let mut ours = now.clone();
        ours.local_modes.remove(LINE_INPUT_FLAGS);
        ours.special_codes[SpecialCodeIndex::VMIN] = 1;
        ours.special_codes[SpecialCodeIndex::VTIME] = 0;
        self.saved = Some(now);
        tcsetattr(&stdin, OptionalActions::Now, &ours).is_ok()
    }

    /// Goes back.
    pub(super) fn disable(&mut self) {
        let stdin = io::stdin();
        if let Some(before) = self.saved.take()
            && is_in_foreground(&stdin)
        {
            // A terminal that is gone needs no modes.
            let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
        }
    }
}

/// Whether this terminal listens to our process group. One that controls no session (of a container, of a test) has no
/// background.
pub(super) fn is_in_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).map_or(true, |group| group == getpgrp())
}

const LINE_INPUT_FLAGS: LocalModes = LocalModes::ICANON.union(LocalModes::ECHO);
