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
    IoCommand, IoEvent, IoThreadShared, PackedRequest, QUEUE_CAPACITY, SessionId,
    download::RemoteDownload,
    upload::{RemoteBodySource, RemoteUpload},
};
use crate::{
    network::{ThreadNetwork, UserNetwork},
    rt::PooledFuture,
};

pub(super) struct IoWorker {
    thread_network: Rc<ThreadNetwork>,
    sessions: RefCell<Vec<Option<Rc<SessionTask>>>>,
    /// Bodies under way, by the tickets of their errands.
    uploads: RefCell<HashMap<usize, Rc<RemoteUpload>>>,
    downloads: RefCell<HashMap<usize, (SessionId, Rc<RemoteDownload>)>>,
    unsent_events: RefCell<VecDeque<IoEvent>>,
    event_queue: RefCell<Producer<IoEvent>>,
    shared: Arc<IoThreadShared>,
}

/// A user.
struct SessionTask {
    session: Session<UserNetwork>,
    /// The errand that its task is to do next.
    queued_request: RefCell<Option<PackedRequest>>,
    /// What its task is doing.
    current_request_id: Cell<Option<usize>>,
    is_cancelled: Cell<bool>,
    is_closed: Cell<bool>,
    /// Of its task, while that waits for an errand or for the end of one.
    waker: RefCell<Option<Waker>>,
}

impl IoWorker {
    /// Does what is ordered until it is told to quit. `ready` is given the waker that makes it look for orders.
    pub(super) async fn run(
        thread_network: Rc<ThreadNetwork>,
        mut commands: Consumer<IoCommand>,
        event_queue: Producer<IoEvent>,
        shared: Arc<IoThreadShared>,
        on_ready: impl FnOnce(Waker),
    ) {
        let rt = thread_network.rt.clone();
        let desk = Rc::new(Self {
            thread_network,
            sessions: RefCell::default(),
            uploads: RefCell::default(),
            downloads: RefCell::default(),
            unsent_events: RefCell::default(),
            event_queue: RefCell::new(event_queue),
            shared,
        });
        let (hand_over, meter) = (Rc::clone(&desk), Rc::clone(&desk));
        rt.on_park(move || hand_over.flush_events());
        rt.spawn(async move { meter.sample_cpu_time().await });
        let mut ready = Some(on_ready);
        poll_fn(|cx| {
            if let Some(ready) = ready.take() {
                ready(cx.waker().clone());
            }
            let mut obeyed = 0;
            while let Ok(order) = commands.pop() {
                if !desk.handle_command(order) {
                    return Poll::Ready(());
                }
                obeyed += 1;
            }
            if obeyed >= QUEUE_CAPACITY {
                // Others may wait for the room that there is now.
                desk.notify_owner();
            }
            Poll::Pending
        })
        .await;
    }

    /// False when there is nothing more to do.
    fn handle_command(self: &Rc<Self>, command: IoCommand) -> bool {
        match command {
            IoCommand::OpenSession { session, base, config } => self.open_session(session, base, config),
            IoCommand::Submit(errand) => self.submit(errand),
            IoCommand::UploadChunk { request_id: ticket, chunk: piece } => {
                if let Some(feed) = self.uploads.borrow().get(&ticket) {
                    feed.on_reply(piece);
                }
            }
            IoCommand::ReadBody { request_id: ticket, reader } => self.read_body_chunk(ticket, reader),
            IoCommand::DropBody { request_id: ticket } => {
                if let Some((_, tap)) = self.downloads.borrow().get(&ticket) {
                    tap.drop_body();
                }
            }
            IoCommand::WithCookies { session: SessionId(at), action: act } => {
                if let Some(client) = self.sessions.borrow()[at].as_ref() {
                    act(&mut client.session.cookies().borrow_mut());
                }
            }
            IoCommand::Cancel { session, request_id: ticket } => self.cancel(session, ticket),
            IoCommand::CloseSession(session) => self.close_session(session),
            IoCommand::Shutdown => return false,
        }
        true
    }

