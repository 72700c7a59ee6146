//! The bare glommio runtime as a client: one task per connection, no users, no statistics beyond the common histogram.
//! The executor has its default settings. Its process is pinned like that of any other client.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::LocalExecutorBuilder;
use glommio::net::TcpStream;

use crate::load::{ClientLoad, LoadResult, now_ns};
use crate::response::{ReadProgress, ResponseReader};

/// Runs the load until its deadline and the last response.
pub(crate) fn run(load: &ClientLoad) -> io::Result<LoadResult> {
    let load = *load;
    LocalExecutorBuilder::default().make()?.run(async move {
        let result = Rc::new(RefCell::new(LoadResult::new()));
        let deadline_ns = load.deadline_ns();
        let tasks: Vec<_> = (0..load.connections)
            .map(|_| glommio::spawn_local(run_connection(load, deadline_ns, Rc::clone(&result))))
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
    let (request, mut buffer) = (load.request(), [0; 1024]);
    let mut sent_ns = now_ns();
    while sent_ns < deadline_ns {
        stream.write_all(&request).await?;
        let progress = loop {
            match stream.read(&mut buffer).await? {
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
