//! What sessions need of the world: connections, time, deadlines, buffers. [`Wires`] is what the sessions of one thread
//! share; a [`UserNetwork`] is one user's view of it. Only passes on; the things themselves are in `rt/`.

use std::{cell::RefCell, future::Future, rc::Rc, sync::Arc};

use gregaria_http::{ClientRuntime, Error, Origin, proto::HeadCache};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::rt::{AddressBook, PooledFuture, Rt, SpareBuffers, Stream, Watchdog};

/// What the sessions of one thread share.
pub(crate) struct Wires {
    pub(crate) rt: Rt,
    book: Arc<AddressBook>,
    head_memo: RefCell<HeadCache>,
    buffers: RefCell<SpareBuffers>,
}

impl Wires {
    pub(crate) fn new(rt: Rt, book: Arc<AddressBook>) -> Rc<Self> {
        Rc::new(Self { rt, book, head_memo: RefCell::default(), buffers: RefCell::default() })
    }

    /// An empty buffer: a user holds one only while a request is on the wire.
    pub(crate) fn take_buffer(&self) -> Vec<u8> {
        self.buffers.borrow_mut().take().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
    }

    pub(crate) fn give_buffer(&self, buffer: Vec<u8>) {
        self.buffers.borrow_mut().keep(buffer);
    }
}

/// One user's view of its thread. Serves one request at a time.
pub(crate) struct UserNetwork {
    wires: Rc<Wires>,
    watchdog: Watchdog,
}

impl UserNetwork {
    pub(crate) fn new(wires: &Rc<Wires>) -> Self {
        Self { wires: Rc::clone(wires), watchdog: wires.rt.watchdog() }
    }
}

impl ClientRuntime for UserNetwork {
    type Transport = Stream;

    fn now_ns(&self) -> u64 {
        self.wires.rt.now_ns()
    }

    fn unix_time_s(&self) -> u64 {
        self.wires.rt.unix_time_s() as u64
    }

    async fn connect(&self, origin: &Origin, resolved_ns: &mut u64) -> Result<Stream, Error> {
        // Rare and large: pooled, so that it does not weigh on every request.
        PooledFuture::new(|| self.wires.rt.connect(&self.wires.book, origin, resolved_ns)).await
    }

    async fn timeout_at<F: Future>(&self, at_ns: u64, future: F) -> Option<F::Output> {
        self.watchdog.guard(at_ns, future).await
    }

    fn head_cache(&self) -> Option<&RefCell<HeadCache>> {
        Some(&self.wires.head_memo)
    }

    fn random_u64(&self) -> u64 {
        SmallRng::from_os_rng().random()
    }

    fn acquire_buffer(&self) -> Vec<u8> {
        self.wires.take_buffer()
    }

    fn release_buffer(&self, buffer: Vec<u8>) {
        self.wires.give_buffer(buffer);
    }
}

/// Holds a small request and its response; one that was too small comes back larger.
const BUFFER_BYTES: usize = 1024;
