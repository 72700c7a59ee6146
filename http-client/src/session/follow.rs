//! The requests that follow from a response: a redirect, or the same request with credentials for a Digest
//! challenge.
//!
//! `redirect.rs` resolves a location, `hop.rs` sends each request. This file limits their number.

use super::Session;
use super::exchange_io::ExchangeIo;
use super::exchange_timer::ExchangeTimer;
use super::hop::{CREDENTIAL_HEADERS, Hop};
use crate::message::response::ResponseHistory;
use crate::origin::is_absolute_url;
use crate::proto::target::encode_url;
use crate::redirect::{self, Redirect};
use crate::{Auth, Body, ClientRuntime, Error, Method, Request, Response, Transport};

/// The kind of request that follows a response.
enum FollowUp {
    /// The same request with a digest of the challenge that was received.
    Reauthenticate,
    /// The same request without `Expect: 100-continue` (RFC 9110 §10.1.1).
    WithoutExpect,
    Redirect(Redirect),
}

/// The request that is sent next, with the parts that later hops inherit.
struct NextRequest<'a> {
    method: Method,
    url: String,
    headers: Vec<(&'a str, &'a str)>,
    body: Body<'a>,
    auth: Option<&'a Auth>,
    is_cross_origin: bool,
    is_expectation_refused: bool,
    may_reauthenticate: bool,
}

impl<N: ClientRuntime> Session<N> {
    /// Returns `true` if the response may lead to another request.
    pub(super) fn needs_follow_up<T: Transport>(&self, exchange_io: &ExchangeIo<'_, T>, request: &Request<'_>) -> bool {
        let Some(head) = exchange_io.parser.head() else {
            return false;
        };
        match head.status {
            401 => self.digest_auth(request).is_some(),
            417 => exchange_io.expects_continue,
            status => redirect::is_redirect_status(status) && head.has_location && self.follows_redirects(request),
        }
    }

    /// Sends follow-up requests until a response leads to none.
    pub(super) async fn follow_until_final<'s>(
        &'s self,
        runtime: &'s N,
        request: &Request<'_>,
        exchange_io: &mut ExchangeIo<'s, N::Transport>,
        timer: &mut ExchangeTimer,
    ) -> Result<(), Error> {
        let route = self.pool.route(&self.base_url, request)?;
        let auth = Hop::first(request, &self.config).auth.or_else(|| route.auth(&self.base_url));
        let mut next_request = NextRequest::repeating(request, self.absolute_url(request.target), auth);
        let max_redirects = self.max_redirects(request);
        let timeouts = self.timeouts(request, timer.due_ns());
        let max_body_bytes = self.config.limits.max_body_bytes as u64;
        let mut history = ResponseHistory::default();
        while self.needs_follow_up(exchange_io, request) {
            let head = exchange_io.response_head()?;
            let follow_up = self.next_follow_up(runtime, &head, exchange_io, &next_request, &mut history).transpose();
            let Some(follow_up) = follow_up else {
                break;
            };
            let max_kept_bytes = max_body_bytes - history.body_bytes() as u64;
            let is_kept = exchange_io.skip_body(runtime, timeouts, timer, max_kept_bytes, max_body_bytes).await?;
            timer.response_complete(exchange_io.received_ns());
            // The connection can serve further requests, even if the follow-up goes elsewhere.
            self.release_connection(exchange_io);
            let may_redirect = history.redirect_count() < max_redirects;
            let url = next_request.url.clone();
            let is_redirect = follow_up.and_then(|follow_up| next_request.apply(follow_up, may_redirect))?;
            let buffer = exchange_io.take_buffer();
            if is_kept {
                history.push(Response::new(buffer, &exchange_io.parser).unwrap_or(head), url, is_redirect);
            } else {
                runtime.release_buffer(buffer);
                history.push(head, url, is_redirect);
            }
            timer.start_next_hop();
            let request = next_request.as_request(request);
            *exchange_io = self.new_exchange_io(runtime, &request);
            self.send_hop(runtime, &next_request.as_hop(&request), exchange_io, timer).await?;
        }
        exchange_io.history = history.finish(next_request.url);
        Ok(())
    }

    /// Returns the follow-up of the latest response, or `None` if the response is final.
    fn next_follow_up<T: Transport>(
        &self,
        runtime: &N,
        response: &Response,
        exchange_io: &ExchangeIo<'_, T>,
        next_request: &NextRequest<'_>,
        history: &mut ResponseHistory,
    ) -> Result<Option<FollowUp>, Error> {
        match response.status() {
            401 => {
                if !next_request.may_reauthenticate || !next_request.auth.is_some_and(is_digest) {
                    return Ok(None);
                }
                if !self.accept_challenge(runtime, response) {
                    history.set_unsupported_challenge();
                    return Ok(None);
                }
                return Ok(Some(FollowUp::Reauthenticate));
            }
            417 => {
                let is_repeated = exchange_io.expects_continue && next_request.body.rewind();
                return Ok(is_repeated.then_some(FollowUp::WithoutExpect));
            }
            _ => {}
        }
        let Some((_, location)) = response.headers().find(|(name, _)| name.eq_ignore_ascii_case("location")) else {
            return Ok(None);
        };
        let redirect = redirect::resolve_redirect(next_request.method, response.status(), location, &next_request.url)?;
        Ok(redirect.map(FollowUp::Redirect))
    }

    /// Stores the response's Digest challenge. Returns `false` if no challenge is supported.
    fn accept_challenge(&self, runtime: &N, response: &Response) -> bool {
        let challenges = response.headers().filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
        let challenges = challenges.map(|(_, value)| value);
        let mut digest = self.digest_state.borrow_mut();
        digest.get_or_insert_default().accept_challenge(challenges, runtime.random_u64())
    }

    fn follows_redirects(&self, request: &Request<'_>) -> bool {
        let by_default = self.config.follow_redirects && request.method != Method::Head;
        request.options.and_then(|options| options.follow_redirects).unwrap_or(by_default)
    }

    fn max_redirects(&self, request: &Request<'_>) -> usize {
        let max_redirects = request.options.and_then(|options| options.max_redirects);
        max_redirects.unwrap_or(self.config.limits.max_redirects) as usize
    }

    fn digest_auth<'a>(&'a self, request: &'a Request<'_>) -> Option<&'a Auth> {
        Hop::first(request, &self.config).auth.filter(|auth| is_digest(auth))
    }

    /// Returns a target as an absolute URL without credentials, encoded as it is sent.
    fn absolute_url(&self, target: &str) -> String {
        let url = if is_absolute_url(target) {
            crate::split_credentials(target).0
        } else {
            self.base_url.join(target).into()
        };
        encode_url(&url).into_owned()
    }
}

