//! User classes in Rust, and the scenario they make up.
//!
//! A class is built for one type of user; its type is forgotten once its tasks are given, so that classes of different
//! users stand in one list.

use std::{
    collections::HashSet,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
};

use gregaria_http::{BaseUrl, ClientConfig};

use super::{
    HttpUser, UserHandle, UserLifecycle,
    context::{User, UserContext},
    flow::TaskResult,
    task::AnyTask,
    task_set::TaskSet,
    wait::Wait,
};
use crate::{
    rt::PooledFuture,
    scenario::{self, Scenario, ScenarioError, UserClassInfo},
    shards::ShardContext,
};

/// A class of users: what they do, how long they wait, how many there are relative to others.
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
    empty_task_set: Option<String>,
    spawn_user: Box<SpawnUserFn>,
}

type SpawnUserFn = dyn Fn(Option<&Arc<BaseUrl>>, &Arc<ClientConfig>, Rc<ShardContext>, Rc<UserHandle>) + Send + Sync;

impl UserClass {
    /// A class of users that speak HTTP and have no state of their own.
    pub fn http(name: impl Into<String>) -> ClassBuilder<HttpUser> {
        Self::http_with(name, || ())
    }

    /// A class of users that speak HTTP; `state` makes what each keeps in [`HttpUser::state`].
    pub fn http_with<S: 'static>(
        name: impl Into<String>,
        state: impl Fn() -> S + Send + Sync + 'static,
    ) -> ClassBuilder<HttpUser<S>> {
        let mut builder = ClassBuilder::new(
            name,
            Box::new(move |core, base, config| {
                let base = base.expect("a class that needs a host is not started without one");
                HttpUser::new(core, Arc::clone(base), Arc::clone(config), state())
            }),
        );
        builder.info.needs_host = true;
        builder
    }

    /// A class of users of another protocol: `make` builds one around the core that it is given.
    pub fn custom<U: User>(
        name: impl Into<String>,
        make: impl Fn(UserContext<U>) -> U + Send + Sync + 'static,
    ) -> ClassBuilder<U> {
        ClassBuilder::new(name, Box::new(move |core, _, _| make(core)))
    }
}

/// A [`UserClass`] that still lacks its tasks.
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
    fn new(name: impl Into<String>, make: Box<MakeUserFn<U>>) -> Self {
        let info = UserClassInfo {
            name: name.into(),
            weight: 1.0,
            fixed_count: 0,
            host: None,
            needs_host: false,
            tasks: Vec::new(),
        };
        Self { info, config: ClientConfig::default(), wait: None, on_start: None, on_stop: None, make_user: make }
    }

    /// The class's share of the users relative to the other classes; 1 unless said.
    pub fn weight(mut self, weight: f64) -> Self {
        self.info.weight = weight;
        self
    }

    /// Spawn exactly this many users of the class, before any weighted ones.
    pub fn fixed_count(mut self, users: u32) -> Self {
        self.info.fixed_count = users;
        self
    }

    /// The host to attack (`http://name:port/prefix`), used when the run does not name one.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.info.host = Some(host.into());
        self
    }

    /// The wait between tasks; none unless said.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Timeouts, limits and default headers of this class's requests.
    pub fn client(mut self, config: ClientConfig) -> Self {
        self.config = config;
        self
    }

    /// What a user does first.
    pub fn on_start(mut self, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        self.on_start = Some(Arc::new(task));
        self
    }

    /// What a user does last: when it stops by itself, when its number goes down, and at the end of the run, when
    /// requests do not start any more.
    pub fn on_stop(mut self, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        self.on_stop = Some(Arc::new(task));
        self
    }

    /// What the users do all the time. Completes the class.
    pub fn tasks(self, tasks: TaskSet<U>) -> UserClass {
        let Self { mut info, config, wait, on_start, on_stop, make_user: make } = self;
        info.tasks = tasks.task_infos();
        let empty_set = tasks.find_empty().map(str::to_owned);
        let behavior = Arc::new(ClassBehavior { tasks: Arc::new(tasks), on_start, on_stop });
        let spawn: Box<SpawnUserFn> = Box::new(move |base, config, shard, life| {
            let core = UserContext::new(Rc::clone(&shard), Rc::clone(&life), wait);
            let user = run_user(make(core, base, config), Arc::clone(&behavior), Rc::clone(&shard), life);
            shard.rt.spawn(user);
        });
        UserClass { info, config: Arc::new(config), empty_task_set: empty_set, spawn_user: spawn }
    }
}

