//! What the time of a request goes to: its phases, of one request and summed over many.
//!
//! Sums are of whole microseconds and saturate, as those of response times do (`tally.rs`), so they merge exactly in any
//! grouping. There is no histogram of a phase: five of them for every name would cost five times the memory.

/// A part of a request's time, in the order in which a request meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Finding the target's addresses.
    Resolve,
    /// Making a connection.
    Connect,
    /// Agreeing on keys.
    Tls,
    /// From the request being sent to the first byte of the answer.
    FirstByte,
    /// From the first byte of the answer to the last.
    Body,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [Self::Resolve, Self::Connect, Self::Tls, Self::FirstByte, Self::Body];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first_byte",
            Self::Body => "body",
        }
    }
}

/// How long the phases of a request took, in nanoseconds; 0 for one that did not happen. What is left of the response
/// time is the generator's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Of [`Phase::Resolve`].
    pub resolve_ns: u64,
    /// Of [`Phase::Connect`].
    pub connect_ns: u64,
    /// Of [`Phase::Tls`].
    pub tls_ns: u64,
    /// Of [`Phase::FirstByte`].
    pub first_byte_ns: u64,
    /// Of [`Phase::Body`].
    pub body_ns: u64,
}

impl Phases {
    /// How long this one took.
    pub const fn of(&self, phase: Phase) -> u64 {
        match phase {
            Phase::Resolve => self.resolve_ns,
            Phase::Connect => self.connect_ns,
            Phase::Tls => self.tls_ns,
            Phase::FirstByte => self.first_byte_ns,
            Phase::Body => self.body_ns,
        }
    }

    /// Whether the request went on a connection that was there already.
    #[inline]
    const fn reused_connection(&self) -> bool {
        self.resolve_ns | self.connect_ns | self.tls_ns == 0
    }
}

/// One phase of many requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseTotal {
    /// Requests in which it happened, whether or not it came to a good end.
    pub count: u64,
    /// Sum of its times, each in whole microseconds; saturating.
    pub total_us: u64,
    /// Its longest time.
    pub max_us: u64,
}

impl PhaseTotal {
    /// The exact mean over the requests in which it happened, 0 if there are none.
    pub fn avg_us(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.total_us as f64 / self.count as f64
    }

    #[inline]
    fn record(&mut self, ns: u64) {
        if ns == 0 {
            return;
        }
        let us = ns / 1_000;
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
    }
}

/// All phases of many requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct PhaseTotals([PhaseTotal; Phase::ALL.len()]);

impl PhaseTotals {
    pub(crate) const fn of(&self, phase: Phase) -> PhaseTotal {
        self.0[storage_index(phase)]
    }

    #[inline]
    pub(crate) fn record(&mut self, phases: &Phases) {
        if !phases.reused_connection() {
            self.record_connecting(phases);
        }
        self.record_one(Phase::FirstByte, phases);
        self.record_one(Phase::Body, phases);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (total, more) in self.0.iter_mut().zip(&other.0) {
            total.add(more);
        }
    }

    #[cold]
    fn record_connecting(&mut self, phases: &Phases) {
        for phase in [Phase::Resolve, Phase::Connect, Phase::Tls] {
            self.record_one(phase, phases);
        }
    }

    #[inline]
    fn record_one(&mut self, phase: Phase, phases: &Phases) {
        self.0[storage_index(phase)].record(phases.of(phase));
    }
}

/// Where the total of a phase is: those that every request has come first, next to the other counts of their row, so that
/// with many names a request touches no more memory than it must.
const fn storage_index(phase: Phase) -> usize {
    match phase {
        Phase::FirstByte => 0,
        Phase::Body => 1,
        Phase::Resolve => 2,
        Phase::Connect => 3,
        Phase::Tls => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(count: u64, total_us: u64, max_us: u64) -> PhaseTotal {
        PhaseTotal { count, total_us, max_us }
    }

    #[test]
    fn a_phase_counts_where_it_happened_even_for_less_than_a_microsecond() {
        let mut totals = PhaseTotals::default();
        totals.record(&Phases { connect_ns: 2_999, first_byte_ns: 70_000, body_ns: 999, ..Phases::default() });
        totals.record(&Phases { first_byte_ns: 50_000, ..Phases::default() });
        let counted = Phase::ALL.map(|phase| totals.of(phase));
        assert_eq!(counted, [total(0, 0, 0), total(1, 2, 2), total(0, 0, 0), total(2, 120, 70), total(1, 0, 0)]);
        assert_eq!(totals.of(Phase::FirstByte).avg_us(), 60.0);
        assert_eq!(totals.of(Phase::Resolve).avg_us(), 0.0);
    }

    #[test]
    fn each_phase_of_connecting_alone_is_counted() {
        for (number, phase) in Phase::ALL.into_iter().enumerate() {
            let ns = |at: usize| if at == number { 5_000 } else { 0 };
            let [resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns] = [0, 1, 2, 3, 4].map(ns);
            let mut totals = PhaseTotals::default();
            totals.record(&Phases { resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns });
            for other in Phase::ALL {
                let expected = if other == phase { total(1, 5, 5) } else { PhaseTotal::default() };
                assert_eq!(totals.of(other), expected, "{} of {}", other.name(), phase.name());
            }
        }
    }

    #[test]
    fn sums_saturate() {
        let mut sum = total(1, u64::MAX - 1, 7);
        sum.add(&total(1, 2, 9));
        assert_eq!(sum, total(2, u64::MAX, 9));
        sum.record(5_000);
        assert_eq!(sum, total(3, u64::MAX, 9));
    }
}
