//! Cost of HTTP: encoding a request, parsing a head, parsing a chunked body, and a whole exchange without a kernel.
//!
//! The budget is 0.4 µs for the whole exchange with a response of nginx. The null transport accepts every request and
//! returns the same bytes, so the result is the cost that the client adds to that of the kernel.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::{cell::Cell, io};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gregaria_http::proto::encode::{RequestFraming, append_head_end};
use gregaria_http::proto::head::parse_head;
use gregaria_http::proto::{ParseProgress, RequestHead, ResponseParser};
use gregaria_http::{
    BaseUrl, ClientConfig, ClientRuntime, DefaultHeaders, Error, HttpLimits, Method, Origin, Request, ResponseBodyMode,
    Session, Transport,
};

criterion_main!(benches);
criterion_group!(benches, encode, head, chunked, exchange);

fn encode(criterion: &mut Criterion) {
    let origin = Origin::parse("http://127.0.0.1:8080").expect("a valid URL");
    let defaults = DefaultHeaders::default();
    let json = [("Content-Type", "application/json"), ("X-Request-Id", "1")];
    let mut group = criterion.benchmark_group("http/encode");
    let mut case = |name, method, headers, body: Option<&[u8]>| {
        let head = RequestHead {
            method,
            origin: &origin,
            prefix: "",
            target: "/catalog/item?id=1234",
            defaults: &defaults,
            headers,
            suppressed: &[],
            absolute_form: false,
        };
        let mut out = Vec::with_capacity(4096);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                let flags = black_box(&head).append_to(&mut out);
                let framing =
                    black_box(body).map_or(RequestFraming::None, |body| RequestFraming::Length(body.len() as u64));
                append_head_end(&mut out, method, framing);
                out.extend_from_slice(body.unwrap_or_default());
                flags
            });
        });
    };
    case("get", Method::Get, &[], None);
    case("post with two headers", Method::Post, &json, Some(b"{\"a\": 1}"));
    group.finish();
}

fn head(criterion: &mut Criterion) {
    let limits = HttpLimits::default();
    let mut group = criterion.benchmark_group("http/head");
    for (name, response) in [("nginx", NGINX), ("minimal", MINIMAL)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| parse_head(black_box(response.as_bytes()), Method::Get, &limits));
        });
    }
    group.finish();
}

fn chunked(criterion: &mut Criterion) {
    let mut response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..16 {
        response.extend_from_slice(b"400\r\n");
        response.extend_from_slice(&[b'x'; 1024]);
        response.extend_from_slice(b"\r\n");
    }
    response.extend_from_slice(b"0\r\n\r\n");
    let limits = HttpLimits::default();
    let mut buffer = Vec::with_capacity(response.len());
    let mut group = criterion.benchmark_group("http/chunked");
    group.throughput(Throughput::Bytes(16 * 1024));
    for (name, body_mode) in [("kept", ResponseBodyMode::Keep), ("discarded", ResponseBodyMode::Discard)] {
        group.bench_function(format!("16 chunks of 1 KiB, {name}"), |bencher| {
            bencher.iter(|| {
                buffer.clear();
                buffer.extend_from_slice(&response);
                let mut parser = ResponseParser::new(Method::Get, body_mode, &limits);
                assert_eq!(parser.feed(&mut buffer), Ok(ParseProgress::Complete));
                parser.body_bytes()
            });
        });
    }
    group.finish();
}

fn exchange(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http/exchange");
    let cookies = ["session=0123456789abcdef; Path=/", "theme=dark; Path=/"];
    for (name, response, cookies) in
        [("minimal", MINIMAL, &[][..]), ("nginx", NGINX, &[][..]), ("nginx, two cookies", NGINX, &cookies[..])]
    {
        let network = NullNetwork::new(response);
        let base = Arc::new(BaseUrl::parse("http://127.0.0.1:8080").expect("a valid URL"));
        let session = Session::new(Arc::clone(&base), Arc::new(ClientConfig::default()));
        for cookie in cookies {
            session.cookies().borrow_mut().store(cookie, base.origin(), "/", 0);
        }
        let request =
            Request { response_body_mode: ResponseBodyMode::Discard, ..Request::get("/catalog/item?id=1234") };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let exchange = poll_ready(session.send(&network, black_box(&request)));
                let response = exchange.result.expect("a response");
                let status = response.status();
                network.release_buffer(response.into_buffer());
                status
            });
        });
    }
    group.finish();
}

/// A network without a kernel: one buffer, a clock that counts its calls, and the same response to each request.
struct NullNetwork {
    response: &'static [u8],
    now_ns: Cell<u64>,
    buffer: Cell<Vec<u8>>,
}

struct NullTransport(&'static [u8]);

impl NullNetwork {
    fn new(response: &'static str) -> Self {
        Self { response: response.as_bytes(), now_ns: Cell::new(1), buffer: Cell::new(Vec::with_capacity(4096)) }
    }
}

impl ClientRuntime for NullNetwork {
    type Transport = NullTransport;

    fn now_ns(&self) -> u64 {
        self.now_ns.set(self.now_ns.get() + 1);
        self.now_ns.get()
    }

    fn unix_time_s(&self) -> u64 {
        0
    }

    async fn connect(&self, _: &Origin, _: &mut u64) -> Result<NullTransport, Error> {
        Ok(NullTransport(self.response))
    }

    async fn timeout_at<F: Future>(&self, _: u64, future: F) -> Option<F::Output> {
        Some(future.await)
    }

    fn random_u64(&self) -> u64 {
        0
    }

    fn acquire_buffer(&self) -> Vec<u8> {
        self.buffer.take()
    }

    fn release_buffer(&self, buffer: Vec<u8>) {
        self.buffer.set(buffer);
    }
}

impl Transport for NullTransport {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        black_box(buffer).clear();
        Ok(())
    }

    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        black_box(buffer).extend_from_slice(self.0);
        Ok(self.0.len())
    }

    fn is_stale(&self) -> bool {
        false
    }

    fn sent_ns(&self) -> u64 {
        1
    }

    fn received_ns(&self) -> u64 {
        2
    }
}

/// Returns the output of a future that never waits.
fn poll_ready<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the null transport never waits"),
    }
}

/// A response as nginx sends it from memory: 8 headers and a body of 20 bytes.
const NGINX: &str = "HTTP/1.1 200 OK\r\nServer: nginx/1.26.3\r\nDate: Mon, 23 Nov 2026 02:41:07 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 20\r\nLast-Modified: Sun, 22 Nov 2026 20:11:43 GMT\r\n\
    Connection: keep-alive\r\nETag: \"67421fbf-14\"\r\nAccept-Ranges: bytes\r\n\r\n01234567890123456789";

/// The shortest response with a body that an HTTP/1.1 server sends.
const MINIMAL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
