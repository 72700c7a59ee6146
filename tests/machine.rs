//! A machine that lacks a resource: the run warns before its start, and the error table names the resource.
//!
//! util-linux's `unshare` creates a network namespace with eleven local ports.

use std::path::Path;

use support::example;

#[test]
fn too_few_local_ports_are_warned_of_and_reported() {
    let few_ports =
        "ip link set lo up && echo 40000 40010 >/proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"";
    let run = example("shop").args("--demo --headless -u 40 -r 40 -t 2s --only-summary");
    let run = run.wrapped_by(Path::new("unshare"), &["--net", "sh", "-c", few_ports]).run().expect_code(1);
    let setting = "widen net.ipv4.ip_local_port_range";
    let before = format!("40 users may need as many local ports towards one address, but there are 11: {setting}");
    assert!(run.stderr.contains(&before), "{}", run.stderr);
    let row = &format!("out of local ports on this machine: {setting}");
    assert!(run.errors().iter().any(|error| error.text.contains(row)), "{}", run.stderr);
}
