//! One connection of the hostile server: reads requests, writes bytes, and ends with FIN or RST.
//!
//! It parses only as much HTTP as is needed to find the end of a request. If the client has gone or the server was
//! stopped, all operations fail with [`ClientGone`], which ends the thread of the connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::{HostileShared, POLL_INTERVAL};

/// The error after the client has closed the connection or the server was stopped.
pub(super) struct ClientGone;

pub(super) type ConnectionResult<T> = Result<T, ClientGone>;

/// A request as received.
pub(super) struct ReceivedRequest {
    pub(super) path: String,
    pub(super) query: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl ReceivedRequest {
    /// Returns the number after `key=` in the query, or `default`.
    pub(super) fn query_number(&self, key: &str, default: u64) -> u64 {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == key).find_map(|(_, value)| value.parse().ok()).unwrap_or(default)
    }

    /// Returns the value of a header, if present.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

pub(super) struct HostileConnection<'a> {
    stream: TcpStream,
    unread: Vec<u8>,
    shared: &'a HostileShared,
}

impl<'a> HostileConnection<'a> {
    pub(super) fn new(stream: TcpStream, shared: &'a HostileShared) -> ConnectionResult<Self> {
        stream.set_nodelay(true).map_err(|_| ClientGone)?;
        stream.set_read_timeout(Some(POLL_INTERVAL)).map_err(|_| ClientGone)?;
        stream.set_write_timeout(Some(POLL_INTERVAL)).map_err(|_| ClientGone)?;
        Ok(Self { stream, unread: Vec::new(), shared })
    }

    /// Waits for the head of the next request.
    pub(super) fn read_head(&mut self) -> ConnectionResult<ReceivedRequest> {
        let head_length = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more()?;
        };
        let head = String::from_utf8_lossy(&self.unread[..head_length]).into_owned();
        self.unread.drain(..head_length);
        let target = head.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(ReceivedRequest { path: path.to_owned(), query: query.to_owned(), head, body: String::new() })
    }

    /// Waits for the body of a request with `Content-Length`.
    pub(super) fn read_body(&mut self, request: &mut ReceivedRequest) -> ConnectionResult<()> {
        let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        while self.unread.len() < length {
            self.read_more()?;
        }
        request.body = String::from_utf8_lossy(&self.unread[..length]).into_owned();
        self.unread.drain(..length);
        Ok(())
    }

    /// Sends all `bytes`, even if the client reads slowly.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> ConnectionResult<()> {
        let mut rest = bytes.as_ref();
        while !rest.is_empty() && !self.shared.is_stopped() {
            match self.stream.write(rest) {
                Ok(0) => return Err(ClientGone),
                Ok(length) => rest = &rest[length..],
                Err(error) if is_timeout(&error) => {}
                Err(_) => return Err(ClientGone),
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(ClientGone) }
    }

    pub(super) fn pause_ms(&self, time_ms: u64) -> ConnectionResult<()> {
        if self.shared.pause(Duration::from_millis(time_ms)) { Ok(()) } else { Err(ClientGone) }
    }

    /// Sends no bytes until the client closes the connection.
    pub(super) fn wait_for_close(&mut self) -> ConnectionResult<()> {
        loop {
            self.read_more()?;
            self.unread.clear();
        }
    }

    /// Closes the sending side and reads until the client closes the connection.
    pub(super) fn finish(&mut self) -> ConnectionResult<()> {
        self.stream.shutdown(Shutdown::Write).map_err(|_| ClientGone)?;
        self.wait_for_close()
    }

    /// Ends the connection with FIN after the sent bytes.
    pub(super) fn close(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the connection with RST.
    pub(super) fn reset(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    fn read_more(&mut self) -> ConnectionResult<()> {
        let mut chunk = [0; 16 * 1024];
        while !self.shared.is_stopped() {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ClientGone),
                Ok(length) => {
                    self.unread.extend_from_slice(&chunk[..length]);
                    return Ok(());
                }
                Err(error) if is_timeout(&error) => {}
                Err(_) => return Err(ClientGone),
            }
        }
        Err(ClientGone)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
