//! What was typed: every flag with its spellings and its help, as text, and nothing computed.
//!
//! Today's and 0.7's spellings of Locust stand side by side; the older ones are aliases. Values stay text so that one
//! place (`values.rs`) judges them, wherever they come from (`given.rs`). How the words of a line get here is in
//! `parse.rs`, what a combination means in `plan.rs`; what is only known, and refused, in `not_yet.rs`.

use clap::{ArgAction, Args, Parser};

use super::arg_value::ArgValue;

/// The command line as it was typed, with files and variables laid under it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
#[command(
    name = "gregaria",
    version,
    about = "Load testing: Locust's way of describing users on a thread-per-core engine",
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
    /// How much load, and for how long.
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Which users and tasks.
    #[command(flatten)]
    pub(crate) users: UsersArgs,
    /// The request of a quick run.
    #[command(flatten)]
    pub(crate) quick: QuickArgs,
    /// Where connections go and come from, and how long anything may take.
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Whom to trust, and who to be.
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// What is shown and stored.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// What the web page is like.
    #[command(flatten)]
    pub(crate) web: WebArgs,
    /// Several processes, several machines.
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// What is logged.
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// What is asked instead of a run, and the rest.
    #[command(flatten)]
    pub(crate) other: OtherArgs,
    /// What was given for the arguments that a locustfile adds, as words for Python's `argparse`.
    #[arg(skip)]
    pub custom_args: Vec<String>,
}

/// How much load, and for how long.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Host to attack, for all user classes, as in http://name or http://name:8080/prefix
    #[arg(short = 'H', long, value_name = "BASE_URL")]
    pub(crate) host: Option<ArgValue>,
    /// Attack the demo shop that comes with gregaria, in place of a host
    #[arg(long)]
    pub(crate) demo: bool,
    /// Number of users [default: 1; quick run: 10] [0.7: -c, --clients]
    #[arg(short = 'u', long, short_alias = 'c', alias = "clients", value_name = "N")]
    pub(crate) users: Option<ArgValue>,
    /// Users that come per second [default: 1; quick run: all at once] [0.7: --hatch-rate]
    #[arg(short = 'r', long, alias = "hatch-rate", value_name = "RATE")]
    pub(crate) spawn_rate: Option<ArgValue>,
    /// Stop after this time: 90, 300s, 20m, 1h30m [default: run until Ctrl-C]
    #[arg(short = 't', long, value_name = "TIME")]
    pub(crate) run_time: Option<ArgValue>,
    /// Stop after exactly this many requests, failures included
    #[arg(short = 'n', long, alias = "num-requests", value_name = "N")]
    pub(crate) num_request: Option<ArgValue>,
    /// Seconds for requests on the wire to finish when the run ends [default: 1]
    #[arg(short = 's', long, value_name = "SECONDS")]
    pub(crate) stop_timeout: Option<ArgValue>,
    /// Start at once, without a web page, as every run does so far [0.7: --no-web]
    #[arg(long, alias = "no-web")]
    pub(crate) headless: bool,
    /// Takes --headless back, wherever it was given.
    #[arg(long, hide = true)]
    pub(crate) headful: bool,
    /// Cores to generate load on [default: all that this process may use]
    #[arg(long, value_name = "N")]
    pub(crate) shards: Option<ArgValue>,
}

/// Which users and tasks.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Users")]
pub(crate) struct UsersArgs {
    /// Locustfile: FILE.py, a.py,b.py, or a folder
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) locustfile: Option<ArgValue>,
    /// Run only tasks with one of these tags
    #[arg(short = 'T', long, value_name = "TAG", num_args = 0.., action = ArgAction::Set)]
    pub(crate) tags: Vec<ArgValue>,
    /// Leave out tasks with one of these tags
    #[arg(short = 'E', long, value_name = "TAG", num_args = 0.., action = ArgAction::Set)]
    pub(crate) exclude_tags: Vec<ArgValue>,
    /// Attributes of user classes, as JSON or a file with it.
    #[arg(long, value_name = "JSON", num_args = 0.., action = ArgAction::Set, hide = true)]
    pub(crate) config_users: Option<Vec<ArgValue>>,
    /// Give all tasks the same weight.
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
    /// Request header, 'Name: value'; may be given several times
    #[arg(long = "header", value_name = "HEADER", action = ArgAction::Append)]
    pub(crate) headers: Vec<ArgValue>,
    /// Request body
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Option<ArgValue>,
    /// File with the request body
    #[arg(long, value_name = "FILE")]
    pub(crate) body_file: Option<ArgValue>,
}

