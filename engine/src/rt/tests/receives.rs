//! Receives: into any buffer, directly into the caller's buffer, and discarding.

use std::io::ErrorKind;

use super::*;

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
