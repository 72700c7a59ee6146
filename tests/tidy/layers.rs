//! Names that a crate or folder must not use: runtimes, the kernel, clocks, sockets, printing, the control of runs.
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
        folder: "engine/src",
        except: &[],
        reason: "the engine is a library: arguments, terminals, signals and the process belong to its caller",
        paths: &[&["clap", "rustix::termios", "signal_hook", "std::env", "std::process"]],
        words: &[&["IsTerminal"]],
    },
    LayerRule {
        folder: "engine/src/rt",
        except: &[],
        reason: "the runtime moves bytes; it knows no requests and no measurements",
        paths: &[REQUESTS, &["gregaria_stats"]],
        words: &[],
    },
    LayerRule {
        folder: "engine/src/accounting",
        except: &[],
        reason: "the accounting belongs to one thread",
        paths: &[&["std::thread"]],
        words: &[],
    },
    LayerRule {
        folder: "engine/src/io_thread",
        except: &[],
        reason: "the I/O thread records timestamps; its owner records samples",
        paths: &[&["gregaria_stats"]],
        words: &[],
    },
    LayerRule {
        folder: "cli/src",
        except: &[],
        reason: "the command uses the engine; it has no runtime of its own",
        paths: &[RUNTIMES],
        words: &[],
    },
    LayerRule {
        folder: "cli/src/args",
        except: &[],
        reason: "arguments become a plan; they control no run",
        paths: &[],
        words: &[RUN_CONTROL],
    },
    LayerRule {
        folder: "cli/src/console",
        except: &[],
        reason: "figures become text; the text controls no run and knows no terminal",
        paths: &[],
        words: &[RUN_CONTROL, &["IsTerminal"]],
    },
    LayerRule {
        folder: "cli/src/terminal",
        except: &[],
        reason: "the terminal takes any text",
        paths: &[&["gregaria_engine", "gregaria_stats"]],
        words: &[],
    },
    LayerRule {
        folder: "cli/src/demo",
        except: &[],
        reason: "the demo shop is a target like any other",
        paths: &[],
        words: &[RUN_CONTROL],
    },
    LayerRule {
        folder: "tests/rust_users",
        except: &[],
        reason: "these users run through the engine, without the command",
        paths: &[&["gregaria"]],
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
const KERNEL: &[&str] = &["libc", "nix", "rustix", "socket2"];
const SYSTEM: &[&str] = &["std::thread", "std::fs", "std::process", "std::env"];
const CLOCKS: &[&str] = &["Instant", "SystemTime", "UNIX_EPOCH"];
const SOCKETS: &[&str] = &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"];
const ASYNC: &[&str] = &["async", "await"];
const REQUESTS: &[&str] = &[
    "gregaria_http::Body",
    "gregaria_http::ClientConfig",
    "gregaria_http::Exchange",
    "gregaria_http::Method",
    "gregaria_http::Request",
    "gregaria_http::RequestOptions",
    "gregaria_http::Response",
    "gregaria_http::Session",
];
const RUN_CONTROL: &[&str] = &["RunCommand", "RunHandle", "Runner", "Swarm"];

/// Python modules that the extension module must not import.
const NOT_IMPORTED: &[&str] = &["gevent", "greenlet", "gregaria.task", "gregaria.user"];

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

/// Finds strings in the extension module that name one of [`NOT_IMPORTED`], or a module inside it.
fn check_python_modules(file: &SourceFile) -> Vec<Finding> {
    if !file.is_in("python/src") {
        return Vec::new();
    }
    let is_forbidden = |text: &str| {
        let rests = NOT_IMPORTED.iter().filter_map(|module| text.strip_prefix(module));
        rests.into_iter().any(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let strings = file.tokens.iter().filter(|token| is_forbidden(token.text.trim_matches('"')));
    let message = |text| format!("{text}: the extension module knows neither gevent nor the classes of users");
    strings.map(|token| Finding::new(&file.path, token.line, message(&token.text))).collect()
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
fn extension_module_imports_no_python_users() {
    check_sources(check_python_modules);
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
        ("engine/src/user.rs", "use std::process; fn f() { process::exit(1); }"),
        ("engine/src/rt/driver.rs", "fn f() { std::env::args(); }"),
        ("engine/src/rt/net.rs", "use gregaria_http::{Error, Request};"),
        ("engine/src/accounting/mod.rs", "use std::thread;"),
        ("engine/src/io_thread/worker.rs", "use gregaria_stats::Sample;"),
        ("cli/src/args/parse.rs", "use gregaria_engine::Runner;"),
        ("cli/src/console/live.rs", "use gregaria_engine::RunHandle;"),
        ("cli/src/terminal/screen.rs", "use gregaria_stats::Summary;"),
        ("cli/src/demo/shop.rs", "use gregaria_engine::Swarm;"),
        ("tests/rust_users/run.rs", "use gregaria::args;"),
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
    for text in ["fn f() { py.import(\"gevent.event\"); }", "const X: &str = \"gregaria.user\";"] {
        assert_eq!(check_python_modules(&SourceFile::new("python/src/bridge.rs", text)).len(), 1, "{text}");
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
        ("engine/src/rt/net.rs", "use gregaria_http::{Error, Origin, Transport};"),
        ("cli/src/console/live.rs", "use gregaria_engine::RunnerState;"),
        ("tests/rust_users/run.rs", "use gregaria_engine::Runner;"),
        ("benches/compare/tokio_client.rs", "use tokio::net;"),
    ];
    for (path, text) in kept {
        assert_eq!(check_layers(&SourceFile::new(path, text)), [], "{path}: {text}");
    }
    let text = "const X: &str = \"Python users on gevent\"; fn f() { py.import(\"gregaria.response\"); }";
    assert_eq!(check_python_modules(&SourceFile::new("python/src/run.rs", text)), []);
    let prints_itself = SourceFile::new("cli/src/console.rs", "fn f() { println!(\"x\"); }");
    assert_eq!(check_printing(&prints_itself), []);
}
