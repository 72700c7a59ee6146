//! The worker of the I/O thread: applies the owner's commands, with one session and one task per user.
//!
//! It answers through `event_queue.rs`. Bodies that cross in chunks are in `upload.rs` and `download.rs`, which must
//! not know the worker.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
};

use gregaria_http::{BaseUrl, ClientConfig, Exchange, Session};
use rtrb::Consumer;

use super::{
    IoCommand, IoEvent, PackedRequest, QUEUE_CAPACITY, RequestId, SessionId,
    download::RemoteDownload,
    event_queue::EventQueue,
    upload::{RemoteBodySource, RemoteUpload},
};
use crate::{
    network::{SessionNetwork, ThreadNetwork},
    rt::PooledFuture,
};

/// The worker: sessions, uploads and downloads of one I/O thread.
pub(super) struct IoWorker {
    thread_network: Rc<ThreadNetwork>,
    sessions: RefCell<Vec<Option<Rc<SessionTask>>>>,
    uploads: RefCell<HashMap<RequestId, Rc<RemoteUpload>>>,
    downloads: RefCell<HashMap<RequestId, (SessionId, Rc<RemoteDownload>)>>,
    event_queue: Rc<EventQueue>,
}

/// The session of one user, and the task that sends its requests.
struct SessionTask {
    session: Session<SessionNetwork>,
    /// The request that the task sends next.
    queued_request: RefCell<Option<PackedRequest>>,
    /// The request that is queued or that the task sends.
    current_request_id: Cell<Option<RequestId>>,
    is_cancelled: Cell<bool>,
    is_closed: Cell<bool>,
    /// The waker of the task while it waits for a request or for the end of one.
    waker: RefCell<Option<Waker>>,
}

impl IoWorker {
    /// Applies commands until [`IoCommand::Shutdown`]. Passes the waker that makes the worker read the command queue to
    /// `on_ready`.
    pub(super) async fn run(
        thread_network: Rc<ThreadNetwork>,
        mut commands: Consumer<IoCommand>,
        event_queue: EventQueue,
        on_ready: impl FnOnce(Waker),
    ) {
        let rt = thread_network.rt.clone();
        let event_queue = Rc::new(event_queue);
        let worker = Rc::new(Self {
            thread_network,
            sessions: RefCell::default(),
            uploads: RefCell::default(),
            downloads: RefCell::default(),
            event_queue: Rc::clone(&event_queue),
        });
        rt.spawn(Rc::clone(&worker).sample_cpu_time());
        rt.on_park(move || event_queue.flush());
        let mut on_ready = Some(on_ready);
        poll_fn(|cx| {
            if let Some(on_ready) = on_ready.take() {
                on_ready(cx.waker().clone());
            }
            worker.handle_commands(&mut commands)
        })
        .await;
    }

    /// Handles all queued commands. Returns `Ready` after a shutdown.
    fn handle_commands(self: &Rc<Self>, commands: &mut Consumer<IoCommand>) -> Poll<()> {
        let mut handled = 0;
        while let Ok(command) = commands.pop() {
            if !self.handle_command(command) {
                return Poll::Ready(());
            }
            handled += 1;
        }
        if handled >= QUEUE_CAPACITY {
            // The owner may wait for room in the queue.
            self.event_queue.notify_owner();
        }
        Poll::Pending
    }

    /// Handles a command. Returns `false` for a shutdown.
    fn handle_command(self: &Rc<Self>, command: IoCommand) -> bool {
        match command {
            IoCommand::OpenSession { session, base, config } => self.open_session(session, base, config),
            IoCommand::Submit(request) => self.submit(request),
            IoCommand::UploadChunk { request_id, chunk } => {
                if let Some(upload) = self.uploads.borrow().get(&request_id) {
                    upload.on_reply(chunk);
                }
            }
            IoCommand::ReadBody { request_id, reader } => self.read_body_chunk(request_id, reader),
            IoCommand::DropBody { request_id } => self.drop_body(request_id),
            IoCommand::WithCookies { session: SessionId(index), action } => {
                if let Some(task) = self.sessions.borrow()[index].as_ref() {
                    action(&mut task.session.cookies().borrow_mut());
                }
            }
            IoCommand::Cancel { session, request_id } => self.cancel(session, request_id),
            IoCommand::CloseSession(session) => self.close_session(session),
            IoCommand::Shutdown => return false,
        }
        true
    }

    fn drop_body(&self, request_id: RequestId) {
        if let Some((_, download)) = self.downloads.borrow().get(&request_id) {
            download.drop_body();
        }
    }

    fn cancel(&self, SessionId(index): SessionId, request_id: RequestId) {
        if let Some(upload) = self.uploads.borrow().get(&request_id) {
            upload.abort();
        }
        self.drop_body(request_id);
        if let Some(task) = self.sessions.borrow()[index].as_ref().filter(|task| task.is_serving(request_id)) {
            task.is_cancelled.set(true);
            task.wake();
        }
    }

    fn close_session(&self, session: SessionId) {
        for upload in self.uploads.borrow().values().filter(|upload| upload.session == session) {
            upload.abort();
        }
        for (_, download) in self.downloads.borrow().values().filter(|(owner, _)| *owner == session) {
            download.drop_body();
        }
        if let Some(task) = self.sessions.borrow_mut()[session.0].take() {
            task.is_closed.set(true);
            task.wake();
        }
    }

