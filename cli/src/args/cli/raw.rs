//! The declarations of gregaria's flags and positional arguments: spellings and help texts. Values stay text.
//!
//! The spellings of Locust 2 and of Locust 0.7 are both declared; the older ones are aliases. This file must not
//! convert or check a value: `../plan/values.rs` does that for values from all sources (`arg_value.rs`). How a
//! command line is parsed is in `../parse.rs`, what a combination of flags means in `../plan/`. Flags that only
//! Locust supports are rejected in `unsupported.rs`.

use clap::{ArgAction, Args, Parser};

use super::arg_value::{ArgValue, RecordedArg};

/// The arguments of a command line, with settings from variables and files for the flags that the line does not give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
#[command(
    name = "gregaria",
    version,
    about = "Load testing with Locust's user classes on a thread-per-core engine",
    disable_help_flag = true,
    disable_version_flag = true,
    allow_negative_numbers = true,
    args_override_self = true,
    infer_long_args = true
)]
pub struct RawArgs {
    /// A URL (http://...) for a quick run, or the names of the user classes to run (default: all)
    #[arg(value_name = "URL | USER_CLASS")]
    pub(crate) targets: Vec<String>,
    /// Amount and duration of the load.
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Selection of users and tasks.
    #[command(flatten)]
    pub(crate) users: UsersArgs,
    /// The request of a quick run.
    #[command(flatten)]
    pub(crate) quick: QuickArgs,
    /// Endpoints of connections, timeouts and limits.
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// TLS: trusted CAs and client certificate.
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// Statistics that are printed and stored.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// The web page. gregaria has none, so these flags have no effect on a run.
    #[command(flatten)]
    pub(crate) web: WebArgs,
    /// Runs with several processes or machines. None of these flags is supported.
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// The log.
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Output in place of a run, and configuration files.
    #[command(flatten)]
    pub(crate) other: OtherArgs,
    /// The values of the arguments that a locustfile adds, as words for Python's `argparse`.
    #[arg(skip)]
    pub custom_args: Vec<String>,
    /// All given arguments, for the results of the run.
    #[arg(skip)]
    pub(crate) recorded_args: Vec<RecordedArg>,
}

/// Amount and duration of the load.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Host of all user classes, such as http://name or http://name:8080/prefix [default: the host of each class]
    #[arg(short = 'H', long, value_name = "BASE_URL")]
    pub(crate) host: Option<ArgValue>,
    /// Start the built-in demo shop and use it as the host
    #[arg(long)]
    pub(crate) demo: bool,
    /// Number of users [default: 1; quick run: 10; demo: 50] [0.7: -c, --clients]
    #[arg(short = 'u', long, short_alias = 'c', alias = "clients", value_name = "N")]
    pub(crate) users: Option<ArgValue>,
    /// Users spawned per second [default: 1; quick run and demo: all at once] [0.7: --hatch-rate]
    #[arg(short = 'r', long, alias = "hatch-rate", value_name = "RATE")]
    pub(crate) spawn_rate: Option<ArgValue>,
    /// Stop after this time: 90 (seconds), 1.5s, 500ms, 20m, 1h30m [default: run until Ctrl-C; demo: 10s]
    #[arg(short = 't', long, value_name = "TIME")]
    pub(crate) run_time: Option<ArgValue>,
    /// Stop after exactly this many requests, failures included [default: no limit]
    #[arg(short = 'n', long, alias = "num-requests", value_name = "N")]
    pub(crate) num_request: Option<ArgValue>,
    /// Time for requests in flight to finish when the run ends; 0 aborts them [default: 1s]
    #[arg(short = 's', long, value_name = "TIME")]
    pub(crate) stop_timeout: Option<ArgValue>,
    /// Start at once, without a web page; every run does so because there is no page yet [0.7: --no-web]
    #[arg(long, alias = "no-web")]
    pub(crate) headless: bool,
    /// Overrides --headless from every source.
    #[arg(long, hide = true)]
    pub(crate) headful: bool,
    /// Number of shards, one per core [default: all cores that this process may use]
    #[arg(long, value_name = "N")]
    pub(crate) shards: Option<ArgValue>,
}

/// Selection of users and tasks.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Users")]
pub(crate) struct UsersArgs {
    /// Locustfiles: FILE.py, a.py,b.py, or a folder [default: locustfile.py here or in a folder above]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) locustfile: Option<ArgValue>,
    /// Run only tasks with one of these tags [default: all tasks]
    #[arg(short = 'T', long, value_name = "TAG", num_args = 0.., action = ArgAction::Set)]
    pub(crate) tags: Vec<ArgValue>,
    /// Do not run tasks with one of these tags [default: none]
    #[arg(short = 'E', long, value_name = "TAG", num_args = 0.., action = ArgAction::Set)]
    pub(crate) exclude_tags: Vec<ArgValue>,
    /// Attributes of user classes, as JSON or as a JSON file.
    #[arg(long, value_name = "JSON", num_args = 0.., action = ArgAction::Set, hide = true)]
    pub(crate) config_users: Option<Vec<ArgValue>>,
    /// Gives all tasks the same weight.
    #[arg(long, hide = true)]
    pub(crate) equal_weights: bool,
}

