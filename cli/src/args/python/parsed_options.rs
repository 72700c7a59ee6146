//! The options under Locust's names, for `environment.parsed_options` in Python.
//!
//! All names of Locust 2 are present, with Locust's defaults, and the names of 0.7 besides their successors. The
//! arguments that a locustfile adds are absent: `argparse` converts them from [`RawArgs::custom_args`].

use std::time::Duration;

use serde_json::{Value, json};

use crate::args::{
    cli::{
        arg_value::ArgValue,
        raw::{RawArgs, WebArgs},
    },
    plan::{Mode, RunPlan, web},
};

/// Returns all options by name, in Locust's order.
pub fn parsed_options(raw: &RawArgs, plan: &RunPlan) -> Vec<(&'static str, Value)> {
    [
        load_options(raw, plan),
        web_options(&raw.web),
        cluster_options(),
        output_options(raw, plan),
        legacy_options(raw, plan),
    ]
    .concat()
}

const DEFAULT_WEB_PORT: u16 = 8089;

type OptionList = Vec<(&'static str, Value)>;

fn load_options(raw: &RawArgs, plan: &RunPlan) -> OptionList {
    let load = &plan.load;
    let spawn_rate = Some(load.spawn_rate).filter(|rate| rate.is_finite());
    let tags = |tags: &[String]| if tags.is_empty() { Value::Null } else { json!(tags) };
    vec![
        ("locustfile", json!(value_text(&raw.users.locustfile).unwrap_or("locustfile.py"))),
        ("config", json!(value_text(&raw.other.config))),
        ("host", json!(load.host)),
        ("num_users", json!(load.users)),
        ("users", json!(load.users)),
        ("spawn_rate", json!(spawn_rate)),
        ("run_time", load.run_time.map_or(Value::Null, seconds)),
        ("stop_timeout", json!(load.stop_timeout.as_secs_f64())),
        ("reset_stats", json!(load.reset_stats)),
        ("demo", json!(load.demo)),
        ("tags", tags(&plan.tags)),
        ("exclude_tags", tags(&plan.exclude_tags)),
        ("user_classes", json!(plan.target.class_names())),
        ("headless", json!(plan.headless)),
        ("headful", json!(raw.load.headful)),
    ]
}

/// Returns the options of the web page, which gregaria does not have. [`RunPlan::new`] has checked their values.
fn web_options(args: &WebArgs) -> OptionList {
    let text = |arg: &Option<ArgValue>| value_text(arg).unwrap_or_default().to_owned();
    let host = value_text(&args.web_host).filter(|host| *host != "*").unwrap_or_default();
    let autoquit_s = args.autoquit.as_ref().and_then(|arg| web::autoquit(arg).ok()).map(|time| time.as_secs_f64());
    vec![
        ("web_host", json!(host)),
        ("web_host_display_name", json!(value_text(&args.web_host_display_name))),
        ("web_port", json!(web_port(args))),
        ("web_base_path", json!(text(&args.web_base_path).trim_end_matches('/'))),
        ("web_login", json!(args.web_login)),
        ("web_auth", Value::Null),
        ("tls_cert", json!(text(&args.tls_cert))),
        ("tls_key", json!(text(&args.tls_key))),
        ("class_picker", json!(args.class_picker)),
        ("autostart", json!(args.autostart)),
        ("autoquit", json!(autoquit_s.unwrap_or(-1.0))),
        ("build_path", json!("")),
        ("legacy_ui", json!(false)),
    ]
}

fn web_port(args: &WebArgs) -> u16 {
    args.web_port.as_ref().and_then(|arg| web::port(arg).ok()).unwrap_or(DEFAULT_WEB_PORT)
}

/// Returns the defaults of flags that `../cli/unsupported.rs` rejects.
fn cluster_options() -> OptionList {
    vec![
        ("master", json!(false)),
        ("master_bind_host", json!("*")),
        ("master_bind_port", json!(5557)),
        ("expect_workers", json!(1)),
        ("expect_workers_max_wait", json!(0)),
        ("enable_rebalancing", json!(false)),
        ("worker", json!(false)),
        ("processes", Value::Null),
        ("master_host", json!("127.0.0.1")),
        ("master_port", json!(5557)),
        ("csv_prefix", Value::Null),
        ("stats_history_enabled", json!(false)),
        ("html_file", Value::Null),
        ("config_users", Value::Null),
        ("equal_weights", json!(false)),
        ("profile", Value::Null),
        ("otel", json!(false)),
    ]
}

fn output_options(raw: &RawArgs, plan: &RunPlan) -> OptionList {
    let level = value_text(&raw.log.loglevel).unwrap_or("INFO").to_ascii_uppercase();
    vec![
        ("print_stats", json!(raw.output.print_stats)),
        ("only_summary", json!(raw.output.only_summary)),
        ("json", json!(plan.output.json)),
        ("json_file", json!(value_text(&raw.output.json_file))),
        ("skip_log_setup", json!(plan.log.skip_setup)),
        ("loglevel", json!(level)),
        ("logfile", json!(value_text(&raw.log.logfile))),
        ("list_commands", json!(plan.mode == Mode::List)),
        ("show_task_ratio", json!(raw.other.show_task_ratio)),
        ("show_task_ratio_json", json!(raw.other.show_task_ratio_json)),
        ("exit_code_on_error", json!(plan.exit.on_error)),
    ]
}

fn legacy_options(raw: &RawArgs, plan: &RunPlan) -> OptionList {
    vec![
        ("num_clients", json!(plan.load.users)),
        ("hatch_rate", json!(plan.load.spawn_rate)),
        ("num_requests", json!(plan.load.num_requests)),
        ("no_web", json!(plan.headless)),
        ("port", json!(web_port(&raw.web))),
        ("slave", json!(false)),
    ]
}

/// Returns seconds as an integer, as Locust does, unless there is a fraction.
fn seconds(time: Duration) -> Value {
    if time.subsec_nanos() == 0 { json!(time.as_secs()) } else { json!(time.as_secs_f64()) }
}

fn value_text(arg: &Option<ArgValue>) -> Option<&str> {
    arg.as_ref().map(|arg| arg.text.as_str())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ffi::OsString};

    use super::*;
    use crate::args::{ParsedLine, ProcessEnv, ProgramKind, parse};

    fn options(line: &str) -> BTreeMap<&'static str, Value> {
        let program = ProgramKind::Locustfile { custom_args: vec![] };
        let words: Vec<OsString> = ["gregaria"].into_iter().chain(line.split(' ')).map(OsString::from).collect();
        let Ok(ParsedLine::Args(raw)) = parse(&words, &program, &ProcessEnv::default()) else { panic!("{line}") };
        let plan = RunPlan::new(&raw, &program).unwrap();
        let options = parsed_options(&raw, &plan);
        let names = options.len();
        let map: BTreeMap<_, _> = options.into_iter().collect();
        assert_eq!(map.len(), names, "a name is duplicated");
        map
    }

    #[test]
    fn given_options_have_locusts_names_and_types() {
        let options = options(
            "-f a.py -H http://h -u 5 -r 2.5 -t 1m -n 9 -s 3 --headless -L debug --json-file out -T a b --reset-stats Web",
        );
        for (name, value) in [
            ("locustfile", json!("a.py")),
            ("host", json!("http://h")),
            ("num_users", json!(5)),
            ("num_clients", json!(5)),
            ("spawn_rate", json!(2.5)),
            ("run_time", json!(60)),
            ("num_requests", json!(9)),
            ("stop_timeout", json!(3.0)),
            ("headless", json!(true)),
            ("loglevel", json!("DEBUG")),
            ("json_file", json!("out")),
            ("reset_stats", json!(true)),
        ] {
            assert_eq!(options[name], value, "{name}");
        }
        assert_eq!(options["tags"], json!(["a", "b"]));
        assert_eq!(options["user_classes"], json!(["Web"]));
    }

    #[test]
    fn run_time_is_an_integer_unless_it_has_a_fraction() {
        assert_eq!(options("-t 1h30m")["run_time"], json!(5400));
        assert_eq!(options("-t 500ms")["run_time"], json!(0.5));
    }

    #[test]
    fn other_options_have_locusts_defaults() {
        let options = options("Web");
        for name in ["host", "run_time", "tags", "exclude_tags", "logfile", "processes"] {
            assert_eq!(options[name], Value::Null, "{name}");
        }
        for (name, value) in [
            ("locustfile", json!("locustfile.py")),
            ("loglevel", json!("INFO")),
            ("headless", json!(false)),
            ("web_port", json!(8089)),
            ("autoquit", json!(-1.0)),
            ("exit_code_on_error", json!(1)),
            ("user_classes", json!(["Web"])),
        ] {
            assert_eq!(options[name], value, "{name}");
        }
    }

    #[test]
    fn web_flags_are_passed_on() {
        let defaults = options("Web");
        let options = options(
            "--web-host * --web-base-path /a/ --port 80 --autostart --autoquit 5 --tls-cert c --tls-key k --web-login",
        );
        for (name, value, default) in [
            ("web_host", json!(""), json!("")),
            ("web_base_path", json!("/a"), json!("")),
            ("web_port", json!(80), json!(8089)),
            ("port", json!(80), json!(8089)),
            ("autostart", json!(true), json!(false)),
            ("autoquit", json!(5.0), json!(-1.0)),
            ("tls_cert", json!("c"), json!("")),
            ("tls_key", json!("k"), json!("")),
            ("web_login", json!(true), json!(false)),
        ] {
            assert_eq!((&options[name], &defaults[name]), (&value, &default), "{name}");
        }
    }
}
