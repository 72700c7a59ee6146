//! Tests of connections on every driver, against real sockets. The server is a thread of the test.

use std::{
    cell::Cell,
    future::Future,
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, TcpListener, TcpStream},
    os::unix::net::UnixListener,
    rc::Rc,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use gregaria_http::{Error, Origin, Transport};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, sockopt::set_socket_linger};

use crate::{ConnectConfig, OverrideTarget, ResolveOverride};

use super::{
    dns::ConnectTarget,
    driver::{Driver, ThreadBackend},
    *,
};

const KINDS: [DriverKind; 3] = [DriverKind::IoUring, DriverKind::IoUringBasic, DriverKind::Epoll];

#[test]
fn wake_from_another_thread_ends_the_wait() {
    for kind in KINDS {
        run(kind, |rt| async move {
            // Longer than the test may take, so that only the wake ends the wait.
            let far_ns = rt.now_ns() + 3_600_000_000_000;
            let mut sleep = std::pin::pin!(rt.sleep_until(far_ns));
            for round in 0..100 {
                let mut waker = None;
                poll_fn(|cx| {
                    assert!(sleep.as_mut().poll(cx).is_pending());
                    if waker.is_some() {
                        return Poll::Ready(());
                    }
                    let (own, is_late) = (cx.waker().clone(), round % 2 == 0);
                    waker = Some(thread::spawn(move || {
                        // Half of the wakes come before the thread waits, the others during the wait.
                        if is_late {
                            sleep_blocking(Duration::from_millis(2));
                        }
                        own.wake();
                    }));
                    Poll::Pending
                })
                .await;
                waker.unwrap().join().unwrap();
            }
        });
    }
}

/// Runs `client` on each driver against a server that calls `serve` for each connection.
fn on_each_driver<F: Future<Output = ()> + 'static>(
    serve: impl Fn(TcpStream) + Clone + Send + 'static,
    client: impl Fn(Runtime, Origin) -> F,
) {
    for kind in KINDS {
        let server = listen(serve.clone());
        run(kind, |rt| client(rt, server));
    }
}

/// Runs a future to its end, with a timeout of 30 s.
fn run<F: Future<Output = ()> + 'static>(kind: DriverKind, start: impl FnOnce(Runtime) -> F) {
    let done = Rc::new(Cell::new(false));
    let is_done = Rc::clone(&done);
    block_on(DriverChoice::Only(kind), |rt, _| {
        let future = start(rt.clone());
        async move {
            let until_ns = rt.now_ns() + 30_000_000_000;
            done.set(rt.reusable_deadline().run(until_ns, future).await.is_some());
        }
    })
    .unwrap();
    assert!(is_done.get(), "{kind:?}: not done after 30 s");
}

fn listen(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Origin {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(connection));
        }
    });
    Origin::parse(&format!("http://{address}")).unwrap()
}

async fn connect(rt: &Runtime, server: &Origin) -> Result<NetStream, Error> {
    rt.connect(&Resolver::default(), server, &mut 0).await
}

/// Receives until `len` bytes or the end of the stream, at most `room` bytes at a time.
async fn receive(stream: &mut NetStream, len: usize, room: usize) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < len {
        let mut buffer = Vec::with_capacity(room);
        if stream.recv(&mut buffer).await? == 0 {
            break;
        }
        all.extend_from_slice(&buffer);
    }
    Ok(all)
}

async fn receive_exactly(stream: &mut NetStream, len: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(len);
    while all.len() < len {
        assert!(stream.recv(&mut all).await.unwrap() > 0);
    }
    all
}

async fn discard_exactly(stream: &mut NetStream, len: usize) {
    let mut remaining = len as u64;
    while remaining > 0 {
        let count = stream.discard(remaining).await.unwrap();
        assert!((1..=remaining).contains(&count), "{count} of {remaining}");
        remaining -= count;
    }
}

async fn send(stream: &mut NetStream, bytes: &[u8]) {
    let mut buffer = bytes.to_vec();
    stream.send(&mut buffer).await.unwrap();
    assert!(buffer.is_empty());
}

