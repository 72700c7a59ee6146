//! gregaria-engine: users, their tasks and waits, the shards they run on, and the runner that steers a run.
//!
//! It knows nothing of command lines, terminals or signals, holds no global state, prints nothing and never
//! ends the process. Only [`rt`] names io_uring.
//!
//! Three seams, each a trait or a plain type:
//! - [`Scenario`]: what there is to run. [`RustScenario`] is made of [`UserClass`]es.
//! - [`Swarm`]: where it runs. [`ShardSwarm`] holds Rust users on pinned cores.
//! - [`Runner`]: one state machine over a Swarm; [`RunHandle`] is how another program steers and reads it.
//!
//! A request's way starts in `user/http_user.rs`.

mod connect_config;
mod network;
mod ramp;
mod swarm;

pub mod accounting;
pub mod control;
pub mod health;
pub mod io_thread;
pub mod rt;
pub mod runner;
pub mod scenario;
pub mod shards;
pub mod user;

pub use connect_config::{ConnectConfig, ConnectConfigError, OverrideTarget, ResolveOverride};
pub use gregaria_http as http;
pub use gregaria_stats as stats;
pub use health::{GeneratorHealth, ThreadLoad, ThreadRole};
pub use ramp::{Ramp, RampStep, Segment};
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
