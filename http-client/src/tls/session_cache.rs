//! TLS sessions that targets let a user resume, so that its next handshake is short. Each user has its own: many that
//! resumed each other's would spare the target most of the work that as many clients make.

use std::cell::OnceCell;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::{ClientSessionMemoryCache, Resumption};

use super::TlsConfig;

/// What one user can resume. Without TLS it takes no memory.
#[derive(Debug, Default)]
pub struct TlsSessionCache(OnceCell<Arc<ClientSessionMemoryCache>>);

impl TlsSessionCache {
    /// Nothing to resume yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceCell::new())
    }

    /// The configuration, for a connection of this user.
    pub(super) fn client_config(&self, config: &TlsConfig) -> Arc<ClientConfig> {
        let store = self.0.get_or_init(|| Arc::new(ClientSessionMemoryCache::new(MAX_CACHED_SESSIONS)));
        let mut own = ClientConfig::clone(config.rustls());
        own.resumption = Resumption::store(Arc::<ClientSessionMemoryCache>::clone(store));
        Arc::new(own)
    }
}

/// Of all targets together; rustls keeps up to 8 for one.
const MAX_CACHED_SESSIONS: usize = 32;
