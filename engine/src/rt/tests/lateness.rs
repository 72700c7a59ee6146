//! Deadlines of a thread that is late: what arrived before a deadline is in time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use super::*;

/// A server that answers during a block of the client's thread: its numbers of received requests and sent answers.
#[derive(Clone, Default)]
struct LateServer {
    requests: Arc<AtomicUsize>,
    answers: Arc<AtomicUsize>,
}

impl LateServer {
    /// Reads the lengths of bodies. Sends each body 20 ms after `total` requests have arrived.
    fn serve(&self, total: usize, mut connection: TcpStream) {
        let mut len = [0; 8];
        while connection.read_exact(&mut len).is_ok() {
            self.requests.fetch_add(1, SeqCst);
            while self.requests.load(SeqCst) < total {
                sleep_blocking(Duration::from_millis(1));
            }
            sleep_blocking(Duration::from_millis(20));
            let _ = connection.write_all(pattern(u64::from_le_bytes(len) as usize));
            self.answers.fetch_add(1, SeqCst);
        }
    }

    /// Blocks the client's thread from the arrival of all requests until all are answered and the deadline has passed.
    fn block_thread(&self, total: usize, rt: &Runtime, deadline_ns: u64) {
        let (server, rt) = (self.clone(), rt.clone());
        rt.clone().spawn(async move {
            while server.requests.load(SeqCst) < total {
                rt.sleep_until(rt.now_ns() + MS).await;
            }
            while server.answers.load(SeqCst) < total || rt.now_ns() < deadline_ns + 10 * MS {
                sleep_blocking(Duration::from_millis(1));
            }
        });
    }
}

#[test]
fn answers_to_a_blocked_thread_are_in_time() {
    for kind in KINDS {
        let late_server = LateServer::default();
        let serving = late_server.clone();
        let server = listen(move |connection| serving.serve(CONNECTION_COUNT, connection));
        run(kind, |rt| async move {
            let mut streams = Vec::new();
            for _ in 0..CONNECTION_COUNT {
                streams.push(connect(&rt, &server).await.unwrap());
            }
            let deadline_ns = rt.now_ns() + TIMEOUT_NS;
            late_server.block_thread(CONNECTION_COUNT, &rt, deadline_ns);
            let ended = Rc::new(RefCell::new(Vec::new()));
            for mut stream in streams {
                let (deadline, ended) = (rt.reusable_deadline(), Rc::clone(&ended));
                rt.spawn(async move {
                    request_bytes(&mut stream, 5).await;
                    let received = deadline.run(deadline_ns, receive(&mut stream, 5, 64)).await;
                    ended.borrow_mut().push(received.is_some());
                });
            }
            while ended.borrow().len() < CONNECTION_COUNT {
                rt.sleep_until(rt.now_ns() + MS).await;
            }
            assert!(ended.borrow().iter().all(|is_in_time| *is_in_time));
        });
    }
}

#[test]
fn long_answer_to_a_blocked_thread_is_complete() {
    for (kind, is_discarded) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let late_server = LateServer::default();
        let serving = late_server.clone();
        let server = listen(move |connection| serving.serve(1, connection));
        run(kind, |rt| async move {
            let mut stream = connect(&rt, &server).await.unwrap();
            let deadline_ns = rt.now_ns() + TIMEOUT_NS;
            late_server.block_thread(1, &rt, deadline_ns);
            request_bytes(&mut stream, BODY_BYTES).await;
            let receiving = async {
                receive_exactly(&mut stream, 100).await;
                match is_discarded {
                    false => drop(receive(&mut stream, BODY_BYTES - 100, 3000).await.unwrap()),
                    true => discard_exactly(&mut stream, BODY_BYTES - 100).await,
                }
            };
            assert!(rt.reusable_deadline().run(deadline_ns, receiving).await.is_some(), "{is_discarded}");
        });
    }
}

#[test]
fn silent_peer_times_out_on_a_busy_thread() {
    on_each_driver(echo, |rt, server| async move {
        let (user, own_server) = (rt.clone(), server.clone());
        rt.spawn(async move {
            let mut stream = connect(&user, &own_server).await.unwrap();
            loop {
                send(&mut stream, b"hello").await;
                receive(&mut stream, 5, 64).await.unwrap();
            }
        });
        let mut silent = connect(&rt, &server).await.unwrap();
        for timeout_ns in [0, 20 * MS] {
            let deadline_ns = rt.now_ns() + timeout_ns;
            assert!(rt.reusable_deadline().run(deadline_ns, receive(&mut silent, 5, 64)).await.is_none());
            let late_ns = rt.now_ns() - deadline_ns;
            assert!(late_ns < 500 * MS, "{late_ns}");
        }
    });
}

const MS: u64 = 1_000_000;
/// Time for all requests to arrive, also on a busy machine.
const TIMEOUT_NS: u64 = 500 * MS;
const CONNECTION_COUNT: usize = 50;
/// Fewer bytes than the receive buffer of a new connection holds.
const BODY_BYTES: usize = 50_000;
