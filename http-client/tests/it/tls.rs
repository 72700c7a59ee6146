//! Tests of [`TlsStream`] as a transport: handshake, data in both directions, close, resumption and memory.

use std::io;
use std::sync::Arc;

use allocation_counter::{measure, opt_out};
use gregaria_http::{
    CertificateCheck, Error, TlsConfig, TlsFailure, TlsOptions, TlsSessionCache, TlsStream, Transport,
};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ServerConfig};

use crate::scripted::block_on;
use crate::tls_peer::{CertificateAuthority, PeerTransport, TlsPeer, TlsServerOptions};

/// Creates a configuration that accepts any certificate. `tls_trust` tests verification.
fn accept_any_config() -> TlsConfig {
    TlsConfig::new(&TlsOptions { certificate_check: CertificateCheck::AcceptAnyCertificate, ..Default::default() })
        .unwrap()
}

fn server_config() -> Arc<ServerConfig> {
    TlsServerOptions::of(&CertificateAuthority::new().sign(["target"])).config()
}

fn connect() -> (TlsStream<PeerTransport>, TlsPeer) {
    let peer = TlsPeer::new(&server_config());
    let stream = peer.handshake(&accept_any_config(), "target").unwrap();
    (stream, peer)
}

fn send(stream: &mut TlsStream<PeerTransport>, bytes: &[u8]) {
    let mut buffer = bytes.to_vec();
    block_on(stream.send(&mut buffer)).unwrap();
    assert!(buffer.is_empty());
}

fn recv(stream: &mut TlsStream<PeerTransport>) -> io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    block_on(stream.recv(&mut buffer)).map(|received| {
        assert_eq!(received, buffer.len());
        buffer
    })
}

/// Makes the client receive the session tickets, which the server sends immediately after the handshake.
fn take_tickets(stream: &TlsStream<PeerTransport>, peer: &TlsPeer) {
    assert!(peer.has_pending_bytes());
    assert!(!stream.is_stale());
    assert!(!peer.has_pending_bytes());
}

fn error_kind(result: io::Result<Vec<u8>>) -> io::ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn tls_1_2_and_1_3_carry_data_both_ways() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let identity = CertificateAuthority::new().sign(["target"]);
        let peer = TlsPeer::new(&TlsServerOptions { versions, ..TlsServerOptions::of(&identity) }.config());
        let mut stream = peer.handshake(&accept_any_config(), "target").unwrap();
        assert_eq!(peer.server().protocol_version(), Some(versions[0].version));
        send(&mut stream, b"question");
        assert_eq!(peer.take_received(), b"question");
        peer.send_plaintext(b"answer");
        assert_eq!(recv(&mut stream).unwrap(), b"answer");
        assert_eq!((stream.sent_ns(), stream.received_ns()), (1, 2));
    }
}

#[test]
fn each_flight_is_one_send() {
    let (mut stream, peer) = connect();
    assert_eq!(peer.sends(), 2);
    send(&mut stream, &[b'x'; 40_000]);
    assert_eq!(peer.sends(), 3);
    assert_eq!(peer.take_received().len(), 40_000);
}

#[test]
fn fragmented_records_are_reassembled() {
    let (config, server) = (accept_any_config(), server_config());
    let answer: Vec<u8> = (0..40_000_u32).map(|number| number as u8).collect();
    for max_recv_bytes in [1, 2, 3, 5, 7, 21, 22, 23, 100, 1_000, 16_406, 50_000] {
        let peer = TlsPeer::new(&server).with_max_recv_bytes(max_recv_bytes);
        let mut stream = peer.handshake(&config, "target").unwrap();
        send(&mut stream, b"question");
        peer.send_plaintext(&answer);
        let mut received = Vec::new();
        while received.len() < answer.len() {
            received.extend(recv(&mut stream).unwrap());
        }
        assert!(received == answer, "{max_recv_bytes} bytes per receive");
    }
}

#[test]
fn recv_fills_the_buffer_without_growing_it() {
    let (mut stream, peer) = connect();
    let answer: Vec<u8> = (0..20_000_u32).map(|number| number as u8).collect();
    peer.send_plaintext(&answer);
    let (mut buffer, mut received) = (Vec::with_capacity(100), Vec::new());
    buffer.extend_from_slice(b"before");
    let (memory, capacity) = (buffer.as_ptr(), buffer.capacity());
    while received.len() < answer.len() {
        buffer.truncate(6);
        let taken = block_on(stream.recv(&mut buffer)).unwrap();
        assert_eq!((buffer.len(), &buffer[..6]), (6 + taken, &b"before"[..]));
        received.extend_from_slice(&buffer[6..]);
    }
    assert!(received == answer);
    assert_eq!((buffer.as_ptr(), buffer.capacity()), (memory, capacity));
}

