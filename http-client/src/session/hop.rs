//! One request on one connection: encoded and sent, its response read as far as it is wanted.

use std::borrow::Cow;
use std::pin::pin;

use super::Session;
use super::connect::connect;
use super::connections::{Destination, Kept, Place, Route};
use super::patience::Patience;
use super::trace::Trace;
use super::upload::{self, Upload};
use crate::connection::Connection;
use crate::proto::coding::BodyDecoder;
use crate::proto::encode::{self, RequestHead, Wishes};
use crate::proto::{ResponseParser, target};
use crate::response::Chain;
use crate::{Auth, ClientConfig, Error, InvalidRequest, Network, Request, Response, Transport};

/// A request as it is made of one host.
pub(super) struct Hop<'a> {
    pub(super) request: Request<'a>,
    /// Who asks; nobody once a redirect has led to somebody else.
    pub(super) auth: Option<&'a Auth>,
    /// A redirect has led to somebody else, who is not to see what says who asks.
    pub(super) is_foreign: bool,
}

impl<'a> Hop<'a> {
    /// The one that the user asked for.
    pub(super) fn first(request: &Request<'a>, config: &'a ClientConfig) -> Self {
        let auth = request.options.auth.as_ref().or(config.auth.as_ref());
        Self { request: *request, auth, is_foreign: false }
    }

    /// Cookies beside those of the session.
    fn cookies(&self) -> &'a [(String, String)] {
        if self.is_foreign { &[] } else { &self.request.options.cookies }
    }

    /// Default headers that are left out.
    fn without_headers(&self) -> Cow<'a, [String]> {
        let mut without = Cow::Borrowed(&*self.request.options.without_headers);
        if self.is_foreign {
            without.to_mut().extend(CREDENTIALS.map(String::from));
        }
        without
    }
}

/// A response whose head is there, on the connection that the rest of it comes from.
pub(super) struct Opened<'s, T: Transport> {
    pub(super) connection: Connection<T>,
    pub(super) place: Place,
    pub(super) served: u32,
    pub(super) parser: ResponseParser<'s>,
    pub(super) buffer: Vec<u8>,
    /// The request has asked for the connection's end, or was not sent wholly.
    pub(super) closes: bool,
    pub(super) chain: Option<Box<Chain>>,
}

/// What is left to do when the head of a request is in the buffer.
struct Outgoing<'a> {
    wishes: Wishes,
    upload: Option<Upload<'a>>,
}

