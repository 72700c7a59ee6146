//! The io_uring driver: the connections of one thread.
//!
//! Each socket has one multishot receive that stays armed and takes memory only when bytes arrive
//! (`provided_buffers.rs`, `receive.rs`). A send is queued and not waited for. All operations enter the kernel
//! together, once per [`Reactor::turn`]. Timestamps are taken just before the kernel sends and just after it has
//! delivered. `driver.rs` selects another driver if the kernel is too old or rejects io_uring. This folder knows
//! neither tasks nor timers.
//!
//! Memory that the kernel reads or writes belongs to a [`Socket`], to the [`ProvidedBuffers`] or to the
//! [`DiscardBuffer`], and all three outlive every operation: a socket leaves its slot only after its last completion,
//! and the buffers are dropped only after the last socket.

mod provided_buffers;
mod receive;
mod socket;
mod stream;

use std::{
    cell::RefCell,
    future::poll_fn,
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use ::io_uring::{
    IoUring, Probe, cqueue, opcode, squeue,
    types::{CancelBuilder, Fd, Fixed, SubmitArgs, Timespec},
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrAny},
    process::{Resource, getrlimit},
};
use slab::Slab;

use super::{ThreadBufferPool, clock::now_ns, event_fd::EventFd, turn::TurnResult};
use provided_buffers::ProvidedBuffers;
use receive::DiscardBuffer;
use socket::{Interest, PendingSend, Socket};
pub(super) use stream::IoUringStream;

/// The connections of one thread.
pub(super) struct Reactor(RefCell<ReactorInner>);

struct ReactorInner {
    ring: IoUring,
    sockets: Slab<Socket>,
    provided_buffers: ProvidedBuffers,
    discard_buffer: DiscardBuffer,
    /// Sockets in slots below this are registered with the ring, which saves the kernel a file lookup per operation.
    registered_slots: usize,
    /// The slots of sockets with a send that was queued since the kernel was last entered.
    unsent: Vec<usize>,
    /// The slots of sockets that may need a new receive, because the last one ended before the end of the stream.
    unarmed: Vec<usize>,
    /// Buffers of completed sends, reused for receives and further sends.
    buffer_pool: ThreadBufferPool,
    /// Notified by other threads.
    wakeup_fd: EventFd,
    /// Whether the poll of `wakeup_fd` is in flight.
    wakeup_armed: bool,
    /// Monotonic time when completions were last read.
    last_reap_ns: u64,
}

impl Reactor {
    /// Creates the reactor of a thread. With `flags` (one submitter, completions delivered only on request) it needs
    /// Linux 6.1, without them Linux 6.0.
    ///
    /// # Errors
    /// Returns an error if the kernel lacks a required feature or does not allow it.
    pub(super) fn build(flags: bool) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(COMPLETION_ENTRIES);
        if flags {
            builder.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
        }
        let ring = builder.build(SUBMISSION_ENTRIES)?;
        check_kernel_support(&ring)?;
        let provided_buffers = ProvidedBuffers::register(&ring)?;
        let registered_slots = getrlimit(Resource::Nofile)
            .current
            .map_or(MAX_REGISTERED_FILES, |files| files.min(u64::from(MAX_REGISTERED_FILES)) as u32);
        ring.submitter().register_files_sparse(registered_slots)?;
        Ok(Self(RefCell::new(ReactorInner {
            ring,
            sockets: Slab::new(),
            provided_buffers,
            discard_buffer: DiscardBuffer::new(),
            registered_slots: registered_slots as usize,
            unsent: Vec::new(),
            unarmed: Vec::new(),
            buffer_pool: ThreadBufferPool::default(),
            wakeup_fd: EventFd::new()?,
            wakeup_armed: false,
            last_reap_ns: now_ns(),
        })))
    }

    /// Returns a function that ends [`Reactor::turn`] from another thread.
    pub(super) fn unparker(&self) -> impl Fn() + Send + Sync + use<> {
        let wakeup_fd = self.0.borrow().wakeup_fd.clone();
        move || wakeup_fd.notify()
    }

    /// Submits all queued operations, waits for a completion or until `until_ns`, and wakes the tasks of completed
    /// operations. `None` waits without limit.
    ///
    /// # Panics
    /// Panics if the kernel rejects the submission.
    pub(super) fn turn(&self, until_ns: Option<u64>) -> TurnResult {
        let inner = &mut *self.0.borrow_mut();
        inner.rearm();
        inner.provided_buffers.publish();
        inner.enter(until_ns);
        let events = inner.reap();
        TurnResult { now_ns: inner.last_reap_ns, events }
    }

    /// Connects a blocking socket.
    ///
    /// # Errors
    /// Returns the error of the connect.
    ///
    /// # Cancel safety
    /// The connect is cancelled and the socket is closed.
    pub(super) async fn connect(self: &Rc<Self>, socket: OwnedFd, address: SocketAddrAny) -> io::Result<IoUringStream> {
        let slot = self.0.borrow_mut().start_connect(socket, address);
        let stream = IoUringStream::new(self, slot);
        poll_fn(|cx| self.0.borrow_mut().poll_connected(slot, cx.waker())).await?;
        Ok(stream)
    }
}

