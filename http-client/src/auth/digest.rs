//! Digest authentication (RFC 7616): algorithms MD5, SHA-1, SHA-256, SHA-512 and SHA-512/256, each also as `-sess`,
//! with `qop=auth` or without `qop` (RFC 2069).
//!
//! [`DigestState`] keeps the last challenge, so that later requests carry an `Authorization` header without another
//! 401. This file generates no random numbers. The caller supplies one per challenge.
//! [`challenge`](super::challenge) parses the header.

use std::fmt::{self, Write};

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, SHA512_256};

use super::REDACTED;
use super::challenge::Challenge;
use crate::Method;

/// A user name and a password for Digest authentication.
///
/// The password is not sent, only a digest of it. `Debug` prints neither.
#[derive(Clone, PartialEq, Eq)]
pub struct DigestCredentials {
    user: String,
    password: String,
}

impl DigestCredentials {
    pub(super) const fn new(user: String, password: String) -> Self {
        Self { user, password }
    }
}

impl fmt::Debug for DigestCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// The latest Digest challenge of a session, and the number of requests that used it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DigestState {
    challenge: Option<Box<DigestChallenge>>,
}

#[derive(Clone, Debug)]
struct DigestChallenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: DigestAlgorithm,
    /// Whether the challenge names the algorithm. The header then repeats it.
    echoes_algorithm: bool,
    /// Whether the target offers `qop=auth`.
    supports_qop_auth: bool,
    /// Number of headers made with this nonce, sent as `nc`.
    nonce_count: u32,
    cnonce: String,
}

impl DigestState {
    /// Stores the first supported challenge of a 401 response's `WWW-Authenticate` headers. Returns `false` if there
    /// is none, and keeps the previous challenge.
    ///
    /// Targets list the challenge that they prefer first. A target may reject an `Authorization` header only because
    /// the nonce is stale, and sends a new challenge then. So repeat the request once if this returns `true`, but
    /// not a second time. `cnonce` should be random.
    pub(crate) fn accept_challenge<'a>(
        &mut self,
        www_authenticate: impl IntoIterator<Item = &'a [u8]>,
        cnonce: u64,
    ) -> bool {
        let headers = www_authenticate.into_iter().filter_map(|header| std::str::from_utf8(header).ok());
        let mut challenges = headers.flat_map(Challenge::parse_all);
        let Some(mut challenge) =
            challenges.find_map(|challenge| DigestChallenge::parse(&challenge, format!("{cnonce:016x}")))
        else {
            return false;
        };
        if let Some(previous) = self.challenge.take_if(|previous| previous.nonce == challenge.nonce) {
            challenge.nonce_count = previous.nonce_count;
        }
        self.challenge = Some(Box::new(challenge));
        true
    }

    /// Returns the `Authorization` header line of a request, including CRLF, and counts the use of the nonce.
    ///
    /// `request_target` is the path and query as sent, percent-encoded. Returns `None` before the first challenge.
    pub(crate) fn authorization(
        &mut self,
        credentials: &DigestCredentials,
        method: Method,
        request_target: &str,
    ) -> Option<String> {
        let challenge = self.challenge.as_mut()?;
        challenge.nonce_count = challenge.nonce_count.saturating_add(1);
        Some(challenge.header_line(credentials, method, request_target))
    }
}

impl DigestChallenge {
    /// Interprets a challenge. Returns `None` for another scheme, an unknown algorithm, a `qop` without `auth`, and a
    /// realm or nonce that is missing or has a control character.
    fn parse(challenge: &Challenge<'_>, cnonce: String) -> Option<Self> {
        if !challenge.scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let algorithm = challenge.parameter("algorithm");
        let qop = challenge.parameter("qop").filter(|qop| !qop.trim().is_empty());
        let supports_qop_auth =
            qop.is_some_and(|qop| qop.split(',').any(|item| item.trim().eq_ignore_ascii_case("auth")));
        if qop.is_some() && !supports_qop_auth {
            return None;
        }
        let printable = |name: &str| challenge.parameter(name).filter(|value| !has_control(value)).map(str::to_owned);
        Some(Self {
            realm: printable("realm")?,
            nonce: printable("nonce")?,
            opaque: printable("opaque"),
            algorithm: algorithm.map_or(Some(DigestAlgorithm::DEFAULT), DigestAlgorithm::parse)?,
            echoes_algorithm: algorithm.is_some(),
            supports_qop_auth,
            nonce_count: 0,
            cnonce,
        })
    }

