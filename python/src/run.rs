//! One run of Python users, from the outside: started here, followed by a thread of its own, steered by Python.
//!
//! The threads are: the hub's (gevent; the caller of all this), the carrier's, the runner's, and the one that shows
//! the run on the terminal. The last two tell the hub what happens through a queue and a bell; the one thing that
//! anyone waits for is the hub's last word, when the run is over.

use std::{
    ffi::OsString,
    process::Command as Process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use gregaria::{
    exit::{CliError, HostExit},
    run::{self, Backend, LaunchedRun, RunContext},
    terminal::{Screen, StdStream},
};
use gregaria_engine::{
    EndReason, RunCommand, RunEvent, RunHandle,
    control::{Accounting, Coordinator, ThreadAgent},
    io_thread::IoThread,
    rt::{self, EventFd},
    scenario,
};
use gregaria_http::ClientConfig;
use gregaria_stats::{Limits, StatsEntry};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    bridge::{Hub, HubParts},
    command_line::{CommandLine, infos, refused},
    log::LOG,
    scenario::{ClassDescription, PythonScenario},
    swarm::HubSwarm,
};

/// Log, open files, demo site: what a run stands on.
#[pyclass(frozen)]
pub(crate) struct Prepared {
    grounds: Mutex<Option<RunContext>>,
    host: Option<String>,
}

/// A run.
#[pyclass(frozen)]
pub(crate) struct Run {
    handle: RunHandle,
    news: Mutex<Receiver<News>>,
    last_word: Sender<HostExit>,
    /// The hub has taken the exit code.
    has_left: Arc<AtomicBool>,
    screen: Screen,
    /// What the thread that shows the run is to do, until it has begun.
    follow: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    follower: Mutex<Option<JoinHandle<()>>>,
}

