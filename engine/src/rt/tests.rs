//! What a connection promises, on every ring, against real sockets. The other end is a thread of the test.

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
fn a_wake_from_another_thread_ends_the_wait_at_once() {
    for kind in KINDS {
        run(kind, |rt| async move {
            // Longer than the test may take: nothing but the wake ends the wait.
            let far_ns = rt.now_ns() + 3_600_000_000_000;
            let mut sleep = std::pin::pin!(rt.sleep_until(far_ns));
            for round in 0..100 {
                let mut waker = None;
                poll_fn(|cx| {
                    assert!(sleep.as_mut().poll(cx).is_pending());
                    if waker.is_some() {
                        return Poll::Ready(());
                    }
                    let (own, late) = (cx.waker().clone(), round % 2 == 0);
                    waker = Some(thread::spawn(move || {
                        // Before the thread waits, or while it does.
                        if late {
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

/// Runs `client` on each ring against a server that treats each of its connections with `serve`.
fn on_each_ring<F: Future<Output = ()> + 'static>(
    serve: impl Fn(TcpStream) + Clone + Send + 'static,
    client: impl Fn(Runtime, Origin) -> F,
) {
    for kind in KINDS {
        let server = listen(serve.clone());
        run(kind, |rt| client(rt, server));
    }
}

/// Runs a future to its end, for which it has half a minute.
fn run<F: Future<Output = ()> + 'static>(kind: DriverKind, start: impl FnOnce(Runtime) -> F) {
    let over = Rc::new(Cell::new(false));
    let is_over = Rc::clone(&over);
    block_on(DriverChoice::Only(kind), |rt, _| {
        let future = start(rt.clone());
        async move {
            let until_ns = rt.now_ns() + 30_000_000_000;
            over.set(rt.reusable_deadline().run(until_ns, future).await.is_some());
        }
    })
    .unwrap();
    assert!(is_over.get(), "{kind:?}: not done after half a minute");
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

/// Receives until there are `len` bytes or the stream ends, `room` bytes at a time.
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

async fn skip_exactly(stream: &mut NetStream, len: usize) {
    let mut unwanted = len as u64;
    while unwanted > 0 {
        let count = stream.discard(unwanted).await.unwrap();
        assert!((1..=unwanted).contains(&count), "{count} of {unwanted}");
        unwanted -= count;
    }
}

async fn send(stream: &mut NetStream, bytes: &[u8]) {
    let mut buffer = bytes.to_vec();
    stream.send(&mut buffer).await.unwrap();
    assert!(buffer.is_empty());
}

/// Bytes in which a gap or a swap shows.
fn pattern(len: usize) -> &'static [u8] {
    static ALL: LazyLock<Vec<u8>> = LazyLock::new(|| (0..FLOOD as u32 / 4).flat_map(u32::to_le_bytes).collect());
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
fn an_exchange_is_stamped_in_order() {
    on_each_ring(echo, |rt, server| async move {
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
fn more_connections_than_one_turn_takes_are_all_served() {
    on_each_ring(echo, |rt, server| async move {
        let served = Rc::new(Cell::new(0));
        // One after the other, because the server's queue of new connections is short.
        let mut streams = Vec::new();
        while streams.len() < MANY {
            let mut stream = connect(&rt, &server).await.unwrap();
            send(&mut stream, b"hello").await;
            receive(&mut stream, 5, 10).await.unwrap();
            streams.push(stream);
        }
        for (number, mut stream) in streams.into_iter().enumerate() {
            let served = Rc::clone(&served);
            rt.spawn(async move {
                let said = format!("user {number}");
                for _ in 0..2 {
                    send(&mut stream, said.as_bytes()).await;
                    assert_eq!(receive(&mut stream, said.len(), 256).await.unwrap(), said.as_bytes());
                }
                served.set(served.get() + 1);
            });
        }
        while served.get() < MANY {
            rt.sleep_until(rt.now_ns() + 1_000_000).await;
        }
    });
}

#[test]
fn a_large_body_arrives_whole_however_it_is_read() {
    let serve = |mut connection: TcpStream| {
        let _ = connection.write_all(pattern(LARGE));
    };
    on_each_ring(serve, |rt, server| async move {
        for room in [1000, 4096, 1 << 20] {
            let mut stream = connect(&rt, &server).await.unwrap();
            assert!(receive(&mut stream, usize::MAX, room).await.unwrap() == pattern(LARGE), "{room} bytes at a time");
        }
    });
}

/// Sends as many bytes of the pattern as it is asked for, again and again.
fn provide(mut connection: TcpStream) {
    let mut order = [0; 8];
    while connection.read_exact(&mut order).is_ok() {
        if connection.write_all(pattern(u64::from_le_bytes(order) as usize)).is_err() {
            return;
        }
    }
}

async fn order(stream: &mut NetStream, len: usize) {
    send(stream, &(len as u64).to_le_bytes()).await;
}

/// Long and short ones, so that a connection takes to each kind and leaves it again.
fn lengths() -> impl Iterator<Item = usize> {
    let few = [1, 100, LARGE, 50_000, 16_383, 16_384, 16_385, LARGE, 4032, 4033];
    few.into_iter().chain([70_000; 3]).chain([100; 20]).chain([70_000, 100])
}

#[test]
fn long_bodies_arrive_in_the_buffer_they_belong_in() {
    on_each_ring(provide, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for (room, len) in [1, 40_000].into_iter().flat_map(|room| lengths().map(move |len| (room, len))) {
            order(&mut stream, len).await;
            let mut body = Vec::new();
            while body.len() < len {
                let to_come = len - body.len();
                body.reserve(to_come.min(room * 100));
                let (before, space) = (body.len(), body.capacity() - body.len());
                let count = stream.recv_direct(&mut body, to_come as u64).await.unwrap();
                assert!((1..=space).contains(&count) && body.len() == before + count, "{count} of {len}");
            }
            assert!(body == pattern(len), "{len} bytes, room for {room}");
        }
        assert!(!stream.is_stale());
    });
}

#[test]
fn what_nobody_wants_is_dropped_and_counted_and_nothing_else() {
    on_each_ring(provide, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for len in lengths() {
            order(&mut stream, len).await;
            let (start, end) = (len / 3, len - len / 3);
            assert!(receive_exactly(&mut stream, start).await == pattern(start), "{len}");
            skip_exactly(&mut stream, end - start).await;
            assert!(receive_exactly(&mut stream, len - end).await == pattern(len)[end..], "{len}");
        }
    });
}

#[test]
fn who_skips_more_than_comes_is_told() {
    on_each_ring(provide, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for len in lengths() {
            order(&mut stream, len).await;
            let mut skipped = 0;
            while skipped < len as u64 {
                skipped += stream.discard(u64::MAX).await.unwrap();
            }
            assert_eq!(skipped, len as u64);
        }
    });
}

#[test]
fn an_end_is_seen_behind_a_long_body_and_in_the_middle_of_one() {
    let serve = |mut connection: TcpStream| {
        connection.read_exact(&mut [0; 5]).unwrap();
        let _ = connection.write_all(pattern(LARGE));
    };
    on_each_ring(serve, |rt, server| async move {
        for (wanted, is_cut_short) in [(LARGE, false), (LARGE + 1, true)] {
            let mut stream = connect(&rt, &server).await.unwrap();
            send(&mut stream, b"hello").await;
            let mut skipped = 0;
            let mut count = 1;
            while count > 0 && skipped < wanted as u64 {
                count = stream.discard(wanted as u64 - skipped).await.unwrap();
                skipped += count;
            }
            assert_eq!((skipped, count == 0), (LARGE as u64, is_cut_short));
            while !stream.is_stale() {
                rt.sleep_until(rt.now_ns() + 1_000_000).await;
            }
            assert_eq!(stream.recv_direct(&mut Vec::with_capacity(LARGE), LARGE as u64).await.unwrap(), 0);
        }
    });
}

#[test]
fn on_a_ring_a_long_receive_that_was_given_up_spoils_the_connection() {
    for kind in [DriverKind::IoUring, DriverKind::IoUringBasic] {
        let server = listen(provide);
        run(kind, |rt| async move {
            let mut stream = connect(&rt, &server).await.unwrap();
            // Before the second one nothing stands in the way of a long receive, and nothing has come.
            for _ in 0..2 {
                order(&mut stream, LARGE).await;
                let mut body = Vec::with_capacity(LARGE);
                while body.len() < LARGE {
                    let to_come = (LARGE - body.len()) as u64;
                    stream.recv_direct(&mut body, to_come).await.unwrap();
                }
            }
            order(&mut stream, 1).await;
            receive(&mut stream, 1, 1).await.unwrap();
            poll_once(stream.recv_direct(&mut Vec::with_capacity(LARGE), LARGE as u64)).await;
            order(&mut stream, LARGE).await;
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
fn a_buffer_without_memory_gets_some_when_there_is_something_to_receive() {
    on_each_ring(echo, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        let mut buffer = Vec::new();
        poll_once(stream.recv(&mut buffer)).await;
        assert_eq!(buffer.capacity(), 0);
        send(&mut stream, b"one locust").await;
        while buffer.len() < 10 {
            let mut piece = Vec::new();
            assert!(stream.recv(&mut piece).await.unwrap() > 0);
            buffer.append(&mut piece);
        }
        assert_eq!(buffer, b"one locust");
    });
}

#[test]
fn sends_arrive_whole_and_in_order() {
    let serve = |mut connection: TcpStream| {
        let mut all = vec![0; LARGE];
        connection.read_exact(&mut all).unwrap();
        let _ = connection.write_all(if all == pattern(LARGE) { b"same" } else { b"different" });
    };
    on_each_ring(serve, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        for piece in pattern(LARGE).chunks(LARGE / 3) {
            send(&mut stream, piece).await;
        }
        assert_eq!(receive(&mut stream, 100, 100).await.unwrap(), b"same");
    });
}

#[test]
fn a_long_upload_takes_the_memory_of_a_few_pieces() {
    let serve = |mut connection: TcpStream| {
        let mut piece = vec![0; PIECE];
        for _ in 0..PIECES {
            connection.read_exact(&mut piece).unwrap();
        }
        let _ = connection.write_all(b"done");
    };
    for kind in KINDS {
        let server = listen(serve);
        let used = allocation_counter::measure(|| {
            run(kind, |rt| async move {
                let mut stream = connect(&rt, &server).await.unwrap();
                let mut piece = Vec::new();
                for _ in 0..PIECES {
                    piece.resize(PIECE, 7);
                    stream.send(&mut piece).await.unwrap();
                }
                assert_eq!(receive(&mut stream, 4, 10).await.unwrap(), b"done");
            });
        });
        assert!(used.bytes_max < PIECE as u64 * PIECES / 8, "{kind:?}: {used:?}");
    }
}

#[test]
fn a_flood_of_bytes_does_not_end_a_send() {
    let serve = |mut connection: TcpStream| {
        let mut writer = connection.try_clone().unwrap();
        thread::spawn(move || writer.write_all(pattern(LARGE)));
        // So late that the send is stuck behind what was not read.
        sleep_blocking(Duration::from_millis(50));
        let mut all = vec![0; 3 * LARGE];
        let whole = connection.read_exact(&mut all).is_ok() && all.chunks(LARGE).all(|part| part == pattern(LARGE));
        let _ = connection.write_all(if whole { b"whole" } else { b"holes" });
    };
    for kind in [DriverKind::IoUring, DriverKind::IoUringBasic] {
        let server = listen(serve);
        run(kind, |rt| async move {
            let mut stream = connect(&rt, &server).await.unwrap();
            for _ in 0..3 {
                send(&mut stream, pattern(LARGE)).await;
            }
            let answer = receive(&mut stream, LARGE + 5, 4096).await.unwrap();
            assert!(answer.starts_with(pattern(LARGE)) && answer.ends_with(b"whole"));
        });
    }
}

#[test]
fn bytes_that_no_one_asked_for_wait_until_someone_does() {
    let serve = |mut connection: TcpStream| {
        let _ = connection.write_all(pattern(FLOOD));
    };
    on_each_ring(serve, |rt, server| async move {
        let mut stream = connect(&rt, &server).await.unwrap();
        while !stream.is_stale() {
            rt.sleep_until(rt.now_ns() + 1_000_000).await;
        }
        rt.sleep_until(rt.now_ns() + 50_000_000).await;
        // Others are served meanwhile, and what has come is not lost.
        let mut other = connect(&rt, &server).await.unwrap();
        assert!(receive(&mut other, usize::MAX, 4096).await.unwrap() == pattern(FLOOD));
        assert!(receive(&mut stream, usize::MAX, 4096).await.unwrap() == pattern(FLOOD));
    });
}

#[test]
fn connections_dropped_with_unread_bytes_do_not_starve_others() {
    let serve = |mut connection: TcpStream| {
        let _ = connection.write_all(pattern(100_000));
    };
    on_each_ring(serve, |rt, server| async move {
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
fn on_a_ring_an_answer_to_half_a_request_is_read() {
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
fn ends_and_resets_are_told_apart_and_kept() {
    let serve = |mut connection: TcpStream| {
        let mut order = [0; 5];
        connection.read_exact(&mut order).unwrap();
        match &order {
            b"close" => {}
            b"reset" => set_socket_linger(&connection, Some(Duration::ZERO)).unwrap(),
            _ => unreachable!("no such order"),
        }
    };
    on_each_ring(serve, |rt, server| async move {
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
fn a_request_into_a_dead_connection_fails() {
    let serve = |mut connection: TcpStream| {
        // Not before the other end knows that it is connected.
        connection.read_exact(&mut [0; 5]).unwrap();
        set_socket_linger(&connection, Some(Duration::ZERO)).unwrap();
    };
    on_each_ring(serve, |rt, server| async move {
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
fn a_refused_connection_says_so() {
    for kind in KINDS {
        run(kind, |rt| async move {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let nobody = Origin::parse(&format!("http://127.0.0.1:{port}")).unwrap();
            assert_eq!(connect(&rt, &nobody).await.err(), Some(Error::ConnectRefused));
        });
    }
}

#[test]
fn of_several_addresses_one_that_accepts_is_taken_and_remembered() {
    static ACCEPTED: AtomicUsize = AtomicUsize::new(0);
    let serve = |connection: TcpStream| {
        ACCEPTED.fetch_add(1, Ordering::Relaxed);
        echo(connection);
    };
    on_each_ring(serve, |rt, server| async move {
        // The test's server has the port on 127.0.0.1 alone.
        let book = overriding("shop", OverrideTarget::Ips(["::1", "127.0.0.77", "127.0.0.1"].map(ip).into()));
        let shop = Origin::parse(&format!("http://shop:{}", server.port())).unwrap();
        let mut resolved_ns = 0;
        for _ in 0..3 {
            let mut stream = rt.connect(&book, &shop, &mut resolved_ns).await.unwrap();
            send(&mut stream, b"hello").await;
            assert_eq!(receive(&mut stream, 5, 64).await.unwrap(), b"hello");
        }
        assert_eq!(resolved_ns, 0, "nothing was looked up");
        let Ok(ConnectTarget::Host(known)) = book.resolve(&rt, "shop", 80, &mut 0).await else {
            panic!("there are several")
        };
        assert_eq!(known.connect_order().next(), Some(2), "the one that has answered is tried first");
        let nobody = overriding("shop", OverrideTarget::Ips(["::1", "127.0.0.77"].map(ip).into()));
        assert_eq!(rt.connect(&nobody, &shop, &mut 0).await.err(), Some(Error::ConnectRefused));
    });
    assert_eq!(ACCEPTED.load(Ordering::Relaxed), 3 * KINDS.len());
}

#[test]
fn a_unix_socket_is_a_connection_like_any_other() {
    let folder = std::env::temp_dir().join(format!("gregaria-rt-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut buffer = [0; 5];
            let echoed = connection.read_exact(&mut buffer).and_then(|()| connection.write_all(&buffer));
            let _ = echoed.and_then(|()| connection.write_all(pattern(LARGE)));
        }
    });
    for kind in KINDS {
        let path = path.clone();
        run(kind, |rt| async move {
            let book = overriding("shop", OverrideTarget::UnixSocket(path));
            let shop = Origin::parse("http://shop").unwrap();
            let mut stream = rt.connect(&book, &shop, &mut 0).await.unwrap();
            send(&mut stream, b"hello").await;
            assert_eq!(receive_exactly(&mut stream, 5).await, b"hello");
            skip_exactly(&mut stream, LARGE / 2).await;
            assert!(receive(&mut stream, usize::MAX, 1 << 20).await.unwrap() == pattern(LARGE)[LARGE / 2..]);
            assert!(stream.is_stale(), "the server has closed");
        });
    }
    std::fs::remove_dir_all(&folder).unwrap();
    for kind in KINDS {
        let path = path.clone();
        run(kind, |rt| async move {
            let book = overriding("shop", OverrideTarget::UnixSocket(path));
            let shop = Origin::parse("http://shop").unwrap();
            assert_eq!(rt.connect(&book, &shop, &mut 0).await.err(), Some(Error::ConnectRefused));
        });
    }
}

#[test]
fn a_unix_socket_where_too_many_wait_is_waited_for() {
    let path = std::env::temp_dir().join(format!("gregaria-full-{}", std::process::id()));
    for kind in KINDS {
        let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let listener = UnixListener::from(listener);
        let at = path.clone();
        run(kind, |rt| async move {
            let book = overriding("shop", OverrideTarget::UnixSocket(at));
            let shop = Origin::parse("http://shop").unwrap();
            let _first = rt.connect(&book, &shop, &mut 0).await.unwrap();
            let full = rt.reusable_deadline().run(rt.now_ns() + 50_000_000, rt.connect(&book, &shop, &mut 0)).await;
            assert!(full.is_none(), "there is room for one");
            let accepting = thread::spawn(move || (listener.accept().unwrap(), listener.accept().unwrap(), listener));
            rt.connect(&book, &shop, &mut 0).await.unwrap();
            drop(accepting.join().unwrap());
        });
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn connections_come_from_the_source_addresses_in_turn() {
    let serve = |mut connection: TcpStream| {
        let from = connection.peer_addr().unwrap().ip().to_string();
        let _ = connection.write_all(from.as_bytes());
    };
    on_each_ring(serve, |rt, server| async move {
        let source_ips = ["127.0.0.5", "::1", "127.0.0.6"].map(ip).into();
        let book = Resolver::new(ConnectConfig { source_ips, ..ConnectConfig::default() }).unwrap();
        for expected in ["127.0.0.5", "127.0.0.6", "127.0.0.5"] {
            let mut stream = rt.connect(&book, &server, &mut 0).await.unwrap();
            assert_eq!(receive(&mut stream, 100, 64).await.unwrap(), expected.as_bytes());
        }
        let book = Resolver::new(ConnectConfig { source_ips: vec![ip("::1")], ..ConnectConfig::default() }).unwrap();
        assert_eq!(rt.connect(&book, &server, &mut 0).await.err(), Some(Error::NoSourceAddress));
    });
}

fn overriding(host: &str, destination: OverrideTarget) -> Arc<Resolver> {
    let overrides = vec![ResolveOverride { host: Some(host.into()), port: None, target: destination }];
    Resolver::new(ConnectConfig { overrides, ..ConnectConfig::default() }).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn what_is_dropped_half_way_is_closed() {
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    let serve = |connection: TcpStream| {
        OPEN.fetch_add(1, Ordering::Relaxed);
        echo(connection);
        OPEN.fetch_sub(1, Ordering::Relaxed);
    };
    on_each_ring(serve, |rt, server| async move {
        for round in 0..120 {
            // Dropped while it connects; idle, or while it sends; while it waits for an answer, of whatever kind.
            poll_once(connect(&rt, &server)).await;
            let mut stream = connect(&rt, &server).await.unwrap();
            if round % 3 == 0 {
                send(&mut stream, &[1; 100]).await;
            }
            match round % 4 {
                0 => poll_once(stream.recv(&mut Vec::with_capacity(10))).await,
                1 => poll_once(stream.recv_direct(&mut Vec::with_capacity(LARGE), LARGE as u64)).await,
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
fn sleepers_wake_in_order_and_never_early() {
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
fn a_thread_that_is_over_lets_go_of_its_ring() {
    let server = listen(echo);
    let kept = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&kept);
    run(DriverKind::IoUring, |rt| async move {
        if let Backend::Thread(ThreadBackend { driver: Driver::IoUring(reactor), .. }) = &rt.0.backend {
            keep.replace(Some(Rc::downgrade(reactor)));
        }
        let user = rt.clone();
        rt.spawn(async move {
            let mut stream = connect(&user, &server).await.unwrap();
            let _ = stream.recv(&mut Vec::with_capacity(10)).await;
        });
        rt.sleep_until(rt.now_ns() + 50_000_000).await;
    });
    assert!(kept.take().is_some_and(|reactor| reactor.upgrade().is_none()));
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

const MANY: usize = 500;
const LARGE: usize = 4 << 20;
const PIECE: usize = 64 << 10;
const PIECES: u64 = 640;
/// More than a socket's buffers and ours hold.
const FLOOD: usize = 24 << 20;
