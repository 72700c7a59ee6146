//! The TLS of one connection as a state machine over bytes: records in, plaintext and replies out. It never waits.
//!
//! rustls's unbuffered connection decrypts in place and keeps no buffers. The buffered connection keeps 4 KiB per
//! connection. Decrypted bytes are copied once, to the caller's buffer. `stream.rs` connects this to a transport.

use std::mem;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError};

use super::failure::classify_error;
use super::{TlsConfig, TlsSessionCache, scratch};
use crate::{Error, InvalidRequest, TlsFailure};

/// The TLS of a connection, from the first byte of its handshake on.
pub(super) struct RecordLayer {
    connection: UnbufferedClientConnection,
    state: TlsState,
    /// Received bytes that are not processed, from the start of a record. The buffer has memory only while it has
    /// bytes.
    pub(super) incoming: Vec<u8>,
    /// Bytes to be sent before all others.
    pub(super) outgoing: Vec<u8>,
    /// Plaintext for which the caller's buffer had no room.
    decrypted: Vec<u8>,
}

/// The progress of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsState {
    Handshaking,
    Established,
    /// The target has announced the end of its data.
    PeerClosed,
    /// The connection cannot continue.
    Failed(TlsFailure),
}

impl RecordLayer {
    pub(super) fn new(config: &TlsConfig, session_cache: &TlsSessionCache, host: &str) -> Result<Self, Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| InvalidRequest::Url)?;
        let connection = UnbufferedClientConnection::new(session_cache.client_config(config), name)
            .map_err(|error| classify_error(&error, false))?;
        let [incoming, outgoing, decrypted] = [const { Vec::new() }; 3];
        Ok(Self { connection, state: TlsState::Handshaking, incoming, outgoing, decrypted })
    }

    pub(super) const fn state(&self) -> TlsState {
        self.state
    }

    /// Returns `true` if there is plaintext that the caller has not taken.
    pub(super) const fn has_decrypted(&self) -> bool {
        !self.decrypted.is_empty()
    }

    /// Returns `true` if there are bytes to be sent for which the target may wait.
    pub(super) fn has_flight(&self) -> bool {
        !self.outgoing.is_empty() && self.outgoing != CHANGE_CIPHER_SPEC
    }

    /// Reserves space in `incoming` for the rest of an incomplete record. If the buffer has no memory, the receiving
    /// transport supplies some.
    pub(super) fn reserve_record(&mut self) {
        if self.incoming.capacity() > 0 {
            let missing = record_bytes(&self.incoming).saturating_sub(self.incoming.len());
            self.incoming.reserve(missing.max(1));
        }
    }

    /// Processes `incoming`. Appends plaintext to `into` as far as there is room, and replies to `outgoing`. Updates
    /// [`state`](Self::state).
    pub(super) fn process_incoming(&mut self, mut into: Option<&mut Vec<u8>>) {
        let mut used = 0;
        while !matches!(self.state, TlsState::Failed(_)) {
            let status = self.connection.process_tls_records(&mut self.incoming[used..]);
            used += status.discard;
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        deliver_plaintext(record.payload, into.as_deref_mut(), &mut self.decrypted);
                        used += record.discard;
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => append_tls_data(&mut data, &mut self.outgoing),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::BlockedHandshake) => break,
                Ok(ConnectionState::WriteTraffic(_)) => {
                    if self.state == TlsState::Handshaking {
                        self.state = TlsState::Established;
                    }
                    break;
                }
                Ok(ConnectionState::PeerClosed) => self.state = TlsState::PeerClosed,
                Ok(_) => self.state = TlsState::Failed(TlsFailure::Protocol),
                Err(error) => self.fail(&error, used),
            }
        }
        self.consume(used);
    }

    /// Moves plaintext that had no room before.
    pub(super) fn take_decrypted(&mut self, into: &mut Vec<u8>) {
        if self.decrypted.is_empty() {
            return;
        }
        if into.capacity() == 0 {
            *into = mem::take(&mut self.decrypted);
            return;
        }
        let fitting = self.decrypted.len().min(into.capacity() - into.len());
        into.extend(self.decrypted.drain(..fitting));
        if self.decrypted.is_empty() {
            self.decrypted = Vec::new();
        }
    }

    /// Replaces plaintext by the records to be sent, with pending replies before them.
    pub(super) fn encrypt(&mut self, buffer: &mut Vec<u8>) -> Result<(), TlsFailure> {
        let plaintext = mem::replace(buffer, scratch::acquire());
        buffer.append(&mut self.outgoing);
        let result = self.append_encrypted(&plaintext, buffer);
        scratch::release(plaintext);
        result
    }

    fn append_encrypted(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), TlsFailure> {
        let mut room = plaintext.len() + (plaintext.len() / MAX_RECORD_PLAINTEXT_BYTES + 1) * MAX_RECORD_OVERHEAD_BYTES;
        loop {
            match self.connection.process_tls_records(&mut self.incoming).state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let start = out.len();
                    out.resize(start + room, 0);
                    let written = traffic.encrypt(plaintext, &mut out[start..]);
                    out.truncate(start + written.as_ref().copied().unwrap_or_default());
                    match written {
                        Ok(_) => return Ok(()),
                        // The estimate does not include a message that rustls must send first, such as a key update.
                        Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                            room = required_size;
                        }
                        Err(EncryptError::EncryptExhausted) => return Err(TlsFailure::Protocol),
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => append_tls_data(&mut data, out),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => return Err(TlsFailure::Protocol),
            }
        }
    }

    /// Ends the connection and queues the alert that reports the reason to the target.
    fn fail(&mut self, error: &rustls::Error, used: usize) {
        while self.connection.wants_write()
            && let Ok(ConnectionState::EncodeTlsData(mut data)) =
                self.connection.process_tls_records(&mut self.incoming[used..]).state
        {
            append_tls_data(&mut data, &mut self.outgoing);
        }
        self.state = TlsState::Failed(classify_error(error, self.connection.protocol_version().is_some()));
    }

    /// Removes processed records, and releases the memory with the last of them.
    fn consume(&mut self, used: usize) {
        if used == self.incoming.len() {
            scratch::release(mem::take(&mut self.incoming));
        } else {
            self.incoming.drain(..used);
        }
    }
}

