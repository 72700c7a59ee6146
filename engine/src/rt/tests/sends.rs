//! Sends: their order, their memory, and receives while a send is in progress.

use std::time::Duration;

use super::*;

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

const CHUNK_BYTES: usize = 64 << 10;
const CHUNK_COUNT: u64 = 640;
