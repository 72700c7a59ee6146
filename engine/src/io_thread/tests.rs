//! Requests over real sockets: they complete under their numbers, also if there are more than fit into the queues.

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
fn request_completes_with_its_id_and_response() {
    for choice in [DriverChoice::Auto, DriverChoice::Only(DriverKind::Epoll)] {
        let mut fixture = IoFixture::new(choice);
        let session = fixture.session();
        fixture.send(session, 7, |request| {
            request.request_line(Method::Post, "/cart?x=1");
            request.header("X-Kind", "fresh");
            request.body(b"two");
        });
        let completed = fixture.wait();
        assert_eq!(completed.request_id, RequestId(7));
        assert_eq!(completed.exchange.due_ns, 5, "the due time of the call");
        let response = completed.exchange.result.unwrap();
        let echo = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(echo.starts_with("POST /cart?x=1 HTTP/1.1\r\n") && echo.ends_with("\r\n\r\ntwo"), "{echo}");
        assert!(echo.contains("X-Kind: fresh\r\n"), "{echo}");
    }
}

#[test]
fn more_requests_than_the_queue_holds_all_complete() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let sessions: Vec<SessionId> = (0..8).map(|_| fixture.session()).collect();
    let count = 3 * QUEUE_CAPACITY;
    // Several requests at once per session: all but the first have connections of their own.
    for id in 0..count {
        fixture.submit(sessions[id % 8], id, |request| request.request_line(Method::Get, "/"));
        if id % 64 == 63 {
            fixture.io_thread.flush();
            let ids: HashSet<usize> = (0..64).map(|_| fixture.wait().request_id.0).collect();
            assert_eq!(ids, (id - 63..=id).collect());
        }
    }
}

#[test]
fn commands_beyond_the_queue_wait_and_are_not_lost() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let sessions: Vec<SessionId> = (0..QUEUE_CAPACITY + 100).map(|_| fixture.session()).collect();
    for (id, session) in sessions.iter().rev().take(20).enumerate() {
        fixture.send(*session, id, |request| request.request_line(Method::Get, "/"));
    }
    let ids: HashSet<usize> = (0..20).map(|_| fixture.wait().request_id.0).collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn request_of_a_closed_session_never_completes() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let (closed, open) = (fixture.session(), fixture.session());
    fixture.send(closed, 1, |request| request.request_line(Method::Get, "/silence"));
    fixture.io_thread.close_session(closed);
    fixture.send(open, 2, |request| request.request_line(Method::Get, "/"));
    assert_eq!(fixture.wait().request_id, RequestId(2));
    assert!(fixture.io_thread.next_event().is_none());
}

#[test]
fn cancelled_request_makes_room_for_the_next() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let session = fixture.session();
    fixture.send(session, 1, |request| request.request_line(Method::Get, "/silence"));
    fixture.io_thread.cancel(session, RequestId(2));
    fixture.io_thread.cancel(session, RequestId(1));
    fixture.send(session, 3, |request| request.request_line(Method::Get, "/"));
    assert_eq!(fixture.wait().request_id, RequestId(3));
    assert!(fixture.io_thread.next_event().is_none());
}

#[test]
fn status_of_an_ended_thread_is_not_alive() {
    let fixture = IoFixture::new(DriverChoice::Auto);
    let status = fixture.io_thread.status();
    assert!(status.is_alive());
    drop(fixture);
    assert!(!status.is_alive());
}

#[test]
fn more_events_than_the_queue_holds_arrive_promptly() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let sessions: Vec<SessionId> = (0..64).map(|_| fixture.session()).collect();
    let count = QUEUE_CAPACITY + 500;
    for id in 0..count {
        fixture.submit(sessions[id % 64], id, |request| request.request_line(Method::Get, "/"));
    }
    // Until the queue is full and further events wait beside it.
    while fixture.io_thread.events.slots() < QUEUE_CAPACITY {
        fixture.io_thread.clear_wakeup();
        fixture.io_thread.flush();
        thread::yield_now();
    }
    let start_ns = now_ns();
    let ids: HashSet<usize> = (0..count).map(|_| fixture.wait().request_id.0).collect();
    assert_eq!(ids.len(), count);
    assert!(now_ns() - start_ns < 60_000_000_000, "a bound that only a stuck queue exceeds");
}

#[test]
fn recycled_buffer_is_used_again() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let session = fixture.session();
    fixture.send(session, 0, |request| request.request_line(Method::Get, "/"));
    let response = fixture.wait().exchange.result.unwrap();
    fixture.io_thread.buffer_pool().recycle(response);
    assert_eq!(fixture.io_thread.buffer_pool().lock().len(), 1);
    let _request = fixture.io_thread.new_request();
    assert_eq!(fixture.io_thread.buffer_pool().lock().len(), 0);
}

#[test]
fn upload_is_requested_again_after_a_redirect() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let session = fixture.session();
    let upload = UploadInfo { length_bytes: Some(9), can_rewind: true };
    fixture.send(session, 3, |request| {
        request.request_line(Method::Put, "/again");
        request.upload(upload);
    });
    let mut chunks = ["one", "two", "six"].iter();
    let mut rewinds = 0;
    let completed = loop {
        match fixture.next_event() {
            IoEvent::UploadChunkNeeded { request_id: RequestId(3), from_start } => {
                if from_start {
                    rewinds += 1;
                    chunks = ["one", "two", "six"].iter();
                }
                fixture.io_thread.send_upload_chunk(RequestId(3), chunks.next().map(|chunk| chunk.as_bytes().to_vec()));
                fixture.io_thread.flush();
            }
            IoEvent::Completed(completed) => break completed,
            _ => panic!("an event of another kind"),
        }
    };
    let response = completed.exchange.result.unwrap();
    assert_eq!(rewinds, 1);
    assert_eq!(response.history().len(), 1);
    assert!(response.body().ends_with(b"onetwosix"), "{}", String::from_utf8_lossy(response.body()));
}