impl<N: Network> Session<N> {
    /// Sends a request and reads up to the head of its response.
    pub(super) async fn open_hop<'s>(
        &'s self,
        network: &'s N,
        hop: &Hop<'_>,
        trace: &mut Trace,
    ) -> Result<Opened<'s, N::Transport>, Error> {
        let request = &hop.request;
        let route = self.connections.route(&self.base, request)?;
        let mut buffer = network.take_buffer();
        let opened = self.converse(network, hop, &route, &mut buffer, trace).await;
        match opened {
            Ok((kept, parser, closes)) => {
                let Kept { transport: connection, served } = kept;
                if parser.head().is_some_and(|head| head.sets_cookies) {
                    self.store_cookies(network, &buffer, &parser, &route);
                }
                Ok(Opened { connection, place: route.place, served, parser, buffer, closes, chain: None })
            }
            Err(error) => {
                network.give_buffer(buffer);
                Err(error)
            }
        }
    }

    async fn converse<'s>(
        &'s self,
        network: &'s N,
        hop: &Hop<'_>,
        route: &Route<'_>,
        buffer: &mut Vec<u8>,
        trace: &mut Trace,
    ) -> Result<(Kept<Connection<N::Transport>>, ResponseParser<'s>, bool), Error> {
        let request = &hop.request;
        let Outgoing { wishes, upload } = self.encode(network, hop, route, buffer)?;
        let patience = self.patience(request, trace.due_ns());
        let mut kept = self.connection(network, route, patience, trace).await?;
        let connection = &mut kept.transport;

        trace.bytes_out(buffer.len());
        let limits = &self.config.limits;
        let mut parser =
            ResponseParser::new(request.method, request.body_policy, limits).remembering(network.head_memo());
        let mut closes = wishes.close;
        let received = {
            let mut reading = Reading { network, patience, connection, parser: &mut parser, buffer };
            let mut since_ns = trace.ready_ns();
            let sent = reading.send_head(since_ns).await;
            let sent = match (sent, upload) {
                (Ok(()), Some(upload)) => {
                    let config = &self.config;
                    let uploaded = Box::pin(upload::send(upload, &mut reading, config, wishes.expects_continue, trace));
                    uploaded.await.map(|complete| {
                        closes |= !complete;
                        since_ns = network.now_ns();
                    })
                }
                (sent, _) => sent,
            };
            match sent {
                Ok(()) => reading.receive(since_ns, trace, |parser| parser.head().is_some()).await,
                Err(error) => Err(error),
            }
        };
        trace.sent(connection.sent_ns());
        received.map(|()| (kept, parser, closes))
    }

    /// An idle connection, or a new one.
    async fn connection(
        &self,
        network: &N,
        route: &Route<'_>,
        patience: Patience,
        trace: &mut Trace,
    ) -> Result<Kept<Connection<N::Transport>>, Error> {
        if let Some(kept) = self.connections.take(route, &self.base) {
            return Ok(kept);
        }
        // Rare and large: boxed, so that it does not weigh on every request.
        let connected = Box::pin(async {
            let home;
            let destination = match &route.place {
                Place::Other(destination) => &**destination,
                Place::Home => {
                    home = Destination::home(&self.base);
                    &home
                }
            };
            connect(network, &self.config, &self.tls_sessions, destination, patience, trace).await
        });
        connected.await.map(|transport| Kept { transport, served: 0 })
    }

    /// A response that was read to its end; its connection is kept.
    pub(super) fn finish(
        &self,
        network: &N,
        opened: Opened<'_, N::Transport>,
        trace: &mut Trace,
    ) -> Result<Response, Error> {
        trace.complete(opened.connection.received_ns());
        trace.body_bytes(opened.parser.body_bytes());
        let Opened { connection, place, served, parser, buffer, closes, chain } = opened;
        if parser.is_reusable() && !closes {
            self.give_back(&place, connection, served);
        }
        let mut response = Response::new(buffer, &parser).ok_or(Error::ClosedBeforeResponse)?.with_chain(chain);
        let is_coded = parser.head().is_some_and(|head| head.content_coded);
        if is_coded && !response.body().is_empty() {
            if let Err(error) = self.undo_codings(network, &mut response) {
                trace.body_bytes(0);
                network.give_buffer(response.into_buffer());
                return Err(error);
            }
            trace.body_bytes(response.body().len() as u64);
        }
        Ok(response)
    }

    /// Keeps a connection that has served one request more, unless these are enough.
    pub(super) fn give_back(&self, place: &Place, transport: Connection<N::Transport>, served: u32) {
        let most = self.config.requests_per_connection;
        let served = served.saturating_add(1);
        if most == 0 || served < most {
            self.connections.keep(place, &self.base, Kept { transport, served });
        }
    }

    /// Makes the response one as its reader wants it: without content codings, as far as they are known.
    #[cold]
    fn undo_codings(&self, network: &N, response: &mut Response) -> Result<(), Error> {
        let codings = response.content_codings();
        let Some(mut decoder) = BodyDecoder::for_codings(&codings, &self.config.limits)? else {
            return Ok(());
        };
        let mut decoded = response.head().to_vec();
        decoder.feed(response.body(), &mut decoded)?;
        decoder.finish(&mut decoded)?;
        network.give_buffer(response.replace_buffer(decoded));
        Ok(())
    }

    /// Puts the request's head into the buffer, with its body if that is short.
    fn encode<'a>(
        &self,
        network: &N,
        hop: &Hop<'a>,
        route: &Route<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Outgoing<'a>, InvalidRequest> {
        let request = &hop.request;
        let origin = route.origin(&self.base);
        let proxy = if origin.scheme().is_secure() { None } else { route.proxy(&self.base, &self.config) };
        let without = hop.without_headers();
        let head = RequestHead {
            method: request.method,
            origin,
            prefix: route.prefix(&self.base),
            target: route.path,
            defaults: &self.config.headers,
            headers: request.headers,
            without: &without,
            names_origin: proxy.is_some(),
        };
        let mut wishes = head.append_to(out)?;
        if let Some(line) = proxy.and_then(|proxy| proxy.authorization.as_ref()) {
            out.extend_from_slice(line.as_str().as_bytes());
        }
        let auth = hop.auth.or_else(|| route.auth(&self.base));
        if let Some(auth) = auth.filter(|_| !wishes.own_authorization) {
            self.append_authorization(auth, &head, out);
        }
        let cookies = hop.cookies();
        let has_cookies = !cookies.is_empty() || !self.cookies.borrow().is_empty();
        if has_cookies && !wishes.own_cookies {
            let path = encode::path_of_target(out, head.target_range(out));
            let extra: Vec<_> = cookies.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            self.cookies.borrow().append_to(out, origin, path, &extra, || network.unix_time_s())?;
        }
        let upload = upload::append(out, request, &self.config, &mut wishes);
        Ok(Outgoing { wishes, upload })
    }

    fn append_authorization(&self, auth: &Auth, head: &RequestHead<'_>, out: &mut Vec<u8>) {
        match auth {
            Auth::Basic(line) => out.extend_from_slice(line.as_str().as_bytes()),
            Auth::Digest(credentials) => {
                let target = String::from_utf8_lossy(&out[head.target_range(out)]).into_owned();
                let mut digest = self.digest.borrow_mut();
                let line = digest.as_mut().and_then(|state| state.authorization(credentials, head.method, &target));
                out.extend_from_slice(line.unwrap_or_default().as_bytes());
            }
        }
    }

    #[cold]
    fn store_cookies(&self, network: &N, buffer: &[u8], parser: &ResponseParser<'_>, route: &Route<'_>) {
        let path = target::path(route.prefix(&self.base), route.path);
        let origin = route.origin(&self.base);
        let now = network.unix_time_s();
        let head = &buffer[..parser.head().map_or(0, |head| head.len)];
        for (name, value) in crate::Headers::of(head) {
            if name.eq_ignore_ascii_case("set-cookie")
                && let Ok(value) = std::str::from_utf8(value)
            {
                self.cookies.borrow_mut().store(value, origin, &path, now);
            }
        }
    }
}

