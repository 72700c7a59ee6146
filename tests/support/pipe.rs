//! The output of a program, read while it runs.
//!
//! A thread per pipe reads it, so that the program never blocks on a full pipe. Tests wait for a text or for the end,
//! always with a limit.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// The bytes that one pipe has delivered so far.
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
                let mut buffer = writer.0.lock().expect("no reader panics with the lock");
                buffer.bytes.extend_from_slice(&chunk[..length]);
                buffer.is_ended = length == 0;
                writer.1.notify_all();
                if length == 0 {
                    return;
                }
            }
        });
        Self(shared)
    }

    pub(crate) fn text(&self) -> String {
        let buffer = self.0.0.lock().expect("the reading thread does not panic");
        String::from_utf8_lossy(&buffer.bytes).into_owned()
    }

    pub(crate) fn wait_for(&self, text: &str, limit: Duration) -> bool {
        self.wait_until(limit, |buffer| contains(&buffer.bytes, text.as_bytes()) || buffer.is_ended);
        self.text().contains(text)
    }

    pub(crate) fn wait_for_end(&self, limit: Duration) -> bool {
        self.wait_until(limit, |buffer| buffer.is_ended)
    }

    fn wait_until(&self, limit: Duration, mut condition: impl FnMut(&PipeBuffer) -> bool) -> bool {
        let buffer = self.0.0.lock().expect("the reading thread does not panic");
        let waited = self.0.1.wait_timeout_while(buffer, limit, |buffer| !condition(buffer));
        !waited.expect("the reading thread does not panic").1.timed_out()
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