    fn header_line(&self, credentials: &DigestCredentials, method: Method, target: &str) -> String {
        let mut line = format!("Authorization: Digest {}", username_parameter(&credentials.user));
        let mut quoted = |name, value: &str| line.extend([", ", name, "=\"", &escape(value), "\""]);
        quoted("realm", &self.realm);
        quoted("nonce", &self.nonce);
        quoted("uri", target);
        quoted("response", &self.response_digest(credentials, method, target));
        if let Some(opaque) = &self.opaque {
            quoted("opaque", opaque);
        }
        if self.supports_qop_auth || self.algorithm.is_session() {
            quoted("cnonce", &self.cnonce);
        }
        if self.echoes_algorithm {
            line.extend([", algorithm=", self.algorithm.name]);
        }
        if self.supports_qop_auth {
            line.extend([", qop=auth, nc=", &self.nonce_count_hex()]);
        }
        line + "\r\n"
    }

    /// Computes the `response` parameter (RFC 7616 §3.4.1).
    fn response_digest(&self, credentials: &DigestCredentials, method: Method, target: &str) -> String {
        let digest = |parts: &[&str]| self.algorithm.digest(&parts.join(":"));
        // HA1 and HA2 of RFC 7616.
        let mut user_hash = digest(&[&credentials.user, &self.realm, &credentials.password]);
        if self.algorithm.is_session() {
            user_hash = digest(&[&user_hash, &self.nonce, &self.cnonce]);
        }
        let request_hash = digest(&[method.as_str(), target]);
        if self.supports_qop_auth {
            digest(&[&user_hash, &self.nonce, &self.nonce_count_hex(), &self.cnonce, "auth", &request_hash])
        } else {
            digest(&[&user_hash, &self.nonce, &request_hash])
        }
    }

    fn nonce_count_hex(&self) -> String {
        format!("{:08x}", self.nonce_count)
    }
}

/// An algorithm of a challenge: a hash function, with or without a key per session.
#[derive(Clone, Copy, Debug)]
struct DigestAlgorithm {
    /// The name in the header, with `-sess` for a session.
    name: &'static str,
    hash: HashFunction,
}

#[derive(Clone, Copy, Debug)]
enum HashFunction {
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Sha512_256,
}

impl DigestAlgorithm {
    /// The algorithm of a challenge that names none.
    const DEFAULT: Self = Self { name: "MD5", hash: HashFunction::Md5 };

    fn parse(name: &str) -> Option<Self> {
        ALGORITHMS.into_iter().find(|algorithm| algorithm.name.eq_ignore_ascii_case(name.trim()))
    }

    fn is_session(self) -> bool {
        self.name.ends_with("-sess")
    }

    fn digest(self, text: &str) -> String {
        let of_ring = |algorithm| hex(ring::digest::digest(algorithm, text.as_bytes()).as_ref());
        match self.hash {
            HashFunction::Md5 => hex(&md5::compute(text)[..]),
            HashFunction::Sha1 => of_ring(&SHA1_FOR_LEGACY_USE_ONLY),
            HashFunction::Sha256 => of_ring(&SHA256),
            HashFunction::Sha512 => of_ring(&SHA512),
            HashFunction::Sha512_256 => of_ring(&SHA512_256),
        }
    }
}

/// The algorithms of RFC 7616, and those that Python's requests has besides: `SHA`, which is SHA-1, and `SHA-512`.
const ALGORITHMS: [DigestAlgorithm; 10] = [
    DigestAlgorithm::DEFAULT,
    DigestAlgorithm { name: "MD5-sess", hash: HashFunction::Md5 },
    DigestAlgorithm { name: "SHA", hash: HashFunction::Sha1 },
    DigestAlgorithm { name: "SHA-sess", hash: HashFunction::Sha1 },
    DigestAlgorithm { name: "SHA-256", hash: HashFunction::Sha256 },
    DigestAlgorithm { name: "SHA-256-sess", hash: HashFunction::Sha256 },
    DigestAlgorithm { name: "SHA-512", hash: HashFunction::Sha512 },
    DigestAlgorithm { name: "SHA-512-sess", hash: HashFunction::Sha512 },
    DigestAlgorithm { name: "SHA-512-256", hash: HashFunction::Sha512_256 },
    DigestAlgorithm { name: "SHA-512-256-sess", hash: HashFunction::Sha512_256 },
];

