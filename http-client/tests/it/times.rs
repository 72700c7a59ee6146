//! The stamps of an exchange, and how often the clock is asked for them.

use gregaria_http::Request;

use crate::scripted::{OK, Scripted, Start, Step};

#[test]
fn a_response_in_pieces_has_all_stamps() {
    let piece = |after_ns, text: &str| Step::SendAfter(after_ns, text.as_bytes().to_vec());
    let (first, rest) = OK.split_at(9);
    let (second, third) = rest.split_at(9);
    let script = vec![piece(20, first), piece(10, second), piece(20, third)];
    let network = Scripted::new([Start::Accept(10, script)]);
    network.pass(5);
    let exchange = network.send(&network.session(), &Request::get("/"));
    let due_ns = exchange.due_ns;
    assert_eq!(due_ns, 1_005);
    assert_eq!((exchange.phases.connect_ns, exchange.sent_ns - due_ns), (10, 10));
    assert_eq!((exchange.first_byte_ns - due_ns, exchange.done_ns - due_ns), (30, 60));
    assert!(exchange.result.is_ok());
}

#[test]
fn a_warm_exchange_looks_at_the_clock_once() {
    let network = Scripted::answering([OK, OK]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    let before = network.clock_reads();
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!(network.clock_reads() - before, 1);
    assert_eq!((exchange.phases.connect_ns, exchange.first_byte_ns), (0, exchange.done_ns));
}

#[test]
fn what_was_not_reached_has_the_time_of_the_end() {
    let network = Scripted::new([Start::Silence]);
    let exchange = network.send(&network.session(), &Request::get("/"));
    assert!(exchange.done_ns > exchange.due_ns);
    assert_eq!((exchange.sent_ns, exchange.first_byte_ns), (exchange.done_ns, exchange.done_ns));
}