    fn cancel(&self, SessionId(at): SessionId, request_id: usize) {
        if let Some(feed) = self.uploads.borrow().get(&request_id) {
            feed.abort();
        }
        if let Some((_, tap)) = self.downloads.borrow().get(&request_id) {
            tap.drop_body();
        }
        if let Some(client) = self.sessions.borrow()[at].as_ref().filter(|client| client.is_serving(request_id)) {
            client.is_cancelled.set(true);
            client.wake();
        }
    }

    fn close_session(&self, session: SessionId) {
        for feed in self.uploads.borrow().values().filter(|feed| feed.session == session) {
            feed.abort();
        }
        for (_, tap) in self.downloads.borrow().values().filter(|(of, _)| *of == session) {
            tap.drop_body();
        }
        if let Some(client) = self.sessions.borrow_mut()[session.0].take() {
            client.is_closed.set(true);
            client.wake();
        }
    }

    fn open_session(self: &Rc<Self>, SessionId(at): SessionId, base: Arc<BaseUrl>, config: Arc<ClientConfig>) {
        let client = Rc::new(SessionTask {
            session: Session::new(base, config),
            queued_request: RefCell::default(),
            current_request_id: Cell::new(None),
            is_cancelled: Cell::new(false),
            is_closed: Cell::new(false),
            waker: RefCell::default(),
        });
        let mut clients = self.sessions.borrow_mut();
        if clients.len() <= at {
            clients.resize_with(at + 1, || None);
        }
        clients[at] = Some(Rc::clone(&client));
        self.thread_network.rt.spawn(Rc::clone(self).serve_session(client));
    }

    /// A user does one thing at a time; one that does several has a task for each of the others, and so has a response
    /// that is read piece by piece, which may be for long.
    fn submit(self: &Rc<Self>, request: PackedRequest) {
        let Some(client) = self.sessions.borrow()[request.session.0].clone() else {
            return;
        };
        if request.is_streamed {
            self.thread_network.rt.spawn(Rc::clone(self).serve_streamed(client, request));
        } else if client.current_request_id.get().is_some() {
            self.thread_network.rt.spawn(Rc::clone(self).serve_concurrent(client, request));
        } else {
            client.current_request_id.set(Some(request.request_id));
            *client.queued_request.borrow_mut() = Some(request);
            client.wake();
        }
    }

    fn read_body_chunk(&self, request_id: usize, reader: usize) {
        match self.downloads.borrow().get(&request_id) {
            Some((_, tap)) => tap.add_reader(reader),
            None => self.emit(IoEvent::BodyChunk { reader, chunk: Ok(None) }),
        }
    }

    async fn serve_session(self: Rc<Self>, task: Rc<SessionTask>) {
        let network = UserNetwork::new(&self.thread_network);
        while let Some(errand) = task.next_request().await {
            let sending = PooledFuture::new(|| self.send(&task.session, &network, &errand));
            let exchange = task.run_until_cancelled(sending).await;
            task.current_request_id.set(None);
            task.is_cancelled.set(false);
            self.complete(errand, exchange);
        }
    }

    async fn serve_concurrent(self: Rc<Self>, task: Rc<SessionTask>, request: PackedRequest) {
        let network = UserNetwork::new(&self.thread_network);
        let exchange = self.send(&task.session, &network, &request).await;
        self.complete(request, Some(exchange));
    }

