//! The flags of other load generators, and the flags of gregaria in their place: one table.
//!
//! The tools are ab, autocannon, bombardier, curl, hey, k6, oha, vegeta, wrk and wrk2. A letter that Locust or gregaria
//! uses keeps its meaning, such as `-c` (users), `-t` (run time) and `-T` (tags). A flag that a locustfile adds is not
//! looked up here.

use std::borrow::Cow;

/// Returns whether a flag of another tool takes a value; `None` for a flag that is not in the table.
pub(super) fn takes_value(flag: &str) -> Option<bool> {
    find(flag).map(|row| row.takes_value)
}

/// Go's tools write long flags with one dash.
fn find(flag: &str) -> Option<&'static OtherToolFlag> {
    let long = if flag.len() > 2 && !flag.starts_with("--") { format!("-{flag}") } else { flag.to_owned() };
    FLAGS.iter().find(|row| row.spellings.split(' ').any(|spelling| spelling == long))
}

/// Describes a flag of another tool, and the flag of gregaria to write in its place. `value` is empty if there is none.
pub(in crate::args) fn describe(flag: &str, value: &str) -> String {
    let given = if value.is_empty() { flag.to_owned() } else { format!("{flag} {}", value.escape_debug()) };
    let instead = find(flag).map_or(TWO_DASHES, |row| (row.instead)(value));
    match instead {
        Flag(subject, ours) if value.is_empty() => format!("{given}: {subject} is {ours}"),
        Flag(subject, ours) if ours.ends_with('=') => format!("{given}: {subject} is {ours}{}", quote(value)),
        Flag(subject, ours) => format!("{given}: {subject} is {ours} {}", quote(value)),
        Header(name) => {
            format!("{given}: a header is --header {}", quote(&format!("{name}: {value}")))
        }
        Text(text) => format!("{given}: {text}"),
    }
}

/// Quotes a value for a shell if it needs quotes.
fn quote(value: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:,@%+=".contains(letter);
    if value.chars().all(is_plain) { value.into() } else { format!("'{}'", value.escape_debug()).into() }
}

struct OtherToolFlag {
    /// All spellings, separated by spaces.
    spellings: &'static str,
    takes_value: bool,
    /// Returns the replacement for a value, which is empty if there is none.
    instead: fn(&str) -> Instead,
}

