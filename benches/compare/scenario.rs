//! The Rust scenario of the comparison: what a user of the library writes, with the whole command line around it.
//! `Shopper` is the one whose requests are priced: a log-in that sets a cookie, two weighted tasks under names, no
//! waits. `Idler` is the one whose memory is: one request, then an hour of nothing on a live connection. `Downloader`
//! gets what the host says, again and again, and looks at nothing of it.

use std::process::ExitCode;

use gregaria::{HttpUser, TaskResult, TaskSet, UserClass, constant};

fn main() -> ExitCode {
    let shopping = TaskSet::new("Shopping").on_start(login).task(3, catalogue).task(1, cart);
    gregaria::main([
        UserClass::http("Shopper").tasks(shopping),
        UserClass::http("Downloader").tasks(TaskSet::new("Downloading").task(1, download)),
        UserClass::http("Idler").wait(constant(3600.0)).tasks(TaskSet::new("Idling").task(1, cart)),
    ])
}

async fn login(user: &mut HttpUser) -> TaskResult {
    user.get("/login?user=1").name("/login").await;
    Ok(())
}

async fn catalogue(user: &mut HttpUser) -> TaskResult {
    user.get("/catalogue?page=2").name("/catalogue").await;
    Ok(())
}

async fn cart(user: &mut HttpUser) -> TaskResult {
    user.get("/cart").await;
    Ok(())
}

async fn download(user: &mut HttpUser) -> TaskResult {
    user.get("").name("download").await;
    Ok(())
}
