//! Tests of single requests: the encoded bytes, and the decoded response.

use std::io::Write;

use gregaria_http::{ClientConfig, Error, HttpLimits, InvalidRequest, Method, Request, ResponseBodyMode, Version};

use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork, accept_with};

fn encoded_request(base: &str, request: &Request<'_>) -> String {
    let network = ScriptedNetwork::with_responses([OK]);
    let mut config = ClientConfig::default();
    config.default_headers.set("User-Agent", "test").unwrap();
    let session = network.session_with(base, config);
    let exchange = network.send(&session, request);
    assert!(exchange.result.is_ok());
    assert_eq!(exchange.bytes_out, network.sent(0).len() as u64);
    network.sent(0)
}

#[test]
fn get_is_encoded_with_default_headers() {
    assert_eq!(
        encoded_request("http://target:8080", &Request::get("/path?q=1")),
        "GET /path?q=1 HTTP/1.1\r\nHost: target:8080\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept: */*\r\n\
         User-Agent: test\r\n\r\n"
    );
}

#[test]
fn post_is_encoded_with_body_and_length() {
    let request = Request {
        headers: &[("Content-Type", "application/json"), ("accept", "text/html")],
        ..Request::post("/login", b"{\"user\": 1}")
    };
    assert_eq!(
        encoded_request("http://[::1]/api", &request),
        "POST /api/login HTTP/1.1\r\nHost: [::1]\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
         User-Agent: test\r\nContent-Type: application/json\r\n\
         accept: text/html\r\nContent-Length: 11\r\n\r\n{\"user\": 1}"
    );
}

#[test]
fn invalid_headers_are_not_sent() {
    let network = ScriptedNetwork::with_responses([OK]);
    let session = network.session();
    assert!(network.get(&session, "/").is_ok());
    let sent_before = network.sent(0);
    let headers = [("X", "1\r\nHost: evil"), ("X\r\nY", "1"), ("Content-Length", "0")];
    let errors = [InvalidRequest::HeaderValue, InvalidRequest::HeaderName, InvalidRequest::FramingHeader];
    for (header, error) in headers.into_iter().zip(errors) {
        let request = Request { headers: &[("Ok", "1"), header], ..Request::get("/") };
        let exchange = network.send(&session, &request);
        assert_eq!((exchange.result.unwrap_err(), exchange.bytes_out), (error.into(), 0));
    }
    assert_eq!(network.sent(0), sent_before);
}

#[test]
fn response_exposes_status_headers_and_body() {
    let network = ScriptedNetwork::with_responses([
        "HTTP/1.1 404 Not Found\r\nServer: x\r\nLocation: /ü\r\nserver: y\r\nTransfer-Encoding: chunked\r\n\r\n",
        "2\r\ngo\r\n",
        "3\r\nne!\r\n0\r\n\r\n",
    ]);
    let exchange = network.send(&network.session(), &Request::get("/"));
    assert_eq!(exchange.bytes_in, 5);
    let response = exchange.result.unwrap();
    assert_eq!((response.status(), response.version()), (404, Version::Http11));
    assert_eq!((response.header("SERVER"), response.header("Location")), (Some("x"), Some("/ü")));
    assert_eq!(response.header("Date"), None);
    assert_eq!(response.headers().count(), 4);
    assert_eq!((response.text().as_ref(), response.body()), ("gone!", &b"gone!"[..]));
}

#[test]
fn response_to_head_has_no_body() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    let network = ScriptedNetwork::with_responses([head, head]);
    let session = network.session();
    for _ in 0..2 {
        let exchange = network.send(&session, &Request::new(Method::Head, "/"));
        assert_eq!((exchange.bytes_in, exchange.result.unwrap().status()), (0, 200));
    }
    assert_eq!(network.connections(), 1);
}

#[test]
fn body_larger_than_the_buffer_is_kept_or_counted() {
    let body = "x".repeat(100_000);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{body}");
    let network = ScriptedNetwork::new([accept_with([&response, &response])]);
    let session = network.session();
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!(exchange.bytes_in, 100_000);
    assert_eq!(exchange.result.unwrap().body(), body.as_bytes());

    let discard = Request { response_body_mode: ResponseBodyMode::Discard, ..Request::get("/") };
    let exchange = network.send(&session, &discard);
    assert_eq!(exchange.bytes_in, 100_000);
    let response = exchange.result.unwrap();
    assert!(response.body().is_empty());
    assert_eq!(response.into_buffer().capacity(), 4096);
}

