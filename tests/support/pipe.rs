//! What a program prints, read while it runs.
//!
//! A thread of its own empties each pipe, so that a program never blocks on a full one because a test looks elsewhere;
//! tests wait for a text or for the end, always with a limit.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// What one pipe has carried so far.
pub(crate) struct Collected(Arc<(Mutex<Carried>, Condvar)>);

#[derive(Default)]
struct Carried {
    bytes: Vec<u8>,
    ended: bool,
}

impl Collected {
    pub(crate) fn from(mut pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Carried::default()), Condvar::new()));
        let writer = Arc::clone(&shared);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            loop {
                let length = pipe.read(&mut chunk).unwrap_or(0);
                let mut carried = writer.0.lock().expect("no reader panics with the lock");
                carried.bytes.extend_from_slice(&chunk[..length]);
                carried.ended = length == 0;
                writer.1.notify_all();
                if length == 0 {
                    return;
                }
            }
        });
        Self(shared)
    }

    pub(crate) fn text(&self) -> String {
        let carried = self.0.0.lock().expect("the reading thread does not panic");
        String::from_utf8_lossy(&carried.bytes).into_owned()
    }

    pub(crate) fn wait_for(&self, text: &str, limit: Duration) -> bool {
        self.wait_until(limit, |carried| contains(&carried.bytes, text.as_bytes()) || carried.ended);
        self.text().contains(text)
    }

    pub(crate) fn wait_for_end(&self, limit: Duration) -> bool {
        self.wait_until(limit, |carried| carried.ended)
    }

    fn wait_until(&self, limit: Duration, mut enough: impl FnMut(&Carried) -> bool) -> bool {
        let carried = self.0.0.lock().expect("the reading thread does not panic");
        let waited = self.0.1.wait_timeout_while(carried, limit, |carried| !enough(carried));
        !waited.expect("the reading thread does not panic").1.timed_out()
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
