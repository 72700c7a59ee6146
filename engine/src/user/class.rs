//! User classes in Rust, and the scenario that they form.
//!
//! A [`ClassBuilder`] is generic over the type of its users. [`ClassBuilder::tasks`] erases the type, so that one list
//! holds classes of different users. A class spawns users into a [`ThreadContext`]; it must not know shards.

use std::{
    collections::HashSet,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
};

use gregaria_http::{BaseUrl, ClientConfig};

use super::{
    HttpUser,
    context::{User, UserContext, UserLifecycle},
    flow::TaskResult,
    handle::UserHandle,
    task::AnyTask,
    task_set::TaskSet,
    thread_context::ThreadContext,
    wait::Wait,
};
use crate::{
    rt::PooledFuture,
    scenario::{self, Scenario, ScenarioError, UserClassInfo},
};

/// A class of users: their tasks, their waits, and their share of all users.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult, TaskSet, UserClass, between};
///
/// async fn index(user: &mut HttpUser) -> TaskResult {
///     user.get("/").await;
///     Ok(())
/// }
/// let class = UserClass::http("WebsiteUser").wait(between(5.0, 9.0)).tasks(TaskSet::new("Website").task(1, index));
/// ```
pub struct UserClass {
    info: UserClassInfo,
    config: Arc<ClientConfig>,
    /// Names of the tasks by number, from 1.
    task_names: Vec<String>,
    empty_task_set: Option<String>,
    spawn_user: Box<SpawnUserFn>,
}

type SpawnUserFn = dyn Fn(Option<&Arc<BaseUrl>>, &Arc<ClientConfig>, Rc<ThreadContext>, Rc<UserHandle>) + Send + Sync;

impl UserClass {
    /// Returns a builder of a class of HTTP users without state of their own.
    pub fn http(name: impl Into<String>) -> ClassBuilder<HttpUser> {
        Self::http_with(name, || ())
    }

    /// Returns a builder of a class of HTTP users. `state` creates the initial [`HttpUser::state`] of each user.
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria_engine::{HttpUser, TaskResult, TaskSet, UserClass, stop_user};
    ///
    /// async fn buy(user: &mut HttpUser<u32>) -> TaskResult {
    ///     if user.state == 0 {
    ///         return stop_user();
    ///     }
    ///     user.state -= 1;
    ///     user.post("/buy").await;
    ///     Ok(())
    /// }
    /// let class = UserClass::http_with("Buyer", || 3).tasks(TaskSet::new("Shop").task(1, buy));
    /// ```
    pub fn http_with<S: 'static>(
        name: impl Into<String>,
        state: impl Fn() -> S + Send + Sync + 'static,
    ) -> ClassBuilder<HttpUser<S>> {
        let mut builder = ClassBuilder::new(
            name,
            Box::new(move |context, base, config| {
                let base = base.expect("a class that needs a host is not started without one");
                HttpUser::new(context, Arc::clone(base), Arc::clone(config), state())
            }),
        );
        builder.info.needs_host = true;
        builder
    }

    /// Returns a builder of a class of users of another protocol. `make` creates a user around its context.
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria_engine::{TaskSet, User, UserClass, UserContext};
    ///
    /// struct MqttUser {
    ///     context: UserContext<Self>,
    /// }
    ///
    /// impl User for MqttUser {
    ///     fn context(&mut self) -> &mut UserContext<Self> {
    ///         &mut self.context
    ///     }
    /// }
    ///
    /// let tasks = TaskSet::new("Sensor").task_named("publish", 1, async |user: &mut MqttUser| {
    ///     println!("at {} ns", user.context.now_ns());
    ///     Ok(())
    /// });
    /// let class = UserClass::custom("Sensor", |context| MqttUser { context }).tasks(tasks);
    /// ```
    pub fn custom<U: User>(
        name: impl Into<String>,
        make: impl Fn(UserContext<U>) -> U + Send + Sync + 'static,
    ) -> ClassBuilder<U> {
        ClassBuilder::new(name, Box::new(move |context, _, _| make(context)))
    }
}

/// A builder of a [`UserClass`].
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult, TaskSet, UserClass, constant, http::ClientConfig};
///
/// async fn log_in(user: &mut HttpUser) -> TaskResult {
///     user.post("/login").form(&[("name", "ada")]).await;
///     Ok(())
/// }
/// async fn index(user: &mut HttpUser) -> TaskResult {
///     user.get("/").await;
///     Ok(())
/// }
/// let class = UserClass::http("Customer")
///     .weight(3.0)
///     .host("http://localhost:8080")
///     .wait(constant(1.0))
///     .client(ClientConfig { read_timeout_ns: 5_000_000_000, ..ClientConfig::default() })
///     .on_start(log_in)
///     .tasks(TaskSet::new("Shop").task(1, index));
/// ```
pub struct ClassBuilder<U> {
    info: UserClassInfo,
    config: ClientConfig,
    wait: Option<Wait>,
    on_start: Option<AnyTask<U>>,
    on_stop: Option<AnyTask<U>>,
    make_user: Box<MakeUserFn<U>>,
}

