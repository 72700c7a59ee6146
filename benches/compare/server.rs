//! The fixed-response server that all clients are measured against: HTTP/1.1 GETs over keep-alive connections, a
//! 128-byte body, one thread, one ring. It must cost less per request than any client. Otherwise clients would mostly
//! wait for it.
//!
//! `GET /__counts` returns the number of requests so far and of open connections, without the query itself. Every
//! client's own count is checked against it. `GET /login…` sets a cookie, `GET /stock.json…` returns 1 KiB of JSON.
//!
//! The server ends at the end of its standard input, so it cannot outlive the process that started it. Requests with
//! bodies are not supported. The client side of the counts is `target.rs`.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use io_uring::{IoUring, Submitter, cqueue, opcode, squeue, types};
use memchr::memmem;
use rustix::process::{Resource, getrlimit};

use crate::floor::{ENOBUFS, MSG_WAITALL};
use crate::ring::{self, BufferRing};

/// Serves on a free port of 127.0.0.1 until the end of standard input. Prints the address.
pub(crate) fn run() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    let mut ring = ring::build(MAX_TURN_COMPLETIONS * 4)?;
    let files = getrlimit(Resource::Nofile).current.map_or(MAX_FILES, |files| files.min(MAX_FILES));
    ring.submitter().register_files_sparse(files as u32)?;
    let mut server = FixedServer {
        buffers: BufferRing::register(&ring, 128)?,
        listener,
        connections: Vec::new(),
        open_connections: 0,
        requests: 0,
        plain: response(TEXT_HEADERS, &greeting()).leak().repeat(MAX_PIPELINED).leak(),
        login: response(&format!("{TEXT_HEADERS}Set-Cookie: session=0123456789abcdef; Path=/\r\n"), &greeting()).leak(),
        stock: response("Content-Type: application/json\r\n", &stock()).leak(),
    };
    poll_readable(&mut ring.submission(), server.listener.as_raw_fd(), LISTENER_USER_DATA);
    poll_readable(&mut ring.submission(), io::stdin().as_raw_fd(), STDIN_USER_DATA);
    while server.turn(&mut ring)? {}
    Ok(())
}

struct FixedServer {
    buffers: BufferRing,
    listener: TcpListener,
    /// Indexed by file descriptor, which is also the index in the ring's table of registered files.
    connections: Vec<Option<ServerConnection>>,
    open_connections: usize,
    requests: u64,
    /// The response many times over: pipelined requests are answered by one send. Leaked, as sends do not tell their
    /// end.
    plain: &'static [u8],
    login: &'static [u8],
    stock: &'static [u8],
}

struct ServerConnection {
    stream: TcpStream,
    /// Bytes of the empty line that have been matched: a head may arrive in several receives.
    matched_bytes: usize,
}

impl FixedServer {
    /// Submits the queued entries, waits for a completion, and handles all completions. Returns `false` once standard
    /// input has ended.
    fn turn(&mut self, ring: &mut IoUring) -> io::Result<bool> {
        let (submitter, mut queue, mut completions) = ring.split();
        submitter.submit_and_wait(1)?;
        queue.sync();
        completions.sync();
        for completion in completions.by_ref().take(MAX_TURN_COMPLETIONS as usize) {
            match completion.user_data() {
                STDIN_USER_DATA => return Ok(false),
                LISTENER_USER_DATA => self.accept(&submitter, &mut queue)?,
                SEND_USER_DATA => {}
                _ => {
                    if !self.handle_receive(&mut queue, &completion) {
                        self.close(&submitter, completion.user_data() as u32)?;
                    }
                }
            }
        }
        self.buffers.publish();
        Ok(true)
    }