/// Returns the bytes of consecutive 32-bit numbers, so that a gap or a swap is noticed.
fn pattern(len: usize) -> &'static [u8] {
    static ALL: LazyLock<Vec<u8>> = LazyLock::new(|| (0..FLOOD_BYTES as u32 / 4).flat_map(u32::to_le_bytes).collect());
    &ALL[..len]
}

fn echo(mut connection: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = connection.read(&mut buffer) {
        if connection.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

#[test]
fn exchange_timestamps_are_ordered() {
    on_each_driver(echo, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for _ in 0..3 {
            let before_ns = rt.now_ns();
            send(&mut stream, b"hello").await;
            assert_eq!(receive(&mut stream, 5, 64).await.unwrap(), b"hello");
            let stamps = [before_ns, stream.sent_ns(), stream.received_ns(), rt.now_ns()];
            assert!(stamps.is_sorted(), "{stamps:?}");
        }
        assert!(!stream.is_stale());
    });
}

#[test]
fn more_connections_than_queue_entries_are_served() {
    on_each_driver(echo, |rt, server| async move {
        let served = Rc::new(Cell::new(0));
        // Connected one after the other, because the server's backlog is short.
        let mut streams = Vec::new();
        while streams.len() < CONNECTION_COUNT {
            let mut stream = connect(&rt, &server).await.unwrap();
            send(&mut stream, b"hello").await;
            receive(&mut stream, 5, 10).await.unwrap();
            streams.push(stream);
        }
        for (number, mut stream) in streams.into_iter().enumerate() {
            let served = Rc::clone(&served);
            rt.spawn(async move {
                let text = format!("user {number}");
                for _ in 0..2 {
                    send(&mut stream, text.as_bytes()).await;
                    assert_eq!(receive(&mut stream, text.len(), 256).await.unwrap(), text.as_bytes());
                }
                served.set(served.get() + 1);
            });
        }
        while served.get() < CONNECTION_COUNT {
            rt.sleep_until(rt.now_ns() + 1_000_000).await;
        }
    });
}

#[test]
fn large_body_is_complete_for_every_buffer_size() {
    let serve = |mut connection: TcpStream| {
        let _ = connection.write_all(pattern(LARGE_BYTES));
    };
    on_each_driver(serve, |rt, server| async move {
        for room in [1000, 4096, 1 << 20] {
            let mut stream = connect(&rt, &server).await.unwrap();
            assert!(
                receive(&mut stream, usize::MAX, room).await.unwrap() == pattern(LARGE_BYTES),
                "{room} bytes at a time"
            );
        }
    });
}

/// Sends as many bytes of the pattern as the client requests, repeatedly.
fn serve_requested_length(mut connection: TcpStream) {
    let mut len = [0; 8];
    while connection.read_exact(&mut len).is_ok() {
        if connection.write_all(pattern(u64::from_le_bytes(len) as usize)).is_err() {
            return;
        }
    }
}

async fn request_bytes(stream: &mut NetStream, len: usize) {
    send(stream, &(len as u64).to_le_bytes()).await;
}

/// Returns long and short lengths in an order that makes a connection enter and leave each receive mode.
fn body_lengths() -> impl Iterator<Item = usize> {
    let few = [1, 100, LARGE_BYTES, 50_000, 16_383, 16_384, 16_385, LARGE_BYTES, 4032, 4033];
    few.into_iter().chain([70_000; 3]).chain([100; 20]).chain([70_000, 100])
}

#[test]
fn direct_receive_fills_the_callers_buffer() {
    on_each_driver(serve_requested_length, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for (room, len) in [1, 40_000].into_iter().flat_map(|room| body_lengths().map(move |len| (room, len))) {
            request_bytes(&mut stream, len).await;
            let mut body = Vec::new();
            while body.len() < len {
                let remaining = len - body.len();
                body.reserve(remaining.min(room * 100));
                let (before, space) = (body.len(), body.capacity() - body.len());
                let count = stream.recv_direct(&mut body, remaining as u64).await.unwrap();
                assert!((1..=space).contains(&count) && body.len() == before + count, "{count} of {len}");
            }
            assert!(body == pattern(len), "{len} bytes, room for {room}");
        }
        assert!(!stream.is_stale());
    });
}

