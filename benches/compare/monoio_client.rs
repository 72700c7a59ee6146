//! The bare monoio runtime as a client: one task per connection, no users, no statistics beyond the common histogram.
//! It runs with the io_uring flags of the engine or with monoio's defaults. The difference is the effect of the flags.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::TcpStream;
use monoio::{IoUringDriver, RuntimeBuilder};

use crate::load::{ClientLoad, LoadResult, now_ns};
use crate::response::{ReadProgress, ResponseReader};
use crate::ring;

/// Runs the load on a ring with the flags of the engine.
pub(crate) fn run(load: &ClientLoad) -> io::Result<LoadResult> {
    run_on(RuntimeBuilder::new().uring_builder(ring::ring_builder()), load)
}

/// Runs the load on the ring that monoio creates by default.
pub(crate) fn run_plain(load: &ClientLoad) -> io::Result<LoadResult> {
    run_on(RuntimeBuilder::new(), load)
}

fn run_on(builder: RuntimeBuilder<IoUringDriver>, load: &ClientLoad) -> io::Result<LoadResult> {
    let load = *load;
    builder.build()?.block_on(async move {
        let result = Rc::new(RefCell::new(LoadResult::new()));
        let deadline_ns = load.deadline_ns();
        let tasks: Vec<_> = (0..load.connections)
            .map(|_| monoio::spawn(run_connection(load, deadline_ns, Rc::clone(&result))))
            .collect();
        for task in tasks {
            task.await?;
        }
        Ok(result.replace(LoadResult::new()))
    })
}

async fn run_connection(load: ClientLoad, deadline_ns: u64, result: Rc<RefCell<LoadResult>>) -> io::Result<()> {
    let mut stream = TcpStream::connect(load.address).await?;
    stream.set_nodelay(true)?;
    let mut reader = ResponseReader::default();
    let (mut request, mut buffer) = (load.request(), vec![0; 1024]);
    let mut sent_ns = now_ns();
    while sent_ns < deadline_ns {
        let sent;
        (sent, request) = stream.write_all(request).await;
        sent?;
        let progress = loop {
            let received;
            (received, buffer) = stream.read(buffer).await;
            match received? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => match reader.feed(&buffer[..len]) {
                    ReadProgress::Partial => {}
                    progress => break progress,
                },
            }
        };
        sent_ns = result.borrow_mut().record_response(sent_ns, progress);
    }
    Ok(())
}
