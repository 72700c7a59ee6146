//! io_uring at its best: the connections of one thread, driven the way the kernel likes most.
//!
//! Each socket has one receive that stays armed for its whole life and takes memory only when bytes come (`buffers.rs`);
//! a send is handed over and not waited for; all of them enter the kernel together, once per [`Reactor::turn`]. Times are
//! taken where they are true: just before the kernel sends, and just after it has delivered. `ring.rs` chooses something
//! else where the kernel is too old, or refuses it.
//!
//! Memory that the kernel reads or writes belongs to a [`Socket`] or to the [`Buffers`], and both outlive every
//! operation: a socket leaves its slot only with its last completion, the buffers go only after the last socket.

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

use io_uring::{
    IoUring, Probe, cqueue, opcode, squeue,
    types::{CancelBuilder, Fd, Fixed, SubmitArgs, Timespec},
};
use rustix::{
    io::Errno,
    net::SocketAddrAny,
    process::{Resource, getrlimit},
};
use slab::Slab;

use super::{ThreadBufferPool, clock::now_ns, event_fd::EventFd};
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
    /// Sockets in slots below this are registered with the ring, so that no operation looks its file up.
    registered_slots: usize,
    /// Sockets with a send that was queued since the kernel was entered last.
    unsent: Vec<usize>,
    /// Sockets whose receive has ended without an end of the stream.
    unarmed: Vec<usize>,
    /// What was sent, until something is received.
    buffer_pool: ThreadBufferPool,
    /// Rung by other threads.
    wakeup_fd: EventFd,
    wakeup_armed: bool,
    last_reap_ns: u64,
}

impl Reactor {
    /// With `flags` (one submitter, completions delivered only when asked for) from Linux 6.1 on, without from 6.0 on.
    ///
    /// # Errors
    /// When the kernel does not know, or does not allow, what this takes.
    pub(super) fn build(flags: bool) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(COMPLETION_ENTRIES);
        if flags {
            builder.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
        }
        let ring = builder.build(SUBMISSION_ENTRIES)?;
        check_kernel_support(&ring)?;
        let buffers = ProvidedBuffers::register(&ring)?;
        let allowed = getrlimit(Resource::Nofile)
            .current
            .map_or(MAX_REGISTERED_FILES, |files| files.min(u64::from(MAX_REGISTERED_FILES)) as u32);
        ring.submitter().register_files_sparse(allowed)?;
        Ok(Self(RefCell::new(ReactorInner {
            ring,
            sockets: Slab::new(),
            provided_buffers: buffers,
            discard_buffer: DiscardBuffer::new(),
            registered_slots: allowed as usize,
            unsent: Vec::new(),
            unarmed: Vec::new(),
            buffer_pool: ThreadBufferPool::default(),
            wakeup_fd: EventFd::new()?,
            wakeup_armed: false,
            last_reap_ns: now_ns(),
        })))
    }

    /// Ends a [`Reactor::turn`] from another thread.
    pub(super) fn unparker(&self) -> impl Fn() + Send + Sync + use<> {
        let bell = self.0.borrow().wakeup_fd.clone();
        move || bell.notify()
    }

    /// Enters the kernel with all that is queued, waits until something happens or `until_ns` has come, wakes those who
    /// waited for it, and says when that was.
    pub(super) fn turn(&self, until_ns: Option<u64>) -> u64 {
        let inner = &mut *self.0.borrow_mut();
        inner.rearm();
        inner.provided_buffers.publish();
        inner.enter(until_ns);
        inner.reap();
        inner.last_reap_ns
    }

    /// Connects a socket that blocks.
    pub(super) async fn connect(self: &Rc<Self>, socket: OwnedFd, address: SocketAddrAny) -> io::Result<IoUringStream> {
        let slot = self.0.borrow_mut().start_connect(socket, address);
        let stream = IoUringStream::new(self, slot);
        poll_fn(|cx| self.0.borrow_mut().poll_connected(slot, cx.waker())).await?;
        Ok(stream)
    }
}

impl Drop for Reactor {
    /// Every stream is gone, so every operation that is left is being cancelled: waits for the last of them.
    fn drop(&mut self) {
        while !self.0.get_mut().sockets.is_empty() {
            self.turn(None);
        }
    }
}