#[test]
fn discard_drops_exactly_the_requested_bytes() {
    on_each_driver(serve_requested_length, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for len in body_lengths() {
            request_bytes(&mut stream, len).await;
            let (start, end) = (len / 3, len - len / 3);
            assert!(receive_exactly(&mut stream, start).await == pattern(start), "{len}");
            discard_exactly(&mut stream, end - start).await;
            assert!(receive_exactly(&mut stream, len - end).await == pattern(len)[end..], "{len}");
        }
    });
}

#[test]
fn discard_beyond_the_body_returns_its_length() {
    on_each_driver(serve_requested_length, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for len in body_lengths() {
            request_bytes(&mut stream, len).await;
            let mut discarded = 0;
            while discarded < len as u64 {
                discarded += stream.discard(u64::MAX).await.unwrap();
            }
            assert_eq!(discarded, len as u64);
        }
    });
}

#[test]
fn end_of_stream_is_seen_after_and_within_a_body() {
    let serve = |mut connection: TcpStream| {
        connection.read_exact(&mut [0; 5]).unwrap();
        let _ = connection.write_all(pattern(LARGE_BYTES));
    };
    on_each_driver(serve, |rt, server| async move {
        for (expected, is_cut_short) in [(LARGE_BYTES, false), (LARGE_BYTES + 1, true)] {
            let mut stream = connect(&rt, &server).await.unwrap();
            send(&mut stream, b"hello").await;
            let mut discarded = 0;
            let mut count = 1;
            while count > 0 && discarded < expected as u64 {
                count = stream.discard(expected as u64 - discarded).await.unwrap();
                discarded += count;
            }
            assert_eq!((discarded, count == 0), (LARGE_BYTES as u64, is_cut_short));
            while !stream.is_stale() {
                rt.sleep_until(rt.now_ns() + 1_000_000).await;
            }
            assert_eq!(stream.recv_direct(&mut Vec::with_capacity(LARGE_BYTES), LARGE_BYTES as u64).await.unwrap(), 0);
        }
    });
}

#[test]
fn dropped_direct_receive_aborts_the_connection() {
    for kind in [DriverKind::IoUring, DriverKind::IoUringBasic] {
        let server = listen(serve_requested_length);
        run(kind, |rt| async move {
            let mut stream = connect(&rt, &server).await.unwrap();
            // Two long bodies put the socket into single-shot mode. The receive below can then start as a direct
            // receive at once, before any byte has arrived.
            for _ in 0..2 {
                request_bytes(&mut stream, LARGE_BYTES).await;
                let mut body = Vec::with_capacity(LARGE_BYTES);
                while body.len() < LARGE_BYTES {
                    let remaining = (LARGE_BYTES - body.len()) as u64;
                    stream.recv_direct(&mut body, remaining).await.unwrap();
                }
            }
            request_bytes(&mut stream, 1).await;
            receive(&mut stream, 1, 1).await.unwrap();
            poll_once(stream.recv_direct(&mut Vec::with_capacity(LARGE_BYTES), LARGE_BYTES as u64)).await;
            request_bytes(&mut stream, LARGE_BYTES).await;
            let error = loop {
                match stream.recv(&mut Vec::with_capacity(10)).await {
                    Ok(count) => assert!(count > 0),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        });
    }
}

#[test]
fn empty_buffer_is_replaced_only_when_bytes_arrive() {
    on_each_driver(echo, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        let mut buffer = Vec::new();
        poll_once(stream.recv(&mut buffer)).await;
        assert_eq!(buffer.capacity(), 0);
        send(&mut stream, b"one locust").await;
        while buffer.len() < 10 {
            let mut chunk = Vec::new();
            assert!(stream.recv(&mut chunk).await.unwrap() > 0);
            buffer.append(&mut chunk);
        }
        assert_eq!(buffer, b"one locust");
    });
}

#[test]
fn sends_arrive_complete_and_in_order() {
    let serve = |mut connection: TcpStream| {
        let mut all = vec![0; LARGE_BYTES];
        connection.read_exact(&mut all).unwrap();
        let _ = connection.write_all(if all == pattern(LARGE_BYTES) { b"same" } else { b"different" });
    };
    on_each_driver(serve, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for chunk in pattern(LARGE_BYTES).chunks(LARGE_BYTES / 3) {
            send(&mut stream, chunk).await;
        }
        assert_eq!(receive(&mut stream, 100, 100).await.unwrap(), b"same");
    });
}

