//! Tests of the runtime on every driver, against real sockets. The server is a thread of the test.
//!
//! `tasks.rs` tests timers and wake-ups, `lateness.rs` deadlines, `endpoints.rs` the choice of addresses, the other
//! files connections. This file has the servers and the steps that they share.

mod connections;
mod endpoints;
mod lateness;
mod receives;
mod sends;
mod tasks;

use std::{
    cell::Cell,
    future::Future,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    rc::Rc,
    sync::LazyLock,
    thread,
};

use gregaria_http::{Error, Origin, Transport};

use super::*;

const KINDS: [DriverKind; 3] = [DriverKind::IoUring, DriverKind::IoUringBasic, DriverKind::Epoll];

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

/// Polls a future once and drops it.
async fn poll_once<F: Future>(future: F) {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        let _ = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

const LARGE_BYTES: usize = 4 << 20;
/// More bytes than the kernel's socket buffers and the provided buffers hold.
const FLOOD_BYTES: usize = 24 << 20;