struct ClassBehavior<U> {
    tasks: Arc<TaskSet<U>>,
    on_start: Option<AnyTask<U>>,
    on_stop: Option<AnyTask<U>>,
}

/// A user's whole life. The farewell is pooled apart: it must not weigh on a user that lives. Nor must arguments that an
/// `async fn` would hold beside what it makes of them.
#[expect(clippy::manual_async_fn, reason = "see above: this future's size is paid per idle user")]
fn run_user<U: User>(
    mut user: U,
    behavior: Arc<ClassBehavior<U>>,
    shard: Rc<ShardContext>,
    life: Rc<UserHandle>,
) -> impl Future<Output = ()> {
    async move {
        let mut on_start = PooledFuture::new(|| user.run_hook(behavior.on_start.as_ref()));
        let greeted = life.run_until_stopped(Pin::new(&mut on_start)).await;
        drop(on_start);
        if let Some(Ok(())) = greeted {
            life.run_until_stopped(pin!(user.run_tasks(&behavior.tasks))).await;
        }
        let mut farewell = PooledFuture::new(|| async {
            user.unwind_task_sets().await;
            // The user goes whatever it answers.
            let _ = user.run_hook(behavior.on_stop.as_ref()).await;
        });
        life.run_until_aborted(Pin::new(&mut farewell)).await;
        drop(farewell);
        shard.user_exited(&life);
    }
}

/// A scenario made of Rust classes.
pub struct RustScenario {
    infos: Vec<UserClassInfo>,
    classes: Vec<UserClass>,
    base_urls: Vec<Option<Arc<BaseUrl>>>,
}

impl RustScenario {
    /// Takes the classes as they are.
    ///
    /// # Errors
    /// When two have the same name, or a task set is empty.
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
        let bases = classes.iter().map(|_| None).collect();
        Ok(Self { infos, classes, base_urls: bases })
    }

    /// Keeps only the classes of these names; all when there is none.
    ///
    /// # Errors
    /// When a name is not a class's.
    pub fn select(self, names: &[String]) -> Result<Self, ScenarioError> {
        let chosen = scenario::select_classes(&self.infos, names)?;
        let classes = self.classes.into_iter().enumerate().filter(|(index, _)| chosen.contains(index));
        Self::new(classes.map(|(_, class)| class))
    }

    /// Changes the client settings of every class: what a run says of its requests is laid over what the class says.
    pub fn with_client(mut self, change: impl Fn(&mut ClientConfig)) -> Self {
        self.classes.iter_mut().for_each(|class| change(Arc::make_mut(&mut class.config)));
        self
    }

    /// Settles where each class's requests go: to `host` if given, else to the class's own.
    ///
    /// # Errors
    /// When a class that needs a host has none, or one that cannot be read.
    pub fn with_host(mut self, host: Option<&str>) -> Result<Self, ScenarioError> {
        self.base_urls = scenario::resolve_base_urls(&mut self.infos, host)?;
        Ok(self)
    }

    /// Whether [`RustScenario::with_host`] is still due.
    pub(crate) fn class_without_host(&self) -> Option<&str> {
        let open = |(info, base): &(&UserClassInfo, &Option<_>)| info.needs_host && base.is_none();
        self.infos.iter().zip(&self.base_urls).find(open).map(|(info, _)| info.name.as_str())
    }

    /// Starts a user of this class on a shard.
    pub(crate) fn spawn_user(&self, class: usize, shard: &Rc<ShardContext>, handle: Rc<UserHandle>) {
        let UserClass { spawn_user: spawn, config, .. } = &self.classes[class];
        spawn(self.base_urls[class].as_ref(), config, Rc::clone(shard), handle);
    }
}

impl Scenario for RustScenario {
    fn user_classes(&self) -> &[UserClassInfo] {
        &self.infos
    }
}
