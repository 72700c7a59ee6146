//! Short runs of the fuzz targets of `http-client/fuzz/` on the stable toolchain, over mutated seeds.
//!
//! The random numbers are the same in each run. These runs also check the memory use, which cargo-fuzz does not.

mod entries;

use allocation_counter::measure;

use crate::corpus;

/// Runs an entry over the seeds, then over mutated seeds.
///
/// # Panics
/// If the entry panics, or allocates more than `max_bytes` plus 16 times the length of its input.
fn smoke(entry: fn(&[u8]), seeds: &[Vec<u8>], runs: usize, max_bytes: u64) {
    let mut mutator = Mutator { state: 0x9e37_79b9_7f4a_7c15 };
    for run in 0..runs {
        let input = if run < seeds.len() { seeds[run].clone() } else { mutator.mutated(seeds) };
        let memory = measure(|| {
            let outcome = std::panic::catch_unwind(|| entry(&input));
            assert!(outcome.is_ok(), "run {run}, input b\"{}\"", input.escape_ascii());
        });
        let bound = max_bytes + 16 * input.len() as u64;
        assert!(
            memory.bytes_max <= bound,
            "run {run}: {} bytes, input b\"{}\"",
            memory.bytes_max,
            input.escape_ascii()
        );
    }
}

/// A deterministic generator of inputs from seeds.
struct Mutator {
    state: u64,
}

impl Mutator {
    fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(5) {
            self.mutate(&mut input, seeds);
        }
        input.truncate(MAX_INPUT_BYTES);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let from = self.below(input.len() + 1);
        let to = from + self.below((input.len() - from).min(40) + 1);
        match self.below(7) {
            0 => drop(input.drain(from..to)),
            1 => {
                let repeated = input[from..to].repeat(1 + self.below(4));
                input.splice(from..from, repeated);
            }
            2 => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(from..from, token.iter().copied());
            }
            3 => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(from..to, token.iter().copied());
            }
            4 => {
                let other = &seeds[self.below(seeds.len())];
                input.truncate(from);
                input.extend_from_slice(&other[self.below(other.len() + 1)..]);
            }
            5 => input.insert(from, self.below(256) as u8),
            _ => {
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
    }

    /// Returns a pseudorandom number below `end`, from a xorshift generator.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % end as u64) as usize
    }
}

fn texts(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

#[test]
fn response_target_holds_for_mutated_corpus() {
    let seeds: Vec<Vec<u8>> = corpus::cases().into_iter().map(|case| case.bytes).collect();
    smoke(entries::response, &seeds, 1_500, MAX_RESPONSE_MEMORY_BYTES);
}

#[test]
fn chunked_target_holds_for_mutated_corpus() {
    let body = |response: Vec<u8>| {
        let head = response.windows(4).position(|window| window == b"\r\n\r\n")?;
        Some(response[head + 4..].to_vec())
    };
    let seeds: Vec<Vec<u8>> = corpus::cases().into_iter().filter_map(|case| body(case.bytes)).collect();
    smoke(entries::chunked, &seeds, 50_000, MAX_RESPONSE_MEMORY_BYTES);
}

#[test]
fn decompression_target_holds_for_mutated_seeds() {
    let zlib = b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15";
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
    let brotli = b"\x0b\x02\x80hello\x03";
    // A frame of one raw block, and a frame of forty blocks that each repeat a byte 128 Ki times.
    let zstd = b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello";
    let bomb = [&b"\x28\xb5\x2f\xfd\x00\x58"[..], &b"\x02\x00\x10x".repeat(40), b"\x03\x00\x10x"].concat();
    let seed = |codings: u8, body: &[u8]| [&[codings], body].concat();
    let seeds = [
        seed(0, gzip),
        seed(0, &gzip.repeat(2)),
        seed(1, zlib),
        seed(1, &zlib[2..zlib.len() - 4]),
        seed(2, brotli),
        seed(3, zstd),
        seed(3, &bomb),
        seed(4, gzip),
        seed(5, gzip),
        seed(6, zlib),
        seed(7, b"hello"),
    ];
    smoke(entries::decompression, &seeds, 3_000, MAX_DECODER_MEMORY_BYTES);
}

#[test]
fn cookies_target_holds_for_mutated_seeds() {
    let seeds = texts(&[
        "a=b",
        "session=0123456789abcdef; Path=/; HttpOnly; SameSite=Lax",
        "a=b; Domain=example.com; Path=/some; Secure\na=c; Domain=.example.com",
        "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=60",
        "__Host-a=b; Secure; Path=/\n__Secure-a=b; Secure",
        "a=\"b c\"; max-age=-1\n=nameless\nvalueless\n;",
        "a=b; Domain=com\nb=c; Domain=co.uk\nc=d; Path=elsewhere; Expires=never",
    ]);
    smoke(entries::cookies, &seeds, 20_000, MAX_RESPONSE_MEMORY_BYTES);
}

#[test]
fn redirect_target_holds_for_mutated_seeds() {
    let seeds = texts(&[
        "http://example.com/a/b?c=d#e\n../f?g#h",
        "https://user:pass%20word@example.com:8443/\n//elsewhere.example/x",
        "http://127.0.0.1:8080\n/",
        "http://[::1]:80/%2e%2e/\nhttps://[fe80::1]/",
        "http://bücher.example/ü\n?q=ü",
        "http://a.example//b/../c\nhttp://b@c:99999/",
        "ftp://example.com/\nmailto:a@b",
        "http://example.com\\@other.example/\n\\\\other\\x",
        "http://0x7f.1/\nhttp:/one/slash",
    ]);
    smoke(entries::url_and_redirect, &seeds, 15_000, MAX_RESPONSE_MEMORY_BYTES);
}

/// Tokens of responses, cookies and URLs, which mutations insert.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"=",
    b"0",
    b"1",
    b"-1",
    b"ffffffffffffffff",
    b"18446744073709551615",
    b"\xff",
    b"\xc3\xa9",
    b"\x7f",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"Max-Age=",
    b"Expires=",
    b"Domain=",
    b"Path=/",
    b"Secure",
    b"http://",
    b"//",
    b"/../",
    b"@",
    b"#",
    b"?",
    b"%00",
    b"\\",
    b"[::1]",
    b"xn--",
];
/// Maximum length of a mutated seed. Longer seeds are truncated.
const MAX_INPUT_BYTES: usize = 4 << 10;
/// Maximum memory of all entries without a decoder. It is enough for a response within the limits of the entries.
const MAX_RESPONSE_MEMORY_BYTES: u64 = 512 << 10;
/// Maximum memory of a decoder: the largest window of brotli (16 MiB), and the same for the rest.
const MAX_DECODER_MEMORY_BYTES: u64 = 32 << 20;
