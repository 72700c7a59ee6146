//! [`TlsPeer`], a rustls server in memory that a test controls, and [`PeerTransport`], the client's transport to it.
//! Also creates the certificates.
//!
//! Bytes are available to the other side immediately, so a future is pending only if the test has not sent any.
//! Memory measurements exclude the allocations of the server.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use allocation_counter::opt_out;
use gregaria_http::{Error, TlsConfig, TlsSessionCache, TlsStream, Transport};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use crate::scripted::block_on;

/// A certificate authority.
pub(crate) struct CertificateAuthority {
    pub(crate) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
    /// The certificates from this authority up to its root, without the root.
    chain: Vec<CertificateDer<'static>>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
    /// The certificates that the server sends after its own.
    chain: Vec<CertificateDer<'static>>,
}

impl CertificateAuthority {
    pub(crate) fn new() -> Self {
        let params = Self::params(IsCa::Ca(BasicConstraints::Unconstrained));
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), issuer: Issuer::new(params, key), chain: Vec::new() }
    }

    /// Signs the certificate of another authority, or of one that is none.
    pub(crate) fn sign_authority(&self, is_ca: IsCa) -> Self {
        let params = Self::params(is_ca);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = [&[certificate.der().clone()], &self.chain[..]].concat();
        Self { certificate, issuer: Issuer::new(params, key), chain }
    }

    fn params(is_ca: IsCa) -> CertificateParams {
        let mut params = CertificateParams::new([]).unwrap();
        // With equal names, a certificate of another authority would be reported as a bad signature, not as
        // untrusted.
        let number = AUTHORITY_COUNTER.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = is_ca;
        params
    }

    /// Signs a certificate for these host names and addresses.
    pub(crate) fn sign<const N: usize>(&self, names: [&str; N]) -> Identity {
        self.sign_params(CertificateParams::new(names.map(str::to_owned)).unwrap())
    }

    /// Signs a certificate that was valid in 2001 only.
    pub(crate) fn sign_expired(&self, name: &str) -> Identity {
        self.sign_params(expired_params(name))
    }

    /// Signs a certificate that differs from the usual one.
    pub(crate) fn sign_changed(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        self.sign_params(params)
    }

    fn sign_params(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap(), key, chain: self.chain.clone() }
    }
}

impl Identity {
    /// Creates a self-signed certificate: of an authority, as `openssl req -x509` does, or of a plain server.
    pub(crate) fn self_signed(name: &str, is_authority: bool) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        Self::self_sign(&params)
    }

    /// Creates a self-signed certificate of an authority that was valid in 2001 only.
    pub(crate) fn self_signed_expired(name: &str) -> Self {
        let mut params = expired_params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::self_sign(&params)
    }

    fn self_sign(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key, chain: Vec::new() }
    }

    /// Returns certificate and key, concatenated as PEM.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem() + &self.key.serialize_pem()
    }
}

fn expired_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    params
}

/// The configuration of a server.
pub(crate) struct TlsServerOptions<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    /// The authority of client certificates. `None` requests no certificate.
    pub(crate) client_authority: Option<&'a CertificateAuthority>,
    pub(crate) protocols: &'a [&'a str],
}

impl<'a> TlsServerOptions<'a> {
    pub(crate) fn of(identity: &'a Identity) -> Self {
        Self { identity, versions: rustls::ALL_VERSIONS, client_authority: None, protocols: &[] }
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(self.versions).unwrap();
        let builder = match self.client_authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate.der().clone()).unwrap();
                let provider = Arc::new(default_provider());
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.unwrap())
            }
        };
        let key = PrivateKeyDer::try_from(self.identity.key.serialize_der()).unwrap();
        let chain = [&[self.identity.certificate.der().clone()], &self.identity.chain[..]].concat();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = self.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// The server's side of a connection. Clones share their state.
#[derive(Clone)]
pub(crate) struct TlsPeer(Rc<RefCell<PeerState>>);

struct PeerState {
    server: ServerConnection,
    to_client: VecDeque<u8>,
    is_closed: bool,
    /// Maximum number of bytes that one receive of the client returns.
    max_recv_bytes: usize,
    closes_on_receive: bool,
    received: Vec<u8>,
    sends: usize,
    /// Buffers of the client's sends, which its next receive reuses, as in the engine.
    spare_buffers: Vec<Vec<u8>>,
    server_error: Option<rustls::Error>,
}

impl TlsPeer {
    pub(crate) fn new(config: &Arc<ServerConfig>) -> Self {
        Self(Rc::new(RefCell::new(PeerState {
            server: ServerConnection::new(Arc::clone(config)).unwrap(),
            to_client: VecDeque::new(),
            is_closed: false,
            max_recv_bytes: usize::MAX,
            closes_on_receive: false,
            received: Vec::new(),
            sends: 0,
            spare_buffers: Vec::new(),
            server_error: None,
        })))
    }

    /// Limits the bytes that one receive of the client returns.
    pub(crate) fn with_max_recv_bytes(self, max_recv_bytes: usize) -> Self {
        self.0.borrow_mut().max_recv_bytes = max_recv_bytes;
        self
    }

