//! One request on one connection: encoded and sent, its response read as far as it is wanted.

use std::borrow::Cow;

use super::Session;
use super::connect::connect;
use super::connections::{Destination, Kept, Place, Route};
use super::conversation::Conversation;
use super::patience::Patience;
use super::trace::Trace;
use super::upload::{self, Upload};
use crate::connection::Connection;
use crate::proto::coding::BodyDecoder;
use crate::proto::encode::{self, HeaderFlags, RequestHead};
use crate::proto::{ResponseParser, target};
use crate::{Auth, ClientConfig, Error, InvalidRequest, Network, Request, Response};

/// A request as it is made of one host.
pub(super) struct Hop<'a> {
    pub(super) request: &'a Request<'a>,
    /// Who asks; nobody once a redirect has led to somebody else.
    pub(super) auth: Option<&'a Auth>,
    /// A redirect has led to somebody else, who is not to see what says who asks.
    pub(super) is_foreign: bool,
}

impl<'a> Hop<'a> {
    /// The one that the user asked for.
    pub(super) fn first(request: &'a Request<'_>, config: &'a ClientConfig) -> Self {
        let auth = request.options.auth.as_ref().or(config.auth.as_ref());
        Self { request, auth, is_foreign: false }
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

/// What is left to do when the head of a request is in the buffer.
struct Outgoing<'a> {
    wishes: HeaderFlags,
    upload: Option<Upload<'a>>,
}

impl<N: Network> Session<N> {
    /// What a request begins with.
    pub(super) fn begin<'s>(&'s self, network: &'s N, request: &Request<'_>) -> Conversation<'s, N::Transport> {
        let parser = ResponseParser::new(request.method, request.body_policy, &self.config.limits);
        Conversation::new(parser.with_head_cache(network.head_memo()), network.take_buffer())
    }

    /// Sends a request and reads up to the head of its response.
    pub(super) async fn open_hop(
        &self,
        network: &N,
        hop: &Hop<'_>,
        conversation: &mut Conversation<'_, N::Transport>,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        let request = hop.request;
        let route = self.connections.route(&self.base, request)?;
        let Outgoing { wishes, upload } = self.encode(network, hop, &route, &mut conversation.buffer)?;
        let patience = self.patience(request, trace.due_ns());
        conversation.kept = Some(self.connection(network, &route, patience, trace).await?);
        conversation.closes = wishes.close;

        trace.bytes_out(conversation.buffer.len());
        let answered = match upload {
            None => conversation.ask(network, patience, trace.ready_ns()).await,
            // Rare and large: boxed, so that it does not weigh on every request.
            Some(upload) => {
                let asks_first = wishes.expects_continue;
                Box::pin(upload::send(upload, network, patience, conversation, &self.config, asks_first, trace)).await
            }
        };
        let received = match answered {
            Ok(()) => {
                conversation.note_first_byte(trace);
                let since_ns = conversation.received_ns();
                conversation.receive(network, patience, since_ns, trace, |parser| parser.head().is_some()).await
            }
            Err(error) => Err(error),
        };
        trace.sent(conversation.sent_ns());
        received?;
        if conversation.parser.head().is_some_and(|head| head.has_set_cookie) {
            self.store_cookies(network, conversation, &route);
        }
        conversation.place = route.place;
        Ok(())
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
        conversation: &mut Conversation<'_, N::Transport>,
        trace: &mut Trace,
    ) -> Result<Response, Error> {
        let parser = &conversation.parser;
        trace.complete(conversation.received_ns());
        trace.body_bytes(parser.body_bytes());
        let is_coded = parser.head().is_some_and(|head| head.is_content_encoded);
        self.give_back(conversation);
        let (buffer, chain) = (conversation.take_buffer(), conversation.chain.take());
        let response = Response::new(buffer, &conversation.parser).ok_or(Error::ClosedBeforeResponse)?;
        let response = response.with_chain(chain);
        if is_coded && !response.body().is_empty() {
            return self.undo_codings(network, response, trace);
        }
        Ok(response)
    }

    /// Keeps a connection whose response is complete, unless it is of no more use, or has served enough requests.
    pub(super) fn give_back(&self, conversation: &mut Conversation<'_, N::Transport>) {
        let Some(mut kept) = conversation.kept.take() else {
            return;
        };
        kept.served = kept.served.saturating_add(1);
        let most = self.config.requests_per_connection;
        let is_worn = conversation.closes || (most > 0 && kept.served >= most);
        if conversation.parser.is_reusable() && !is_worn {
            self.connections.keep(&conversation.place, &self.base, kept);
        }
    }

    /// The response as its reader wants it: without content codings, as far as they are known.
    #[cold]
    fn undo_codings(&self, network: &N, mut response: Response, trace: &mut Trace) -> Result<Response, Error> {
        match self.decoded(&response) {
            Ok(None) => Ok(response),
            Ok(Some(decoded)) => {
                network.give_buffer(response.replace_buffer(decoded));
                trace.body_bytes(response.body().len() as u64);
                Ok(response)
            }
            Err(error) => {
                trace.body_bytes(0);
                network.give_buffer(response.into_buffer());
                Err(error)
            }
        }
    }

    /// Head and decoded body; `None` when there is no coding that is known.
    fn decoded(&self, response: &Response) -> Result<Option<Vec<u8>>, Error> {
        let Some(mut decoder) = BodyDecoder::for_codings(&response.content_codings(), &self.config.limits)? else {
            return Ok(None);
        };
        let mut decoded = response.head().to_vec();
        decoder.decode(response.body(), &mut decoded)?;
        decoder.finish(&mut decoded)?;
        Ok(Some(decoded))
    }

    /// Puts the request's head into the buffer, with its body if that is short.
    fn encode<'a>(
        &self,
        network: &N,
        hop: &Hop<'a>,
        route: &Route<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Outgoing<'a>, InvalidRequest> {
        let request = hop.request;
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
            suppressed: &without,
            absolute_form: proxy.is_some(),
        };
        let mut wishes = head.append_to(out)?;
        if let Some(line) = proxy.and_then(|proxy| proxy.authorization.as_ref()) {
            out.extend_from_slice(line.as_str().as_bytes());
        }
        let auth = hop.auth.or_else(|| route.auth(&self.base));
        if let Some(auth) = auth.filter(|_| !wishes.has_authorization) {
            self.append_authorization(auth, &head, out);
        }
        let cookies = hop.cookies();
        let has_cookies = !cookies.is_empty() || !self.cookies.borrow().is_empty();
        if has_cookies && !wishes.has_cookie {
            let path = encode::path_range(out, head.target_range(out));
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
    fn store_cookies(&self, network: &N, conversation: &Conversation<'_, N::Transport>, route: &Route<'_>) {
        let path = target::path(route.prefix(&self.base), route.path);
        let origin = route.origin(&self.base);
        let now = network.unix_time_s();
        let head = conversation.parser.head().map_or(0, |head| head.len);
        for (name, value) in crate::Headers::of(&conversation.buffer[..head]) {
            if name.eq_ignore_ascii_case("set-cookie")
                && let Ok(value) = std::str::from_utf8(value)
            {
                self.cookies.borrow_mut().store(value, origin, &path, now);
            }
        }
    }
}

/// Headers that say who asks.
pub(super) const CREDENTIALS: [&str; 3] = ["Authorization", "Cookie", "Proxy-Authorization"];