#[test]
fn large_body_is_sent_and_received() {
    let (mut stream, peer) = connect();
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
    send(&mut stream, &body);
    assert!(peer.take_received() == body);
    peer.send_plaintext(&body);
    let mut buffer = Vec::with_capacity(body.len());
    while buffer.len() < body.len() {
        block_on(stream.recv(&mut buffer)).unwrap();
    }
    assert!(buffer == body);
}

#[test]
fn client_hello_has_alpn_and_server_name() {
    let identity = CertificateAuthority::new().sign(["target"]);
    let peer =
        TlsPeer::new(&TlsServerOptions { protocols: &["h2", "http/1.1"], ..TlsServerOptions::of(&identity) }.config());
    let _stream = peer.handshake(&accept_any_config(), "target").unwrap();
    assert_eq!(peer.server().alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(peer.server().server_name(), Some("target"));
    let peer = TlsPeer::new(&server_config());
    let _stream = peer.handshake(&accept_any_config(), "127.0.0.1").unwrap();
    assert_eq!(peer.server().server_name(), None);
}

#[test]
fn target_without_http_1_1_alpn_is_incompatible() {
    let identity = CertificateAuthority::new().sign(["target"]);
    let peer = TlsPeer::new(&TlsServerOptions { protocols: &["h2"], ..TlsServerOptions::of(&identity) }.config());
    assert_eq!(peer.handshake(&accept_any_config(), "target").err(), Some(Error::Tls(TlsFailure::PeerIncompatible)));
}

#[test]
fn second_connection_resumes_the_tls_session() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let identity = CertificateAuthority::new().sign(["target"]);
        let server = TlsServerOptions { versions, ..TlsServerOptions::of(&identity) }.config();
        let config = accept_any_config();
        let handshake_kind = |config: &TlsConfig, sessions: &TlsSessionCache| {
            let peer = TlsPeer::new(&server);
            let mut stream = peer.resume(config, sessions, "target").unwrap();
            send(&mut stream, b"question");
            peer.send_plaintext(b"answer");
            assert_eq!(recv(&mut stream).unwrap(), b"answer");
            peer.server().handshake_kind()
        };
        let [user, other] = [TlsSessionCache::new(), TlsSessionCache::new()];
        assert_eq!(handshake_kind(&config, &user), Some(HandshakeKind::Full));
        assert_eq!(handshake_kind(&config, &user), Some(HandshakeKind::Resumed));
        assert_eq!(handshake_kind(&config, &other), Some(HandshakeKind::Full), "users do not share TLS sessions");
        assert_eq!(handshake_kind(&accept_any_config(), &user), Some(HandshakeKind::Full));
    }
}

#[test]
fn plain_http_response_is_a_protocol_failure() {
    let peer = TlsPeer::new(&server_config());
    peer.send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(peer.handshake(&accept_any_config(), "target").err(), Some(Error::Tls(TlsFailure::Protocol)));
}

#[test]
fn close_during_handshake_is_not_a_tls_failure() {
    let peer = TlsPeer::new(&server_config());
    peer.close();
    assert_eq!(peer.handshake(&accept_any_config(), "target").err(), Some(Error::ConnectionReset));
    let peer = TlsPeer::new(&server_config()).closing_on_receive();
    assert_eq!(peer.handshake(&accept_any_config(), "target").err(), Some(Error::ClosedBeforeResponse));
}

#[test]
fn close_notify_ends_the_stream() {
    let (mut stream, peer) = connect();
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    peer.send_close_notify();
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert_eq!(recv(&mut stream).unwrap(), b"");
    assert_eq!(recv(&mut stream).unwrap(), b"");
    assert!(stream.is_stale());
}

#[test]
fn close_without_close_notify_is_unexpected_eof() {
    let (mut stream, peer) = connect();
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    peer.close();
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert_eq!(error_kind(recv(&mut stream)), io::ErrorKind::UnexpectedEof);
}

#[test]
fn close_before_a_response_is_a_plain_eof() {
    let (mut stream, peer) = connect();
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    send(&mut stream, b"question");
    peer.close();
    assert_eq!(recv(&mut stream).unwrap(), b"");
}

#[test]
fn truncated_record_returns_no_data() {
    let (mut stream, peer) = connect();
    take_tickets(&stream, &peer);
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    peer.send_plaintext(b"more");
    let mut records = peer.take_undelivered();
    records.pop();
    peer.send_raw(&records);
    peer.close();
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert_eq!(error_kind(recv(&mut stream)), io::ErrorKind::UnexpectedEof);
}

