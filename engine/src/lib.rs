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

mod addresses;
mod network;
mod ramp;
mod swarm;

pub mod carrier;
pub mod health;
pub mod place;
pub mod rt;
pub mod runner;
pub mod scenario;
pub mod shards;
pub mod user;

pub use addresses::{AddressError, Addresses, Destination, Override};
pub use gregaria_http as http;
pub use gregaria_stats as stats;
pub use health::{Health, Role, ShardLoad};
pub use ramp::{Ramp, Segment, Step};
pub use runner::{Command, EndReason, Notice, Now, RunHandle, RunReport, Runner, RunnerOptions, State, Status};
pub use scenario::{Scenario, ScenarioError, TaskInfo, UserClassInfo};

pub use shards::{ShardError, ShardOptions, ShardSwarm};
pub use swarm::{Swarm, SwarmReport};
pub use user::{
    CaughtRequest, CaughtResponse, ClassBuilder, Expect, HttpUser, Interruption, Method, Request, Response,
    RustScenario, StreamedRequest, StreamedResponse, TaskResult, TaskSet, User, UserClass, UserCore, Wait, between,
    constant, constant_pacing, constant_throughput, interrupt, stop_user,
};
