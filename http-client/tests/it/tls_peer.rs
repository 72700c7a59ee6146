//! A TLS server in memory, at the other end of a transport: rustls's own, steered by the test, with certificates made here.
//!
//! What either side sends is there at once, so nothing ever waits, unless for something that nobody sends. What the server
//! allocates does not count.

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
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use crate::scripted::block_on;

/// An authority that signs what it is asked to.
pub(crate) struct CertificateAuthority {
    pub(crate) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

impl CertificateAuthority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        // One name for all would make others' certificates look like its own with a bad signature.
        let number = AUTHORITY_COUNTER.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), issuer: Issuer::new(params, key) }
    }

    /// A certificate for these names and addresses.
    pub(crate) fn sign<const N: usize>(&self, names: [&str; N]) -> Identity {
        self.sign_params(CertificateParams::new(names.map(str::to_owned)).unwrap())
    }

    /// A certificate that was good in 2001.
    pub(crate) fn sign_expired(&self, name: &str) -> Identity {
        self.sign_params(expired_params(name))
    }

    fn sign_params(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }
}

impl Identity {
    /// One that stands for itself; as an authority, as `openssl req -x509` makes them, or as a plain server.
    pub(crate) fn self_signed(name: &str, is_authority: bool) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        Self::self_sign(&params)
    }

    /// An authority that stands for itself, and was good in 2001.
    pub(crate) fn self_signed_expired(name: &str) -> Self {
        let mut params = expired_params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::self_sign(&params)
    }

    fn self_sign(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    /// Certificate and key in one text.
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

/// What a server is made from.
pub(crate) struct TlsServerOptions<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    /// Whose certificates clients must show.
    pub(crate) clients: Option<&'a CertificateAuthority>,
    pub(crate) protocols: &'a [&'a str],
}

impl<'a> TlsServerOptions<'a> {
    pub(crate) fn of(identity: &'a Identity) -> Self {
        Self { identity, versions: rustls::ALL_VERSIONS, clients: None, protocols: &[] }
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(self.versions).unwrap();
        let builder = match self.clients {
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
        let mut config = builder.with_single_cert(vec![self.identity.certificate.der().clone()], key).unwrap();
        config.alpn_protocols = self.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// One connection, as the server sees it.
#[derive(Clone)]
pub(crate) struct TlsPeer(Rc<RefCell<PeerState>>);

struct PeerState {
    server: ServerConnection,
    to_client: VecDeque<u8>,
    is_closed: bool,
    piece_bytes: usize,
    closes_on_receive: bool,
    received: Vec<u8>,
    sends: usize,
    /// What was sent, until something is received, as in the engine.
    spare_buffers: Vec<Vec<u8>>,
    server_error: Option<rustls::Error>,
}

impl TlsPeer {
    pub(crate) fn new(config: &Arc<ServerConfig>) -> Self {
        Self(Rc::new(RefCell::new(PeerState {
            server: ServerConnection::new(Arc::clone(config)).unwrap(),
            to_client: VecDeque::new(),
            is_closed: false,
            piece_bytes: usize::MAX,
            closes_on_receive: false,
            received: Vec::new(),
            sends: 0,
            spare_buffers: Vec::new(),
            server_error: None,
        })))
    }

    /// The client gets at most this much at a time.
    pub(crate) fn with_piece_bytes(self, piece_bytes: usize) -> Self {
        self.0.borrow_mut().piece_bytes = piece_bytes;
        self
    }

    /// Ends the stream as soon as the client has said something.
    pub(crate) fn closing_on_receive(self) -> Self {
        self.0.borrow_mut().closes_on_receive = true;
        self
    }

    pub(crate) fn handshake(&self, config: &TlsConfig, host: &str) -> Result<TlsStream<PeerTransport>, Error> {
        self.resume(config, &TlsSessionCache::new(), host)
    }

    /// As a user that was here before.
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

    /// What the client has said since the last call.
    pub(crate) fn take_received(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().received)
    }

    /// How often the client has sent something.
    pub(crate) fn sends(&self) -> usize {
        self.0.borrow().sends
    }

    /// What the server found wrong with the client.
    pub(crate) fn server_error(&self) -> Option<rustls::Error> {
        self.0.borrow().server_error.clone()
    }

    pub(crate) fn send_plaintext(&self, plaintext: &[u8]) {
        self.server().set_buffer_limit(None);
        self.server().writer().write_all(plaintext).unwrap();
        self.0.borrow_mut().flush();
    }

    /// New keys, which the client is to answer with its own.
    pub(crate) fn update_keys(&self) {
        self.server().refresh_traffic_keys().unwrap();
        self.0.borrow_mut().flush();
    }

    pub(crate) fn send_close_notify(&self) {
        self.server().send_close_notify();
        self.0.borrow_mut().flush();
    }

    /// Bytes that the server's TLS does not know of.
    pub(crate) fn send_raw(&self, bytes: &[u8]) {
        self.0.borrow_mut().to_client.extend(bytes);
    }

    /// Whether the client has something to receive.
    pub(crate) fn has_pending_bytes(&self) -> bool {
        !self.0.borrow().to_client.is_empty()
    }

    /// Takes back what the client has not received.
    pub(crate) fn take_undelivered(&self) -> Vec<u8> {
        self.0.borrow_mut().to_client.drain(..).collect()
    }

    /// Frees the buffers that wait for something to be received.
    pub(crate) fn free_buffers(&self) {
        self.0.borrow_mut().spare_buffers = Vec::new();
    }

    /// Ends the stream behind what was sent, without a goodbye.
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
            // Silence is an error to rustls's reader.
            let _ = self.server.reader().read_to_end(&mut self.received);
        }
        // Also after an error: the alert.
        self.flush();
    }

    fn flush(&mut self) {
        while self.server.wants_write() {
            self.server.write_tls(&mut self.to_client).unwrap();
        }
    }
}

/// The client's end.
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
            let room = buffer.capacity() - buffer.len();
            assert!(room > 0, "no room to receive into");
            let taken = room.min(state.piece_bytes).min(state.to_client.len());
            buffer.extend(state.to_client.drain(..taken));
            Poll::Ready(Ok(taken))
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
