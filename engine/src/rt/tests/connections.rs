//! Connections from connect to close: timestamps, many at once, resets, and dropped operations.

use std::{
    io::ErrorKind,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rustix::net::sockopt::set_socket_linger;

use super::*;

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

const CONNECTION_COUNT: usize = 500;
