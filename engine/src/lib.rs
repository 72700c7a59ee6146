//! gregaria-engine: users, their tasks and waits, the threads that run them, and the runner of a run.
//!
//! The crate knows no command lines, terminals or signals. It holds no mutable process-wide state, prints no output and
//! never ends the process. Only [`rt`] names io_uring.
//!
//! A run has three parts, each a trait or a plain type:
//! - [`Scenario`]: the user classes. [`RustScenario`] is made of [`UserClass`]es.
//! - [`Swarm`]: a backend that holds users. [`ShardSwarm`] holds Rust users on pinned cores.
//! - [`Runner`]: the state machine of a run over a swarm. Other threads control and read it through a [`RunHandle`].
//!
//! The request of a Rust user begins in `user/http_user.rs`. Below users lie `accounting/` (admission and recording)
//! and `rt/` (the runtime); beside them `control/` (thread control); above them `shards/`.
//!
//! # Examples
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//!
//! use gregaria_engine::{
//!     HttpUser, RunCommand, Runner, RunnerOptions, RustScenario, ShardOptions, ShardSwarm, TaskResult, TaskSet,
//!     UserClass, between,
//! };
//!
//! async fn index(user: &mut HttpUser) -> TaskResult {
//!     user.get("/").await;
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let class = UserClass::http("Visitor").wait(between(1.0, 5.0)).tasks(TaskSet::new("Website").task(1, index));
//! let scenario = Arc::new(RustScenario::new([class])?.with_host(Some("http://localhost:8080"))?);
//! let swarm = ShardSwarm::start(Arc::clone(&scenario), &ShardOptions::default())?;
//! let options = RunnerOptions { run_time: Some(Duration::from_secs(60)), ..RunnerOptions::default() };
//! let run = Runner::start(scenario, swarm, options)?;
//! run.send_command(RunCommand::Spawn { users: 100, spawn_rate: 10.0 });
//! let report = run.wait();
//! println!("{} requests aborted", report.aborted);
//! # Ok(())
//! # }
//! ```

mod connect_config;
mod health;
mod network;
mod ramp;
mod runner;
mod shards;
mod swarm;
mod user;

pub mod accounting;
pub mod control;
pub mod io_thread;
pub mod rt;
pub mod scenario;

pub use connect_config::{ConnectConfig, ConnectConfigError, OverrideTarget, ResolveOverride};
pub use gregaria_http as http;
pub use gregaria_stats as stats;
pub use health::{GeneratorHealth, GeneratorVerdict, ThreadLoad, ThreadRole};
pub use ramp::Segment;
pub use runner::{
    ClockReading, EndReason, RunCommand, RunEvent, RunHandle, RunReport, RunStatus, Runner, RunnerOptions, RunnerState,
};
pub use scenario::{Scenario, ScenarioError, TaskInfo, UserClassInfo};
pub use shards::{ShardError, ShardOptions, ShardSwarm};
pub use swarm::{Swarm, SwarmReport};
pub use user::{
    CaughtRequest, CaughtResponse, ClassBuilder, ExpectedStatus, HttpUser, Method, Request, Response, RustScenario,
    StreamedRequest, StreamedResponse, TaskExit, TaskResult, TaskSet, User, UserClass, UserContext, Wait, between,
    constant, constant_pacing, constant_throughput, interrupt, stop_user,
};