/// What streams ask for.
impl ReactorInner {
    fn start_connect(&mut self, fd: OwnedFd, address: SocketAddrAny) -> usize {
        let slot = self.sockets.insert(Socket::new(fd));
        let socket = &mut self.sockets[slot];
        let address = socket.address.insert(Box::new(address));
        let connect = opcode::Connect::new(Fd(socket.fd.as_raw_fd()), address.as_ptr().cast(), address.addr_len());
        // SAFETY: the address is boxed and stays with the socket.
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

/// What the kernel is asked for.
impl ReactorInner {
    fn queue_send(&mut self, slot: usize) {
        let Some(PendingSend { bytes, sent }) = &self.sockets[slot].pending_send else {
            return;
        };
        let rest = &bytes[*sent..];
        let len = rest.len().min(MAX_SEND_BYTES);
        let send = opcode::Send::new(self.fd(slot), rest.as_ptr(), len as u32).flags(MSG_WAITALL).build();
        // SAFETY: the socket keeps the bytes, untouched, until the send is complete.
        unsafe { self.start(slot, OpKind::Send, send) };
    }

    /// Ends all operations of a socket.
    fn cancel_all(&mut self, slot: usize) {
        let socket = &self.sockets[slot];
        let of_socket = if socket.is_registered {
            CancelBuilder::fd(Fixed(slot as u32))
        } else {
            CancelBuilder::fd(Fd(socket.fd.as_raw_fd()))
        };
        self.cancel(of_socket.all());
    }

    /// Cancels what matches, which tells of its end as if nothing had happened.
    fn cancel(&mut self, what: CancelBuilder) {
        let cancel = opcode::AsyncCancel2::new(what).build();
        let cancel = cancel.flags(squeue::Flags::SKIP_SUCCESS).user_data(OpKind::Cancel.tag(0));
        // SAFETY: a cancellation points to nothing.
        unsafe { self.push(&cancel) };
    }

    /// # Safety
    /// What the operation points to must stay until it is complete: with the socket, which stays as long.
    unsafe fn start(&mut self, slot: usize, kind: OpKind, operation: squeue::Entry) {
        let socket = &mut self.sockets[slot];
        socket.ops_in_flight += 1;
        let file = if socket.is_registered { squeue::Flags::FIXED_FILE } else { squeue::Flags::empty() };
        // SAFETY: passed on to the caller.
        unsafe { self.push(&operation.flags(file).user_data(kind.tag(slot))) };
    }

    /// # Safety
    /// As for [`Inner::start`].
    unsafe fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: passed on to the caller.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.stamp_sends(now_ns());
            let submitted = self.ring.submit();
            expect_entered(submitted);
        }
    }

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

    fn stamp_sends(&mut self, now_ns: u64) {
        for slot in self.unsent.drain(..) {
            if let Some(socket) = self.sockets.get_mut(slot) {
                socket.sent_ns = now_ns;
            }
        }
    }

    /// What an operation of the socket is started with.
    fn fd(&self, slot: usize) -> Fd {
        let socket = &self.sockets[slot];
        Fd(if socket.is_registered { slot as i32 } else { socket.fd.as_raw_fd() })
    }

    fn register_file(&mut self, slot: usize) {
        if slot < self.registered_slots {
            let socket = &mut self.sockets[slot];
            let registered = self.ring.submitter().register_files_update(slot as u32, &[socket.fd.as_raw_fd()]);
            socket.is_registered = registered.is_ok();
        }
    }

    /// Closes a socket of which no operation is under way.
    fn remove(&mut self, slot: usize) {
        if self.sockets.remove(slot).is_registered {
            let none = self.ring.submitter().register_files_update(slot as u32, &[-1]);
            expect_entered(none);
        }
    }
}

/// What the kernel answers.
impl ReactorInner {
    fn reap(&mut self) {
        self.last_reap_ns = now_ns();
        loop {
            let Some(completion) = self.ring.completion().next() else {
                return;
            };
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
    }

    fn on_sent(&mut self, slot: usize, result: i32) {
        let socket = &mut self.sockets[slot];
        let Some(sending) = &mut socket.pending_send else {
            return;
        };
        match op_result(result) {
            Ok(count) if !socket.is_closed && count > 0 && sending.sent + count < sending.bytes.len() => {
                sending.sent += count;
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

    /// One operation of the socket is complete. The last one of a closed socket takes it along.
    fn on_op_finished(&mut self, slot: usize) {
        let socket = &mut self.sockets[slot];
        socket.ops_in_flight -= 1;
        if socket.is_closed && socket.ops_in_flight == 0 {
            self.remove(slot);
        }
    }

    /// Starts the receives that have ended without need, and listens to the bell.
    fn rearm(&mut self) {
        if !mem::replace(&mut self.wakeup_armed, true) {
            // Told anew each time it is rung, so nobody ever needs to silence it.
            let listen = opcode::PollAdd::new(Fd(self.wakeup_fd.as_raw_fd()), POLLIN).multi(true).build();
            // SAFETY: a poll points to nothing.
            unsafe { self.push(&listen.user_data(OpKind::Wakeup.tag(0))) };
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

/// What a completion belongs to, kept in its user data beside the socket's slot.
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

/// Receives that stay armed cannot be asked for; what came with the same kernel (6.0) can.
fn check_kernel_support(ring: &IoUring) -> io::Result<()> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    if probe.is_supported(opcode::SendZc::CODE) { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

fn op_result(result: i32) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno::from_raw_os_error(-result))
}

/// A turn that ends by its time, or by a signal, is a turn.
fn expect_entered(entered: io::Result<usize>) {
    if let Err(error) = entered
        && !matches!(Errno::from_io_error(&error), Some(Errno::TIME | Errno::INTR))
    {
        panic!("the kernel refuses to run our io_uring: {error}");
    }
}

const OP_KIND_SHIFT: u32 = 32;
/// POLLIN.
const POLLIN: u32 = 1;
/// MSG_WAITALL: the kernel waits by itself when a socket does not take all at once.
const MSG_WAITALL: i32 = 0x100;
/// Few, because each turn writes to the next ones: they stay in the nearest cache. A fuller turn enters the kernel twice.
const SUBMISSION_ENTRIES: u32 = 128;
const COMPLETION_ENTRIES: u32 = 512;
/// A pointer each in the kernel.
const MAX_REGISTERED_FILES: u32 = 16 * 1024;
/// 1 MiB; the kernel itself would take 2 GiB.
const MAX_SEND_BYTES: usize = 1 << 20;