#[test]
fn long_upload_uses_memory_of_a_few_chunks() {
    let serve = |mut connection: TcpStream| {
        let mut chunk = vec![0; CHUNK_BYTES];
        for _ in 0..CHUNK_COUNT {
            connection.read_exact(&mut chunk).unwrap();
        }
        let _ = connection.write_all(b"done");
    };
    for kind in KINDS {
        let server = listen(serve);
        let used = allocation_counter::measure(|| {
            run(kind, |rt| async move {
                let mut stream = connect(&rt, &server).await.unwrap();
                let mut chunk = Vec::new();
                for _ in 0..CHUNK_COUNT {
                    chunk.resize(CHUNK_BYTES, 7);
                    stream.send(&mut chunk).await.unwrap();
                }
                assert_eq!(receive(&mut stream, 4, 10).await.unwrap(), b"done");
            });
        });
        assert!(used.bytes_max < CHUNK_BYTES as u64 * CHUNK_COUNT / 8, "{kind:?}: {used:?}");
    }
}

#[test]
fn unread_bytes_do_not_end_a_send() {
    let serve = |mut connection: TcpStream| {
        let mut writer = connection.try_clone().unwrap();
        thread::spawn(move || writer.write_all(pattern(LARGE_BYTES)));
        // Late enough that the send is blocked behind the unread bytes.
        sleep_blocking(Duration::from_millis(50));
        let mut all = vec![0; 3 * LARGE_BYTES];
        let is_complete =
            connection.read_exact(&mut all).is_ok() && all.chunks(LARGE_BYTES).all(|part| part == pattern(LARGE_BYTES));
        let _ = connection.write_all(if is_complete { b"whole" } else { b"holes" });
    };
    for kind in [DriverKind::IoUring, DriverKind::IoUringBasic] {
        let server = listen(serve);
        run(kind, |rt| async move {
            let mut stream = connect(&rt, &server).await.unwrap();
            for _ in 0..3 {
                send(&mut stream, pattern(LARGE_BYTES)).await;
            }
            let response = receive(&mut stream, LARGE_BYTES + 5, 4096).await.unwrap();
            assert!(response.starts_with(pattern(LARGE_BYTES)) && response.ends_with(b"whole"));
        });
    }
}

#[test]
fn unrequested_bytes_wait_for_a_receive() {
    let serve = |mut connection: TcpStream| {
        let _ = connection.write_all(pattern(FLOOD_BYTES));
    };
    on_each_driver(serve, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        while !stream.is_stale() {
            rt.sleep_until(rt.now_ns() + 1_000_000).await;
        }
        rt.sleep_until(rt.now_ns() + 50_000_000).await;
        // Another stream is served meanwhile, and the bytes that have arrived are not lost.
        let mut other = connect(&rt, &server).await.unwrap();
        assert!(receive(&mut other, usize::MAX, 4096).await.unwrap() == pattern(FLOOD_BYTES));
        assert!(receive(&mut stream, usize::MAX, 4096).await.unwrap() == pattern(FLOOD_BYTES));
    });
}