    /// Closes the connection when the client sends.
    pub(crate) fn closing_on_receive(self) -> Self {
        self.0.borrow_mut().closes_on_receive = true;
        self
    }

    pub(crate) fn handshake(&self, config: &TlsConfig, host: &str) -> Result<TlsStream<PeerTransport>, Error> {
        self.resume(config, &TlsSessionCache::new(), host)
    }

    /// Performs a handshake that may resume a session in `sessions`.
    pub(crate) fn resume(
        &self,
        config: &TlsConfig,
        sessions: &TlsSessionCache,
        host: &str,
    ) -> Result<TlsStream<PeerTransport>, Error> {
        block_on(TlsStream::handshake(PeerTransport(self.clone()), config, sessions, host))
    }

    pub(crate) fn server(&self) -> RefMut<'_, ServerConnection> {
        RefMut::map(self.0.borrow_mut(), |state| &mut state.server)
    }

    /// Takes the plaintext that the client has sent since the last call.
    pub(crate) fn take_received(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().received)
    }

    /// Returns the number of sends of the client.
    pub(crate) fn sends(&self) -> usize {
        self.0.borrow().sends
    }

    /// Returns the error that ended the connection on the server's side.
    pub(crate) fn server_error(&self) -> Option<rustls::Error> {
        self.0.borrow().server_error.clone()
    }

    pub(crate) fn send_plaintext(&self, plaintext: &[u8]) {
        self.server().set_buffer_limit(None);
        self.server().writer().write_all(plaintext).unwrap();
        self.0.borrow_mut().flush();
    }

    /// Sends a TLS 1.3 key update that requests one from the client (RFC 8446 §4.6.3).
    pub(crate) fn update_keys(&self) {
        self.server().refresh_traffic_keys().unwrap();
        self.0.borrow_mut().flush();
    }

    pub(crate) fn send_close_notify(&self) {
        self.server().send_close_notify();
        self.0.borrow_mut().flush();
    }

    /// Sends bytes outside of the server's TLS session.
    pub(crate) fn send_raw(&self, bytes: &[u8]) {
        self.0.borrow_mut().to_client.extend(bytes);
    }

    /// Returns `true` if there are bytes that the client has not received.
    pub(crate) fn has_pending_bytes(&self) -> bool {
        !self.0.borrow().to_client.is_empty()
    }

    /// Removes the bytes that the client has not received, and returns them.
    pub(crate) fn take_undelivered(&self) -> Vec<u8> {
        self.0.borrow_mut().to_client.drain(..).collect()
    }

    /// Frees the buffers of the client's sends.
    pub(crate) fn free_buffers(&self) {
        self.0.borrow_mut().spare_buffers = Vec::new();
    }

    /// Closes the connection after the bytes sent so far, without `close_notify`.
    pub(crate) fn close(&self) {
        self.0.borrow_mut().is_closed = true;
    }
}

impl PeerState {
    fn receive(&mut self, mut bytes: &[u8]) {
        self.sends += 1;
        self.is_closed |= self.closes_on_receive;
        while !bytes.is_empty() && !self.is_closed {
            self.server.read_tls(&mut bytes).unwrap();
            if let Err(error) = self.server.process_new_packets() {
                self.server_error = Some(error);
                self.is_closed = true;
            }
            // The reader returns `WouldBlock` when there is no more plaintext.
            let _ = self.server.reader().read_to_end(&mut self.received);
        }
        // After an error, this sends the alert.
        self.flush();
    }

    fn flush(&mut self) {
        while self.server.wants_write() {
            self.server.write_tls(&mut self.to_client).unwrap();
        }
    }
}

/// The client's transport to a [`TlsPeer`].
pub(crate) struct PeerTransport(TlsPeer);

impl Transport for PeerTransport {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let mut bytes = std::mem::take(buffer);
        assert!(!bytes.is_empty(), "nothing to send");
        let state = &mut *self.0.0.borrow_mut();
        if state.is_closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        opt_out(|| state.receive(&bytes));
        bytes.clear();
        state.spare_buffers.push(bytes);
        Ok(())
    }

    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|_| {
            let state = &mut *self.0.0.borrow_mut();
            if state.to_client.is_empty() {
                return if state.is_closed { Poll::Ready(Ok(0)) } else { Poll::Pending };
            }
            if buffer.capacity() == 0 {
                *buffer = state.spare_buffers.pop().unwrap_or_else(|| Vec::with_capacity(1_024));
            }
            let spare_bytes = buffer.capacity() - buffer.len();
            assert!(spare_bytes > 0, "no space to receive into");
            let received = spare_bytes.min(state.max_recv_bytes).min(state.to_client.len());
            buffer.extend(state.to_client.drain(..received));
            Poll::Ready(Ok(received))
        })
        .await
    }

    fn sent_ns(&self) -> u64 {
        1
    }

    fn received_ns(&self) -> u64 {
        2
    }

    fn is_stale(&self) -> bool {
        let state = self.0.0.borrow();
        state.is_closed || !state.to_client.is_empty()
    }
}

static AUTHORITY_COUNTER: AtomicUsize = AtomicUsize::new(0);