    /// The errand is done with the head of its response; the body is there for readers as long as they want it.
    async fn serve_streamed(self: Rc<Self>, task: Rc<SessionTask>, request: PackedRequest) {
        let (ticket, tap) = (request.request_id, Rc::new(RemoteDownload::default()));
        self.downloads.borrow_mut().insert(ticket, (request.session, Rc::clone(&tap)));
        let network = UserNetwork::new(&self.thread_network);
        let source = self.body_source(&request);
        let opened = {
            let headers = request.headers();
            let source = source.as_ref().map(|source| source as _);
            tap.until_dropped(task.session.send_streaming(&network, &request.as_request(&headers, source))).await
        };
        let (exchange, stream) = opened.unzip();
        self.complete(request, exchange);
        if let Some(stream) = stream.flatten() {
            tap.serve(&self, stream).await;
        }
        self.downloads.borrow_mut().remove(&ticket);
    }

    async fn send(
        self: &Rc<Self>,
        session: &Session<UserNetwork>,
        network: &UserNetwork,
        request: &PackedRequest,
    ) -> Exchange {
        let headers = request.headers();
        let source = self.body_source(request);
        let source = source.as_ref().map(|source| source as _);
        session.send(network, &request.as_request(&headers, source)).await
    }

    /// Where the body comes from that does not come with the errand.
    fn body_source(self: &Rc<Self>, request: &PackedRequest) -> Option<RefCell<RemoteBodySource>> {
        let upload = request.upload?;
        let feed = RemoteUpload::new(Rc::clone(self), request.session, request.request_id, upload);
        self.uploads.borrow_mut().insert(request.request_id, Rc::clone(&feed));
        Some(RefCell::new(RemoteBodySource(feed)))
    }

    /// `exchange` is `None` when nobody wants it.
    fn complete(&self, request: PackedRequest, exchange: Option<Exchange>) {
        if request.upload.is_some() {
            self.uploads.borrow_mut().remove(&request.request_id);
        }
        let Some(exchange) = exchange else {
            return;
        };
        let (done, buffer) = request.complete(exchange);
        self.thread_network.release_buffer(buffer);
        self.emit(IoEvent::Completed(done));
    }

    /// Tells the other side, before the thread waits for anything.
    pub(super) fn emit(&self, event: IoEvent) {
        self.unsent_events.borrow_mut().push_back(event);
    }

    /// Brings all that is said to the other side, and rings once for it.
    fn flush_events(&self) {
        let mut said = self.unsent_events.borrow_mut();
        if said.is_empty() {
            return;
        }
        let mut outbox = self.event_queue.borrow_mut();
        while let Some(next) = said.pop_front() {
            if let Err(rtrb::PushError::Full(next)) = outbox.push(next) {
                said.push_front(next);
                break;
            }
        }
        self.notify_owner();
    }

    fn notify_owner(&self) {
        if !self.shared.wakeup_pending.swap(true, Ordering::SeqCst) {
            self.shared.event_fd.notify();
        }
    }

    async fn sample_cpu_time(&self) {
        loop {
            self.shared.cpu_ns.store(self.thread_network.rt.thread_cpu_ns(), Ordering::Relaxed);
            self.thread_network.rt.sleep_until(self.thread_network.rt.now_ns() + CPU_SAMPLE_PERIOD_NS).await;
        }
    }
}

impl SessionTask {
    async fn next_request(&self) -> Option<PackedRequest> {
        poll_fn(|cx| {
            if self.is_closed.get() {
                return Poll::Ready(None);
            }
            if let Some(errand) = self.queued_request.borrow_mut().take() {
                return Poll::Ready(Some(errand));
            }
            self.register_waker(cx.waker());
            Poll::Pending
        })
        .await
    }

    fn is_serving(&self, request_id: usize) -> bool {
        self.current_request_id.get() == Some(request_id)
    }

    /// `None` when the user is gone or has given up.
    async fn run_until_cancelled<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.is_closed.get() || self.is_cancelled.get() {
                return Poll::Ready(None);
            }
            let output = future.as_mut().poll(cx);
            if output.is_pending() {
                self.register_waker(cx.waker());
            }
            output.map(Some)
        })
        .await
    }

    fn register_waker(&self, waker: &Waker) {
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

const CPU_SAMPLE_PERIOD_NS: u64 = 100_000_000;