    fn accept(&mut self, submitter: &Submitter<'_>, queue: &mut squeue::SubmissionQueue<'_>) -> io::Result<()> {
        // The poll is submitted again each time, so connections beyond the limit are accepted in the next turn.
        for _ in 0..MAX_TURN_COMPLETIONS / 4 {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nodelay(true)?;
                    let index = stream.as_raw_fd() as usize;
                    submitter.register_files_update(index as u32, &[stream.as_raw_fd()])?;
                    receive(queue, index as u32);
                    if self.connections.len() <= index {
                        self.connections.resize_with(index + 1, || None);
                    }
                    self.connections[index] = Some(ServerConnection { stream, matched_bytes: 0 });
                    self.open_connections += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        poll_readable(queue, self.listener.as_raw_fd(), LISTENER_USER_DATA);
        Ok(())
    }

    /// Answers the received requests. Returns `false` if the connection can receive no more.
    fn handle_receive(&mut self, queue: &mut squeue::SubmissionQueue<'_>, completion: &cqueue::Entry) -> bool {
        let file = completion.user_data() as u32;
        let Some(connection) = self.connections.get_mut(file as usize).and_then(Option::as_mut) else {
            return true;
        };
        let request = self.buffers.consume(completion, |bytes| classify(&mut connection.matched_bytes, bytes));
        match request {
            Some(RequestKind::Counts) => {
                let counts = format!("requests {} connections {}", self.requests, self.open_connections - 1);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", counts.len());
                // After a failed write the peer is gone, and its receive ends as well.
                let _ = connection.stream.write_all((head + &counts).as_bytes());
            }
            Some(RequestKind::Login) => {
                self.requests += 1;
                send(queue, file, self.login);
            }
            Some(RequestKind::Stock) => {
                self.requests += 1;
                send(queue, file, self.stock);
            }
            Some(RequestKind::Plain(count)) if count > 0 => {
                self.requests += count as u64;
                send(queue, file, &self.plain[..count.min(MAX_PIPELINED) * self.plain.len() / MAX_PIPELINED]);
            }
            Some(RequestKind::Plain(_)) | None => {}
        }
        if cqueue::more(completion.flags()) {
            return true;
        }
        let goes_on = completion.result() > 0 || completion.result() == -ENOBUFS;
        if goes_on {
            receive(queue, file);
        }
        goes_on
    }

    fn close(&mut self, submitter: &Submitter<'_>, file: u32) -> io::Result<()> {
        // The table of registered files also keeps the socket open.
        submitter.register_files_update(file, &[-1])?;
        self.connections[file as usize] = None;
        self.open_connections -= 1;
        Ok(())
    }
}

/// The kind of request in the bytes of one receive.
#[derive(Debug, Eq, PartialEq)]
enum RequestKind {
    Counts,
    Login,
    Stock,
    /// Number of plain requests that ended in these bytes.
    Plain(usize),
}

/// Counts the empty lines that end in `bytes`. `matched` keeps its value between receives.
fn classify(matched: &mut usize, bytes: &[u8]) -> RequestKind {
    if *matched == 0 && memmem::find(bytes, HEAD_END) == Some(bytes.len().wrapping_sub(HEAD_END.len())) {
        return match bytes {
            _ if bytes.starts_with(b"GET /__counts") => RequestKind::Counts,
            _ if bytes.starts_with(b"GET /login") => RequestKind::Login,
            _ if bytes.starts_with(b"GET /stock.json") => RequestKind::Stock,
            _ => RequestKind::Plain(1),
        };
    }
    let mut count = 0;
    for &byte in bytes {
        *matched = match byte {
            _ if byte == HEAD_END[*matched] => *matched + 1,
            b'\r' => 1,
            _ => 0,
        };
        if *matched == HEAD_END.len() {
            *matched = 0;
            count += 1;
        }
    }
    RequestKind::Plain(count)
}

fn response(lines: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Returns the body of plain responses: 128 bytes.
fn greeting() -> String {
    "gregaria".repeat(16)
}

/// Returns 1 KiB of JSON, padded with blanks.
fn stock() -> String {
    let article = |number| {
        let (name, price) = (format!("article {number}"), 100 * number + 99);
        format!(r#"{{"id":{number},"name":"{name}","price":{price},"sizes":["S","M"],"in_stock":true}}"#)
    };
    let articles: Vec<_> = (1..=13).map(article).collect();
    format!("{:<1024}", format!(r#"{{"articles":[{}]}}"#, articles.join(",")))
}

fn send(queue: &mut squeue::SubmissionQueue<'_>, file: u32, bytes: &'static [u8]) {
    let send = opcode::Send::new(types::Fixed(file), bytes.as_ptr(), bytes.len() as u32)
        .flags(MSG_WAITALL)
        .build()
        .flags(squeue::Flags::SKIP_SUCCESS)
        .user_data(SEND_USER_DATA);
    // SAFETY: the bytes are static.
    unsafe { ring::push(queue, &send) };
}

fn receive(queue: &mut squeue::SubmissionQueue<'_>, file: u32) {
    let receive = opcode::RecvMulti::new(types::Fixed(file), ring::BUFFER_GROUP).build().user_data(u64::from(file));
    // SAFETY: the buffers of the group are leaked.
    unsafe { ring::push(queue, &receive) };
}

fn poll_readable(queue: &mut squeue::SubmissionQueue<'_>, file: i32, user_data: u64) {
    const POLLIN: u32 = 1;
    let poll = opcode::PollAdd::new(types::Fd(file), POLLIN).build().user_data(user_data);
    // SAFETY: the entry has no pointer.
    unsafe { ring::push(queue, &poll) };
}

/// Marks completions of sends. Only a failed send has one, and then the receive of that connection ends too.
const SEND_USER_DATA: u64 = u64::MAX;
const LISTENER_USER_DATA: u64 = u64::MAX - 1;
const STDIN_USER_DATA: u64 = u64::MAX - 2;

/// Completions handled per turn. Each adds at most two entries, a readable listener at most a quarter of this number.
const MAX_TURN_COMPLETIONS: u32 = 1024;

/// The maximum number of requests that one receive answers. A buffer holds fewer requests of all usual sizes.
const MAX_PIPELINED: usize = 64;

/// Length of the table of registered files, if the limit on open files allows it.
const MAX_FILES: u64 = 65_536;

const TEXT_HEADERS: &str = "Content-Type: text/plain\r\n";
const HEAD_END: &[u8; 4] = b"\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn split_head_counts_once() {
        for split in 1..REQUEST.len() {
            let mut matched = 0;
            assert_eq!(classify(&mut matched, &REQUEST[..split]), RequestKind::Plain(0), "split {split}");
            assert_eq!(classify(&mut matched, &REQUEST[split..]), RequestKind::Plain(1), "split {split}");
            assert_eq!(matched, 0);
        }
    }

    #[test]
    fn pipelined_requests_are_all_counted() {
        assert_eq!(classify(&mut 0, &REQUEST.repeat(3)), RequestKind::Plain(3));
        assert_eq!(classify(&mut 0, &REQUEST.repeat(3)[3..]), RequestKind::Plain(3));
    }

    #[test]
    fn special_paths_are_classified() {
        assert_eq!(classify(&mut 0, b"GET /__counts HTTP/1.1\r\n\r\n"), RequestKind::Counts);
        assert_eq!(classify(&mut 0, b"GET /login?user=1 HTTP/1.1\r\n\r\n"), RequestKind::Login);
        assert_eq!(classify(&mut 0, b"GET /stock.json?page=2 HTTP/1.1\r\n\r\n"), RequestKind::Stock);
    }

    #[test]
    fn bodies_have_their_documented_length() {
        assert_eq!(greeting().len(), 128);
        assert_eq!(stock().len(), 1024);
        let stock: serde_json::Value = serde_json::from_str(&stock()).unwrap();
        assert_eq!(stock["articles"].as_array().unwrap().len(), 13);
    }
}
