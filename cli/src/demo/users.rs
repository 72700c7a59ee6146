//! The users of the demo shop, which `gregaria --demo` runs: shoppers and a few crawlers.
//!
//! The scenario has weighted and nested tasks, state, request names, and a response with an outcome that the task
//! decides. `examples/shop.rs` runs it in a program of its own, `examples/shop.py` is the same scenario in Python.

use gregaria_engine::{HttpUser, TaskResult, TaskSet, UserClass, between, constant_pacing, interrupt};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use serde_json::json;

const ITEMS: u32 = 200;
const PAGES: u32 = 10;
const WORDS: [&str; 4] = ["lamp", "chair", "blue", "walnut"];

/// A shopper. The state is the source of random numbers.
type Shopper = HttpUser<SmallRng>;

/// Returns the user classes `Shopper` and `Crawler`.
///
/// # Examples
///
/// ```no_run
/// // The users load the demo shop with `--demo`, or a site like it with `--host`.
/// let exit_code = gregaria::main(gregaria::demo::user_classes());
/// ```
pub fn user_classes() -> [UserClass; 2] {
    let buying = TaskSet::new("Buying").task(2, add_to_cart).task(1, look_at_cart).task(1, checkout);
    let shopping =
        TaskSet::new("Shopping").task(4, front_page).task(6, browse_items).task(1, search).task_set(2, buying);
    let crawling = TaskSet::new("Crawling").task(1, next_page);
    let shopper = UserClass::http_with("Shopper", SmallRng::from_os_rng);
    [
        shopper.weight(9.0).wait(between(0.5, 2.0)).on_start(log_in).tasks(shopping),
        UserClass::http_with("Crawler", || 0).weight(1.0).wait(constant_pacing(1.0)).tasks(crawling),
    ]
}

async fn log_in(user: &mut Shopper) -> TaskResult {
    user.post("/login").form(&[("username", "ellen_key"), ("password", "education")]).await;
    Ok(())
}

async fn front_page(user: &mut Shopper) -> TaskResult {
    user.get("/").await;
    Ok(())
}

async fn browse_items(user: &mut Shopper) -> TaskResult {
    let item = user.state.random_range(1..=ITEMS);
    // The name makes one row of all items.
    user.get(&format!("/items/{item}")).name("/items/[id]").await;
    Ok(())
}

async fn search(user: &mut Shopper) -> TaskResult {
    let word = WORDS.choose(&mut user.state).unwrap_or(&WORDS[0]);
    user.get(&format!("/search?q={word}")).name("/search?q=[word]").await;
    Ok(())
}

async fn add_to_cart(user: &mut Shopper) -> TaskResult {
    let line = json!({ "item": user.state.random_range(1..=ITEMS), "amount": user.state.random_range(1..=3) });
    user.post("/cart").json(&line).await;
    Ok(())
}

async fn look_at_cart(user: &mut Shopper) -> TaskResult {
    user.get("/cart").await;
    Ok(())
}

/// Checks out and leaves the task set `Buying`, so that the shopper continues with `Shopping`.
async fn checkout(user: &mut Shopper) -> TaskResult {
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