#[test]
fn modified_record_fails_and_sends_an_alert() {
    let (mut stream, peer) = connect();
    take_tickets(&stream, &peer);
    peer.send_plaintext(b"answer");
    let mut records = peer.take_undelivered();
    *records.last_mut().unwrap() ^= 1;
    peer.send_raw(&records);
    let error = recv(&mut stream).unwrap_err();
    assert_eq!(Error::from_io(&error), Error::Tls(TlsFailure::Protocol));
    assert!(matches!(peer.server_error(), Some(rustls::Error::AlertReceived(_))), "{:?}", peer.server_error());
}

#[test]
fn data_before_a_failure_is_returned_first() {
    let (mut stream, peer) = connect();
    peer.send_plaintext(b"answer");
    peer.send_raw(b"garbage");
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert_eq!(Error::from_io(&recv(&mut stream).unwrap_err()), Error::Tls(TlsFailure::Protocol));
    assert!(stream.is_stale());
}

#[test]
fn session_tickets_do_not_make_a_connection_stale() {
    let (mut stream, peer) = connect();
    take_tickets(&stream, &peer);
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert!(!stream.is_stale());
}

#[test]
fn key_update_is_answered_with_the_next_send() {
    let (mut stream, peer) = connect();
    peer.update_keys();
    assert!(!stream.is_stale());
    let sends = peer.sends();
    send(&mut stream, b"question");
    assert_eq!((peer.sends(), peer.take_received()), (sends + 1, b"question".to_vec()));
    peer.update_keys();
    peer.send_plaintext(b"answer");
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert_eq!(peer.server_error(), None);
}

#[test]
fn idle_connection_is_stale_after_close_or_data() {
    let events: [fn(&TlsPeer); 4] = [
        TlsPeer::close,
        TlsPeer::send_close_notify,
        |peer| peer.send_plaintext(b"unasked"),
        |peer| peer.send_raw(b"\x17\x03\x03\0\x01x"),
    ];
    for event in events {
        let (stream, peer) = connect();
        event(&peer);
        assert!(stream.is_stale());
        assert!(stream.is_stale());
    }
}

#[test]
fn stale_check_keeps_received_data() {
    let (mut stream, peer) = connect();
    peer.send_plaintext(b"un");
    peer.send_plaintext(b"asked");
    assert!(stream.is_stale());
    assert_eq!(recv(&mut stream).unwrap(), b"unasked");
}

/// rustls allocates one vector per encrypted and one per decrypted record. The stream adds none.
#[test]
fn request_allocates_no_more_than_rustls() {
    let (mut stream, peer) = connect();
    let mut buffer = Vec::with_capacity(1_024);
    for round in 0..4 {
        buffer.extend_from_slice(b"question");
        let sending = measure(|| block_on(stream.send(&mut buffer)).unwrap());
        peer.send_plaintext(b"answer");
        let mut received = 0;
        let receiving = measure(|| received = block_on(stream.recv(&mut buffer)).unwrap());
        assert_eq!((received, &buffer[..]), (6, &b"answer"[..]));
        buffer.clear();
        if round > 1 {
            assert_eq!((sending.count_total, receiving.count_total), (1, 1), "in round {round}");
        }
    }
}

#[test]
fn idle_connection_has_at_most_4352_bytes() {
    let (config, server) = (accept_any_config(), server_config());
    let sessions = TlsSessionCache::new();
    // The first connections fill the session cache, which then stops growing.
    for _ in 0..10 {
        let _stream = idle(&config, &sessions, &server);
    }
    let mut stream = None;
    let measured = measure(|| stream = Some(idle(&config, &sessions, &server)));
    assert!(measured.bytes_current <= 4_352, "{} bytes", measured.bytes_current);
    assert_eq!(size_of_val(&stream), size_of::<usize>());
}

fn idle(config: &TlsConfig, sessions: &TlsSessionCache, server: &Arc<ServerConfig>) -> TlsStream<PeerTransport> {
    let mut peer = None;
    opt_out(|| peer = Some(TlsPeer::new(server)));
    let peer = peer.unwrap();
    let mut stream = peer.resume(config, sessions, "target").unwrap();
    send(&mut stream, b"question");
    opt_out(|| peer.send_plaintext(b"answer"));
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    peer.free_buffers();
    stream
}

#[test]
fn send_and_recv_futures_have_at_most_256_bytes() {
    let (mut stream, _peer) = connect();
    let mut buffer = b"question".to_vec();
    assert!(size_of_val(&stream.send(&mut buffer)) <= 128);
    assert!(size_of_val(&stream.recv(&mut buffer)) <= 256);
}

#[test]
fn stale_check_does_not_read_all_pending_bytes() {
    let (stream, peer) = connect();
    let peer = peer.with_max_recv_bytes(4096);
    take_tickets(&stream, &peer);
    for _ in 0..64 {
        peer.send_plaintext(&[b'x'; 16 << 10]);
    }
    assert!(stream.is_stale());
    assert!(peer.has_pending_bytes(), "all bytes were read");
}
