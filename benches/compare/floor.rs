//! The floor: the least CPU time that we know HTTP/1.1 requests to cost on one core of this kernel. It uses one ring,
//! registered files, multishot receives into provided buffers, sends without a completion, and one system call per
//! batch.
//!
//! The floor has no users, no tasks and no runtime. The cost of a load generator above it is that generator's own work.
//! It checks each response and times it into a histogram (`response.rs`, `load.rs`), as every client must.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use crate::load::{ClientLoad, LoadResult, now_ns};
use crate::response::{ReadProgress, ResponseReader};
use crate::ring::{self, BufferRing};

/// Runs the load until its deadline and the last response.
pub(crate) fn run(load: &ClientLoad) -> io::Result<LoadResult> {
    let streams = connect(load)?;
    let mut ring = ring::build((load.connections * 2).next_power_of_two())?;
    let files: Vec<_> = streams.iter().map(AsRawFd::as_raw_fd).collect();
    ring.submitter().register_files(&files)?;
    let mut floor = FloorClient {
        buffers: BufferRing::register(&ring, buffer_count(load.connections))?,
        request: load.request().leak(),
        connections: streams.iter().map(|_| FloorConnection::default()).collect(),
        deadline_ns: load.deadline_ns(),
        running: streams.len(),
        result: LoadResult::new(),
    };
    floor.start(&mut ring);
    while floor.running > 0 {
        floor.turn(&mut ring)?;
    }
    Ok(floor.result)
}

struct FloorClient {
    buffers: BufferRing,
    /// Leaked, because sends have no completion after which the bytes could be freed.
    request: &'static [u8],
    connections: Vec<FloorConnection>,
    deadline_ns: u64,
    running: usize,
    result: LoadResult,
}

#[derive(Default)]
struct FloorConnection {
    reader: ResponseReader,
    sent_ns: u64,
}

impl FloorClient {
    fn start(&mut self, ring: &mut IoUring) {
        let mut queue = ring.submission();
        for index in 0..self.connections.len() {
            receive(&mut queue, index as u32);
            self.send(&mut queue, index as u32, now_ns());
        }
    }

    /// Submits the queued entries, waits for a completion, and handles all completions.
    fn turn(&mut self, ring: &mut IoUring) -> io::Result<()> {
        let (submitter, mut queue, mut completions) = ring.split();
        submitter.submit_and_wait(1)?;
        queue.sync();
        completions.sync();
        // A completion adds at most two entries, and the queue has room for two per connection.
        for completion in completions.by_ref().take(self.connections.len()) {
            if completion.user_data() != SEND_USER_DATA {
                self.handle_receive(&mut queue, &completion)?;
            }
        }
        self.buffers.publish();
        Ok(())
    }

    fn handle_receive(
        &mut self,
        queue: &mut squeue::SubmissionQueue<'_>,
        completion: &cqueue::Entry,
    ) -> io::Result<()> {
        let index = completion.user_data() as u32;
        let connection = &mut self.connections[index as usize];
        if !cqueue::more(completion.flags()) {
            match completion.result() {
                result if result > 0 || result == -ENOBUFS => receive(queue, index),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                error => return Err(io::Error::from_raw_os_error(-error)),
            }
        }
        match self.buffers.consume(completion, |bytes| connection.reader.feed(bytes)) {
            None | Some(ReadProgress::Partial) => {}
            Some(progress) => {
                let now_ns = self.result.record_response(connection.sent_ns, progress);
                if now_ns < self.deadline_ns {
                    self.send(queue, index, now_ns);
                } else {
                    self.running -= 1;
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, queue: &mut squeue::SubmissionQueue<'_>, index: u32, now_ns: u64) {
        self.connections[index as usize].sent_ns = now_ns;
        let (bytes, len) = (self.request.as_ptr(), self.request.len() as u32);
        let send = opcode::Send::new(types::Fixed(index), bytes, len)
            .flags(MSG_WAITALL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(SEND_USER_DATA);
        // SAFETY: the request is leaked.
        unsafe { ring::push(queue, &send) };
    }
}

fn receive(queue: &mut squeue::SubmissionQueue<'_>, index: u32) {
    let receive = opcode::RecvMulti::new(types::Fixed(index), ring::BUFFER_GROUP).build().user_data(u64::from(index));
    // SAFETY: the buffers of the group are leaked.
    unsafe { ring::push(queue, &receive) };
}

/// Returns one buffer per connection: a closed loop has at most one response in flight on each.
fn buffer_count(connections: u32) -> u16 {
    connections.next_power_of_two().clamp(16, 1024) as u16
}

fn connect(load: &ClientLoad) -> io::Result<Vec<TcpStream>> {
    (0..load.connections)
        .map(|_| {
            let stream = TcpStream::connect(load.address)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
        .collect()
}

/// Marks completions of sends. Only a failed send has one, and then the receive of that connection fails too.
const SEND_USER_DATA: u64 = u64::MAX;

/// ENOBUFS: all buffers were in use, which ends a multishot receive without loss.
pub(crate) const ENOBUFS: i32 = 105;

/// MSG_WAITALL: the kernel completes a short send itself.
pub(crate) const MSG_WAITALL: i32 = 0x100;
