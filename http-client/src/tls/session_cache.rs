//! The TLS sessions that a user can resume, so that its next handshake is short.
//!
//! Each user has its own cache. A shared cache would save the target most of the handshakes that as many separate
//! clients cause.

use std::cell::OnceCell;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::{ClientSessionMemoryCache, Resumption};

use super::TlsConfig;

/// The TLS sessions that one user can resume. Without TLS the cache allocates no memory.
#[derive(Debug, Default)]
pub struct TlsSessionCache(OnceCell<Arc<ClientSessionMemoryCache>>);

impl TlsSessionCache {
    /// Creates an empty cache.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// Returns the configuration for a connection of this user.
    pub(super) fn client_config(&self, config: &TlsConfig) -> Arc<ClientConfig> {
        let store = self.0.get_or_init(|| Arc::new(ClientSessionMemoryCache::new(MAX_CACHED_SESSIONS)));
        let mut own = ClientConfig::clone(config.rustls());
        own.resumption = Resumption::store(Arc::<ClientSessionMemoryCache>::clone(store));
        Arc::new(own)
    }
}

/// Capacity for all targets together. rustls keeps up to 8 sessions per target.
const MAX_CACHED_SESSIONS: usize = 32;
