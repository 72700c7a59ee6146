//! What a program prints, read while it runs.
//!
//! A thread of its own empties each pipe, so that a program never blocks on a full one because a test looks elsewhere;
//! tests wait for a text or for the end, always with a limit.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// What one pipe has carried so far.
pub(crate) struct PipeOutput(Arc<(Mutex<PipeBuffer>, Condvar)>);

#[derive(Default)]
struct PipeBuffer {
    bytes: Vec<u8>,
    is_ended: bool,
}

impl PipeOutput {
    pub(crate) fn read_in_thread(mut pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(PipeBuffer::default()), Condvar::new()));
        let writer = Arc::clone(&shared);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            loop {
                let length = pipe.read(&mut chunk).unwrap_or(0);
                let mut carried = writer.0.lock().expect("no reader panics with the lock");
                carried.bytes.extend_from_slice(&chunk[..length]);
                carried.is_ended = length == 0;
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
        self.wait_until(limit, |carried| contains(&carried.bytes, text.as_bytes()) || carried.is_ended);
        self.text().contains(text)
    }

    pub(crate) fn wait_for_end(&self, limit: Duration) -> bool {
        self.wait_until(limit, |carried| carried.is_ended)
    }

    fn wait_until(&self, limit: Duration, mut condition: impl FnMut(&PipeBuffer) -> bool) -> bool {
        let carried = self.0.0.lock().expect("the reading thread does not panic");
        let waited = self.0.1.wait_timeout_while(carried, limit, |carried| !condition(carried));
        !waited.expect("the reading thread does not panic").1.timed_out()
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