impl Drop for Reactor {
    /// Waits for the last operation. All streams are dropped, so every operation in flight is being cancelled.
    fn drop(&mut self) {
        while !self.0.get_mut().sockets.is_empty() {
            self.turn(None);
        }
    }
}

/// Operations of streams.
impl ReactorInner {
    fn start_connect(&mut self, fd: OwnedFd, address: SocketAddrAny) -> usize {
        let allows_multishot = address.address_family() != AddressFamily::UNIX;
        let slot = self.sockets.insert(Socket::new(fd, allows_multishot));
        let socket = &mut self.sockets[slot];
        let address = socket.address.insert(Box::new(address));
        let connect = opcode::Connect::new(Fd(socket.fd.as_raw_fd()), address.as_ptr().cast(), address.addr_len());
        // SAFETY: the address is boxed, and the socket keeps it until the connect is complete.
        unsafe { self.start(slot, OpKind::Connect, connect.build()) };
        slot
    }

    fn poll_connected(&mut self, slot: usize, waker: &Waker) -> Poll<io::Result<()>> {
        let socket = &mut self.sockets[slot];
        let Some(connected) = socket.connected else {
            socket.register_interest(Interest::Connected, waker);
            return Poll::Pending;
        };
        if connected.is_ok() {
            self.register_file(slot);
            self.start_receive(slot);
        }
        Poll::Ready(connected.map_err(io::Error::from))
    }

    fn poll_sent(&mut self, slot: usize, cx: &Context<'_>) -> Poll<()> {
        let socket = &mut self.sockets[slot];
        if socket.pending_send.is_none() {
            socket.clear_interest();
            return Poll::Ready(());
        }
        socket.register_interest(Interest::Sent, cx.waker());
        Poll::Pending
    }

    fn poll_writable(&mut self, slot: usize, cx: &Context<'_>) -> Poll<()> {
        let socket = &mut self.sockets[slot];
        if socket.pending_send.is_none() || socket.is_readable() {
            socket.clear_interest();
            return Poll::Ready(());
        }
        socket.register_interest(Interest::SentOrReceived, cx.waker());
        Poll::Pending
    }

    fn start_send(&mut self, slot: usize, buffer: &mut Vec<u8>) {
        let bytes = mem::take(buffer);
        let socket = &mut self.sockets[slot];
        socket.sent_ns = 0;
        socket.pending_send = Some(PendingSend { bytes, sent: 0 });
        self.unsent.push(slot);
        self.queue_send(slot);
    }

    fn close(&mut self, slot: usize) {
        let socket = &mut self.sockets[slot];
        socket.is_closed = true;
        self.provided_buffers.discard(&mut socket.received, u64::MAX);
        if socket.ops_in_flight > 0 {
            self.cancel_all(slot);
        } else {
            self.remove(slot);
        }
    }
}

/// Submission.
impl ReactorInner {
    fn queue_send(&mut self, slot: usize) {
        let Some(PendingSend { bytes, sent }) = &self.sockets[slot].pending_send else {
            return;
        };
        let unsent = &bytes[*sent..];
        let len = unsent.len().min(MAX_SEND_BYTES);
        let send = opcode::Send::new(self.fd(slot), unsent.as_ptr(), len as u32).flags(MSG_WAITALL).build();
        // SAFETY: the socket keeps the bytes unchanged until the send is complete.
        unsafe { self.start(slot, OpKind::Send, send) };
    }

    /// Cancels all operations of a socket.
    fn cancel_all(&mut self, slot: usize) {
        let socket = &self.sockets[slot];
        let operations = if socket.is_registered {
            CancelBuilder::fd(Fixed(slot as u32))
        } else {
            CancelBuilder::fd(Fd(socket.fd.as_raw_fd()))
        };
        self.cancel(operations.all());
    }

