//! One run of Python users: its start, the display thread that follows it, and the handle through which Python
//! controls it.
//!
//! The threads are: the Python thread (gevent; it calls all functions here), the I/O thread, the runner's, and the
//! display thread. The runner and the display thread send events to the Python thread through a queue and an event
//! fd. Only the display thread waits for the Python thread, once, for the exit status after the run.

use std::{
    ffi::OsString,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use gregaria::{
    args::RunPlan,
    exit::{self, HostExit},
    run::{self, Backend, LaunchedRun, RunContext},
    terminal::{Screen, StdStream},
};
use gregaria_engine::{
    EndReason, RunCommand, RunEvent, RunHandle,
    accounting::Accounting,
    control::{Coordinator, ThreadAgent},
    io_thread::IoThread,
    rt::{self, EventFd},
    scenario,
};
use gregaria_http::ClientConfig;
use gregaria_stats::{Limits, StatsEntry, Summary};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    bridge::{BridgeParts, EngineBridge},
    command_line::{CommandLine, program_command, python_error},
    log::LOG,
    scenario::{ClassDescription, PythonScenario, class_infos},
    swarm::PythonSwarm,
};

/// The resources of a run that [`start`] has not started yet: log, open files, demo site.
#[pyclass(frozen, module = "gregaria._engine")]
pub(crate) struct RunSetup {
    context: Mutex<Option<RunContext>>,
    host: Option<String>,
}

/// A run.
#[pyclass(frozen, module = "gregaria._engine")]
pub(crate) struct Run {
    handle: RunHandle,
    events: Mutex<Receiver<HostEvent>>,
    exit_sender: Sender<HostExit>,
    /// Whether the Python thread has left its loop.
    exited: Arc<AtomicBool>,
    screen: Screen,
    /// The display thread's function until the thread is started.
    display: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    display_thread: Mutex<Option<JoinHandle<()>>>,
}

/// An event of the run for the Python thread.
#[pyclass(frozen, module = "gregaria._engine")]
#[derive(Clone, Copy)]
pub(crate) enum HostEvent {
    /// All users of the latest spawn command are spawned.
    SpawningComplete { user_count: u32 },
    /// The run has stopped.
    Stopped {},
    /// The results are final; the display thread waits for [`Run::set_exit`].
    Quitting {},
    /// The results are shown; the process ends with this code.
    Exit { code: u8 },
}

/// Sends events to the Python thread and wakes it.
#[derive(Clone)]
struct EventSender {
    events: Sender<HostEvent>,
    command_fd: EventFd,
}

impl EventSender {
    /// Returns `false` if the run's handle is dropped.
    fn send(&self, event: HostEvent) -> bool {
        let is_sent = self.events.send(event).is_ok();
        self.command_fd.notify();
        is_sent
    }
}

/// Takes over the log and determines the host. `this_program` are the words that start this program, up to its first
/// argument.
#[pyfunction]
pub(crate) fn prepare(command_line: &CommandLine, this_program: Vec<OsString>) -> PyResult<RunSetup> {
    let this_program = || Ok(program_command(&this_program));
    let context = run::prepare(&command_line.plan, this_program).map_err(python_error)?;
    let host = context.host.clone();
    Ok(RunSetup { context: Mutex::new(Some(context)), host })
}