/// The request of a quick run.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = QUICK_RUN)]
pub(crate) struct QuickArgs {
    /// Request method [default: GET; with a body: POST]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) method: Option<ArgValue>,
    /// Request header, 'Name: value'; can be repeated
    #[arg(long = "header", value_name = "HEADER", action = ArgAction::Append)]
    pub(crate) headers: Vec<ArgValue>,
    /// Request body [default: none]
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Option<ArgValue>,
    /// File that contains the request body
    #[arg(long, value_name = "FILE")]
    pub(crate) body_file: Option<ArgValue>,
    /// Send the request once before the run and print its response: the head and up to 1 KiB of the body
    #[arg(long)]
    pub(crate) print_first_response: bool,
}

/// Endpoints of connections, timeouts and limits.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = NETWORK)]
pub(crate) struct NetworkArgs {
    /// Connect to ADDRESS in place of HOST:PORT (* for any), such as shop.example:80:127.0.0.1; ADDRESS may be several
    /// addresses separated by commas, or unix:PATH for a Unix socket; can be repeated
    #[arg(long, value_name = "HOST:PORT:ADDRESS", action = ArgAction::Append)]
    pub(crate) resolve: Vec<ArgValue>,
    /// Send all requests to this Unix socket; the Host header stays that of the URL
    #[arg(long, value_name = "PATH")]
    pub(crate) unix_socket: Option<ArgValue>,
    /// Source addresses of connections, used in turn: 10.0.0.1,10.0.0.2 or 10.0.0.1-10.0.0.9 or 10.0.0.0/28; each has
    /// its own local ports [default: chosen by the system]
    #[arg(long, value_name = "ADDRESS", action = ArgAction::Append)]
    pub(crate) source_ip: Vec<ArgValue>,
    /// Time for which resolved addresses are cached; 0 resolves for every connection [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) dns_ttl: Option<ArgValue>,
    /// Requests after which a connection is closed and opened again; 0 for no limit [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_connection: Option<ArgValue>,
    /// Send Expect: 100-continue before a body of more than this many bytes, such as 64K or 1M, or of unknown length
    /// [default: never]
    #[arg(long, value_name = "BYTES")]
    pub(crate) expect_continue: Option<ArgValue>,
    /// Longest time to open a connection, including name resolution and TLS [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) connect_timeout: Option<ArgValue>,
    /// Longest time without data from the target while a response is awaited or received [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) read_timeout: Option<ArgValue>,
    /// Longest time of a whole request, redirects included [default: no limit]
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<ArgValue>,
    /// Do not follow redirects: a redirect is then a response like any other, and a success
    #[arg(long)]
    pub(crate) no_redirects: bool,
    /// Limit of responses, such as head-bytes=64K or redirects=5; an unknown name lists all names; can be repeated
    #[arg(long = "limit", value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub(crate) limits: Vec<ArgValue>,
    /// Kernel interface of each thread: io_uring, io_uring-basic or epoll [default: the first that the kernel allows]
    #[arg(long, alias = "ring", value_name = "DRIVER", hide = true)]
    pub(crate) driver: Option<ArgValue>,
}

/// TLS: trusted CAs and client certificate.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = TLS)]
pub(crate) struct TlsArgs {
    /// Accept any certificate of the target
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// File with the trusted CA certificates [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<ArgValue>,
    /// File with the client certificate, optionally with its key [default: no client certificate]
    #[arg(long, value_name = "FILE[,KEY]")]
    pub(crate) cert: Option<ArgValue>,
    /// File with the key of the client certificate [default: the file of --cert]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<ArgValue>,
}

/// Statistics that are printed and stored.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Statistics")]
pub(crate) struct OutputArgs {
    /// Print the statistics only at the end of the run
    #[arg(long)]
    pub(crate) only_summary: bool,
    /// Print the statistics every 2 s; every run does so unless --only-summary is given
    #[arg(long)]
    pub(crate) print_stats: bool,
    /// Reset the statistics when all users have been spawned
    #[arg(long)]
    pub(crate) reset_stats: bool,
    /// Write the final statistics to stdout as JSON, in Locust's format
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the final statistics to FILE.json and omit the final tables
    #[arg(long, value_name = "FILE")]
    pub(crate) json_file: Option<ArgValue>,
    /// Write the full results to stdout as JSON: settings, percentiles, histograms, errors, machine
    #[arg(long)]
    pub(crate) json_full: bool,
    /// Write the full results to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json_full_file: Option<ArgValue>,
    /// Exit code of a run with failures or exceptions [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) exit_code_on_error: Option<ArgValue>,
    /// Exit with code 3 if the generator itself was the bottleneck
    #[arg(long)]
    pub(crate) fail_on_lag: bool,
    /// Prefix of the CSV files.
    #[arg(long, value_name = "PREFIX", hide = true)]
    pub(crate) csv: Option<ArgValue>,
    /// Writes all entries to the CSV history.
    #[arg(long, hide = true)]
    pub(crate) csv_full_history: bool,
    /// File of the HTML report.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) html: Option<ArgValue>,
    /// Name of a group of runs.
    #[arg(long, value_name = "NAME", hide = true)]
    pub(crate) profile: Option<ArgValue>,
    /// Exports OpenTelemetry data.
    #[arg(long, hide = true)]
    pub(crate) otel: bool,
}

