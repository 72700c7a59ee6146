//! Phases: the parts of a request's time, and their sums over many requests.
//!
//! Sums are in whole microseconds and saturate, as the sums of response times do (`value_summary.rs`), so they merge
//! exactly in any grouping. Phases have no histograms: five per name would cost five times the memory.

/// A part of a request's time. The variants are in the order of their occurrence.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Phase, Sample};
///
/// let mut phases_ns = [0; Phase::COUNT];
/// phases_ns[Phase::FirstByte.index()] = 900_000;
/// phases_ns[Phase::Body.index()] = 100_000;
/// let sample = Sample { method: "GET", name: "/", done_ns: 1_000_000, phases_ns, ..Sample::default() };
/// assert_eq!(sample.phases_ns, [0, 0, 0, 900_000, 100_000]);
/// assert_eq!(Phase::FirstByte.name(), "first_byte");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Resolution of the target's host name.
    Resolve,
    /// Opening of the connection.
    Connect,
    /// TLS handshake.
    Tls,
    /// Time from the request being sent to the first byte of the response.
    FirstByte,
    /// Time from the first byte of the response to the last.
    Body,
}

impl Phase {
    /// Number of phases: the length of [`Sample::phases_ns`](crate::Sample::phases_ns).
    pub const COUNT: usize = Self::ALL.len();

    /// All phases, in their order.
    pub const ALL: [Self; 5] = [Self::Resolve, Self::Connect, Self::Tls, Self::FirstByte, Self::Body];

    /// Returns the index of the phase in [`Phase::ALL`] and in [`Sample::phases_ns`](crate::Sample::phases_ns).
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the name in reports.
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

/// The sum of one phase over many requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseTotal {
    /// Number of requests in which the phase occurred, whether or not it succeeded.
    pub count: u64,
    /// Sum of the times, each in whole microseconds. The sum saturates.
    pub total_us: u64,
    /// Longest time, in microseconds.
    pub max_us: u64,
}

impl PhaseTotal {
    /// Returns the exact mean over the requests in which the phase occurred, or 0 without such requests.
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

/// The sums of all phases over many requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct PhaseTotals([PhaseTotal; Phase::COUNT]);

impl PhaseTotals {
    pub(crate) const fn of(&self, phase: Phase) -> PhaseTotal {
        self.0[storage_index(phase)]
    }

    #[inline]
    pub(crate) fn record(&mut self, phases_ns: &[u64; Phase::COUNT]) {
        let connecting_ns = CONNECTING.iter().fold(0, |bits, phase| bits | phases_ns[phase.index()]);
        if connecting_ns != 0 {
            self.record_connecting(phases_ns);
        }
        self.record_one(Phase::FirstByte, phases_ns);
        self.record_one(Phase::Body, phases_ns);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (total, more) in self.0.iter_mut().zip(&other.0) {
            total.add(more);
        }
    }

    #[cold]
    fn record_connecting(&mut self, phases_ns: &[u64; Phase::COUNT]) {
        for phase in CONNECTING {
            self.record_one(phase, phases_ns);
        }
    }

    #[inline]
    fn record_one(&mut self, phase: Phase, phases_ns: &[u64; Phase::COUNT]) {
        self.0[storage_index(phase)].record(phases_ns[phase.index()]);
    }
}

/// The phases of opening a connection. All are 0 if the request used an open connection.
const CONNECTING: [Phase; 3] = [Phase::Resolve, Phase::Connect, Phase::Tls];

/// Returns the index of a phase in [`PhaseTotals`]. The phases of every request come first, next to the other counts of
/// their row, so that with many names a request touches few cache lines.
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
    fn phase_below_one_microsecond_is_counted() {
        let mut totals = PhaseTotals::default();
        totals.record(&[0, 2_999, 0, 70_000, 999]);
        totals.record(&[0, 0, 0, 50_000, 0]);
        let counted = Phase::ALL.map(|phase| totals.of(phase));
        assert_eq!(counted, [total(0, 0, 0), total(1, 2, 2), total(0, 0, 0), total(2, 120, 70), total(1, 0, 0)]);
        assert_eq!(totals.of(Phase::FirstByte).avg_us(), 60.0);
        assert_eq!(totals.of(Phase::Resolve).avg_us(), 0.0);
    }

    #[test]
    fn each_phase_alone_is_counted() {
        for phase in Phase::ALL {
            let mut phases_ns = [0; Phase::COUNT];
            phases_ns[phase.index()] = 5_000;
            let mut totals = PhaseTotals::default();
            totals.record(&phases_ns);
            for other in Phase::ALL {
                let expected = if other == phase { total(1, 5, 5) } else { PhaseTotal::default() };
                assert_eq!(totals.of(other), expected, "{} of {}", other.name(), phase.name());
            }
        }
    }

    #[test]
    fn phase_indexes_follow_their_order() {
        assert_eq!(Phase::ALL.map(Phase::index), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn phase_sums_saturate() {
        let mut sum = total(1, u64::MAX - 1, 7);
        sum.add(&total(1, 2, 9));
        assert_eq!(sum, total(2, u64::MAX, 9));
        sum.record(5_000);
        assert_eq!(sum, total(3, u64::MAX, 9));
    }
}