impl<T: Transport> Opened<'_, T> {
    pub(super) fn received_ns(&self) -> u64 {
        self.connection.received_ns()
    }

    /// The response as far as its head.
    pub(super) fn head_alone(&self) -> Result<Response, Error> {
        Response::of_head(&self.buffer, &self.parser).ok_or(Error::ClosedBeforeResponse)
    }

    /// Reads to the end of the body. When it does not come, the buffer is given back.
    pub(super) async fn read_on(
        &mut self,
        network: &impl Network,
        patience: Patience,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        self.parser.stop_streaming(&mut self.buffer);
        if self.parser.is_done() {
            return Ok(());
        }
        let since_ns = self.connection.received_ns();
        let Self { connection, parser, buffer, .. } = self;
        let mut reading = Reading { network, patience, connection, parser, buffer };
        let received = reading.receive(since_ns, trace, |parser| parser.is_done()).await;
        if received.is_err() {
            network.give_buffer(std::mem::take(buffer));
        }
        received
    }
}

/// A response being read.
pub(super) struct Reading<'a, 's, N, T: Transport> {
    pub(super) network: &'a N,
    pub(super) patience: Patience,
    pub(super) connection: &'a mut Connection<T>,
    pub(super) parser: &'a mut ResponseParser<'s>,
    pub(super) buffer: &'a mut Vec<u8>,
}

impl<N: Network, T: Transport> Reading<'_, '_, N, T> {
    /// Sends what is in the buffer.
    async fn send_head(&mut self, since_ns: u64) -> Result<(), Error> {
        let sending = pin!(self.connection.send(self.buffer));
        self.patience.wait(self.network, since_ns, sending).await
    }

    /// Sends a piece of the body.
    pub(super) async fn send_piece(&mut self, mut piece: Vec<u8>) -> Result<(), Error> {
        let since_ns = self.network.now_ns();
        let sending = pin!(self.connection.send(&mut piece));
        self.patience.wait(self.network, since_ns, sending).await
    }

    /// Reads until there is enough; nothing was heard since `since_ns`.
    pub(super) async fn receive(
        &mut self,
        mut since_ns: u64,
        trace: &mut Trace,
        is_enough: impl Fn(&ResponseParser<'_>) -> bool,
    ) -> Result<(), Error> {
        while !is_enough(self.parser) {
            self.receive_once(since_ns).await?;
            since_ns = self.connection.received_ns();
            if !self.parser.is_done() {
                trace.first_byte(since_ns);
            }
        }
        Ok(())
    }

    /// Reads what comes next, or the end.
    pub(super) async fn receive_once(&mut self, since_ns: u64) -> Result<(), Error> {
        let unwanted = self.parser.unwanted();
        if unwanted > 0 {
            return self.skip(since_ns, unwanted).await;
        }
        if self.buffer.capacity() > 0 {
            self.parser.make_room(self.buffer);
        }
        let received = match self.parser.to_come() {
            0 => {
                let receiving = pin!(self.connection.recv(self.buffer));
                self.patience.wait(self.network, since_ns, receiving).await?
            }
            to_come => {
                let receiving = pin!(self.connection.recv_long(self.buffer, to_come));
                self.patience.wait(self.network, since_ns, receiving).await?
            }
        };
        match received {
            0 => self.parser.end(self.buffer),
            _ => self.parser.feed(self.buffer).map(drop),
        }
    }

    /// Lets bytes go that nobody wants to see.
    async fn skip(&mut self, since_ns: u64, unwanted: u64) -> Result<(), Error> {
        let skipped = {
            let skipping = pin!(self.connection.skip(unwanted));
            self.patience.wait(self.network, since_ns, skipping).await?
        };
        match skipped {
            0 => self.parser.end(self.buffer),
            _ => {
                self.parser.skip(skipped);
                Ok(())
            }
        }
    }
}

/// Headers that say who asks.
pub(super) const CREDENTIALS: [&str; 3] = ["Authorization", "Cookie", "Proxy-Authorization"];