/// The web page. gregaria has none, so these flags have no effect on a run.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Web page (not supported yet: no effect)")]
pub(crate) struct WebArgs {
    /// Address that the page listens on [default: all addresses]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) web_host: Option<ArgValue>,
    /// Host name in links to the page.
    #[arg(long, value_name = "NAME", hide = true)]
    pub(crate) web_host_display_name: Option<ArgValue>,
    /// Port of the page [default: 8089] [0.7: --port]
    #[arg(short = 'P', long, alias = "port", value_name = "PORT")]
    pub(crate) web_port: Option<ArgValue>,
    /// Path of the page, such as /locust [default: /]
    #[arg(long, value_name = "PATH")]
    pub(crate) web_base_path: Option<ArgValue>,
    /// Require a login for the page
    #[arg(long)]
    pub(crate) web_login: bool,
    /// Locust's predecessor of --web-login.
    #[arg(long, value_name = "USER:PASSWORD", hide = true)]
    pub(crate) web_auth: Option<ArgValue>,
    /// File with the certificate of the page, to serve it over HTTPS
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<ArgValue>,
    /// File with the key of the certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<ArgValue>,
    /// Start at once, and serve the page
    #[arg(long)]
    pub(crate) autostart: bool,
    /// With --autostart: time from the end of the run to the end of the process [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) autoquit: Option<ArgValue>,
    /// Let the page select user classes
    #[arg(long)]
    pub(crate) class_picker: bool,
    /// Folder of the page's files.
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) build_path: Option<ArgValue>,
    /// Locust's former page.
    #[arg(long, hide = true)]
    pub(crate) legacy_ui: bool,
}

/// Runs with several processes or machines. None of these flags is supported.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Distributed")]
pub(crate) struct ClusterArgs {
    /// Runs the process as the master.
    #[arg(long, hide = true)]
    pub(crate) master: bool,
    /// Address that the master listens on.
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub(crate) master_bind_host: Option<ArgValue>,
    /// Port that the master listens on.
    #[arg(long, value_name = "PORT", hide = true)]
    pub(crate) master_bind_port: Option<ArgValue>,
    /// Number of workers that the master waits for.
    #[arg(long, alias = "expect-slaves", value_name = "N", hide = true)]
    pub(crate) expect_workers: Option<ArgValue>,
    /// Longest time to wait for workers.
    #[arg(long, value_name = "TIME", hide = true)]
    pub(crate) expect_workers_max_wait: Option<ArgValue>,
    /// Redistributes users when a worker connects or disconnects.
    #[arg(long, hide = true)]
    pub(crate) enable_rebalancing: bool,
    /// Runs the process as a worker.
    #[arg(long, alias = "slave", hide = true)]
    pub(crate) worker: bool,
    /// Address of the master.
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub(crate) master_host: Option<ArgValue>,
    /// Port of the master.
    #[arg(long, value_name = "PORT", hide = true)]
    pub(crate) master_port: Option<ArgValue>,
    /// Number of worker processes to start.
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) processes: Option<ArgValue>,
}

/// The log.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// Lowest level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL [default: INFO]
    #[arg(short = 'L', long, value_name = "LEVEL")]
    pub(crate) loglevel: Option<ArgValue>,
    /// File that the log is appended to [default: stderr]
    #[arg(long, value_name = "FILE")]
    pub(crate) logfile: Option<ArgValue>,
    /// Do not set up the log; the program or locustfile does
    #[arg(long)]
    pub(crate) skip_log_setup: bool,
}

/// Output in place of a run, and configuration files.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Other")]
pub(crate) struct OtherArgs {
    /// List the user classes and exit
    #[arg(short = 'l', long)]
    pub(crate) list: bool,
    /// Show the share of each task as a table and exit
    #[arg(long)]
    pub(crate) show_task_ratio: bool,
    /// Show the share of each task as JSON and exit
    #[arg(long)]
    pub(crate) show_task_ratio_json: bool,
    /// Configuration file: a .conf, or a .toml with the table [tool.locust]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<ArgValue>,
    /// Show the version and exit
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: (),
    /// Show this help and exit
    #[arg(short = 'h', long, action = ArgAction::Help)]
    help: (),
}

pub(in crate::args) const QUICK_RUN: &str = "Quick run (with a URL)";
const NETWORK: &str = "Network";
const TLS: &str = "TLS";

/// The help headings of flags that Locust does not have. A locustfile can add an argument of the same name. These flags
/// have no environment variable, because another program may use a variable of that name.
pub(in crate::args) const NON_LOCUST_HEADINGS: [&str; 3] = [QUICK_RUN, NETWORK, TLS];
