//! Errands over real sockets: they come back with their tickets, also when there are more than fit between the threads.

use std::{
    collections::HashSet,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::Arc,
    thread,
};

use gregaria_http::{BaseUrl, ClientConfig, Cookie, Method};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::rt::now_ns;

#[test]
fn an_errand_comes_back_with_its_ticket_and_response() {
    for choice in [DriverChoice::Auto, DriverChoice::Only(DriverKind::Epoll)] {
        let mut bench = Bench::new(choice);
        let session = bench.session();
        bench.send(session, 7, |errand| {
            errand.request_line(Method::Post, "/cart?x=1");
            errand.header("X-Kind", "fresh");
            errand.body(b"two");
        });
        let done = bench.wait();
        assert_eq!(done.request_id, 7);
        assert_eq!(done.exchange.due_ns, 5, "due when it was called for");
        let response = done.exchange.result.unwrap();
        let echo = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(echo.starts_with("POST /cart?x=1 HTTP/1.1\r\n") && echo.ends_with("\r\n\r\ntwo"), "{echo}");
        assert!(echo.contains("X-Kind: fresh\r\n"), "{echo}");
    }
}

#[test]
fn more_errands_than_fit_between_the_threads_all_come_back() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let sessions: Vec<SessionId> = (0..8).map(|_| bench.session()).collect();
    let all = 3 * QUEUE_CAPACITY;
    // Several at once for each session: those beside the first have connections of their own.
    for ticket in 0..all {
        bench.order(sessions[ticket % 8], ticket, |errand| errand.request_line(Method::Get, "/"));
        if ticket % 64 == 63 {
            bench.carrier.flush();
            let tickets: HashSet<usize> = (0..64).map(|_| bench.wait().request_id).collect();
            assert_eq!(tickets, (ticket - 63..=ticket).collect());
        }
    }
}

#[test]
fn orders_beyond_the_queue_wait_and_are_not_lost() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let sessions: Vec<SessionId> = (0..QUEUE_CAPACITY + 100).map(|_| bench.session()).collect();
    for (ticket, session) in sessions.iter().rev().take(20).enumerate() {
        bench.send(*session, ticket, |errand| errand.request_line(Method::Get, "/"));
    }
    let tickets: HashSet<usize> = (0..20).map(|_| bench.wait().request_id).collect();
    assert_eq!(tickets.len(), 20);
}

#[test]
fn what_a_closed_session_had_on_the_wire_is_never_done() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let (gone, staying) = (bench.session(), bench.session());
    bench.send(gone, 1, |errand| errand.request_line(Method::Get, "/silence"));
    bench.carrier.close_session(gone);
    bench.send(staying, 2, |errand| errand.request_line(Method::Get, "/"));
    assert_eq!(bench.wait().request_id, 2);
    assert!(bench.carrier.next_event().is_none());
}

#[test]
fn what_is_given_up_leaves_the_wire_and_the_next_goes_on() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let session = bench.session();
    bench.send(session, 1, |errand| errand.request_line(Method::Get, "/silence"));
    bench.carrier.cancel(session, 2);
    bench.carrier.cancel(session, 1);
    bench.send(session, 3, |errand| errand.request_line(Method::Get, "/"));
    assert_eq!(bench.wait().request_id, 3);
    assert!(bench.carrier.next_event().is_none());
}

#[test]
fn a_thread_that_is_gone_is_noticed() {
    let bench = Bench::new(DriverChoice::Auto);
    let gauge = bench.carrier.status();
    assert!(gauge.is_alive());
    drop(bench);
    assert!(!gauge.is_alive());
}

