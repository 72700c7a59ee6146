//! The carrier's thread: a session and a task for each user, that wait for errands.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::{Poll, Waker},
};

use gregaria_http::{BaseUrl, ClientConfig, Exchange, Session};
use rtrb::{Consumer, Producer};

use super::{
    Errand, Order, QUEUE, SessionId, Shared, Word,
    feed::{Feed, FeedSource},
    tap::Tap,
};
use crate::{
    network::{UserNetwork, Wires},
    rt::PooledFuture,
};

pub(super) struct Desk {
    wires: Rc<Wires>,
    clients: RefCell<Vec<Option<Rc<Client>>>>,
    /// Bodies under way, by the tickets of their errands.
    feeds: RefCell<HashMap<usize, Rc<Feed>>>,
    taps: RefCell<HashMap<usize, (SessionId, Rc<Tap>)>>,
    said: RefCell<VecDeque<Word>>,
    outbox: RefCell<Producer<Word>>,
    shared: Arc<Shared>,
}

/// A user.
struct Client {
    session: Session<UserNetwork>,
    /// The errand that its task is to do next.
    errand: RefCell<Option<Errand>>,
    /// What its task is doing.
    ticket: Cell<Option<usize>>,
    is_given_up: Cell<bool>,
    is_closed: Cell<bool>,
    /// Of its task, while that waits for an errand or for the end of one.
    waker: RefCell<Option<Waker>>,
}

impl Desk {
    /// Does what is ordered until it is told to quit. `ready` is given the waker that makes it look for orders.
    pub(super) async fn run(
        wires: Rc<Wires>,
        mut orders: Consumer<Order>,
        outbox: Producer<Word>,
        shared: Arc<Shared>,
        ready: impl FnOnce(Waker),
    ) {
        let rt = wires.rt.clone();
        let desk = Rc::new(Self {
            wires,
            clients: RefCell::default(),
            feeds: RefCell::default(),
            taps: RefCell::default(),
            said: RefCell::default(),
            outbox: RefCell::new(outbox),
            shared,
        });
        let (hand_over, meter) = (Rc::clone(&desk), Rc::clone(&desk));
        rt.before_turn(move || hand_over.hand_over());
        rt.spawn(async move { meter.meter_cpu().await });
        let mut ready = Some(ready);
        poll_fn(|cx| {
            if let Some(ready) = ready.take() {
                ready(cx.waker().clone());
            }
            let mut obeyed = 0;
            while let Ok(order) = orders.pop() {
                if !desk.obey(order) {
                    return Poll::Ready(());
                }
                obeyed += 1;
            }
            if obeyed >= QUEUE {
                // Others may wait for the room that there is now.
                desk.ring();
            }
            Poll::Pending
        })
        .await;
    }

    /// False when there is nothing more to do.
    fn obey(self: &Rc<Self>, order: Order) -> bool {
        match order {
            Order::Open { session, base, config } => self.open(session, base, config),
            Order::Carry(errand) => self.carry(errand),
            Order::Feed { ticket, piece } => {
                if let Some(feed) = self.feeds.borrow().get(&ticket) {
                    feed.answer(piece);
                }
            }
            Order::Read { ticket, reader } => self.read(ticket, reader),
            Order::Leave { ticket } => {
                if let Some((_, tap)) = self.taps.borrow().get(&ticket) {
                    tap.leave();
                }
            }
            Order::Jar { session: SessionId(at), act } => {
                if let Some(client) = self.clients.borrow()[at].as_ref() {
                    act(&mut client.session.cookies().borrow_mut());
                }
            }
            Order::GiveUp { session, ticket } => self.give_up(session, ticket),
            Order::Close(session) => self.close(session),
            Order::Quit => return false,
        }
        true
    }

    fn give_up(&self, SessionId(at): SessionId, ticket: usize) {
        if let Some(feed) = self.feeds.borrow().get(&ticket) {
            feed.abandon();
        }
        if let Some((_, tap)) = self.taps.borrow().get(&ticket) {
            tap.leave();
        }
        if let Some(client) = self.clients.borrow()[at].as_ref().filter(|client| client.is_doing(ticket)) {
            client.is_given_up.set(true);
            client.wake();
        }
    }

    fn close(&self, session: SessionId) {
        for feed in self.feeds.borrow().values().filter(|feed| feed.session == session) {
            feed.abandon();
        }
        for (_, tap) in self.taps.borrow().values().filter(|(of, _)| *of == session) {
            tap.leave();
        }
        if let Some(client) = self.clients.borrow_mut()[session.0].take() {
            client.is_closed.set(true);
            client.wake();
        }
    }

    fn open(self: &Rc<Self>, SessionId(at): SessionId, base: Arc<BaseUrl>, config: Arc<ClientConfig>) {
        let client = Rc::new(Client {
            session: Session::new(base, config),
            errand: RefCell::default(),
            ticket: Cell::new(None),
            is_given_up: Cell::new(false),
            is_closed: Cell::new(false),
            waker: RefCell::default(),
        });
        let mut clients = self.clients.borrow_mut();
        if clients.len() <= at {
            clients.resize_with(at + 1, || None);
        }
        clients[at] = Some(Rc::clone(&client));
        self.wires.rt.spawn(Rc::clone(self).serve(client));
    }

