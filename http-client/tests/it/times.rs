//! The times of an exchange, and the number of clock reads that they cost.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll};

use gregaria_http::{Body, BodySource, Method, Request};

use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork};

#[test]
fn fragmented_response_has_all_times() {
    let send_after = |after_ns, text: &str| ScriptStep::SendAfter(after_ns, text.as_bytes().to_vec());
    let (first, rest) = OK.split_at(9);
    let (second, third) = rest.split_at(9);
    let script = vec![send_after(20, first), send_after(10, second), send_after(20, third)];
    let network = ScriptedNetwork::new([ConnectionStart::Accept(10, script)]);
    network.advance_ns(5);
    let exchange = network.send(&network.session(), &Request::get("/"));
    let due_ns = exchange.due_ns;
    assert_eq!(due_ns, 1_005);
    assert_eq!((exchange.phases.connect_ns, exchange.sent_ns - due_ns), (10, 10));
    assert_eq!((exchange.first_byte_ns - due_ns, exchange.done_ns - due_ns), (30, 60));
    assert!(exchange.result.is_ok());
}

#[test]
fn exchange_on_open_connection_reads_clock_once() {
    let network = ScriptedNetwork::with_responses([OK, OK]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    let before = network.clock_reads();
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!(network.clock_reads() - before, 1);
    assert_eq!((exchange.phases.connect_ns, exchange.first_byte_ns), (0, exchange.done_ns));
}

#[test]
fn phases_not_reached_get_the_end_time() {
    let network = ScriptedNetwork::new([ConnectionStart::Silence]);
    let exchange = network.send(&network.session(), &Request::get("/"));
    assert!(exchange.done_ns > exchange.due_ns);
    assert_eq!((exchange.sent_ns, exchange.first_byte_ns), (exchange.done_ns, exchange.done_ns));
}

#[test]
fn upload_counts_as_sent_with_its_head() {
    let network = ScriptedNetwork::with_responses([OK]);
    let body = RefCell::new(SlowSource { network: network.clone(), remaining_chunks: 3 });
    let request = Request { body: Body::Source(&body), ..Request::new(Method::Put, "/") };
    let exchange = network.send(&network.session(), &request);
    assert!(exchange.result.is_ok());
    assert_eq!((exchange.done_ns - exchange.due_ns, exchange.lag_ns()), (3_000, 0));
    assert_eq!(exchange.phases.first_byte_ns, 3_000);
}

/// A body source that needs 1,000 ns for each chunk.
struct SlowSource {
    network: ScriptedNetwork,
    remaining_chunks: usize,
}

impl BodySource for SlowSource {
    fn len_bytes(&self) -> Option<u64> {
        None
    }

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        self.network.advance_ns(1_000);
        self.remaining_chunks -= 1;
        out.extend_from_slice(b"piece");
        Poll::Ready(Ok(self.remaining_chunks > 0))
    }

    fn rewind(&mut self) -> bool {
        false
    }
}