fn deliver_plaintext(plaintext: &[u8], into: Option<&mut Vec<u8>>, decrypted: &mut Vec<u8>) {
    let mut rest = plaintext;
    if let Some(into) = into
        && decrypted.is_empty()
    {
        if into.capacity() == 0 {
            *into = scratch::acquire();
            into.reserve(plaintext.len());
        }
        let (now, later) = plaintext.split_at(plaintext.len().min(into.capacity() - into.len()));
        into.extend_from_slice(now);
        rest = later;
    }
    decrypted.extend_from_slice(rest);
}

fn append_tls_data<Data>(data: &mut EncodeTlsData<'_, Data>, out: &mut Vec<u8>) {
    let start = out.len();
    // The first call returns the required size.
    while let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) =
        data.encode(&mut out[start..])
    {
        out.resize(start + required_size, 0);
    }
}

/// Returns the size of the record that `bytes` begin with, or the size of a record header if that is incomplete.
fn record_bytes(bytes: &[u8]) -> usize {
    match bytes {
        [_, _, _, high, low, ..] => RECORD_HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low])),
        _ => RECORD_HEADER_BYTES,
    }
}

/// A message without meaning, sent for compatibility with middleboxes (RFC 8446 §D.4). It is sent together with the
/// next flight.
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

const RECORD_HEADER_BYTES: usize = 5;
const MAX_RECORD_PLAINTEXT_BYTES: usize = 16 * 1024;
/// Most bytes of a record beside its plaintext: header, explicit nonce, type, tag.
const MAX_RECORD_OVERHEAD_BYTES: usize = RECORD_HEADER_BYTES + 8 + 1 + 16;