#[test]
fn more_that_is_done_than_fits_is_fetched_without_a_wait() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let sessions: Vec<SessionId> = (0..64).map(|_| bench.session()).collect();
    let all = QUEUE_CAPACITY + 500;
    for ticket in 0..all {
        bench.order(sessions[ticket % 64], ticket, |errand| errand.request_line(Method::Get, "/"));
    }
    // Until all that fits lies in the queue, and the rest beside it.
    while bench.carrier.events.slots() < QUEUE_CAPACITY {
        bench.carrier.clear_wakeup();
        bench.carrier.flush();
        thread::yield_now();
    }
    let began_ns = now_ns();
    let tickets: HashSet<usize> = (0..all).map(|_| bench.wait().request_id).collect();
    assert_eq!(tickets.len(), all);
    assert!(now_ns() - began_ns < 60_000_000_000, "a bound for a stuck queue, no measure of speed");
}

#[test]
fn buffers_go_round() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let session = bench.session();
    bench.send(session, 0, |errand| errand.request_line(Method::Get, "/"));
    let response = bench.wait().exchange.result.unwrap();
    bench.carrier.buffer_pool().recycle(response);
    assert_eq!(bench.carrier.buffer_pool().lock().len(), 1);
    let _errand = bench.carrier.new_request();
    assert_eq!(bench.carrier.buffer_pool().lock().len(), 0);
}

#[test]
fn a_body_is_asked_for_piece_by_piece_and_once_more_for_a_redirect() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let session = bench.session();
    let upload = UploadInfo { length_bytes: Some(9), can_rewind: true };
    bench.send(session, 3, |errand| {
        errand.request_line(Method::Put, "/again");
        errand.upload(upload);
    });
    let mut pieces = ["one", "two", "six"].iter();
    let mut beginnings = 0;
    let done = loop {
        match bench.listen() {
            IoEvent::UploadChunkNeeded { request_id: 3, from_start: again } => {
                if again {
                    beginnings += 1;
                    pieces = ["one", "two", "six"].iter();
                }
                bench.carrier.send_upload_chunk(3, pieces.next().map(|piece| piece.as_bytes().to_vec()));
                bench.carrier.flush();
            }
            IoEvent::Completed(done) => break done,
            _ => panic!("nothing else is under way"),
        }
    };
    let response = done.exchange.result.unwrap();
    assert_eq!(beginnings, 1);
    assert_eq!(response.history().len(), 1);
    assert!(response.body().ends_with(b"onetwosix"), "{}", String::from_utf8_lossy(response.body()));
}

#[test]
fn a_streamed_response_is_done_with_its_head_and_read_on_demand() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let session = bench.session();
    bench.send(session, 4, |errand| {
        errand.request_line(Method::Get, "/");
        errand.stream_response();
    });
    let done = bench.wait();
    assert!(done.exchange.result.unwrap().body().is_empty());
    let (mut body, mut is_over) = (Vec::new(), false);
    while !is_over {
        bench.carrier.read_body_chunk(4, 77);
        bench.carrier.flush();
        match bench.listen() {
            IoEvent::BodyChunk { reader: 77, chunk: piece } => match piece.unwrap() {
                Some(piece) => body.extend(piece),
                None => is_over = true,
            },
            _ => panic!("nothing else is under way"),
        }
    }
    assert!(body.starts_with(b"GET / HTTP/1.1\r\n"));
    bench.carrier.drop_body(4);
    bench.carrier.read_body_chunk(4, 78);
    bench.carrier.flush();
    assert!(matches!(bench.listen(), IoEvent::BodyChunk { reader: 78, chunk: Ok(None) }), "one that is over stays so");
}

#[test]
fn everyone_who_reads_a_body_hears_of_its_end() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let session = bench.session();
    bench.send(session, 4, |errand| {
        errand.request_line(Method::Get, "/");
        errand.stream_response();
    });
    assert!(bench.wait().exchange.result.is_ok());
    for reader in 0..9 {
        bench.carrier.read_body_chunk(4, reader);
    }
    bench.carrier.flush();
    let answers = (0..9).map(|_| match bench.listen() {
        IoEvent::BodyChunk { reader, chunk: piece } => (reader, piece.unwrap().is_some()),
        _ => panic!("nothing else is under way"),
    });
    let (readers, pieces): (HashSet<usize>, Vec<bool>) = answers.unzip();
    assert_eq!((readers.len(), pieces[0], pieces[8]), (9, true, false));
}