#[pymethods]
impl RunSetup {
    /// The host that replaces the host of every user class; `None` leaves the hosts as they are.
    #[getter]
    fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

/// Creates a run and the bridge for users of these classes. [`Run::begin`] starts the run.
///
/// `owner_thread` is Python's number of the Python thread. `notify_decided` is called with a response and the exception
/// of its failure, if any, after the task's decision is recorded.
#[pyfunction]
pub(crate) fn start(
    command_line: &CommandLine,
    setup: &RunSetup,
    classes: Vec<ClassDescription<'_>>,
    owner_thread: u64,
    notify_decided: Py<PyAny>,
) -> PyResult<(Run, EngineBridge)> {
    let plan = command_line.plan.clone();
    let mut infos = class_infos(classes)?;
    // Without a replacement: each class has its host already, which the locustfile may have changed since.
    let resolved = scenario::resolve_base_urls(&mut infos, None);
    resolved.map_err(|error| python_error(gregaria::scenario_error(&error)))?;
    let context = setup.context.lock().unwrap_or_else(PoisonError::into_inner).take();
    let context = context.ok_or_else(|| runtime_error("a run can only be started once"))?;

    let command_fd = EventFd::new()?;
    let (backend, bridge) = backend(&plan, &context, infos.len(), owner_thread, notify_decided, &command_fd)?;
    let scenario = Arc::new(PythonScenario(infos));
    let launched = run::launch(context, plan, scenario, || Ok(backend)).map_err(python_error)?;
    Ok((Run::new(launched, command_fd), bridge))
}

/// Starts the I/O thread and connects the two sides of the run: the swarm for the runner, the bridge for Python.
fn backend(
    plan: &RunPlan,
    context: &RunContext,
    class_count: usize,
    owner_thread: u64,
    notify_decided: Py<PyAny>,
    command_fd: &EventFd,
) -> PyResult<(Backend<PythonSwarm>, EngineBridge)> {
    let completion_fd = EventFd::new()?;
    let io_thread = IoThread::start(completion_fd.clone(), plan.load.driver, Arc::clone(&context.resolver))
        .map_err(|error| runtime_error(&format!("cannot start the I/O thread: {error}")))?;
    let last_tick_ns = Arc::new(AtomicU64::new(rt::now_ns()));
    let mut config = ClientConfig::default();
    plan.client.apply_to(&mut config);
    let mut coordinator = Coordinator::new(class_count);
    let agent = ThreadAgent::new(coordinator.add_agent());
    let threads = "One thread runs the Python users, another sends their requests".to_owned();
    let driver = Some(io_thread.driver_kind());
    let swarm =
        PythonSwarm::new(coordinator, command_fd.clone(), io_thread.status(), Arc::clone(&last_tick_ns), owner_thread);
    let bridge = EngineBridge::new(BridgeParts {
        accounting: Accounting::new(Limits::default()),
        agent,
        io_thread,
        completion_fd,
        command_fd: command_fd.clone(),
        class_count,
        config: Arc::new(config),
        last_tick_ns,
        notify_decided,
    });
    Ok((Backend { swarm, threads, driver }, bridge))
}

fn runtime_error(message: &str) -> PyErr {
    python_error(exit::CliError::runtime(message))
}

/// The thread that shows the run on the terminal.
struct DisplayThread {
    events: EventSender,
    exit_status: Receiver<HostExit>,
    handle: RunHandle,
    exited: Arc<AtomicBool>,
}

impl DisplayThread {
    fn follow(self, launched: LaunchedRun) {
        let events = self.events.clone();
        self.handle.subscribe(move |event| match event {
            RunEvent::SpawningComplete(users) => events.send(HostEvent::SpawningComplete { user_count: *users }),
            RunEvent::Stopped => events.send(HostEvent::Stopped {}),
            // These two arrive as actions on users.
            RunEvent::Started | RunEvent::Stopping(_) => true,
        });
        let code = launched.follow(|| self.exit_status()).unwrap_or_else(|error| {
            log::error!(target: LOG, "{error}");
            error.code
        });
        self.events.send(HostEvent::Exit { code });
        if !self.has_failed() {
            return;
        }
        rt::sleep_blocking(EXIT_GRACE);
        if !self.exited.load(Ordering::Relaxed) {
            // Code of the locustfile blocks the Python thread, and no other thread can interrupt it.
            log::error!(target: LOG, "The gevent loop is still blocked: the process ends without it");
            std::process::exit(i32::from(code));
        }
    }

    fn has_failed(&self) -> bool {
        matches!(self.handle.status().end_reason, Some(EndReason::FatalError(_)))
    }

    /// Returns the exit status that Python requests after the listeners of `quitting`; the default if the Python thread
    /// is blocked.
    fn exit_status(&self) -> HostExit {
        if self.has_failed() || !self.events.send(HostEvent::Quitting {}) {
            return HostExit::default();
        }
        loop {
            match self.exit_status.recv_timeout(Duration::from_secs(1)) {
                Ok(exit_status) => return exit_status,
                Err(RecvTimeoutError::Disconnected) => return HostExit::default(),
                Err(RecvTimeoutError::Timeout) => log::debug!(target: LOG, "Waiting for the listeners of quitting"),
            }
        }
    }
}

impl Run {
    fn new(launched: LaunchedRun, command_fd: EventFd) -> Self {
        let (event_sender, events) = mpsc::channel();
        let (exit_sender, exit_status) = mpsc::channel();
        let exited = Arc::new(AtomicBool::new(false));
        let (handle, screen) = (launched.handle().clone(), launched.screen().clone());
        let events_to_python = EventSender { events: event_sender, command_fd };
        let display_thread = DisplayThread {
            events: events_to_python,
            exit_status,
            handle: handle.clone(),
            exited: Arc::clone(&exited),
        };
        let display: Box<dyn FnOnce() + Send> = Box::new(move || display_thread.follow(launched));
        Self {
            handle,
            events: Mutex::new(events),
            exit_sender,
            exited,
            screen,
            display: Mutex::new(Some(display)),
            display_thread: Mutex::default(),
        }
    }
}

#[pymethods]
impl Run {
    /// Starts the display thread, which spawns the users. From now on the bridge must tick.
    fn begin(&self) -> PyResult<()> {
        let display = self.display.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(display) = display {
            let thread = thread::Builder::new().name("gregaria-console".into()).spawn(display)?;
            *self.display_thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        }
        Ok(())
    }

