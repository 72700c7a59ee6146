//! Names that a crate or folder must not use: runtimes, the kernel, clocks, sockets, printing.
//!
//! A layer is a folder, the part of it that is exempt, and the forbidden names. `folders` has the rules between the
//! folders of one crate.

use super::source::SourceFile;
use super::{Finding, check_sources};

struct LayerRule {
    folder: &'static str,
    except: &'static [&'static str],
    reason: &'static str,
    /// Forbidden paths, with all names inside them.
    paths: &'static [&'static [&'static str]],
    /// Words that must not be any part of a path.
    words: &'static [&'static [&'static str]],
}

const LAYER_RULES: &[LayerRule] = &[
    LayerRule {
        folder: "stats/src",
        except: &[],
        reason: "statistics are plain data: no clock, no thread, no IO, no runtime",
        paths: &[RUNTIMES, KERNEL, SYSTEM, &["std::io", "std::net"]],
        words: &[CLOCKS, ASYNC],
    },
    LayerRule {
        folder: "http-client/src",
        except: &["http-client/src/message/body.rs"],
        reason: "the client is sans-IO: no runtime, no clock, no socket, and no files except uploads and certificates",
        paths: &[RUNTIMES, KERNEL, SYSTEM],
        words: &[CLOCKS, SOCKETS],
    },
    LayerRule {
        folder: "http-client/src/message/body.rs",
        except: &[],
        reason: "a body may be read from a file, but not from a socket",
        paths: &[RUNTIMES, KERNEL, &["std::thread", "std::process", "std::env", "std::net"]],
        words: &[CLOCKS, SOCKETS],
    },
    LayerRule {
        folder: "http-client/src/proto",
        except: &[],
        reason: "the protocol takes bytes and returns bytes: no IO, no async code",
        paths: &[&["std::io", "std::net"]],
        words: &[ASYNC],
    },
    LayerRule {
        folder: "engine/src",
        except: &["engine/src/rt"],
        reason: "the runtime, the kernel and the clock are named in engine/src/rt only",
        paths: &[RUNTIMES, KERNEL],
        words: &[CLOCKS, SOCKETS],
    },
    LayerRule {
        folder: "cli/src",
        except: &[],
        reason: "the command uses the engine; it has no runtime of its own",
        paths: &[RUNTIMES],
        words: &[],
    },
    LayerRule {
        folder: "python/src",
        except: &[],
        reason: "the Python host uses the engine; it has no runtime, clock or socket of its own",
        paths: &[RUNTIMES, KERNEL, &["std::net", "std::fs"]],
        words: &[CLOCKS, SOCKETS, ASYNC],
    },
    LayerRule {
        folder: "",
        except: &["benches"],
        reason: "tokio is for the comparison only",
        paths: &[&["tokio"]],
        words: &[],
    },
];

/// Event loops, and below them the system calls.
const RUNTIMES: &[&str] = &["monoio", "tokio", "glommio", "io_uring", "polling"];
const KERNEL: &[&str] = &["rustix", "libc", "socket2"];
const SYSTEM: &[&str] = &["std::thread", "std::fs", "std::process", "std::env"];
const CLOCKS: &[&str] = &["Instant", "SystemTime", "UNIX_EPOCH"];
const SOCKETS: &[&str] = &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"];
const ASYNC: &[&str] = &["async", "await"];

/// The command prints. A library that prints cannot be embedded.
const MAY_PRINT: &[&str] = &["cli/src", "tests", "benches", "examples"];
const PRINT_MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];
const STDIO_PATHS: &[&str] = &["std::io::stdout", "std::io::stderr", "io::stdout", "io::stderr"];

fn check_layers(file: &SourceFile) -> Vec<Finding> {
    let applies = |layer: &&LayerRule| {
        let inside = layer.folder.is_empty() || file.is_in(layer.folder);
        inside && !layer.except.iter().any(|folder| file.is_in(folder))
    };
    LAYER_RULES.iter().filter(applies).flat_map(|layer| violations(file, layer)).collect()
}

