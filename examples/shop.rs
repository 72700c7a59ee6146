//! Shoppers and a few crawlers load the demo shop. The scenario has weighted and nested tasks, state, request names,
//! and a response with an outcome that the task decides.
//!
//! `cargo run --release -p gregaria-examples --example shop -- --demo -u 50 -r 10 -t 30s`
//!
//! `shop.py` is the same scenario in Python.

use std::process::ExitCode;

use gregaria::{HttpUser, TaskResult, TaskSet, UserClass, between, constant_pacing, interrupt};
use rand::random_range;
use serde_json::json;

const ITEMS: u32 = 200;
const PAGES: u32 = 10;
const WORDS: [&str; 4] = ["lamp", "chair", "blue", "walnut"];

async fn log_in(user: &mut HttpUser) -> TaskResult {
    user.post("/login").form(&[("username", "ellen_key"), ("password", "education")]).await;
    Ok(())
}

async fn front_page(user: &mut HttpUser) -> TaskResult {
    user.get("/").await;
    Ok(())
}

async fn browse_items(user: &mut HttpUser) -> TaskResult {
    let item = random_range(1..=ITEMS);
    // The name makes one row of all items.
    user.get(&format!("/items/{item}")).name("/items/[id]").await;
    Ok(())
}

async fn search(user: &mut HttpUser) -> TaskResult {
    let word = WORDS[random_range(0..WORDS.len())];
    user.get(&format!("/search?q={word}")).name("/search?q=[word]").await;
    Ok(())
}

async fn add_to_cart(user: &mut HttpUser) -> TaskResult {
    let line = json!({ "item": random_range(1..=ITEMS), "amount": random_range(1..=3) });
    user.post("/cart").json(&line).await;
    Ok(())
}

async fn look_at_cart(user: &mut HttpUser) -> TaskResult {
    user.get("/cart").await;
    Ok(())
}

/// Checks out and leaves the task set `Buying`, so that the shopper continues with `Shopping`.
async fn checkout(user: &mut HttpUser) -> TaskResult {
    let response = user.post("/checkout").catch_response().await;
    match response.status() {
        // 201 is an order. 409 is the correct response for an empty cart.
        201 | 409 => response.succeed(),
        status => response.fail(&format!("no order: {status}")),
    }
    interrupt(false)
}

/// Requests the next page. The crawler's state is the number of the last page.
async fn next_page(crawler: &mut HttpUser<u32>) -> TaskResult {
    crawler.state = crawler.state % PAGES + 1;
    let page = crawler.state;
    crawler.get(&format!("/items?page={page}")).name("/items?page=[n]").await;
    Ok(())
}

fn main() -> ExitCode {
    let buying = TaskSet::new("Buying").task(2, add_to_cart).task(1, look_at_cart).task(1, checkout);
    let shopping =
        TaskSet::new("Shopping").task(4, front_page).task(6, browse_items).task(1, search).task_set(2, buying);
    let crawling = TaskSet::new("Crawling").task(1, next_page);
    gregaria::main([
        UserClass::http("Shopper").weight(9.0).wait(between(0.5, 2.0)).on_start(log_in).tasks(shopping),
        UserClass::http_with("Crawler", || 0).weight(1.0).wait(constant_pacing(1.0)).tasks(crawling),
    ])
}