type MakeUserFn<U> = dyn Fn(UserContext<U>, Option<&Arc<BaseUrl>>, &Arc<ClientConfig>) -> U + Send + Sync;

impl<U: User> ClassBuilder<U> {
    fn new(name: impl Into<String>, make_user: Box<MakeUserFn<U>>) -> Self {
        let info = UserClassInfo {
            name: name.into(),
            weight: 1.0,
            fixed_count: 0,
            host: None,
            needs_host: false,
            tasks: Vec::new(),
        };
        Self { info, config: ClientConfig::default(), wait: None, on_start: None, on_stop: None, make_user }
    }

    /// Sets the share of this class among the users, relative to the other classes. Default 1.
    pub fn weight(mut self, weight: f64) -> Self {
        self.info.weight = weight;
        self
    }

    /// Sets the exact number of users of this class, which are spawned before users by weight. Default 0, which means
    /// by weight.
    pub fn fixed_count(mut self, users: u32) -> Self {
        self.info.fixed_count = users;
        self
    }

    /// Sets the target host (`http://name:port/prefix`), used unless the run names a host. Default none.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.info.host = Some(host.into());
        self
    }

    /// Sets the wait between two tasks. Default no wait.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Sets timeouts, limits and default headers of the requests of this class.
    pub fn client(mut self, config: ClientConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets a task that each user runs once, before its other tasks.
    pub fn on_start(mut self, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        self.on_start = Some(Arc::new(task));
        self
    }

    /// Sets a task that each user runs once, after its other tasks.
    ///
    /// It runs when the user stops itself, when the number of users decreases, and at the end of the run. At the end of
    /// the run no request starts any more.
    pub fn on_stop(mut self, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        self.on_stop = Some(Arc::new(task));
        self
    }

    /// Sets the tasks of the users and completes the class.
    pub fn tasks(self, mut tasks: TaskSet<U>) -> UserClass {
        let Self { mut info, config, wait, on_start, on_stop, make_user } = self;
        info.tasks = tasks.task_infos();
        let mut task_names = Vec::new();
        tasks.number_tasks(&mut task_names);
        let empty_task_set = tasks.find_empty().map(str::to_owned);
        let behavior = Arc::new(ClassBehavior { tasks: Arc::new(tasks), on_start, on_stop });
        let spawn_user: Box<SpawnUserFn> = Box::new(move |base, config, thread, handle| {
            let context = UserContext::new(Rc::clone(&thread), Rc::clone(&handle), wait);
            let user = make_user(context, base, config);
            thread.rt.spawn(run_user(user, Arc::clone(&behavior), Rc::clone(&thread), handle));
        });
        UserClass { info, config: Arc::new(config), task_names, empty_task_set, spawn_user }
    }
}

struct ClassBehavior<U> {
    tasks: Arc<TaskSet<U>>,
    on_start: Option<AnyTask<U>>,
    on_stop: Option<AnyTask<U>>,
}

/// Runs a user from its `on_start` to its `on_stop`.
///
/// Both hooks run in pooled futures, so that their size does not add to the size of a user that runs its tasks.
#[expect(clippy::manual_async_fn, reason = "an `async fn` stores its arguments twice, and each idle user pays for it")]
fn run_user<U: User>(
    mut user: U,
    behavior: Arc<ClassBehavior<U>>,
    thread: Rc<ThreadContext>,
    handle: Rc<UserHandle>,
) -> impl Future<Output = ()> {
    async move {
        let mut on_start = PooledFuture::new(|| user.run_hook(behavior.on_start.as_ref()));
        let started = handle.run_until_stopped(Pin::new(&mut on_start)).await;
        drop(on_start);
        if let Some(Ok(())) = started {
            handle.run_until_stopped(pin!(user.run_tasks(&behavior.tasks))).await;
        }
        let mut on_stop = PooledFuture::new(|| async {
            user.unwind_task_sets().await;
            // The user exits in any case, so the result has no effect.
            let _ = user.run_hook(behavior.on_stop.as_ref()).await;
        });
        handle.run_until_aborted(Pin::new(&mut on_stop)).await;
        drop(on_stop);
        thread.user_exited(&handle);
    }
}

