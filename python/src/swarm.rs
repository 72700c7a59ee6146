//! The swarm of the Python users: one thread agent, commanded through a queue and an event fd, and watched for being
//! blocked.
//!
//! It lives on the runner's thread. It must not touch Python objects or wait for the Python thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use gregaria_engine::{
    Segment, Swarm, SwarmReport, ThreadLoad, ThreadRole,
    control::Coordinator,
    io_thread::IoThreadStatus,
    rt::{self, EventFd},
};
use gregaria_stats::Interval;
use pyo3::prelude::*;

use crate::log::LOG;

/// The swarm of the Python users.
pub(crate) struct PythonSwarm {
    coordinator: Coordinator,
    /// Wakes the Python thread.
    command_fd: EventFd,
    io_thread: IoThreadStatus,
    io_cpu_at_start_ns: u64,
    /// Time of the bridge's latest tick.
    last_tick_ns: Arc<AtomicU64>,
    /// Python's number of the Python thread.
    owner_thread: u64,
    is_running: bool,
    is_blocked: bool,
}

impl PythonSwarm {
    pub(crate) fn new(
        coordinator: Coordinator,
        command_fd: EventFd,
        io_thread: IoThreadStatus,
        last_tick_ns: Arc<AtomicU64>,
        owner_thread: u64,
    ) -> Self {
        Self {
            coordinator,
            command_fd,
            io_thread,
            io_cpu_at_start_ns: 0,
            last_tick_ns,
            owner_thread,
            is_running: false,
            is_blocked: false,
        }
    }

    /// Logs when gevent's loop blocks and when it runs again. During a run the bridge ticks ten times a second.
    fn watch_loop(&mut self) {
        let silent_ns = rt::now_ns().saturating_sub(self.last_tick_ns.load(Ordering::Relaxed));
        let is_blocked = self.is_running && silent_ns > BLOCKED_NS;
        if is_blocked && !self.is_blocked {
            let silent_s = silent_ns as f64 / 1e9;
            log::warn!(
                target: LOG,
                "The gevent loop has been blocked for {silent_s:.1} s: no Python user can run until it is released"
            );
            // On a thread of its own, because attaching to Python waits until the blocking code releases the GIL.
            let owner_thread = self.owner_thread;
            let logging = move || log_blocking_frame(owner_thread);
            let spawned = thread::Builder::new().name("gregaria-blocked".into()).spawn(logging);
            if let Err(error) = spawned {
                log::warn!(target: LOG, "Cannot find what blocks the gevent loop: {error}");
            }
        } else if self.is_blocked && !is_blocked {
            log::warn!(target: LOG, "The gevent loop runs again");
        }
        self.is_blocked = is_blocked;
    }
}

impl Swarm for PythonSwarm {
    fn start_run(&mut self, num_requests: Option<u64>) {
        self.last_tick_ns.store(rt::now_ns(), Ordering::Relaxed);
        self.io_cpu_at_start_ns = self.io_thread.cpu_ns();
        self.is_running = true;
        self.coordinator.start_run(num_requests);
        self.command_fd.notify();
    }

    fn apply_segment(&mut self, segment: &Segment) {
        self.coordinator.apply_segment(segment);
        self.command_fd.notify();
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.coordinator.stop(deadline_ns);
        self.command_fd.notify();
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval, u64)) -> SwarmReport {
        self.watch_loop();
        let mut report = self.coordinator.collect(sink);
        self.is_running &= !report.stopped;
        let wall_ns = report.loads.first().map_or(0, |load| load.wall_ns);
        report.loads.iter_mut().for_each(|load| load.role = ThreadRole::Python);
        let cpu_ns = self.io_thread.cpu_ns().saturating_sub(self.io_cpu_at_start_ns);
        if self.is_running && !self.io_thread.is_alive() {
            report.fatal_error = Some("the I/O thread has died: this is a bug of gregaria".into());
        }
        report.loads.push(ThreadLoad { role: ThreadRole::Io, cpu_ns, wall_ns });
        report
    }
}

impl Drop for PythonSwarm {
    fn drop(&mut self) {
        self.coordinator.shutdown();
        self.command_fd.notify();
    }
}

/// Logs the line of Python code that the Python thread executes.
fn log_blocking_frame(owner_thread: u64) {
    let frame = Python::attach(|py| -> PyResult<String> {
        py.import("gregaria.scheduler")?.getattr("blocking_frame")?.call1((owner_thread,))?.extract()
    });
    match frame {
        Ok(frame) => log::warn!(target: LOG, "The gevent loop is blocked {frame}"),
        Err(error) => log::debug!(target: LOG, "Cannot find what blocks the gevent loop: {error}"),
    }
}

/// Time without a tick after which the loop counts as blocked: ten missed ticks.
const BLOCKED_NS: u64 = 1_000_000_000;
