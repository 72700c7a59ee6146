//! What was given, under the names that Python knows: Locust's `environment.parsed_options`.
//!
//! Every name that Locust 2 has is there, with Locust's default where nothing was given, and the names of 0.7 beside
//! their successors. The arguments that a locustfile adds are not: `argparse` makes them from `Typed::extra`.

use serde_json::{Value, json};

use super::{
    given::Given,
    plan::{Mode, Plan},
    target::Target,
    typed::Typed,
};

/// All options by name, in Locust's order.
pub fn options(typed: &Typed, plan: &Plan) -> Vec<(&'static str, Value)> {
    [load(typed, plan), web(plan), cluster(), output(typed, plan), of_0_7(plan)].concat()
}

type Options = Vec<(&'static str, Value)>;

fn load(typed: &Typed, plan: &Plan) -> Options {
    let load = &plan.load;
    let spawn_rate = Some(load.spawn_rate).filter(|rate| rate.is_finite());
    let classes = match &plan.target {
        Target::Classes(names) => names.as_slice(),
        Target::Quick(_) => &[],
    };
    let tags = |tags: &[String]| if tags.is_empty() { Value::Null } else { json!(tags) };
    vec![
        ("locustfile", json!(text(&typed.users.locustfile).unwrap_or("locustfile.py"))),
        ("config", json!(text(&typed.other.config))),
        ("host", json!(load.host)),
        ("num_users", json!(load.users)),
        ("users", json!(load.users)),
        ("spawn_rate", json!(spawn_rate)),
        ("run_time", json!(load.run_time.map(|time| time.as_secs()))),
        ("stop_timeout", json!(load.stop_timeout.as_secs_f64())),
        ("reset_stats", json!(load.reset_stats)),
        ("demo", json!(load.demo)),
        ("tags", tags(&plan.tags)),
        ("exclude_tags", tags(&plan.exclude_tags)),
        ("user_classes", json!(classes)),
        ("headless", json!(plan.headless)),
        ("headful", json!(typed.load.headful)),
    ]
}

fn web(plan: &Plan) -> Options {
    let web = &plan.web;
    let file =
        |file: Option<&std::path::PathBuf>| json!(file.map(|file| file.display().to_string()).unwrap_or_default());
    vec![
        ("web_host", json!(web.host)),
        ("web_host_display_name", json!(web.host_display_name)),
        ("web_port", json!(web.port)),
        ("web_base_path", json!(web.base_path)),
        ("web_login", json!(web.login)),
        ("web_auth", Value::Null),
        ("tls_cert", file(web.tls.as_ref().map(|(cert, _)| cert))),
        ("tls_key", file(web.tls.as_ref().map(|(_, key)| key))),
        ("class_picker", json!(web.class_picker)),
        ("autostart", json!(web.autostart)),
        ("autoquit", json!(web.autoquit.map_or(-1.0, |time| time.as_secs_f64()))),
        ("build_path", json!("")),
        ("legacy_ui", json!(false)),
    ]
}

/// What `not_yet.rs` refuses is never given.
fn cluster() -> Options {
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

fn output(typed: &Typed, plan: &Plan) -> Options {
    let level = text(&typed.log.loglevel).unwrap_or("INFO").to_ascii_uppercase();
    vec![
        ("print_stats", json!(typed.output.print_stats)),
        ("only_summary", json!(typed.output.only_summary)),
        ("json", json!(plan.output.json)),
        ("json_file", json!(text(&typed.output.json_file))),
        ("skip_log_setup", json!(plan.log.skip_setup)),
        ("loglevel", json!(level)),
        ("logfile", json!(text(&typed.log.logfile))),
        ("list_commands", json!(plan.mode == Mode::List)),
        ("show_task_ratio", json!(typed.other.show_task_ratio)),
        ("show_task_ratio_json", json!(typed.other.show_task_ratio_json)),
        ("exit_code_on_error", json!(plan.exit.on_error)),
    ]
}

fn of_0_7(plan: &Plan) -> Options {
    vec![
        ("num_clients", json!(plan.load.users)),
        ("hatch_rate", json!(plan.load.spawn_rate)),
        ("num_requests", json!(plan.load.num_requests)),
        ("no_web", json!(plan.headless)),
        ("port", json!(plan.web.port)),
        ("slave", json!(false)),
    ]
}

fn text(given: &Option<Given>) -> Option<&str> {
    given.as_ref().map(|given| given.text.as_str())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ffi::OsString};

    use super::{
        super::{
            parse::{Parsed, parse},
            program::Program,
            surroundings::Surroundings,
        },
        *,
    };

    fn given(line: &str) -> BTreeMap<&'static str, Value> {
        let program = Program::Locustfile { extra: vec![] };
        let words: Vec<OsString> = ["gregaria"].into_iter().chain(line.split(' ')).map(OsString::from).collect();
        let Ok(Parsed::Typed(typed)) = parse(&words, &program, &Surroundings::default()) else { panic!("{line}") };
        let plan = Plan::new(&typed, &program).unwrap();
        let options = options(&typed, &plan);
        let names = options.len();
        let map: BTreeMap<_, _> = options.into_iter().collect();
        assert_eq!(map.len(), names, "a name is there twice");
        map
    }

    #[test]
    fn what_is_given_has_locusts_names_and_types() {
        let options = given(
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
    fn what_is_not_given_has_locusts_defaults() {
        let options = given("Web");
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
}