/// A scenario of Rust user classes.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, RustScenario, Scenario, ScenarioError, TaskResult, TaskSet, UserClass};
///
/// async fn index(user: &mut HttpUser) -> TaskResult {
///     user.get("/").await;
///     Ok(())
/// }
///
/// # fn main() -> Result<(), ScenarioError> {
/// let class = UserClass::http("Visitor").tasks(TaskSet::new("Website").task(1, index));
/// let scenario = RustScenario::new([class])?.with_host(Some("http://localhost:8080"))?;
/// assert_eq!(scenario.user_classes()[0].host.as_deref(), Some("http://localhost:8080"));
/// # Ok(())
/// # }
/// ```
pub struct RustScenario {
    infos: Vec<UserClassInfo>,
    classes: Vec<UserClass>,
    base_urls: Vec<Option<Arc<BaseUrl>>>,
}

impl RustScenario {
    /// Creates a scenario of these classes.
    ///
    /// # Errors
    /// Returns a [`ScenarioError`] if two classes have the same name, or a task set has no task with a weight above 0.
    pub fn new(classes: impl IntoIterator<Item = UserClass>) -> Result<Self, ScenarioError> {
        let classes: Vec<UserClass> = classes.into_iter().collect();
        let mut names = HashSet::new();
        for class in &classes {
            if !names.insert(class.info.name.as_str()) {
                return Err(ScenarioError::DuplicateClass(class.info.name.clone()));
            }
            if let Some(set) = &class.empty_task_set {
                return Err(ScenarioError::NoTasks { class: class.info.name.clone(), set: set.clone() });
            }
        }
        let infos = classes.iter().map(|class| class.info.clone()).collect();
        let base_urls = classes.iter().map(|_| None).collect();
        Ok(Self { infos, classes, base_urls })
    }

    /// Keeps only the classes with these names, or all classes if `names` is empty.
    ///
    /// Must be called before [`with_host`](Self::with_host), because it resets the hosts that were resolved.
    ///
    /// # Errors
    /// Returns [`ScenarioError::UnknownClass`] if a name is not the name of a class.
    pub fn select(self, names: &[String]) -> Result<Self, ScenarioError> {
        let selected = scenario::select_classes(&self.infos, names)?;
        let classes = self.classes.into_iter().enumerate().filter(|(index, _)| selected.contains(index));
        Self::new(classes.map(|(_, class)| class))
    }

    /// Changes the client settings of every class. Settings of a run thus take precedence over those of a class.
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria_engine::RustScenario;
    ///
    /// fn with_short_timeouts(scenario: RustScenario) -> RustScenario {
    ///     scenario.with_client(|config| config.read_timeout_ns = 1_000_000_000)
    /// }
    /// ```
    pub fn with_client(mut self, change: impl Fn(&mut ClientConfig)) -> Self {
        self.classes.iter_mut().for_each(|class| change(Arc::make_mut(&mut class.config)));
        self
    }

    /// Returns the name of a task and its class for messages. Number 0 stands for a hook or a scheduled task.
    pub(crate) fn task_label(&self, class: usize, number: u32) -> String {
        let Some(class) = self.classes.get(class) else {
            return "a task".to_owned();
        };
        match (number as usize).checked_sub(1).and_then(|index| class.task_names.get(index)) {
            Some(task) => format!("task {task} of class {}", class.info.name),
            None => format!("a hook or a scheduled task of class {}", class.info.name),
        }
    }

    /// Resolves the target of each class: `host` if given, otherwise the host of the class.
    ///
    /// # Errors
    /// Returns a [`ScenarioError`] if a class that needs a host has none, or a host is not valid.
    pub fn with_host(mut self, host: Option<&str>) -> Result<Self, ScenarioError> {
        self.base_urls = scenario::resolve_base_urls(&mut self.infos, host)?;
        Ok(self)
    }

    /// Returns the name of the first class that needs a host and has none.
    pub(crate) fn class_without_host(&self) -> Option<&str> {
        let lacks_host = |(info, base): &(&UserClassInfo, &Option<_>)| info.needs_host && base.is_none();
        self.infos.iter().zip(&self.base_urls).find(lacks_host).map(|(info, _)| info.name.as_str())
    }

    /// Spawns a user of this class on the thread of `thread`.
    pub(crate) fn spawn_user(&self, class: usize, thread: &Rc<ThreadContext>, handle: Rc<UserHandle>) {
        let UserClass { spawn_user, config, .. } = &self.classes[class];
        spawn_user(self.base_urls[class].as_ref(), config, Rc::clone(thread), handle);
    }
}

impl Scenario for RustScenario {
    fn user_classes(&self) -> &[UserClassInfo] {
        &self.infos
    }
}
