//! The bare tokio current-thread runtime (epoll) as a client: one local task per connection, no users, no statistics
//! beyond the common histogram. What a load generator on tokio cannot get below.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::load::{Load, Tally, now_ns};
use crate::response::{Progress, ResponseReader};

/// Runs the load to its end.
pub(crate) fn run(load: &Load) -> io::Result<Tally> {
    let load = *load;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let tally = Rc::new(RefCell::new(Tally::new()));
        let deadline_ns = load.deadline_ns();
        let tasks: Vec<_> = (0..load.connections)
            .map(|_| tokio::task::spawn_local(connection(load, deadline_ns, Rc::clone(&tally))))
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(tally.replace(Tally::new()))
    })
}

async fn connection(load: Load, deadline_ns: u64, tally: Rc<RefCell<Tally>>) -> io::Result<()> {
    let mut stream = TcpStream::connect(load.address).await?;
    stream.set_nodelay(true)?;
    let mut reader = ResponseReader::default();
    let (request, mut buffer) = (load.request(), [0; 1024]);
    let mut sent_ns = now_ns();
    while sent_ns < deadline_ns {
        stream.write_all(&request).await?;
        let progress = loop {
            match stream.read(&mut buffer).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => match reader.feed(&buffer[..len]) {
                    Progress::Partial => {}
                    progress => break progress,
                },
            }
        };
        sent_ns = tally.borrow_mut().done(sent_ns, progress);
    }
    Ok(())
}