/// The replacement of a flag.
enum Instead {
    /// The subject of the flag, and our flag, which takes the same value.
    Flag(&'static str, &'static str),
    /// A request header of this name.
    Header(&'static str),
    /// Another remedy, or the reason why there is none.
    Text(&'static str),
}

use Instead::{Flag, Header, Text};

/// Returns a flag with a value.
const fn value(spellings: &'static str, instead: fn(&str) -> Instead) -> OtherToolFlag {
    OtherToolFlag { spellings, takes_value: true, instead }
}

/// Returns a flag without a value.
const fn switch(spellings: &'static str, instead: fn(&str) -> Instead) -> OtherToolFlag {
    OtherToolFlag { spellings, takes_value: false, instead }
}

fn is_number(value: &str) -> bool {
    value.parse::<f64>().is_ok()
}

fn is_time(value: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_digit())
        && value.chars().all(|letter| letter.is_ascii_digit() || "hms.".contains(letter))
}

/// For a flag of ours in the spelling of Go's tools.
const TWO_DASHES: Instead = Text("a long flag has two dashes");
const RUN_TIME: Instead = Flag("the run time", "-t");
const USERS: Instead = Flag("the number of users, each with a connection,", "-u");
const REQUESTS: Instead = Flag("the number of requests", "-n");
const BODY: Instead = Flag("the request body", "--body");
const BODY_FILE: Instead = Flag("the file of the request body", "--body-file");
const THREADS: Instead = Flag("the number of threads", "--shards");
const NO_KEEPALIVE: Instead = Text("write --requests-per-connection 1");
const ALWAYS: Instead = Text("every run does so: leave it out");
const SUMMARY: Instead = Text("write --only-summary");
const HTTP_1: Instead = Text("gregaria has HTTP/1.1 only: leave it out");
const SCENARIO: Instead = Text("a scenario is a locustfile, -f FILE.py, or a program with users in Rust");
const CREDENTIALS: Instead = Text("credentials are a part of the URL: write http://USER:PASSWORD@NAME/");
const RATE: Instead = Text(
    "gregaria has no limit of the request rate; the load is set by the number of users, -u, or by constant_throughput \
     of a user class",
);

const FLAGS: &[OtherToolFlag] = &[
    value("-z --duration", |_| RUN_TIME),
    value("-d", |value| if is_time(value) { RUN_TIME } else { BODY }),
    value("--connections --concurrency --vus", |_| USERS),
    value("--requests --iterations --amount", |_| REQUESTS),
    value("-a", |value| if is_number(value) { REQUESTS } else { CREDENTIALS }),
    value("-i", |value| match value {
        "" => Text("write -X HEAD"),
        value if is_number(value) => REQUESTS,
        _ => BODY_FILE,
    }),
    value("--threads --workers --cpus", |_| THREADS),
    value("-w", |value| if is_number(value) { THREADS } else { Text("the time for the last requests is -s TIME") }),
    value("--qps --rate --rps --overallRate --connectionRate -R", |_| RATE),
    value("-q", |value| if is_number(value) { RATE } else { SUMMARY }),
    value("-m", |_| Flag("the method", "-X")),
    value("--headers", |_| Flag("a header", "--header")),
    value("-A", |value| if value.contains('/') { Header("Accept") } else { CREDENTIALS }),
    value("-C --cookie", |_| Header("Cookie")),
    value("-U --user-agent", |_| Header("User-Agent")),
    value("-b --data --data-raw --data-binary", |_| BODY),
    value("-D", |_| BODY_FILE),
    value("-p --pipelining", |value| match is_number(value) {
        true => Text("a connection has one request at a time; more users are -u N"),
        false => BODY_FILE,
    }),
    value("-x --proxy", |_| Text("there is no flag for a proxy; a user class sets it (proxies)")),
    value("-o --output --out --summary-export", |_| Flag("the file of the results", "--json-file")),
    value("--script --targets --stage --har --form -F", |_| SCENARIO),
    value("--redirect --redirects --max-redirects", |value| match value {
        "0" | "-1" => Text("write --no-redirects"),
        _ => Flag("the limit of redirects", "--limit redirects="),
    }),
    value("-S --socketPath", |_| Flag("a Unix socket", "--unix-socket")),
    value("--laddr", |_| Flag("the local address", "--source-ip")),
    value("--connect-to", |_| Text("another address for a host is --resolve HOST:PORT:ADDRESS")),
    value("--root-certs", |_| Flag("the file of trusted authorities", "--cacert")),
    value("--http-version", |_| HTTP_1),
    switch("--http2 --h2 --h2c", |_| HTTP_1),
    switch("--latency --latencies --latency-correction --u_latency", |_| {
        Text("percentiles are always shown: leave it out")
    }),
    switch("--keepalive", |value| if value == "false" { NO_KEEPALIVE } else { ALWAYS }),
    switch("--disable-keepalive --no-connection-reuse", |_| NO_KEEPALIVE),
    switch("--no-pre-lookup --tcp-nodelay", |_| ALWAYS),
    switch("--disable-compression", |_| Text("write --header 'Accept-Encoding: identity'")),
    switch("--disable-redirects", |_| Text("write --no-redirects")),
    switch("--insecure-skip-tls-verify", |_| Text("write -k")),
    switch("-j", |_| Text("write --json")),
    switch("--no-tui --no-progress --quiet", |_| SUMMARY),
    switch("-v --verbose --debug", |_| Text("write -L DEBUG")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn table_has_no_flag_twice() {
        let mut seen = BTreeSet::new();
        for spelling in FLAGS.iter().flat_map(|row| row.spellings.split(' ')) {
            assert!(seen.insert(spelling), "{spelling}");
        }
    }

    #[test]
    fn value_is_quoted_for_the_shell() {
        for (value, quoted) in [("10s", "10s"), ("x=1&y", "'x=1&y'"), ("a b", "'a b'"), ("a\n", "'a\\n'")] {
            assert_eq!(
                describe("--data", value),
                format!("--data {}: the request body is --body {quoted}", value.escape_debug())
            );
        }
    }
}