/// Where connections go and come from, and how long anything may take.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = NETWORK)]
pub(crate) struct NetworkArgs {
    /// Connect to ADDRESS in place of HOST:PORT (* for any), as in shop.example:80:127.0.0.1; several addresses have
    /// commas between them, a Unix socket is unix:PATH; may be given several times
    #[arg(long, value_name = "HOST:PORT:ADDRESS", action = ArgAction::Append)]
    pub(crate) resolve: Vec<ArgValue>,
    /// Connect to this Unix socket, whatever the URL says
    #[arg(long, value_name = "PATH")]
    pub(crate) unix_socket: Option<ArgValue>,
    /// Addresses of this machine that connections come from in turn: 10.0.0.1,10.0.0.2 or 10.0.0.1-10.0.0.9 or
    /// 10.0.0.0/28; each has its own local ports
    #[arg(long, value_name = "ADDRESS", action = ArgAction::Append)]
    pub(crate) source_ip: Vec<ArgValue>,
    /// Seconds for which the addresses of a name hold; 0 looks it up for every connection [default: 60]
    #[arg(long, value_name = "SEC")]
    pub(crate) dns_ttl: Option<ArgValue>,
    /// Close a connection after so many requests and make it anew; 0 for never [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_connection: Option<ArgValue>,
    /// Ask the target before a body of more than so many bytes is sent (Expect: 100-continue) [default: never]
    #[arg(long, value_name = "BYTES")]
    pub(crate) expect_continue: Option<ArgValue>,
    /// Seconds for making a connection [default: 60]
    #[arg(long, value_name = "SEC")]
    pub(crate) connect_timeout: Option<ArgValue>,
    /// Seconds that the target may be silent while its response is awaited or read [default: 60]
    #[arg(long, value_name = "SEC")]
    pub(crate) read_timeout: Option<ArgValue>,
    /// Seconds for a whole request, redirects included [default: no limit]
    #[arg(long, value_name = "SEC")]
    pub(crate) timeout: Option<ArgValue>,
    /// Limit of what a response may be, as in head-bytes=64K or redirects=5; a wrong name lists all; may be given several
    /// times
    #[arg(long = "limit", value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub(crate) limits: Vec<ArgValue>,
    /// Kernel interface of each thread: io_uring, io_uring-basic or epoll [default: the first that the kernel allows]
    #[arg(long, alias = "ring", value_name = "DRIVER", hide = true)]
    pub(crate) driver: Option<ArgValue>,
}

/// Whom to trust, and who to be.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = TLS)]
pub(crate) struct TlsArgs {
    /// Do not verify the target's certificate
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// File with the certificates of those who are trusted, in place of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<ArgValue>,
    /// File with the client's certificate, and perhaps with its key
    #[arg(long, value_name = "FILE[,KEY]")]
    pub(crate) cert: Option<ArgValue>,
    /// File with the key of the client's certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<ArgValue>,
}

/// What is shown and stored.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Statistics")]
pub(crate) struct OutputArgs {
    /// Show the statistics only at the end
    #[arg(long)]
    pub(crate) only_summary: bool,
    /// Show the statistics every 2 s, as every run does so far unless --only-summary
    #[arg(long)]
    pub(crate) print_stats: bool,
    /// Forget what was measured when all users have been spawned
    #[arg(long)]
    pub(crate) reset_stats: bool,
    /// Write the final statistics to stdout as JSON, Locust's list of entries
    #[arg(long)]
    pub(crate) json: bool,
    /// Write them to FILE.json, in place of the final tables
    #[arg(long, value_name = "FILE")]
    pub(crate) json_file: Option<ArgValue>,
    /// Exit code of a run with failures or exceptions [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) exit_code_on_error: Option<ArgValue>,
    /// Exit with 3 when the generator itself was the bottleneck
    #[arg(long)]
    pub(crate) fail_on_lag: bool,
    /// Prefix of the CSV files.
    #[arg(long, value_name = "PREFIX", hide = true)]
    pub(crate) csv: Option<ArgValue>,
    /// All entries in the CSV history.
    #[arg(long, hide = true)]
    pub(crate) csv_full_history: bool,
    /// File of the HTML report.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) html: Option<ArgValue>,
    /// A name under which runs are grouped.
    #[arg(long, value_name = "NAME", hide = true)]
    pub(crate) profile: Option<ArgValue>,
    /// Tell OpenTelemetry.
    #[arg(long, hide = true)]
    pub(crate) otel: bool,
}

