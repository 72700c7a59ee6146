//! The Rust scenario of the comparison: the code that a user of the library writes, with the whole command line
//! around it.
//!
//! The comparison measures the requests of `Shopper`: a log-in that sets a cookie, two weighted tasks with names, no
//! waits. It measures the memory of `Idler`: one request, then an hour of waiting on an open connection. `Downloader`
//! requests the URL of the host repeatedly and does not look at the body.

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
