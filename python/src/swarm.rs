//! The hub as the runner sees it: one place, steered over a queue and a bell, and watched for being stuck.
//!
//! Lives on the runner's thread, never touches Python and never waits for the hub.

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
pub(crate) struct HubSwarm {
    places: Coordinator,
    bell: EventFd,
    carrier: IoThreadStatus,
    carrier_began_ns: u64,
    /// When the hub turned last.
    alive_ns: Arc<AtomicU64>,
    is_on: bool,
    is_stuck: bool,
}

impl HubSwarm {
    pub(crate) fn new(places: Coordinator, bell: EventFd, carrier: IoThreadStatus, alive_ns: Arc<AtomicU64>) -> Self {
        Self { places, bell, carrier, carrier_began_ns: 0, alive_ns, is_on: false, is_stuck: false }
    }

    /// While a run is on the hub turns ten times a second.
    fn watch(&mut self) {
        let silent_ns = rt::now_ns().saturating_sub(self.alive_ns.load(Ordering::Relaxed));
        let is_stuck = self.is_on && silent_ns > STUCK_NS;
        if is_stuck && !self.is_stuck {
            log::warn!(
                target: LOG,
                "The Python hub has not turned for {:.1} s: no user goes on until what blocks it ends",
                silent_ns as f64 / 1e9
            );
            // Where it is can be told only when Python lets another thread look, which may be never.
            let looked = thread::Builder::new().name("gregaria-look".into()).spawn(name_culprit);
            if let Err(error) = looked {
                log::warn!(target: LOG, "What blocks it cannot be looked for: {error}");
            }
        } else if self.is_stuck && !is_stuck {
            log::warn!(target: LOG, "The Python hub turns again");
        }
        self.is_stuck = is_stuck;
    }
}

impl Swarm for HubSwarm {
    fn start_run(&mut self, num_requests: Option<u64>) {
        self.alive_ns.store(rt::now_ns(), Ordering::Relaxed);
        self.carrier_began_ns = self.carrier.cpu_ns();
        self.is_on = true;
        self.places.start_run(num_requests);
        self.bell.notify();
    }

    fn apply_segment(&mut self, segment: &Segment) {
        self.places.apply_segment(segment);
        self.bell.notify();
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.places.stop(deadline_ns);
        self.bell.notify();
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) -> SwarmReport {
        self.watch();
        let mut report = self.places.collect(sink);
        self.is_on &= !report.stopped;
        let wall_ns = report.loads.first().map_or(0, |load| load.wall_ns);
        report.loads.iter_mut().for_each(|load| load.role = ThreadRole::Python);
        let cpu_ns = self.carrier.cpu_ns().saturating_sub(self.carrier_began_ns);
        if self.is_on && !self.carrier.is_alive() {
            report.fatal_error = Some("the thread that carries requests has died: this is a bug of gregaria".into());
        }
        report.loads.push(ThreadLoad { role: ThreadRole::Io, cpu_ns, wall_ns });
        report
    }
}

impl Drop for HubSwarm {
    fn drop(&mut self) {
        self.places.shutdown();
        self.bell.notify();
    }
}

/// Says in which line of whose code the hub's thread is.
fn name_culprit() {
    let culprit = Python::attach(|py| -> PyResult<String> {
        py.import("gregaria.host")?.getattr("where_is_the_hub")?.call0()?.extract()
    });
    match culprit {
        Ok(place) => log::warn!(target: LOG, "The Python hub is blocked {place}"),
        Err(error) => log::debug!(target: LOG, "what blocks the hub cannot be told: {error}"),
    }
}

/// A second is ten turns missed.
const STUCK_NS: u64 = 1_000_000_000;
