//! What a session needs of the world, given by the shard: connections, time, deadlines, buffers. Only passes on; the
//! things themselves are in `rt/` and `shard.rs`.

use std::{cell::RefCell, future::Future, rc::Rc};

use gregaria_http::{Error, Network, Origin, proto::HeadMemo};

use super::shard::Shard;
use crate::rt::{PooledFuture, Stream, Watchdog};

/// One user's view of its shard.
pub(crate) struct UserNetwork {
    shard: Rc<Shard>,
    watchdog: Watchdog,
}

impl UserNetwork {
    pub(crate) fn new(shard: &Rc<Shard>) -> Self {
        Self { shard: Rc::clone(shard), watchdog: shard.rt.watchdog() }
    }
}

impl Network for UserNetwork {
    type Transport = Stream;

    fn now_ns(&self) -> u64 {
        self.shard.rt.now_ns()
    }

    fn unix_time_s(&self) -> u64 {
        self.shard.rt.unix_time_s() as u64
    }

    async fn connect(&self, origin: &Origin) -> Result<Stream, Error> {
        // Rare and large: pooled, so that it does not weigh on every request.
        PooledFuture::new(|| self.shard.rt.connect(origin)).await
    }

    async fn deadline<F: Future>(&self, at_ns: u64, future: F) -> Option<F::Output> {
        self.watchdog.guard(at_ns, future).await
    }

    fn head_memo(&self) -> Option<&RefCell<HeadMemo>> {
        Some(&self.shard.head_memo)
    }

    fn take_buffer(&self) -> Vec<u8> {
        self.shard.take_buffer()
    }

    fn give_buffer(&self, buffer: Vec<u8>) {
        self.shard.give_buffer(buffer);
    }
}
