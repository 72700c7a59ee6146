//! A connection over TLS as a transport: what goes in comes out at the other end, whole or in pieces, and how it ends.

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

/// What all these connections speak; who is trusted is another file's subject.
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

/// The server gives them as soon as the handshake is done.
fn take_tickets(stream: &TlsStream<PeerTransport>, peer: &TlsPeer) {
    assert!(peer.has_pending_bytes());
    assert!(!stream.is_stale());
    assert!(!peer.has_pending_bytes());
}

fn error_kind(result: io::Result<Vec<u8>>) -> io::ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn a_request_and_its_response_cross_in_both_versions() {
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
fn a_flight_is_sent_at_once() {
    let (mut stream, peer) = connect();
    assert_eq!(peer.sends(), 2);
    send(&mut stream, &[b'x'; 40_000]);
    assert_eq!(peer.sends(), 3);
    assert_eq!(peer.take_received().len(), 40_000);
}

#[test]
fn pieces_of_any_size_make_the_same() {
    let (config, server) = (accept_any_config(), server_config());
    let answer: Vec<u8> = (0..40_000_u32).map(|number| number as u8).collect();
    for piece_bytes in [1, 2, 3, 5, 7, 21, 22, 23, 100, 1_000, 16_406, 50_000] {
        let peer = TlsPeer::new(&server).with_piece_bytes(piece_bytes);
        let mut stream = peer.handshake(&config, "target").unwrap();
        send(&mut stream, b"question");
        peer.send_plaintext(&answer);
        let mut received = Vec::new();
        while received.len() < answer.len() {
            received.extend(recv(&mut stream).unwrap());
        }
        assert!(received == answer, "in pieces of {piece_bytes}");
    }
}

#[test]
fn a_buffer_is_filled_and_never_grown() {
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
fn a_large_body_crosses_both_ways() {
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
fn http_is_offered_and_the_host_is_named() {
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
fn a_target_that_speaks_something_else_has_nothing_in_common_with_us() {
    let identity = CertificateAuthority::new().sign(["target"]);
    let peer = TlsPeer::new(&TlsServerOptions { protocols: &["h2"], ..TlsServerOptions::of(&identity) }.config());
    assert_eq!(peer.handshake(&accept_any_config(), "target").err(), Some(Error::Tls(TlsFailure::PeerIncompatible)));
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let identity = CertificateAuthority::new().sign(["target"]);
        let server = TlsServerOptions { versions, ..TlsServerOptions::of(&identity) }.config();
        let config = accept_any_config();
        let kind_of_handshake = |config: &TlsConfig, sessions: &TlsSessionCache| {
            let peer = TlsPeer::new(&server);
            let mut stream = peer.resume(config, sessions, "target").unwrap();
            send(&mut stream, b"question");
            peer.send_plaintext(b"answer");
            assert_eq!(recv(&mut stream).unwrap(), b"answer");
            peer.server().handshake_kind()
        };
        let [user, other] = [TlsSessionCache::new(), TlsSessionCache::new()];
        assert_eq!(kind_of_handshake(&config, &user), Some(HandshakeKind::Full));
        assert_eq!(kind_of_handshake(&config, &user), Some(HandshakeKind::Resumed));
        assert_eq!(kind_of_handshake(&config, &other), Some(HandshakeKind::Full), "each user resumes its own");
        assert_eq!(kind_of_handshake(&accept_any_config(), &user), Some(HandshakeKind::Full));
    }
}

#[test]
fn something_else_than_tls_is_told_apart() {
    let peer = TlsPeer::new(&server_config());
    peer.send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(peer.handshake(&accept_any_config(), "target").err(), Some(Error::Tls(TlsFailure::Protocol)));
}

#[test]
fn a_target_that_hangs_up_in_the_handshake_is_no_failure_of_tls() {
    let peer = TlsPeer::new(&server_config());
    peer.close();
    assert_eq!(peer.handshake(&accept_any_config(), "target").err(), Some(Error::ConnectionReset));
    let peer = TlsPeer::new(&server_config()).closing_on_receive();
    assert_eq!(peer.handshake(&accept_any_config(), "target").err(), Some(Error::ClosedBeforeResponse));
}

#[test]
fn a_goodbye_is_the_end() {
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
fn an_end_without_a_goodbye_may_have_cut_something_off() {
    let (mut stream, peer) = connect();
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    peer.close();
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert_eq!(error_kind(recv(&mut stream)), io::ErrorKind::UnexpectedEof);
}

#[test]
fn an_end_before_any_answer_is_a_plain_one() {
    let (mut stream, peer) = connect();
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    send(&mut stream, b"question");
    peer.close();
    assert_eq!(recv(&mut stream).unwrap(), b"");
}

#[test]
fn a_record_that_was_cut_off_gives_nothing() {
    let (mut stream, peer) = connect();
    take_tickets(&stream, &peer);
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    peer.send_plaintext(b"more");
    let mut wire = peer.take_undelivered();
    wire.pop();
    peer.send_raw(&wire);
    peer.close();
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert_eq!(error_kind(recv(&mut stream)), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_record_that_was_tampered_with_is_refused_and_the_target_is_told() {
    let (mut stream, peer) = connect();
    take_tickets(&stream, &peer);
    peer.send_plaintext(b"answer");
    let mut wire = peer.take_undelivered();
    *wire.last_mut().unwrap() ^= 1;
    peer.send_raw(&wire);
    let error = recv(&mut stream).unwrap_err();
    assert_eq!(Error::from_io(&error), Error::Tls(TlsFailure::Protocol));
    assert!(matches!(peer.server_error(), Some(rustls::Error::AlertReceived(_))), "{:?}", peer.server_error());
}

#[test]
fn what_came_before_a_failure_is_handed_out() {
    let (mut stream, peer) = connect();
    peer.send_plaintext(b"answer");
    peer.send_raw(b"garbage");
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert_eq!(Error::from_io(&recv(&mut stream).unwrap_err()), Error::Tls(TlsFailure::Protocol));
    assert!(stream.is_stale());
}

#[test]
fn tickets_do_not_make_an_idle_connection_look_dead() {
    let (mut stream, peer) = connect();
    take_tickets(&stream, &peer);
    send(&mut stream, b"question");
    peer.send_plaintext(b"answer");
    assert_eq!(recv(&mut stream).unwrap(), b"answer");
    assert!(!stream.is_stale());
}

#[test]
fn new_keys_are_answered_with_the_next_request() {
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
fn an_idle_connection_is_stale_once_anything_else_comes() {
    let what_comes: [fn(&TlsPeer); 4] = [
        TlsPeer::close,
        TlsPeer::send_close_notify,
        |peer| peer.send_plaintext(b"unasked"),
        |peer| peer.send_raw(b"\x17\x03\x03\0\x01x"),
    ];
    for comes in what_comes {
        let (stream, peer) = connect();
        comes(&peer);
        assert!(stream.is_stale());
        assert!(stream.is_stale());
    }
}

#[test]
fn what_came_unasked_is_not_lost() {
    let (mut stream, peer) = connect();
    peer.send_plaintext(b"un");
    peer.send_plaintext(b"asked");
    assert!(stream.is_stale());
    assert_eq!(recv(&mut stream).unwrap(), b"unasked");
}

/// rustls itself takes one vector for what is encrypted and one for what is decrypted.
#[test]
fn a_request_allocates_no_more_than_rustls_does() {
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
fn an_idle_connection_is_small() {
    let (config, server) = (accept_any_config(), server_config());
    let sessions = TlsSessionCache::new();
    // The first ones make room for all sessions that may be resumed.
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
fn the_futures_of_a_request_are_small() {
    let (mut stream, _peer) = connect();
    let mut buffer = b"question".to_vec();
    assert!(size_of_val(&stream.send(&mut buffer)) <= 128);
    assert!(size_of_val(&stream.recv(&mut buffer)) <= 256);
}

#[test]
fn an_idle_connection_is_asked_for_no_more_than_whether_something_has_come() {
    let (stream, peer) = connect();
    let peer = peer.with_piece_bytes(4096);
    take_tickets(&stream, &peer);
    for _ in 0..64 {
        peer.send_plaintext(&[b'x'; 16 << 10]);
    }
    assert!(stream.is_stale());
    assert!(peer.has_pending_bytes(), "all of it was taken in");
}
