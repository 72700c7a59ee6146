//! The carrier's thread: a session and a task for each user, that wait for errands.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::{Poll, Waker},
};

use gregaria_http::{BaseUrl, ClientConfig, Exchange, Session};
use rtrb::{Consumer, Producer};

use super::{Done, Errand, Order, QUEUE, SessionId, Shared};
use crate::{
    network::{UserNetwork, Wires},
    rt::PooledFuture,
};

pub(super) struct Desk {
    wires: Rc<Wires>,
    clients: RefCell<Vec<Option<Rc<Client>>>>,
    done: RefCell<VecDeque<Done>>,
    outbox: RefCell<Producer<Done>>,
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
        outbox: Producer<Done>,
        shared: Arc<Shared>,
        ready: impl FnOnce(Waker),
    ) {
        let rt = wires.rt.clone();
        let desk = Rc::new(Self {
            wires,
            clients: RefCell::default(),
            done: RefCell::default(),
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
            Order::GiveUp { session: SessionId(at), ticket } => {
                if let Some(client) = self.clients.borrow()[at].as_ref().filter(|client| client.is_doing(ticket)) {
                    client.is_given_up.set(true);
                    client.wake();
                }
            }
            Order::Close(SessionId(at)) => {
                if let Some(client) = self.clients.borrow_mut()[at].take() {
                    client.is_closed.set(true);
                    client.wake();
                }
            }
            Order::Quit => return false,
        }
        true
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

    /// A user does one thing at a time; one that does several has a task for each of the others.
    fn carry(self: &Rc<Self>, errand: Errand) {
        let Some(client) = self.clients.borrow()[errand.session.0].clone() else {
            return;
        };
        if client.ticket.get().is_some() {
            self.wires.rt.spawn(Rc::clone(self).serve_beside(client, errand));
        } else {
            client.ticket.set(Some(errand.ticket));
            *client.errand.borrow_mut() = Some(errand);
            client.wake();
        }
    }

    async fn serve(self: Rc<Self>, client: Rc<Client>) {
        let network = UserNetwork::new(&self.wires);
        while let Some(errand) = client.next_errand().await {
            let exchange = client.while_wanted(PooledFuture::new(|| send(&client.session, &network, &errand))).await;
            client.ticket.set(None);
            client.is_given_up.set(false);
            if let Some(exchange) = exchange {
                self.finish(errand, exchange);
            }
        }
    }

    async fn serve_beside(self: Rc<Self>, client: Rc<Client>, errand: Errand) {
        let network = UserNetwork::new(&self.wires);
        let exchange = send(&client.session, &network, &errand).await;
        self.finish(errand, exchange);
    }

    fn finish(&self, errand: Errand, exchange: Exchange) {
        let (done, buffer) = errand.done(exchange);
        self.wires.give_buffer(buffer);
        self.done.borrow_mut().push_back(done);
    }

    /// Brings all that is done to the other side, and rings once for it.
    fn hand_over(&self) {
        let mut done = self.done.borrow_mut();
        if done.is_empty() {
            return;
        }
        let mut outbox = self.outbox.borrow_mut();
        while let Some(next) = done.pop_front() {
            if let Err(rtrb::PushError::Full(next)) = outbox.push(next) {
                done.push_front(next);
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

async fn send(session: &Session<UserNetwork>, network: &UserNetwork, errand: &Errand) -> Exchange {
    let headers = errand.headers();
    session.send(network, &errand.unpack(&headers)).await
}

const METER_EVERY_NS: u64 = 100_000_000;