#[test]
fn cookies_are_read_and_written_from_outside() {
    let mut bench = Bench::new(DriverChoice::Auto);
    let (session, gone) = (bench.session(), bench.session());
    let cookie = Cookie { name: "a", value: "1", ..Cookie::default() };
    assert_eq!(bench.carrier.with_cookies(session, move |jar| jar.set(cookie)), Some(Ok(())));
    bench.send(session, 1, |errand| errand.request_line(Method::Get, "/"));
    let response = bench.wait().exchange.result.unwrap();
    assert!(response.text().contains("Cookie: a=1\r\n"));
    bench.carrier.close_session(gone);
    assert_eq!(bench.carrier.with_cookies(gone, |jar| jar.len()), None);
}

struct Bench {
    carrier: IoThread,
    bell: EventFd,
    base: Arc<BaseUrl>,
}

impl Bench {
    fn new(choice: DriverChoice) -> Self {
        let bell = EventFd::new().unwrap();
        let base = BaseUrl::parse(&format!("http://{}", echo_server())).unwrap();
        Self { carrier: IoThread::start(bell.clone(), choice, Arc::default()).unwrap(), bell, base: Arc::new(base) }
    }

    fn session(&mut self) -> SessionId {
        self.carrier.open_session(Arc::clone(&self.base), Arc::new(ClientConfig::default()))
    }

    fn order(&mut self, session: SessionId, ticket: usize, fill: impl FnOnce(&mut PackedRequest)) {
        let mut errand = self.carrier.new_request();
        fill(&mut errand);
        errand.finish(session, 5, ticket);
        self.carrier.submit(errand);
    }

    fn send(&mut self, session: SessionId, ticket: usize, fill: impl FnOnce(&mut PackedRequest)) {
        self.order(session, ticket, fill);
        self.carrier.flush();
    }

    /// What is done next, when nothing else is said.
    fn wait(&mut self) -> CompletedRequest {
        match self.listen() {
            IoEvent::Completed(done) => done,
            IoEvent::UploadChunkNeeded { request_id: ticket, .. } => panic!("{ticket} wants a piece"),
            IoEvent::BodyChunk { reader, .. } => panic!("a piece for {reader}"),
        }
    }

    /// What is said next; waits for the bell as an event loop does.
    fn listen(&mut self) -> IoEvent {
        let until_ns = now_ns() + 10_000_000_000;
        loop {
            if let Some(word) = self.carrier.next_event() {
                return word;
            }
            assert!(now_ns() < until_ns, "the bell is not rung");
            let mut files = [PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN)];
            poll(&mut files, Some(&Timespec { tv_sec: 1, tv_nsec: 0 })).unwrap();
            self.carrier.clear_wakeup();
            self.carrier.flush();
        }
    }
}

/// Answers each request with the request; `/silence` never, and `/again` with a redirect to it.
fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || echo(connection));
        }
    });
    address
}

fn echo(mut connection: TcpStream) {
    let mut request = Vec::new();
    let mut received = [0; 4096];
    while let Ok(count @ 1..) = connection.read(&mut received) {
        request.extend_from_slice(&received[..count]);
        if !is_whole(&request) {
            continue;
        }
        let request = std::mem::take(&mut request);
        if request.starts_with(b"GET /silence") {
            continue;
        }
        let head = match request.split(|byte| *byte == b' ').nth(1) {
            Some(b"/again") => "HTTP/1.1 307 Again\r\nLocation: /\r\n",
            _ => "HTTP/1.1 200 OK\r\n",
        };
        let head = format!("{head}Content-Length: {}\r\n\r\n", request.len());
        if connection.write_all(&[head.as_bytes(), &request].concat()).is_err() {
            return;
        }
    }
}

/// Whether head and body are there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