/// What the hub is told: what happened, and a number that belongs to it.
type News = (&'static str, u64);

/// Tells the hub.
#[derive(Clone)]
struct Herald {
    news: Sender<News>,
    bell: EventFd,
}

impl Herald {
    fn tell(&self, what: &'static str, number: u64) -> bool {
        let told = self.news.send((what, number)).is_ok();
        self.bell.notify();
        told
    }
}

/// Takes over the log and settles the host. `this_program` is how this very program is called, up to its first argument.
#[pyfunction]
pub(crate) fn prepare(command_line: &CommandLine, this_program: Vec<OsString>) -> PyResult<Prepared> {
    let this_program = || {
        let mut words = this_program.iter();
        let mut program = Process::new(words.next().cloned().unwrap_or_default());
        program.args(words);
        Ok(program)
    };
    let grounds = run::prepare(&command_line.plan, this_program).map_err(refused)?;
    let host = grounds.host.clone();
    Ok(Prepared { grounds: Mutex::new(Some(grounds)), host })
}

#[pymethods]
impl Prepared {
    /// What replaces the host of every user class, if anything.
    #[getter]
    fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

/// Makes a hub for users of these classes. The run begins with [`Run::begin`].
#[pyfunction]
pub(crate) fn start(
    command_line: &CommandLine,
    prepared: &Prepared,
    classes: Vec<ClassDescription<'_>>,
) -> PyResult<(Run, Hub)> {
    let plan = command_line.plan.clone();
    let mut infos = infos(classes)?;
    // Each class has the host that it is to have; the locustfile may have changed it.
    let settled = scenario::resolve_base_urls(&mut infos, None);
    settled.map_err(|error| refused(gregaria::scenario_error(&error)))?;
    let grounds = prepared.grounds.lock().unwrap_or_else(PoisonError::into_inner).take();
    let grounds = grounds.ok_or_else(|| refused(CliError::runtime("a run is started once")))?;

    let cannot = |what: &str, error: std::io::Error| refused(CliError::runtime(format!("{what}: {error}")));
    let (carrier_bell, order_bell) = (EventFd::new()?, EventFd::new()?);
    let carrier = IoThread::start(carrier_bell.clone(), plan.load.driver, Arc::clone(&grounds.resolver))
        .map_err(|error| cannot("the thread that carries requests cannot be started", error))?;
    let alive_ns = Arc::new(AtomicU64::new(rt::now_ns()));
    let mut config = ClientConfig::default();
    plan.client.apply_to(&mut config);
    let mut places = Coordinator::new(infos.len());
    let parts = HubParts {
        ledger: Accounting::new(Limits::default()),
        place: ThreadAgent::new(places.add_agent()),
        classes: infos.len(),
        config: Arc::new(config),
        carrier_bell,
        order_bell: order_bell.clone(),
        alive_ns: Arc::clone(&alive_ns),
        carrier,
    };
    let place = format!("Python users on gevent, requests over {}", parts.carrier.driver_kind().as_str());
    let swarm = HubSwarm::new(places, order_bell.clone(), parts.carrier.status(), alive_ns);
    let hub = Hub::new(parts);

    let backend = Backend { swarm, description: place };
    let launched = run::launch(grounds, plan, Arc::new(PythonScenario(infos)), || Ok(backend)).map_err(refused)?;
    let (sender, news) = mpsc::channel();
    let herald = Herald { news: sender, bell: order_bell };
    let (last_word, answers) = mpsc::channel();
    let has_left = Arc::new(AtomicBool::new(false));
    let (handle, screen) = (launched.handle().clone(), launched.screen().clone());
    let follower = Follower { herald, answers, handle: handle.clone(), has_left: Arc::clone(&has_left) };
    let follow: Box<dyn FnOnce() + Send> = Box::new(move || follower.follow(launched));
    let follow = Mutex::new(Some(follow));
    let run = Run { handle, news: Mutex::new(news), last_word, has_left, screen, follow, follower: Mutex::default() };
    Ok((run, hub))
}

/// The thread that shows the run.
struct Follower {
    herald: Herald,
    answers: Receiver<HostExit>,
    handle: RunHandle,
    has_left: Arc<AtomicBool>,
}

impl Follower {
    fn follow(self, launched: LaunchedRun) {
        let herald = self.herald.clone();
        self.handle.subscribe(move |notice| match notice {
            RunEvent::SpawningComplete(users) => herald.tell("spawning_complete", u64::from(*users)),
            RunEvent::Stopped => herald.tell("stopped", 0),
            // The hub's orders say it.
            RunEvent::Started | RunEvent::Stopping(_) => true,
        });
        let code = launched.follow(|| self.last_word()).unwrap_or_else(|refusal| {
            log::error!(target: LOG, "{refusal}");
            refusal.code
        });
        self.herald.tell("exit", u64::from(code));
        if self.has_failed() {
            rt::sleep_blocking(LEAVE_WITHIN);
            if !self.has_left.load(Ordering::Relaxed) {
                // The hub is stuck in the locustfile's own code, which nobody else can end.
                log::error!(target: LOG, "The Python hub does not come back: the process ends without it");
                std::process::exit(i32::from(code));
            }
        }
    }

    fn has_failed(&self) -> bool {
        matches!(self.handle.status().end_reason, Some(EndReason::FatalError(_)))
    }

    /// Asks the hub, unless it is stuck.
    fn last_word(&self) -> HostExit {
        if self.has_failed() || !self.herald.tell("quitting", 0) {
            return HostExit::default();
        }
        loop {
            match self.answers.recv_timeout(Duration::from_secs(1)) {
                Ok(last_word) => return last_word,
                Err(RecvTimeoutError::Disconnected) => return HostExit::default(),
                Err(RecvTimeoutError::Timeout) => log::debug!(target: LOG, "waiting for the listeners of quitting"),
            }
        }
    }
}

#[pymethods]
impl Run {
    /// Begins: from now on the hub must turn.
    fn begin(&self) -> PyResult<()> {
        let follow = self.follow.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(follow) = follow {
            let follower = thread::Builder::new().name("gregaria-console".into()).spawn(follow)?;
            *self.follower.lock().unwrap_or_else(PoisonError::into_inner) = Some(follower);
        }
        Ok(())
    }

    /// Writes what the locustfile prints, above the live display if there is one.
    fn print(&self, text: &str, is_error: bool) {
        self.screen.print(if is_error { StdStream::Err } else { StdStream::Out }, text);
    }

    /// What has happened since the last call, oldest first.
    fn news(&self) -> Vec<News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect()
    }

    /// The answer to `quitting`.
    #[pyo3(signature = (exit_code, listener_failed))]
    fn say_last_word(&self, exit_code: Option<i32>, listener_failed: bool) {
        let exit_code = exit_code.map(|code| (code & 0xff) as u8);
        // Nobody waits when the run has ended by a fault.
        let _ = self.last_word.send(HostExit { exit_code, listener_failed });
    }

    /// The process ends by itself. Waits until the run has let go of the terminal, for a run that has not ended in order, too.
    fn finish(&self, py: Python<'_>) {
        self.has_left.store(true, Ordering::Relaxed);
        self.handle.send_command(RunCommand::Stop);
        self.say_last_word(None, true);
        let follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner).take();
        // How it ended has been said.
        let _ = py.detach(|| follower.map(JoinHandle::join));
    }

    /// Moves to this many users at this many a second.
    fn spawn(&self, users: u32, spawn_rate: f64) {
        self.handle.send_command(RunCommand::Spawn { users, spawn_rate });
    }

    /// Ends the run as its time limit would.
    fn stop(&self) {
        self.handle.send_command(RunCommand::Stop);
    }

    fn reset_stats(&self) {
        self.handle.send_command(RunCommand::ResetStats);
    }

    #[getter]
    fn state(&self) -> &'static str {
        self.handle.status().state.as_str()
    }

    #[getter]
    fn user_count(&self) -> u32 {
        self.handle.status().users
    }

    /// In the order in which the classes were given.
    #[getter]
    fn users_per_class(&self) -> Vec<u32> {
        self.handle.status().users_per_class
    }

    #[getter]
    fn target_user_count(&self) -> u32 {
        self.handle.status().target_users
    }

    /// One row of the statistics, times in milliseconds; the total without a name. `None` when there is no such row.
    #[pyo3(signature = (method=None, name=None))]
    fn row<'py>(
        &self,
        py: Python<'py>,
        method: Option<&str>,
        name: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let elapsed_s = self.handle.status().measured().as_secs_f64();
        let row = self.handle.with_summary(|summary| {
            let entry = match name {
                Some(name) => summary.entry(method.unwrap_or_default(), name),
                None => Some(summary.total()),
            };
            entry.map(|entry| Row::of(entry, elapsed_s))
        });
        row.map(|row| row.into_dict(py)).transpose()
    }

    /// Percentile of a row's response times in milliseconds, `q` from 0 to 1.
    #[pyo3(signature = (q, method=None, name=None))]
    fn percentile(&self, q: f64, method: Option<&str>, name: Option<&str>) -> f64 {
        self.handle.with_summary(|summary| {
            let entry = match name {
                Some(name) => summary.entry(method.unwrap_or_default(), name),
                None => Some(summary.total()),
            };
            entry.map_or(0.0, |entry| entry.percentile_us(q) as f64 / 1000.0)
        })
    }

    /// Method and name of every row.
    fn rows(&self) -> Vec<(String, String)> {
        self.handle.with_summary(|summary| {
            summary.entries().map(|entry| (entry.method().to_owned(), entry.name().to_owned())).collect()
        })
    }
}

/// What Python reads of an entry.
struct Row([(&'static str, f64); 8]);

impl Row {
    fn of(entry: &StatsEntry, elapsed_s: f64) -> Self {
        Self([
            ("num_requests", entry.num_requests() as f64),
            ("num_failures", entry.num_failures() as f64),
            ("avg_response_time", entry.avg_us() / 1000.0),
            ("min_response_time", entry.min_us().unwrap_or(0) as f64 / 1000.0),
            ("max_response_time", entry.max_us() as f64 / 1000.0),
            ("total_rps", entry.total_rps(elapsed_s)),
            ("current_rps", entry.current_rps(rt::unix_time_s())),
            ("avg_content_length", entry.avg_content_length()),
        ])
    }

    fn into_dict(self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let dict = PyDict::new(py);
        self.0.iter().try_for_each(|(name, value)| dict.set_item(name, value))?;
        Ok(dict)
    }
}

/// For a hub that was stuck and may have come back just now.
const LEAVE_WITHIN: Duration = Duration::from_millis(200);
