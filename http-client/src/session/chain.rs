//! What a response leads to: a redirect to another request, a question for a password to the same one again.

use std::borrow::Cow;

use super::Session;
use super::conversation::Conversation;
use super::hop::{CREDENTIALS, Hop};
use super::trace::Trace;
use crate::origin::is_absolute;
use crate::redirect::{self, Redirect};
use crate::response::Chain;
use crate::{Auth, Body, Error, Method, Network, Request, Transport};

/// What is to be asked for next.
enum Step {
    /// The same again: what was missing is known now.
    Again,
    Redirect(Redirect),
}

/// The state of a chain: how its next request is made.
struct Next<'a> {
    method: Method,
    url: Cow<'a, str>,
    headers: Vec<(&'a str, &'a str)>,
    body: Body<'a>,
    auth: Option<&'a Auth>,
    is_foreign: bool,
}

impl<N: Network> Session<N> {
    /// Whether this response is not the last word.
    pub(super) fn leads_on<T: Transport>(&self, conversation: &Conversation<'_, T>, request: &Request<'_>) -> bool {
        let Some(head) = conversation.parser.head() else {
            return false;
        };
        match head.status {
            301 | 302 | 303 | 307 | 308 => head.has_location && self.follows(request),
            401 => self.digest_auth(request).is_some(),
            _ => false,
        }
    }

    /// Goes on until there is a response that leads nowhere.
    pub(super) async fn pursue<'s>(
        &'s self,
        network: &'s N,
        request: &Request<'_>,
        conversation: &mut Conversation<'s, N::Transport>,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        let route = self.connections.route(&self.base, request)?;
        let mut next = Next {
            method: request.method,
            url: self.absolute(request.target),
            headers: request.headers.to_vec(),
            body: request.body,
            auth: Hop::first(request, &self.config).auth.or_else(|| route.auth(&self.base)),
            is_foreign: false,
        };
        let most_redirects = request.options.max_redirects.unwrap_or(self.config.limits.redirects);
        let mut chain = Chain::default();
        let mut may_ask_again = true;
        while let Some(step) = self.step(network, conversation, &next, may_ask_again).transpose() {
            // Wherever it leads, its connection is as good as before.
            conversation.read_on(network, self.patience(request, trace.due_ns()), trace).await?;
            let response = self.finish(network, conversation, trace)?;
            let url = next.url.to_string();
            match step.and_then(|step| next.take(step, chain.redirects() < most_redirects as usize)) {
                Ok(was_redirect) => {
                    may_ask_again = was_redirect;
                    chain.push(response, url, was_redirect);
                }
                Err(error) => {
                    trace.body_bytes(0);
                    conversation.buffer = response.into_buffer();
                    return Err(error);
                }
            }
            trace.next_hop();
            let request = next.request(request);
            *conversation = self.begin(network, &request);
            self.open_hop(network, &next.hop(&request), conversation, trace).await?;
        }
        if !chain.is_empty() {
            chain.end(next.url.into_owned());
            conversation.chain = Some(Box::new(chain));
        }
        Ok(())
    }

    /// What follows from a response to the latest request.
    fn step<T: Transport>(
        &self,
        network: &N,
        conversation: &Conversation<'_, T>,
        next: &Next<'_>,
        may_ask_again: bool,
    ) -> Result<Option<Step>, Error> {
        let response = conversation.head_alone()?;
        if response.status() == 401 {
            let is_answered =
                may_ask_again && next.auth.is_some_and(|auth| self.take_challenge(network, auth, &response));
            return Ok(is_answered.then_some(Step::Again));
        }
        let Some((_, location)) = response.headers().find(|(name, _)| name.eq_ignore_ascii_case("location")) else {
            return Ok(None);
        };
        let redirect = redirect::follow(next.method, response.status(), location, &next.url)?;
        Ok(redirect.map(Step::Redirect))
    }

    /// Whether there is something in the response that a digest can be made of.
    fn take_challenge(&self, network: &N, auth: &Auth, response: &crate::Response) -> bool {
        let challenges = response.headers().filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
        let challenges = challenges.map(|(_, value)| value);
        let mut digest = self.digest.borrow_mut();
        is_digest(auth) && digest.get_or_insert_default().accept_challenge(challenges, network.random())
    }

    fn follows(&self, request: &Request<'_>) -> bool {
        let by_default = self.config.follow_redirects && request.method != Method::Head;
        request.options.follow_redirects.unwrap_or(by_default)
    }

    fn digest_auth<'a>(&'a self, request: &'a Request<'_>) -> Option<&'a Auth> {
        Hop::first(request, &self.config).auth.filter(|auth| is_digest(auth))
    }

    /// A target as a URL of its own.
    fn absolute<'a>(&self, target: &'a str) -> Cow<'a, str> {
        if is_absolute(target) {
            return crate::split_credentials(target).0;
        }
        Cow::Owned(format!("{}{target}", self.base))
    }
}

fn is_digest(auth: &Auth) -> bool {
    matches!(auth, Auth::Digest(_))
}

impl<'a> Next<'a> {
    /// Makes it the request that the step says; true for that of a redirect.
    fn take(&mut self, step: Step, may_be_redirected: bool) -> Result<bool, Error> {
        let is_redirect = matches!(step, Step::Redirect(_));
        if let Step::Redirect(redirect) = step {
            if !may_be_redirected {
                return Err(Error::TooManyRedirects);
            }
            self.method = redirect.method;
            self.url = Cow::Owned(redirect.url);
            // It was made for the URL before; the session may have learned others since.
            self.leave_out(&["Cookie"]);
            if !redirect.keeps_body {
                self.body = Body::None;
                self.leave_out(&["Content-Type", "Expect"]);
            }
            if !redirect.same_origin {
                self.auth = None;
                self.is_foreign = true;
                self.leave_out(&["Host"]);
                self.leave_out(&CREDENTIALS);
            }
        }
        match self.body {
            Body::Source(source) if !source.borrow_mut().rewind() => Err(Error::BodyUsedUp),
            _ => Ok(is_redirect),
        }
    }

    /// The next request; what the first one says of no address holds for it as well.
    fn request<'b>(&'b self, first: &Request<'b>) -> Request<'b> {
        Request { method: self.method, target: &self.url, headers: &self.headers, body: self.body, ..*first }
    }

    fn hop<'b>(&'b self, request: &'b Request<'b>) -> Hop<'b> {
        Hop { request, auth: self.auth, is_foreign: self.is_foreign }
    }

    fn leave_out(&mut self, names: &[&str]) {
        self.headers.retain(|(name, _)| !names.iter().any(|other| name.eq_ignore_ascii_case(other)));
    }
}