#[test]
fn compressed_body_is_decoded_unless_discarded() {
    let text = "so much the same ".repeat(1_000);
    let response = gzip_response(&text);
    let network = ScriptedNetwork::new([ConnectionStart::Accept(
        0,
        vec![ScriptStep::Send(response.clone()), ScriptStep::Send(response)],
    )]);
    let session = network.session();
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!(exchange.bytes_in, text.len() as u64);
    let kept = exchange.result.unwrap();
    assert_eq!((kept.body(), kept.header("content-encoding")), (text.as_bytes(), Some("gzip")));

    let discard = Request { response_body_mode: ResponseBodyMode::Discard, ..Request::get("/") };
    let exchange = network.send(&session, &discard);
    assert!(exchange.bytes_in < 1_000, "a discarded body is not decompressed");
    assert_eq!(network.connections(), 1);
}

#[test]
fn invalid_coding_fails_but_keeps_the_connection() {
    let response = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nplai";
    let network = ScriptedNetwork::with_responses([response, OK]);
    let session = network.session();
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!((exchange.result.unwrap_err(), exchange.bytes_in), (Error::InvalidContentCoding, 0));
    assert_eq!((network.get(&session, "/"), network.connections()), (Ok(200), 1));
    assert_eq!(network.pooled_buffers(), 1);
}

#[test]
fn decoded_body_is_limited_in_size_and_ratio() {
    let response = gzip_response(&"\0".repeat(5_000_000));
    let limits = [
        (HttpLimits { max_decoded_bytes: 4_999_999, ..HttpLimits::default() }, Error::DecodedTooLarge),
        (HttpLimits { max_decoded_ratio: 100, ..HttpLimits::default() }, Error::DecodedRatioExceeded),
    ];
    for (limits, error) in limits {
        let network = ScriptedNetwork::new([ConnectionStart::Accept(0, vec![ScriptStep::Send(response.clone())])]);
        let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
        assert_eq!(network.get(&session, "/"), Err(error));
    }
}

#[test]
fn body_beyond_a_limit_keeps_the_status() {
    let head = "HTTP/1.1 201 Created\r\n";
    let gzip = gzip_response(&"\0".repeat(5_000_000))["HTTP/1.1 200 OK\r\n".len()..].to_vec();
    let limits = HttpLimits { max_body_bytes: 9_000, max_decoded_bytes: 9_000, ..HttpLimits::default() };
    let ratio = HttpLimits { max_decoded_ratio: 100, ..HttpLimits::default() };
    let too_long = b"Content-Length: 9001\r\n\r\n".to_vec();
    let in_chunks = b"Transfer-Encoding: chunked\r\n\r\n2329\r\n".to_vec();
    let in_chunks = [in_chunks, vec![b'x'; 9_001]].concat();
    for (limits, rest, error) in [
        (limits, too_long, Error::BodyTooLarge),
        (limits, in_chunks, Error::BodyTooLarge),
        (HttpLimits { max_body_bytes: 9_000_000, ..limits }, gzip.clone(), Error::DecodedTooLarge),
        (ratio, gzip, Error::DecodedRatioExceeded),
    ] {
        let response = [head.as_bytes(), &rest].concat();
        let network = ScriptedNetwork::new([ConnectionStart::Accept(0, vec![ScriptStep::Send(response)])]);
        let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
        let exchange = network.send(&session, &Request::get("/"));
        assert_eq!((exchange.status, exchange.bytes_in, exchange.result.unwrap_err()), (201, 0, error));
    }

    let network = ScriptedNetwork::with_responses([OK, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]);
    let session = network.session();
    assert_eq!(network.send(&session, &Request::get("/")).status, 200);
    assert_eq!(network.send(&session, &Request::get("/")).status, 0, "there is no whole response");
}

/// Returns a response with this text as its body, compressed with gzip.
pub(crate) fn gzip_response(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}