    /// Prints text of the locustfile, above the live display if there is one.
    fn print(&self, text: &str, is_error: bool) {
        self.screen.print(if is_error { StdStream::Err } else { StdStream::Out }, text);
    }

    /// Returns the events since the last call, oldest first.
    fn take_events(&self) -> Vec<HostEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect()
    }

    /// Answers `HostEvent.Quitting` with the requested exit code and whether a listener has failed.
    #[pyo3(signature = (exit_code, listener_failed))]
    fn set_exit(&self, exit_code: Option<i32>, listener_failed: bool) {
        let exit_code = exit_code.map(|code| (code & 0xff) as u8);
        // The display thread no longer receives if the run has ended with a fatal error.
        let _ = self.exit_sender.send(HostExit { exit_code, listener_failed });
    }

    /// Waits until the run has released the terminal, also if Python leaves its loop before the run has ended.
    fn finish(&self, py: Python<'_>) {
        self.exited.store(true, Ordering::Relaxed);
        self.handle.send_command(RunCommand::Stop);
        self.set_exit(None, true);
        let thread = self.display_thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic of the thread has been reported when it happened.
        let _ = py.detach(|| thread.map(JoinHandle::join));
    }

    /// Changes the number of users at `spawn_rate` users per second.
    fn spawn(&self, users: u32, spawn_rate: f64) {
        self.handle.send_command(RunCommand::Spawn { users, spawn_rate });
    }

    /// Ends the run as its time limit does.
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

    /// The number of users per class, in the order of the classes given to `start`.
    #[getter]
    fn users_per_class(&self) -> Vec<u32> {
        self.handle.status().users_per_class
    }

    #[getter]
    fn target_user_count(&self) -> u32 {
        self.handle.status().target_users
    }

    /// Returns the values of an entry of the statistics, times in milliseconds; `None` if there is no such entry.
    /// Without a name it is the total.
    #[pyo3(signature = (method=None, name=None))]
    fn entry<'py>(
        &self,
        py: Python<'py>,
        method: Option<&str>,
        name: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let elapsed_s = self.handle.status().measured().as_secs_f64();
        let values = self
            .handle
            .with_summary(|summary| find_entry(summary, method, name).map(|entry| entry_values(entry, elapsed_s)));
        let Some(values) = values else {
            return Ok(None);
        };
        let dict = PyDict::new(py);
        values.iter().try_for_each(|(name, value)| dict.set_item(name, value))?;
        Ok(Some(dict))
    }

    /// Returns a percentile of an entry's response times in milliseconds; `quantile` is from 0 to 1.
    #[pyo3(signature = (quantile, method=None, name=None))]
    fn percentile(&self, quantile: f64, method: Option<&str>, name: Option<&str>) -> f64 {
        self.handle.with_summary(|summary| {
            find_entry(summary, method, name).map_or(0.0, |entry| entry.percentile_us(quantile) as f64 / 1000.0)
        })
    }

    /// Returns method and name of every entry.
    fn entry_keys(&self) -> Vec<(String, String)> {
        self.handle.with_summary(|summary| {
            summary.entries().map(|entry| (entry.method().to_owned(), entry.name().to_owned())).collect()
        })
    }
}

fn find_entry<'a>(summary: &'a Summary, method: Option<&str>, name: Option<&str>) -> Option<&'a StatsEntry> {
    match name {
        Some(name) => summary.entry(method.unwrap_or_default(), name),
        None => Some(summary.total()),
    }
}

/// Returns the values of an entry under Locust's names.
fn entry_values(entry: &StatsEntry, elapsed_s: f64) -> [(&'static str, f64); 10] {
    let unix_s = rt::unix_time_s();
    [
        ("num_requests", entry.num_requests() as f64),
        ("num_failures", entry.num_failures() as f64),
        ("avg_response_time", entry.avg_us() / 1000.0),
        ("min_response_time", entry.min_us().unwrap_or(0) as f64 / 1000.0),
        ("max_response_time", entry.max_us() as f64 / 1000.0),
        ("total_rps", entry.total_rps(elapsed_s)),
        ("total_fail_per_sec", entry.total_fail_per_sec(elapsed_s)),
        ("current_rps", entry.current_rps(unix_s)),
        ("current_fail_per_sec", entry.current_fail_per_sec(unix_s)),
        ("avg_content_length", entry.avg_content_length()),
    ]
}

/// Time for a Python thread that was blocked to return on its own after a fatal error.
const EXIT_GRACE: Duration = Duration::from_millis(200);