    /// A user does one thing at a time; one that does several has a task for each of the others, and so has a response
    /// that is read piece by piece, which may be for long.
    fn carry(self: &Rc<Self>, errand: Errand) {
        let Some(client) = self.clients.borrow()[errand.session.0].clone() else {
            return;
        };
        if errand.is_streamed {
            self.wires.rt.spawn(Rc::clone(self).serve_streamed(client, errand));
        } else if client.ticket.get().is_some() {
            self.wires.rt.spawn(Rc::clone(self).serve_beside(client, errand));
        } else {
            client.ticket.set(Some(errand.ticket));
            *client.errand.borrow_mut() = Some(errand);
            client.wake();
        }
    }

    fn read(&self, ticket: usize, reader: usize) {
        match self.taps.borrow().get(&ticket) {
            Some((_, tap)) => tap.read(reader),
            None => self.say(Word::Piece { reader, piece: Ok(None) }),
        }
    }

    async fn serve(self: Rc<Self>, client: Rc<Client>) {
        let network = UserNetwork::new(&self.wires);
        while let Some(errand) = client.next_errand().await {
            let sending = PooledFuture::new(|| self.send(&client.session, &network, &errand));
            let exchange = client.while_wanted(sending).await;
            client.ticket.set(None);
            client.is_given_up.set(false);
            self.finish(errand, exchange);
        }
    }

    async fn serve_beside(self: Rc<Self>, client: Rc<Client>, errand: Errand) {
        let network = UserNetwork::new(&self.wires);
        let exchange = self.send(&client.session, &network, &errand).await;
        self.finish(errand, Some(exchange));
    }

    /// The errand is done with the head of its response; the body is there for readers as long as they want it.
    async fn serve_streamed(self: Rc<Self>, client: Rc<Client>, errand: Errand) {
        let (ticket, tap) = (errand.ticket, Rc::new(Tap::default()));
        self.taps.borrow_mut().insert(ticket, (errand.session, Rc::clone(&tap)));
        let network = UserNetwork::new(&self.wires);
        let source = self.source(&errand);
        let opened = {
            let headers = errand.headers();
            let source = source.as_ref().map(|source| source as _);
            tap.unless_left(client.session.send_streaming(&network, &errand.unpack(&headers, source))).await
        };
        let (exchange, stream) = opened.unzip();
        self.finish(errand, exchange);
        if let Some(stream) = stream.flatten() {
            tap.serve(&self, stream).await;
        }
        self.taps.borrow_mut().remove(&ticket);
    }

    async fn send(self: &Rc<Self>, session: &Session<UserNetwork>, network: &UserNetwork, errand: &Errand) -> Exchange {
        let headers = errand.headers();
        let source = self.source(errand);
        let source = source.as_ref().map(|source| source as _);
        session.send(network, &errand.unpack(&headers, source)).await
    }

    /// Where the body comes from that does not come with the errand.
    fn source(self: &Rc<Self>, errand: &Errand) -> Option<RefCell<FeedSource>> {
        let upload = errand.upload?;
        let feed = Feed::new(Rc::clone(self), errand.session, errand.ticket, upload);
        self.feeds.borrow_mut().insert(errand.ticket, Rc::clone(&feed));
        Some(RefCell::new(FeedSource(feed)))
    }

    /// `exchange` is `None` when nobody wants it.
    fn finish(&self, errand: Errand, exchange: Option<Exchange>) {
        if errand.upload.is_some() {
            self.feeds.borrow_mut().remove(&errand.ticket);
        }
        let Some(exchange) = exchange else {
            return;
        };
        let (done, buffer) = errand.done(exchange);
        self.wires.give_buffer(buffer);
        self.say(Word::Done(done));
    }

    /// Tells the other side, before the thread waits for anything.
    pub(super) fn say(&self, word: Word) {
        self.said.borrow_mut().push_back(word);
    }

    /// Brings all that is said to the other side, and rings once for it.
    fn hand_over(&self) {
        let mut said = self.said.borrow_mut();
        if said.is_empty() {
            return;
        }
        let mut outbox = self.outbox.borrow_mut();
        while let Some(next) = said.pop_front() {
            if let Err(rtrb::PushError::Full(next)) = outbox.push(next) {
                said.push_front(next);
                break;
            }
        }
        self.ring();
    }

    fn ring(&self) {
        if !self.shared.has_rung.swap(true, Ordering::SeqCst) {
            self.shared.bell.ring();
        }
    }

    async fn meter_cpu(&self) {
        loop {
            self.shared.cpu_ns.store(self.wires.rt.thread_cpu_ns(), Ordering::Relaxed);
            self.wires.rt.sleep_until(self.wires.rt.now_ns() + METER_EVERY_NS).await;
        }
    }
}

impl Client {
    async fn next_errand(&self) -> Option<Errand> {
        poll_fn(|cx| {
            if self.is_closed.get() {
                return Poll::Ready(None);
            }
            if let Some(errand) = self.errand.borrow_mut().take() {
                return Poll::Ready(Some(errand));
            }
            self.wait(cx.waker());
            Poll::Pending
        })
        .await
    }

    fn is_doing(&self, ticket: usize) -> bool {
        self.ticket.get() == Some(ticket)
    }

    /// `None` when the user is gone or has given up.
    async fn while_wanted<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.is_closed.get() || self.is_given_up.get() {
                return Poll::Ready(None);
            }
            let output = future.as_mut().poll(cx);
            if output.is_pending() {
                self.wait(cx.waker());
            }
            output.map(Some)
        })
        .await
    }

    fn wait(&self, waker: &Waker) {
        let mut own = self.waker.borrow_mut();
        match own.as_mut() {
            Some(own) => own.clone_from(waker),
            None => *own = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

const METER_EVERY_NS: u64 = 100_000_000;