    /// Cancels the matching operations. Each of them still completes and is reaped as usual.
    fn cancel(&mut self, operations: CancelBuilder) {
        let cancel = opcode::AsyncCancel2::new(operations).build();
        let cancel = cancel.flags(squeue::Flags::SKIP_SUCCESS).user_data(OpKind::Cancel.tag(0));
        // SAFETY: a cancellation contains no pointer.
        unsafe { self.push(&cancel) };
    }

    /// Queues an operation of the socket.
    ///
    /// # Safety
    /// The memory that the operation points to must stay valid until the operation is complete. The socket stays that
    /// long, and so does memory that the socket owns.
    unsafe fn start(&mut self, slot: usize, kind: OpKind, operation: squeue::Entry) {
        let socket = &mut self.sockets[slot];
        socket.ops_in_flight += 1;
        let file = if socket.is_registered { squeue::Flags::FIXED_FILE } else { squeue::Flags::empty() };
        // SAFETY: the caller guarantees the validity of the memory.
        unsafe { self.push(&operation.flags(file).user_data(kind.tag(slot))) };
    }

    /// Queues an entry. Submits the queue first if it is full.
    ///
    /// # Safety
    /// As for [`ReactorInner::start`].
    unsafe fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the caller guarantees the validity of the memory.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.stamp_sends(now_ns());
            let submitted = self.ring.submit();
            expect_entered(submitted);
        }
    }

    /// Submits the queue and waits for a completion, at most until `until_ns`.
    fn enter(&mut self, until_ns: Option<u64>) {
        let now_ns = now_ns();
        self.stamp_sends(now_ns);
        let entered = match until_ns {
            None => self.ring.submit_and_wait(1),
            Some(until_ns) => {
                let wait_ns = until_ns.saturating_sub(now_ns);
                let wait = Timespec::new().sec(wait_ns / 1_000_000_000).nsec((wait_ns % 1_000_000_000) as u32);
                self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&wait))
            }
        };
        expect_entered(entered);
    }

    /// Records `now_ns` as the time of all sends that the kernel is about to receive.
    fn stamp_sends(&mut self, now_ns: u64) {
        for slot in self.unsent.drain(..) {
            if let Some(socket) = self.sockets.get_mut(slot) {
                socket.sent_ns = now_ns;
            }
        }
    }

    /// Returns the descriptor for an operation of the socket: the registered index if the file is registered.
    fn fd(&self, slot: usize) -> Fd {
        let socket = &self.sockets[slot];
        Fd(if socket.is_registered { slot as i32 } else { socket.fd.as_raw_fd() })
    }

    /// Registers the file of the socket with the ring if its slot has a registered index.
    fn register_file(&mut self, slot: usize) {
        if slot < self.registered_slots {
            let socket = &mut self.sockets[slot];
            let registered = self.ring.submitter().register_files_update(slot as u32, &[socket.fd.as_raw_fd()]);
            socket.is_registered = registered.is_ok();
        }
    }

    /// Closes a socket that has no operation in flight.
    fn remove(&mut self, slot: usize) {
        if self.sockets.remove(slot).is_registered {
            let unregistered = self.ring.submitter().register_files_update(slot as u32, &[-1]);
            expect_entered(unregistered);
        }
    }
}

/// Completion.
impl ReactorInner {
    /// Handles all completions and returns their number.
    fn reap(&mut self) -> usize {
        self.last_reap_ns = now_ns();
        let mut count = 0;
        while let Some(completion) = self.next_completion() {
            count += 1;
            let (kind, slot) = OpKind::from_tag(completion.user_data());
            match kind {
                OpKind::Receive => self.on_received(slot, &completion),
                OpKind::Send => self.on_sent(slot, completion.result()),
                OpKind::Connect => self.on_connected(slot, completion.result()),
                OpKind::Cancel => continue,
                OpKind::Wakeup => {
                    self.wakeup_armed = cqueue::more(completion.flags());
                    continue;
                }
            }
            if !cqueue::more(completion.flags()) {
                self.on_op_finished(slot);
            }
        }
        count
    }

    fn next_completion(&mut self) -> Option<cqueue::Entry> {
        self.ring.completion().next()
    }