fn violations(file: &SourceFile, layer: &LayerRule) -> Vec<Finding> {
    let paths = layer.paths.concat();
    let words = layer.words.concat();
    let names = file
        .names()
        .into_iter()
        .filter(|name| paths.iter().any(|path| name.is_within(path)) || words.iter().any(|word| name.has(word)));
    names.map(|name| Finding::new(&file.path, name.line, format!("`{}`: {}", name.path, layer.reason))).collect()
}

fn check_printing(file: &SourceFile) -> Vec<Finding> {
    if MAY_PRINT.iter().any(|folder| file.is_in(folder)) {
        return Vec::new();
    }
    let macros =
        file.tokens.windows(2).filter(|pair| PRINT_MACROS.contains(&pair[0].text.as_str()) && pair[1].text == "!");
    let macros = macros.map(|pair| (pair[0].line, pair[0].text.clone()));
    let names = file.names().into_iter().filter(|name| STDIO_PATHS.iter().any(|stream| name.is_within(stream)));
    let names = names.map(|name| (name.line, name.path));
    let message = |name| format!("`{name}`: only the command prints");
    macros.chain(names).map(|(line, name)| Finding::new(&file.path, line, message(name))).collect()
}

#[test]
fn layers_use_no_forbidden_names() {
    check_sources(check_layers);
}

#[test]
fn only_the_command_prints() {
    check_sources(check_printing);
}

#[test]
fn forbidden_names_are_found() {
    let broken = [
        ("stats/src/summary.rs", "use std::time::{Duration, Instant};"),
        ("stats/src/summary.rs", "fn f() { std::thread::spawn(g); }"),
        ("stats/src/summary.rs", "async fn f() {}"),
        ("stats/src/summary.rs", "use std::{collections::BTreeMap, fs};"),
        ("http-client/src/session.rs", "fn f() { let now = SystemTime::now(); }"),
        ("http-client/src/session.rs", "use monoio::net;"),
        ("http-client/src/session.rs", "use std::net::TcpStream;"),
        ("http-client/src/session.rs", "use std::fs::File;"),
        ("http-client/src/message/body.rs", "use std::net::TcpStream;"),
        ("http-client/src/proto/head.rs", "use std::io;"),
        ("http-client/src/proto/head.rs", "fn f() { g().await }"),
        ("engine/src/user.rs", "fn f() { rustix::time::clock_gettime(X); }"),
        ("engine/src/user.rs", "fn f() { Instant::now(); }"),
        ("cli/src/console.rs", "fn f() { monoio::start(); }"),
        ("cli/src/args.rs", "use tokio::net;"),
        ("engine/src/rt/ring.rs", "use tokio::net;"),
        ("python/src/bridge.rs", "fn f() { Instant::now(); }"),
        ("python/src/session.rs", "use std::net::TcpStream;"),
        ("tests/quick_run.rs", "fn f() { tokio::spawn(g()); }"),
    ];
    for (path, text) in broken {
        assert!(!check_layers(&SourceFile::new(path, text)).is_empty(), "{path}: {text}");
    }
    for text in ["fn f() { println!(\"x\"); }", "use std::io::{self, stdout};", "fn f() { dbg!(1); io::stderr(); }"] {
        assert!(!check_printing(&SourceFile::new("engine/src/user.rs", text)).is_empty(), "{text}");
    }
}

#[test]
fn allowed_names_are_not_found() {
    let kept = [
        ("stats/src/summary.rs", "/// Not an Instant.\nuse std::time::Duration; const X: &str = \"std::fs\";"),
        ("stats/src/summary.rs", "#[cfg(test)] mod tests { use std::time::Instant; }"),
        ("http-client/src/session.rs", "use std::io; async fn f() {}"),
        ("http-client/src/session.rs", "use std::net::IpAddr;"),
        ("http-client/src/message/body.rs", "use std::fs::File;"),
        ("engine/src/rt/ring.rs", "use io_uring::IoUring; fn f() { Instant::now(); }"),
        ("benches/compare/tokio_client.rs", "use tokio::net;"),
    ];
    for (path, text) in kept {
        assert_eq!(check_layers(&SourceFile::new(path, text)), [], "{path}: {text}");
    }
    let prints_itself = SourceFile::new("cli/src/console.rs", "fn f() { println!(\"x\"); }");
    assert_eq!(check_printing(&prints_itself), []);
}
