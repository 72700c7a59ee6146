//! The quick start of Locust's manual in Rust: log in, then request the start page twice as often as the profile.
//!
//! `cargo run --release -p gregaria-examples --example quickstart -- --host http://127.0.0.1:8080 -u 10 -t 10s`

use std::process::ExitCode;

use gregaria::{HttpUser, TaskResult, TaskSet, UserClass, between};

async fn login(user: &mut HttpUser) -> TaskResult {
    user.post("/login").form(&[("username", "ellen_key"), ("password", "education")]).await;
    Ok(())
}

async fn index(user: &mut HttpUser) -> TaskResult {
    user.get("/").await;
    Ok(())
}

async fn profile(user: &mut HttpUser) -> TaskResult {
    user.get("/profile").await;
    Ok(())
}

fn main() -> ExitCode {
    let behavior = TaskSet::new("UserBehavior").on_start(login).task(2, index).task(1, profile);
    gregaria::main([UserClass::http("WebsiteUser").wait(between(5.0, 9.0)).tasks(behavior)])
}