    fn open_session(self: &Rc<Self>, SessionId(index): SessionId, base: Arc<BaseUrl>, config: Arc<ClientConfig>) {
        let task = Rc::new(SessionTask {
            session: Session::new(base, config),
            queued_request: RefCell::default(),
            current_request_id: Cell::new(None),
            is_cancelled: Cell::new(false),
            is_closed: Cell::new(false),
            waker: RefCell::default(),
        });
        let mut sessions = self.sessions.borrow_mut();
        if sessions.len() <= index {
            sessions.resize_with(index + 1, || None);
        }
        sessions[index] = Some(Rc::clone(&task));
        self.thread_network.rt.spawn(Rc::clone(self).serve_session(task));
    }

    /// Starts a request. A user normally has one request at a time, which the task of its session sends. Concurrent
    /// requests get tasks of their own. So do streamed responses, because their bodies may be read for a long time.
    fn submit(self: &Rc<Self>, request: PackedRequest) {
        let Some(task) = self.sessions.borrow()[request.session.0].clone() else {
            return;
        };
        if request.is_streamed {
            self.thread_network.rt.spawn(Rc::clone(self).serve_streamed(task, request));
        } else if task.current_request_id.get().is_some() {
            self.thread_network.rt.spawn(Rc::clone(self).serve_concurrent(task, request));
        } else {
            task.current_request_id.set(Some(request.request_id));
            *task.queued_request.borrow_mut() = Some(request);
            task.wake();
        }
    }

    fn read_body_chunk(&self, request_id: RequestId, reader: usize) {
        match self.downloads.borrow().get(&request_id) {
            Some((_, download)) => download.add_reader(reader),
            None => self.event_queue.emit(IoEvent::BodyChunk { reader, chunk: Ok(None) }),
        }
    }

    async fn serve_session(self: Rc<Self>, task: Rc<SessionTask>) {
        let network = SessionNetwork::new(&self.thread_network);
        while let Some(request) = task.next_request().await {
            let sending = PooledFuture::new(|| self.send(&task.session, &network, &request));
            let exchange = task.run_until_cancelled(sending).await;
            task.current_request_id.set(None);
            task.is_cancelled.set(false);
            self.complete(request, exchange);
        }
    }

    async fn serve_concurrent(self: Rc<Self>, task: Rc<SessionTask>, request: PackedRequest) {
        let network = SessionNetwork::new(&self.thread_network);
        let exchange = self.send(&task.session, &network, &request).await;
        self.complete(request, Some(exchange));
    }

    /// Sends a request with a streamed response. The request completes with the head of the response. Readers get the
    /// body until it ends or is dropped.
    async fn serve_streamed(self: Rc<Self>, task: Rc<SessionTask>, request: PackedRequest) {
        let (request_id, download) = (request.request_id, Rc::new(RemoteDownload::default()));
        self.downloads.borrow_mut().insert(request_id, (request.session, Rc::clone(&download)));
        let network = SessionNetwork::new(&self.thread_network);
        let source = self.body_source(&request);
        let opened = {
            let headers = request.headers();
            let source = source.as_ref().map(|source| source as _);
            download.until_dropped(task.session.send_streaming(&network, &request.as_request(&headers, source))).await
        };
        let (exchange, stream) = opened.unzip();
        self.complete(request, exchange);
        if let Some(stream) = stream.flatten() {
            download.serve(&self.event_queue, stream).await;
        }
        self.downloads.borrow_mut().remove(&request_id);
    }

    async fn send(
        &self,
        session: &Session<SessionNetwork>,
        network: &SessionNetwork,
        request: &PackedRequest,
    ) -> Exchange {
        let headers = request.headers();
        let source = self.body_source(request);
        let source = source.as_ref().map(|source| source as _);
        session.send(network, &request.as_request(&headers, source)).await
    }

    /// Returns the source of a body that the owner sends in chunks.
    fn body_source(&self, request: &PackedRequest) -> Option<RefCell<RemoteBodySource>> {
        let event_queue = Rc::clone(&self.event_queue);
        let upload = RemoteUpload::new(event_queue, request.session, request.request_id, request.upload?);
        self.uploads.borrow_mut().insert(request.request_id, Rc::clone(&upload));
        Some(RefCell::new(RemoteBodySource(upload)))
    }

    /// Reports the exchange of a request; `None` if the request was cancelled.
    fn complete(&self, request: PackedRequest, exchange: Option<Exchange>) {
        if request.upload.is_some() {
            self.uploads.borrow_mut().remove(&request.request_id);
        }
        let Some(exchange) = exchange else {
            return;
        };
        let (completed, buffer) = request.complete(exchange);
        self.thread_network.release_buffer(buffer);
        self.event_queue.emit(IoEvent::Completed(completed));
    }

    async fn sample_cpu_time(self: Rc<Self>) {
        let rt = &self.thread_network.rt;
        loop {
            self.event_queue.publish_cpu_time(rt.thread_cpu_ns());
            rt.sleep_until(rt.now_ns() + CPU_SAMPLE_PERIOD_NS).await;
        }
    }
}

impl SessionTask {
    /// Waits for the next request. Returns `None` if the session is closed.
    async fn next_request(&self) -> Option<PackedRequest> {
        poll_fn(|cx| {
            if self.is_closed.get() {
                return Poll::Ready(None);
            }
            if let Some(request) = self.queued_request.borrow_mut().take() {
                return Poll::Ready(Some(request));
            }
            self.register_waker(cx.waker());
            Poll::Pending
        })
        .await
    }

    fn is_serving(&self, request_id: RequestId) -> bool {
        self.current_request_id.get() == Some(request_id)
    }

    /// Runs `future` to its end. Returns `None` if the request is cancelled or the session is closed.
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
        let mut registered = self.waker.borrow_mut();
        match registered.as_mut() {
            Some(registered) => registered.clone_from(waker),
            None => *registered = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

const CPU_SAMPLE_PERIOD_NS: u64 = 100_000_000;