/// Formats the user name as `username`, or as `username*` (RFC 7616 §3.4) if it has a control character, which a
/// quoted string cannot contain.
fn username_parameter(user: &str) -> String {
    if !has_control(user) {
        return format!("username=\"{}\"", escape(user));
    }
    let encoded = percent_encoding::utf8_percent_encode(user, percent_encoding::NON_ALPHANUMERIC);
    format!("username*=UTF-8''{encoded}")
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control())
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_with(challenge: &str) -> DigestState {
        let mut state = DigestState::default();
        assert!(state.accept_challenge([challenge.as_bytes()], 0x0123_4567_89ab_cdef), "{challenge}");
        state
    }

    fn authorization_line(state: &mut DigestState, user: &str, password: &str, target: &str) -> String {
        let credentials = DigestCredentials::new(user.into(), password.into());
        state.authorization(&credentials, Method::Get, target).unwrap()
    }

    /// Returns the value of `name="value"` or `name=value`.
    fn parameter(line: &str, name: &str) -> String {
        let challenges = Challenge::parse_all(line.trim_end().strip_prefix("Authorization: ").unwrap());
        challenges[0].parameter(name).unwrap_or_default().to_owned()
    }

    /// Returns the `response` parameter for a given cnonce instead of a random one.
    fn response(challenge: &str, cnonce: &str, user: &str, password: &str) -> String {
        let mut state = state_with(challenge);
        state.challenge.as_mut().unwrap().cnonce = cnonce.into();
        parameter(&authorization_line(&mut state, user, password, "/dir/index.html"), "response")
    }

    #[test]
    fn rfc_examples_are_reproduced() {
        // RFC 7616 §3.9.1
        let challenge = |algorithm| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let rfc_7616 = |algorithm| response(&challenge(algorithm), cnonce, "Mufasa", "Circle of Life");
        assert_eq!(rfc_7616("MD5"), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(rfc_7616("SHA-256"), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
        // RFC 2617 §3.5
        let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let rfc_2617 = response(challenge, "0a4f113b", "Mufasa", "Circle Of Life");
        assert_eq!(rfc_2617, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn all_algorithms_match_python_hashlib() {
        let digest = |rest: &str| response(&format!("Digest realm=\"r\", nonce=\"n\"{rest}"), "c", "u", "p");
        assert_eq!(digest(""), "fef71a1ed020d5dbc919be49210d36ef");
        for (algorithm, expected) in [
            ("MD5", "bc71b1ce870ff9a872dea2ca42d84851"),
            ("MD5-sess", "0abe11747db4fe75b9d027c31a167c62"),
            ("SHA", "374720c64dce2fc0cc32326a78b6e1c825d88656"),
            ("SHA-sess", "ba28a7fabacf1652e318c35d5e646b1722185295"),
            ("SHA-256", "1f92285d927c7ca966b311d6c2f79de270f89941e67f90ad6043bc528d18bd66"),
            ("sha-256-SESS", "4bce2566c0752865fa313f8e48f337b1ae2b8ea714835e307efc7d52526b00a3"),
            (
                "SHA-512",
                "1ba444388532fb5a981bccd041a8f182b6637f34fa6a23dd842f1fef8b8d5556\
                 bdbef1cf9b4986095f2afa889092c625805fa7c0a5d1e92f255b45a2fc8b8ee3",
            ),
            (
                "SHA-512-sess",
                "d686187573ee34f170ee5f5167b8bea45f5e08f5335a149813577be0bbe3d464\
                 d723568a8d78c000993704982217c22ae86937c0c5b98fff28e2291754c830cc",
            ),
            ("SHA-512-256", "e5461ed30992b7b8237059975cddf128eef557f0e9fd6ac17b9564edf2a68823"),
            ("SHA-512-256-sess", "ed1d37b8c1499c6d3d3b5edd46c3507f220004dd05f9f31d6eb28885914c4f86"),
        ] {
            assert_eq!(digest(&format!(", algorithm={algorithm}, qop=auth")), expected, "{algorithm}");
        }
    }

    #[test]
    fn authorization_repeats_challenge_parameters() {
        let mut state = state_with(
            "Digest realm=\"a\\\"b\", nonce=\"n\", opaque=\"o\", algorithm=\"MD5\", qop=\"auth\", stale=FALSE",
        );
        let line = authorization_line(&mut state, "us\"er", "p", "/x?y=1");
        let (before, after) = line.split_at(line.find("response").unwrap());
        assert_eq!(
            before,
            "Authorization: Digest username=\"us\\\"er\", realm=\"a\\\"b\", nonce=\"n\", uri=\"/x?y=1\", "
        );
        assert_eq!(
            after[after.find("opaque").unwrap()..],
            *"opaque=\"o\", cnonce=\"0123456789abcdef\", algorithm=MD5, qop=auth, nc=00000001\r\n"
        );
        let mut minimal = state_with("Digest realm=\"r\", nonce=\"n\"");
        let line = authorization_line(&mut minimal, "u", "p", "/");
        assert!(!line.contains("qop") && !line.contains("cnonce") && !line.contains("algorithm"), "{line}");
    }

    #[test]
    fn nonce_count_restarts_with_a_new_nonce() {
        let challenge = "Digest realm=\"r\", nonce=\"n\", qop=auth";
        let mut state = state_with(challenge);
        let count = |state: &mut DigestState| parameter(&authorization_line(state, "u", "p", "/"), "nc");
        assert_eq!((count(&mut state), count(&mut state)), ("00000001".into(), "00000002".into()));
        assert!(state.accept_challenge([challenge.as_bytes()], 2));
        assert_eq!(count(&mut state), "00000003");
        assert!(state.accept_challenge([&b"Digest realm=\"r\", nonce=\"new\", stale=true, qop=auth"[..]], 3));
        assert_eq!(count(&mut state), "00000001");
    }

    #[test]
    fn first_supported_challenge_is_used() {
        let mut state = DigestState::default();
        let headers: [&[u8]; 4] = [
            b"Basic realm=\"basic\"",
            b"Digest realm=\"r\", nonce=\"512\", algorithm=SHA3-256, Digest realm=\"r\", nonce=\"int\", qop=auth-int",
            b"Digest realm=\"not UTF-8 \xff\", nonce=\"no\"",
            b"Digest realm=\"r\", nonce=\"first\", algorithm=SHA-256, Digest realm=\"r\", nonce=\"second\"",
        ];
        assert!(state.accept_challenge(headers, 1));
        assert_eq!(parameter(&authorization_line(&mut state, "u", "p", "/"), "nonce"), "first");
        assert!(!state.accept_challenge(headers[..3].iter().copied(), 1));
        assert_eq!(
            parameter(&authorization_line(&mut state, "u", "p", "/"), "nonce"),
            "first",
            "the previous challenge is kept"
        );
    }

    #[test]
    fn unsupported_challenge_yields_no_authorization() {
        let credentials = DigestCredentials::new("u".into(), "p".into());
        let mut state = DigestState::default();
        for header in ["", "Basic realm=\"r\"", "Digest", "Digest nonce=\"n\"", "Digest realm=\"r\", nonce=\"a\tb\""] {
            assert!(!state.accept_challenge([header.as_bytes()], 1), "{header}");
        }
        assert_eq!(state.authorization(&credentials, Method::Get, "/"), None);
    }

    #[test]
    fn user_name_with_crlf_cannot_end_the_line() {
        let mut state = state_with("Digest realm=\"r\", nonce=\"n\"");
        let line = authorization_line(&mut state, "a\r\nX: \u{fc}", "p\r\n", "/");
        assert!(line.starts_with("Authorization: Digest username*=UTF-8''a%0D%0AX%3A%20%C3%BC, realm="), "{line}");
        assert_eq!(line.matches(['\r', '\n']).count(), 2);
    }
}