    fn on_sent(&mut self, slot: usize, result: i32) {
        let socket = &mut self.sockets[slot];
        let Some(send) = &mut socket.pending_send else {
            return;
        };
        match op_result(result) {
            Ok(count) if !socket.is_closed && count > 0 && send.sent + count < send.bytes.len() => {
                send.sent += count;
                return self.queue_send(slot);
            }
            Ok(_) => {}
            Err(errno) => socket.send_error = Some(errno),
        }
        if let Some(PendingSend { bytes, .. }) = socket.pending_send.take() {
            self.buffer_pool.release(bytes);
        }
        socket.notify_if(Interest::Sent);
        if socket.send_error.is_some() {
            socket.notify_if(Interest::Received);
        }
    }

    fn on_connected(&mut self, slot: usize, result: i32) {
        let socket = &mut self.sockets[slot];
        socket.connected = Some(op_result(result).map(|_| ()));
        socket.address = None;
        socket.notify_if(Interest::Connected);
    }

    /// Accounts for a completed operation of the socket. Removes a closed socket after its last operation.
    fn on_op_finished(&mut self, slot: usize) {
        let socket = &mut self.sockets[slot];
        socket.ops_in_flight -= 1;
        if socket.is_closed && socket.ops_in_flight == 0 {
            self.remove(slot);
        }
    }

    /// Starts a new receive for each socket that needs one, and polls the wakeup descriptor if no poll is in flight.
    fn rearm(&mut self) {
        if !mem::replace(&mut self.wakeup_armed, true) {
            // A multishot poll completes on every write to the eventfd, so the counter never needs to be read.
            let poll = opcode::PollAdd::new(Fd(self.wakeup_fd.as_raw_fd()), POLLIN).multi(true).build();
            // SAFETY: a poll contains no pointer.
            unsafe { self.push(&poll.user_data(OpKind::Wakeup.tag(0))) };
        }
        while let Some(slot) = self.unarmed.pop() {
            let Some(socket) = self.sockets.get(slot) else {
                continue;
            };
            if socket.needs_receive() {
                self.start_receive(slot);
            }
        }
    }
}

/// The kind of an operation. The user data of its completion holds the kind and the socket's slot.
#[derive(Clone, Copy)]
enum OpKind {
    Receive,
    Send,
    Connect,
    Cancel,
    Wakeup,
}

impl OpKind {
    fn tag(self, slot: usize) -> u64 {
        (self as u64) << OP_KIND_SHIFT | slot as u64
    }

    fn from_tag(tag: u64) -> (Self, usize) {
        let slot = (tag & ((1 << OP_KIND_SHIFT) - 1)) as usize;
        let kind = match tag >> OP_KIND_SHIFT {
            0 => Self::Receive,
            1 => Self::Send,
            2 => Self::Connect,
            3 => Self::Cancel,
            _ => Self::Wakeup,
        };
        (kind, slot)
    }
}

/// Checks that the kernel supports multishot receives (Linux 6.0). The probe does not report them, so the check is
/// for an operation that came with the same version.
fn check_kernel_support(ring: &IoUring) -> io::Result<()> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    if probe.is_supported(opcode::SendZc::CODE) { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Converts the result of a completion.
fn op_result(result: i32) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno::from_raw_os_error(-result))
}

/// Checks the result of entering the kernel. A timeout or a signal ends a wait and is not an error.
///
/// # Panics
/// Panics if the kernel rejects the call.
fn expect_entered(entered: io::Result<usize>) {
    if let Err(error) = entered
        && !matches!(Errno::from_io_error(&error), Some(Errno::TIME | Errno::INTR))
    {
        panic!("failed to enter io_uring: {error}");
    }
}

/// Position of the kind in the user data. The slot is below.
const OP_KIND_SHIFT: u32 = 32;
/// `POLLIN`: the descriptor is readable.
const POLLIN: u32 = 1;
/// `MSG_WAITALL`: the kernel waits by itself if the socket does not take all bytes at once.
const MSG_WAITALL: i32 = 0x100;
/// Number of submission entries. It is small because each turn writes to the next entries in the ring, so all of them
/// stay in the nearest cache. A turn with more operations enters the kernel more than once.
const SUBMISSION_ENTRIES: u32 = 128;
/// Number of completion entries.
const COMPLETION_ENTRIES: u32 = 512;
/// Maximum number of registered files. Each costs a pointer in the kernel.
const MAX_REGISTERED_FILES: u32 = 16 * 1024;
/// Maximum number of bytes per send operation: 1 MiB. The kernel would accept 2 GiB.
const MAX_SEND_BYTES: usize = 1 << 20;