/// What the web page is like.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Web page (not there yet: without effect)")]
pub(crate) struct WebArgs {
    /// Address that the page listens on [default: all]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) web_host: Option<ArgValue>,
    /// The name that links to the page show.
    #[arg(long, value_name = "NAME", hide = true)]
    pub(crate) web_host_display_name: Option<ArgValue>,
    /// Port of the page [default: 8089] [0.7: --port]
    #[arg(short = 'P', long, alias = "port", value_name = "PORT")]
    pub(crate) web_port: Option<ArgValue>,
    /// Path under which the page is served, such as /locust
    #[arg(long, value_name = "PATH")]
    pub(crate) web_base_path: Option<ArgValue>,
    /// Protect the page with a login
    #[arg(long)]
    pub(crate) web_login: bool,
    /// What --web-login has replaced.
    #[arg(long, value_name = "USER:PASSWORD", hide = true)]
    pub(crate) web_auth: Option<ArgValue>,
    /// Certificate, to serve the page over HTTPS
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<ArgValue>,
    /// Key of the certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<ArgValue>,
    /// Start at once, with the page
    #[arg(long)]
    pub(crate) autostart: bool,
    /// With --autostart: end so many seconds after the run has ended
    #[arg(long, value_name = "SECONDS")]
    pub(crate) autoquit: Option<ArgValue>,
    /// Offer all user classes on the page
    #[arg(long)]
    pub(crate) class_picker: bool,
    /// Where the files of the page are built.
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) build_path: Option<ArgValue>,
    /// A page that is no more.
    #[arg(long, hide = true)]
    pub(crate) legacy_ui: bool,
}

/// Several processes, several machines.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Distributed")]
pub(crate) struct ClusterArgs {
    /// Be the master that workers connect to.
    #[arg(long, hide = true)]
    pub(crate) master: bool,
    /// Address that the master listens on.
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub(crate) master_bind_host: Option<ArgValue>,
    /// Port that the master listens on.
    #[arg(long, value_name = "PORT", hide = true)]
    pub(crate) master_bind_port: Option<ArgValue>,
    /// Start when so many workers have come.
    #[arg(long, alias = "expect-slaves", value_name = "N", hide = true)]
    pub(crate) expect_workers: Option<ArgValue>,
    /// How long to wait for them.
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub(crate) expect_workers_max_wait: Option<ArgValue>,
    /// Deal users out again when workers come or go.
    #[arg(long, hide = true)]
    pub(crate) enable_rebalancing: bool,
    /// Be a worker.
    #[arg(long, alias = "slave", hide = true)]
    pub(crate) worker: bool,
    /// Address of the master.
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub(crate) master_host: Option<ArgValue>,
    /// Port of the master.
    #[arg(long, value_name = "PORT", hide = true)]
    pub(crate) master_port: Option<ArgValue>,
    /// So many processes, as workers of this one.
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) processes: Option<ArgValue>,
}

/// What is logged.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// DEBUG, INFO, WARNING, ERROR or CRITICAL [default: INFO]
    #[arg(short = 'L', long, value_name = "LEVEL")]
    pub(crate) loglevel: Option<ArgValue>,
    /// File to append the log to [default: stderr]
    #[arg(long, value_name = "FILE")]
    pub(crate) logfile: Option<ArgValue>,
    /// Leave the log to the program or locustfile
    #[arg(long)]
    pub(crate) skip_log_setup: bool,
}

/// What is asked instead of a run, and the rest.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Other")]
pub(crate) struct OtherArgs {
    /// List the user classes and exit
    #[arg(short = 'l', long)]
    pub(crate) list: bool,
    /// Show how often each task is picked and exit
    #[arg(long)]
    pub(crate) show_task_ratio: bool,
    /// The same as JSON
    #[arg(long)]
    pub(crate) show_task_ratio_json: bool,
    /// File with more settings: a .conf, or a .toml with [tool.locust]
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

/// The headings of flags that Locust has not. They give way to arguments of a locustfile, and are no variables, because
/// their names may be those of other programs.
pub(in crate::args) const NON_LOCUST_HEADINGS: [&str; 3] = [QUICK_RUN, NETWORK, TLS];