#[test]
fn streams_dropped_unread_do_not_starve_others() {
    let serve = |mut connection: TcpStream| {
        let _ = connection.write_all(pattern(100_000));
    };
    on_each_driver(serve, |rt, server| async move {
        for _ in 0..500 {
            let stream = connect(&rt, &server).await.unwrap();
            while !stream.is_stale() {
                rt.sleep_until(rt.now_ns() + 100_000).await;
            }
        }
        let mut stream = connect(&rt, &server).await.unwrap();
        assert!(receive(&mut stream, usize::MAX, 4096).await.unwrap() == pattern(100_000));
    });
}

#[test]
fn response_during_a_send_is_received() {
    let serve = |mut connection: TcpStream| {
        let mut some = [0; 10];
        connection.read_exact(&mut some).unwrap();
        let _ = connection.write_all(b"too large");
        thread::park();
    };
    for kind in [DriverKind::IoUring, DriverKind::IoUringBasic] {
        let server = listen(serve);
        run(kind, |rt| async move {
            let mut stream = connect(&rt, &server).await.unwrap();
            send(&mut stream, &vec![7; 64 << 20]).await;
            assert_eq!(receive(&mut stream, 9, 100).await.unwrap(), b"too large");
        });
    }
}

#[test]
fn close_and_reset_are_distinct_and_persistent() {
    let serve = |mut connection: TcpStream| {
        let mut command = [0; 5];
        connection.read_exact(&mut command).unwrap();
        match &command {
            b"close" => {}
            b"reset" => set_socket_linger(&connection, Some(Duration::ZERO)).unwrap(),
            _ => unreachable!("unknown command"),
        }
    };
    on_each_driver(serve, |rt, server| async move {
        let mut closed = connect(&rt, &server).await.unwrap();
        send(&mut closed, b"close").await;
        for _ in 0..2 {
            assert_eq!(closed.recv(&mut Vec::with_capacity(10)).await.unwrap(), 0);
        }
        assert!(closed.is_stale());
        let mut reset = connect(&rt, &server).await.unwrap();
        send(&mut reset, b"reset").await;
        let error = reset.recv(&mut Vec::with_capacity(10)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn exchange_on_a_reset_connection_fails() {
    let serve = |mut connection: TcpStream| {
        // Resets only after the client knows that it is connected.
        connection.read_exact(&mut [0; 5]).unwrap();
        set_socket_linger(&connection, Some(Duration::ZERO)).unwrap();
    };
    on_each_driver(serve, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        send(&mut stream, b"first").await;
        while !stream.is_stale() {
            rt.sleep_until(rt.now_ns() + 1_000_000).await;
        }
        let mut buffer = b"hello".to_vec();
        let sent = stream.send(&mut buffer).await;
        let received = stream.recv(&mut Vec::with_capacity(10)).await;
        assert!(sent.is_err() || received.is_err());
    });
}

#[test]
fn refused_connect_returns_connect_refused() {
    for kind in KINDS {
        run(kind, |rt| async move {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let closed_port = Origin::parse(&format!("http://127.0.0.1:{port}")).unwrap();
            assert_eq!(connect(&rt, &closed_port).await.err(), Some(Error::ConnectRefused));
        });
    }
}

#[test]
fn accepting_address_is_used_and_remembered() {
    static ACCEPTED: AtomicUsize = AtomicUsize::new(0);
    let serve = |connection: TcpStream| {
        ACCEPTED.fetch_add(1, Ordering::Relaxed);
        echo(connection);
    };
    on_each_driver(serve, |rt, server| async move {
        // The server listens only on 127.0.0.1.
        let resolver =
            resolver_with_override("shop", OverrideTarget::Ips(["::1", "127.0.0.77", "127.0.0.1"].map(ip).into()));
        let shop = Origin::parse(&format!("http://shop:{}", server.port())).unwrap();
        let mut resolved_ns = 0;
        for _ in 0..3 {
            let mut stream = rt.connect(&resolver, &shop, &mut resolved_ns).await.unwrap();
            send(&mut stream, b"hello").await;
            assert_eq!(receive(&mut stream, 5, 64).await.unwrap(), b"hello");
        }
        assert_eq!(resolved_ns, 0, "no lookup");
        let Ok(ConnectTarget::Host(known)) = resolver.resolve(&rt, "shop", 80, &mut 0).await else {
            panic!("not a host with several addresses")
        };
        assert_eq!(known.connect_order().next(), Some(2), "the address that accepted last is first");
        let refusing = resolver_with_override("shop", OverrideTarget::Ips(["::1", "127.0.0.77"].map(ip).into()));
        assert_eq!(rt.connect(&refusing, &shop, &mut 0).await.err(), Some(Error::ConnectRefused));
    });
    assert_eq!(ACCEPTED.load(Ordering::Relaxed), 3 * KINDS.len());
}

#[test]
fn unix_socket_carries_a_connection() {
    let folder = std::env::temp_dir().join(format!("gregaria-rt-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut buffer = [0; 5];
            let echoed = connection.read_exact(&mut buffer).and_then(|()| connection.write_all(&buffer));
            let _ = echoed.and_then(|()| connection.write_all(pattern(LARGE_BYTES)));
        }
    });
    for kind in KINDS {
        let path = path.clone();
        run(kind, |rt| async move {
            let resolver = resolver_with_override("shop", OverrideTarget::UnixSocket(path));
            let shop = Origin::parse("http://shop").unwrap();
            let mut stream = rt.connect(&resolver, &shop, &mut 0).await.unwrap();
            send(&mut stream, b"hello").await;
            assert_eq!(receive_exactly(&mut stream, 5).await, b"hello");
            discard_exactly(&mut stream, LARGE_BYTES / 2).await;
            assert!(
                receive(&mut stream, usize::MAX, 1 << 20).await.unwrap() == pattern(LARGE_BYTES)[LARGE_BYTES / 2..]
            );
            assert!(stream.is_stale(), "the server has closed");
        });
    }
    std::fs::remove_dir_all(&folder).unwrap();
    for kind in KINDS {
        let path = path.clone();
        run(kind, |rt| async move {
            let resolver = resolver_with_override("shop", OverrideTarget::UnixSocket(path));
            let shop = Origin::parse("http://shop").unwrap();
            assert_eq!(rt.connect(&resolver, &shop, &mut 0).await.err(), Some(Error::ConnectRefused));
        });
    }
}

#[test]
fn connect_waits_for_a_full_unix_backlog() {
    let path = std::env::temp_dir().join(format!("gregaria-full-{}", std::process::id()));
    for kind in KINDS {
        let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let listener = UnixListener::from(listener);
        let at = path.clone();
        run(kind, |rt| async move {
            let resolver = resolver_with_override("shop", OverrideTarget::UnixSocket(at));
            let shop = Origin::parse("http://shop").unwrap();
            let _first = rt.connect(&resolver, &shop, &mut 0).await.unwrap();
            let full = rt.reusable_deadline().run(rt.now_ns() + 50_000_000, rt.connect(&resolver, &shop, &mut 0)).await;
            assert!(full.is_none(), "the backlog has room for one");
            let accepting = thread::spawn(move || (listener.accept().unwrap(), listener.accept().unwrap(), listener));
            rt.connect(&resolver, &shop, &mut 0).await.unwrap();
            drop(accepting.join().unwrap());
        });
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn source_addresses_are_used_in_turn() {
    let serve = |mut connection: TcpStream| {
        let from = connection.peer_addr().unwrap().ip().to_string();
        let _ = connection.write_all(from.as_bytes());
    };
    on_each_driver(serve, |rt, server| async move {
        let source_ips = ["127.0.0.5", "::1", "127.0.0.6"].map(ip).into();
        let resolver = Resolver::new(ConnectConfig { source_ips, ..ConnectConfig::default() }).unwrap();
        for expected in ["127.0.0.5", "127.0.0.6", "127.0.0.5"] {
            let mut stream = rt.connect(&resolver, &server, &mut 0).await.unwrap();
            assert_eq!(receive(&mut stream, 100, 64).await.unwrap(), expected.as_bytes());
        }
        let resolver =
            Resolver::new(ConnectConfig { source_ips: vec![ip("::1")], ..ConnectConfig::default() }).unwrap();
        assert_eq!(rt.connect(&resolver, &server, &mut 0).await.err(), Some(Error::NoSourceAddress));
    });
}

fn resolver_with_override(host: &str, target: OverrideTarget) -> Arc<Resolver> {
    let overrides = vec![ResolveOverride { host: Some(host.into()), port: None, target }];
    Resolver::new(ConnectConfig { overrides, ..ConnectConfig::default() }).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn dropped_operations_close_the_connection() {
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    let serve = |connection: TcpStream| {
        OPEN.fetch_add(1, Ordering::Relaxed);
        echo(connection);
        OPEN.fetch_sub(1, Ordering::Relaxed);
    };
    on_each_driver(serve, |rt, server| async move {
        for round in 0..120 {
            // Dropped while connecting, while idle, while sending, and while waiting in each kind of receive.
            poll_once(connect(&rt, &server)).await;
            let mut stream = connect(&rt, &server).await.unwrap();
            if round % 3 == 0 {
                send(&mut stream, &[1; 100]).await;
            }
            match round % 4 {
                0 => poll_once(stream.recv(&mut Vec::with_capacity(10))).await,
                1 => poll_once(stream.recv_direct(&mut Vec::with_capacity(LARGE_BYTES), LARGE_BYTES as u64)).await,
                2 => poll_once(stream.discard(u64::MAX)).await,
                _ => {}
            }
        }
        while OPEN.load(Ordering::Relaxed) > 0 {
            rt.sleep_until(rt.now_ns() + 1_000_000).await;
        }
    });
}

#[test]
fn sleeps_end_in_order_and_never_early() {
    for kind in KINDS {
        run(kind, |rt| async move {
            let woken = Rc::new(RefCell::new(Vec::new()));
            let start_ns = rt.now_ns();
            for delay_ms in [30, 10, 20, 0] {
                let (sleeper, woken) = (rt.clone(), Rc::clone(&woken));
                rt.spawn(async move {
                    sleeper.sleep_until(start_ns + delay_ms * 1_000_000).await;
                    assert!(sleeper.now_ns() >= start_ns + delay_ms * 1_000_000);
                    woken.borrow_mut().push(delay_ms);
                });
            }
            rt.sleep_until(start_ns + 40_000_000).await;
            assert_eq!(*woken.borrow(), [0, 10, 20, 30]);
        });
    }
}

#[test]
fn finished_thread_drops_its_reactor() {
    let server = listen(echo);
    let stored = Rc::new(RefCell::new(None));
    let store = Rc::clone(&stored);
    run(DriverKind::IoUring, |rt| async move {
        if let RuntimeBackend::Thread(ThreadBackend { driver: Driver::IoUring(reactor), .. }) = &rt.0.backend {
            store.replace(Some(Rc::downgrade(reactor)));
        }
        let user = rt.clone();
        rt.spawn(async move {
            let mut stream = connect(&user, &server).await.unwrap();
            let _ = stream.recv(&mut Vec::with_capacity(10)).await;
        });
        rt.sleep_until(rt.now_ns() + 50_000_000).await;
    });
    assert!(stored.take().is_some_and(|reactor| reactor.upgrade().is_none()));
}

/// Polls a future once and drops it.
async fn poll_once<F: Future>(future: F) {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        let _ = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

const CONNECTION_COUNT: usize = 500;
const LARGE_BYTES: usize = 4 << 20;
const CHUNK_BYTES: usize = 64 << 10;
const CHUNK_COUNT: u64 = 640;
/// More bytes than the kernel's socket buffers and the provided buffers hold.
const FLOOD_BYTES: usize = 24 << 20;