fn is_digest(auth: &Auth) -> bool {
    matches!(auth, Auth::Digest(_))
}

impl<'a> NextRequest<'a> {
    /// Creates the same request with an absolute URL.
    fn repeating(request: &Request<'a>, url: String, auth: Option<&'a Auth>) -> Self {
        Self {
            method: request.method,
            url,
            headers: request.headers.to_vec(),
            body: request.body,
            auth,
            is_cross_origin: false,
            is_expectation_refused: false,
            may_reauthenticate: true,
        }
    }

    /// Changes the state to the next request. Returns `true` for a redirect.
    fn apply(&mut self, follow_up: FollowUp, may_redirect: bool) -> Result<bool, Error> {
        let is_redirect = matches!(follow_up, FollowUp::Redirect(_));
        match follow_up {
            FollowUp::Reauthenticate => self.may_reauthenticate = false,
            FollowUp::WithoutExpect => {
                self.is_expectation_refused = true;
                self.remove_headers(&["Expect"]);
                // `next_follow_up` has rewound the body.
                return Ok(false);
            }
            FollowUp::Redirect(_) if !may_redirect => return Err(Error::TooManyRedirects),
            FollowUp::Redirect(redirect) => self.apply_redirect(redirect),
        }
        if self.body.rewind() { Ok(is_redirect) } else { Err(Error::BodyNotRewindable) }
    }

    fn apply_redirect(&mut self, redirect: Redirect) {
        self.may_reauthenticate = true;
        self.method = redirect.method;
        self.url = redirect.url;
        // The header was made for the previous URL, and the session may have other cookies since.
        self.remove_headers(&["Cookie"]);
        if !redirect.keeps_body {
            self.body = Body::None;
            self.remove_headers(&["Content-Type", "Expect"]);
        }
        if !redirect.same_origin {
            self.auth = None;
            self.is_cross_origin = true;
            self.remove_headers(&["Host"]);
            self.remove_headers(&CREDENTIAL_HEADERS);
        }
    }

    /// Returns the next request. Options and the body mode of the first request apply to it too.
    fn as_request<'b>(&'b self, first: &Request<'b>) -> Request<'b> {
        Request { method: self.method, target: &self.url, headers: &self.headers, body: self.body, ..*first }
    }

    fn as_hop<'b>(&'b self, request: &'b Request<'b>) -> Hop<'b> {
        Hop {
            request,
            auth: self.auth,
            is_cross_origin: self.is_cross_origin,
            is_expectation_refused: self.is_expectation_refused,
        }
    }

    fn remove_headers(&mut self, names: &[&str]) {
        self.headers.retain(|(name, _)| !names.iter().any(|other| name.eq_ignore_ascii_case(other)));
    }
}