#[test]
fn streamed_response_completes_with_its_head() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let session = fixture.session();
    fixture.send(session, 4, |request| {
        request.request_line(Method::Get, "/");
        request.stream_response();
    });
    let completed = fixture.wait();
    assert!(completed.exchange.result.unwrap().body().is_empty());
    let (mut body, mut is_over) = (Vec::new(), false);
    while !is_over {
        fixture.io_thread.read_body_chunk(RequestId(4), 77);
        fixture.io_thread.flush();
        match fixture.next_event() {
            IoEvent::BodyChunk { reader: 77, chunk } => match chunk.unwrap() {
                Some(chunk) => body.extend(chunk),
                None => is_over = true,
            },
            _ => panic!("an event of another kind"),
        }
    }
    assert!(body.starts_with(b"GET / HTTP/1.1\r\n"));
    fixture.io_thread.drop_body(RequestId(4));
    fixture.io_thread.read_body_chunk(RequestId(4), 78);
    fixture.io_thread.flush();
    assert!(
        matches!(fixture.next_event(), IoEvent::BodyChunk { reader: 78, chunk: Ok(None) }),
        "a body that has ended stays ended"
    );
}

#[test]
fn waiting_readers_get_the_end_of_the_body() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let session = fixture.session();
    fixture.send(session, 4, |request| {
        request.request_line(Method::Get, "/");
        request.stream_response();
    });
    assert!(fixture.wait().exchange.result.is_ok());
    for reader in 0..9 {
        fixture.io_thread.read_body_chunk(RequestId(4), reader);
    }
    fixture.io_thread.flush();
    let answers = (0..9).map(|_| match fixture.next_event() {
        IoEvent::BodyChunk { reader, chunk } => (reader, chunk.unwrap().is_some()),
        _ => panic!("an event of another kind"),
    });
    let (readers, has_chunk): (HashSet<usize>, Vec<bool>) = answers.unzip();
    assert_eq!((readers.len(), has_chunk[0], has_chunk[8]), (9, true, false));
}

#[test]
fn cookies_set_by_the_owner_are_sent() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let session = fixture.session();
    let cookie = Cookie { name: "a", value: "1", ..Cookie::default() };
    assert_eq!(fixture.io_thread.with_cookies(session, move |jar| jar.set(cookie)), Some(Ok(())));
    fixture.send(session, 1, |request| request.request_line(Method::Get, "/"));
    let response = fixture.wait().exchange.result.unwrap();
    assert!(response.text().contains("Cookie: a=1\r\n"));
}

#[test]
fn closed_session_has_no_cookies() {
    let mut fixture = IoFixture::new(DriverChoice::Auto);
    let closed = fixture.session();
    fixture.io_thread.close_session(closed);
    assert_eq!(fixture.io_thread.with_cookies(closed, |jar| jar.len()), None);
}

struct IoFixture {
    io_thread: IoThread,
    event_fd: EventFd,
    base: Arc<BaseUrl>,
}

impl IoFixture {
    fn new(choice: DriverChoice) -> Self {
        let event_fd = EventFd::new().unwrap();
        let base = BaseUrl::parse(&format!("http://{}", echo_server())).unwrap();
        Self {
            io_thread: IoThread::start(event_fd.clone(), choice, Arc::default()).unwrap(),
            event_fd,
            base: Arc::new(base),
        }
    }

    fn session(&mut self) -> SessionId {
        self.io_thread.open_session(Arc::clone(&self.base), Arc::new(ClientConfig::default()))
    }

    fn submit(&mut self, session: SessionId, id: usize, fill: impl FnOnce(&mut PackedRequest)) {
        let mut request = self.io_thread.new_request();
        fill(&mut request);
        request.finish(session, 5, RequestId(id));
        self.io_thread.submit(request);
    }

    fn send(&mut self, session: SessionId, id: usize, fill: impl FnOnce(&mut PackedRequest)) {
        self.submit(session, id, fill);
        self.io_thread.flush();
    }

    /// Returns the next completed request. Panics at an event of another kind.
    fn wait(&mut self) -> CompletedRequest {
        match self.next_event() {
            IoEvent::Completed(completed) => completed,
            IoEvent::UploadChunkNeeded { request_id, .. } => panic!("{request_id:?} needs a chunk"),
            IoEvent::BodyChunk { reader, .. } => panic!("a chunk for {reader}"),
        }
    }

    /// Returns the next event. Waits for the event fd, as an event loop does.
    fn next_event(&mut self) -> IoEvent {
        let until_ns = now_ns() + 10_000_000_000;
        loop {
            if let Some(event) = self.io_thread.next_event() {
                return event;
            }
            assert!(now_ns() < until_ns, "the event fd is not notified");
            let mut files = [PollFd::from_borrowed_fd(self.event_fd.as_fd(), PollFlags::IN)];
            poll(&mut files, Some(&Timespec { tv_sec: 1, tv_nsec: 0 })).unwrap();
            self.io_thread.clear_wakeup();
            self.io_thread.flush();
        }
    }
}

/// Starts a server that answers each request with the request itself. It never answers `/silence`, and answers `/again`
/// with a redirect to `/`.
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

/// Returns `true` if head and body are complete.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
