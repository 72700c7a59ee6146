//! The counts that a server states: requests so far and open connections. Reads the page of our own server
//! (`server.rs`) and the status page of nginx. `target.rs` asks for the pages.

/// The counts of a server, without the requests and the connection of the counts queries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ServerCounts {
    /// Requests since the server started.
    pub(crate) requests: u64,
    /// Connections that are open now.
    pub(crate) connections: u64,
}

/// Reads the counts page of our own server.
pub(crate) fn parse_own(response: &str) -> Option<ServerCounts> {
    let (_, body) = response.split_once("\r\n\r\n")?;
    let mut words = body.split_whitespace();
    let mut after = |name| words.find(|&word| word == name).and_then(|_| words.next()?.parse().ok());
    Some(ServerCounts { requests: after("requests")?, connections: after("connections")? })
}

/// Reads nginx's status page. It includes the `counts_queries` requests for the page itself.
pub(crate) fn parse_nginx(response: &str, counts_queries: u64) -> Option<ServerCounts> {
    let (_, body) = response.split_once("\r\n\r\n")?;
    let mut lines = body.lines();
    let active: u64 = lines.next()?.strip_prefix("Active connections:")?.trim().parse().ok()?;
    let requests: u64 = lines.nth(1)?.split_whitespace().nth(2)?.parse().ok()?;
    Some(ServerCounts { requests: requests.checked_sub(counts_queries)?, connections: active.checked_sub(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_counts_page_is_parsed() {
        let page = "HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\nrequests 4711 connections 64";
        assert_eq!(parse_own(page), Some(ServerCounts { requests: 4711, connections: 64 }));
        assert_eq!(parse_own("HTTP/1.1 404 Not Found\r\n\r\n"), None);
    }

    #[test]
    fn nginx_status_page_is_parsed() {
        let page = "HTTP/1.1 200 OK\r\nContent-Length: 97\r\n\r\nActive connections: 65 \nserver accepts handled requests\n \
                    70 70 4711 \nReading: 0 Writing: 1 Waiting: 64 \n";
        assert_eq!(parse_nginx(page, 11), Some(ServerCounts { requests: 4700, connections: 64 }));
        assert_eq!(parse_nginx("HTTP/1.1 404 Not Found\r\n\r\n", 1), None);
    }
}
