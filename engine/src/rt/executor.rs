//! The executor of one thread: polls tasks in the order in which they were woken. It uses neither clocks nor sockets.
//!
//! The owner (`driver.rs` or `sim.rs`) calls [`Executor::run_ready`] and decides how to wait when no task is ready. A
//! wake on the executor's own thread touches no shared memory. A wake from another thread goes through a locked queue,
//! which is drained before each batch, and unparks the thread if the thread is parked.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

use slab::Slab;

/// The tasks of one thread.
pub(super) struct Executor {
    /// A slot holds `None` while its task is being polled.
    tasks: RefCell<Slab<Option<ExecutorTask>>>,
    ready: Rc<ReadyQueue>,
}

struct ExecutorTask {
    future: Pin<Box<dyn Future<Output = ()>>>,
    header: Arc<TaskHeader>,
    waker: Waker,
}

/// The slots of the tasks to poll next.
struct ReadyQueue {
    queue: RefCell<VecDeque<usize>>,
    remote: Arc<RemoteQueue>,
}

/// The wakes from other threads.
struct RemoteQueue {
    has_tasks: AtomicBool,
    /// Whether the thread is parked or about to park. Only `unpark` ends the wait early.
    is_parked: AtomicBool,
    tasks: Mutex<Vec<usize>>,
    unpark: Box<dyn Fn() + Send + Sync>,
}

/// The state that a task's wakers share. A waker may outlive its task and then wake the next task in the same slot.
/// Such a spurious wake is harmless.
struct TaskHeader {
    slot: usize,
    /// Written on the executor's thread only.
    is_queued: AtomicBool,
    remote: Arc<RemoteQueue>,
}

thread_local! {
    /// The ready queue of the executor that the thread is running.
    static CURRENT: RefCell<Option<Rc<ReadyQueue>>> = const { RefCell::new(None) };
}

impl Executor {
    /// Creates an executor. Other threads call `unpark` to end the wait of the executor's thread.
    pub(super) fn new(unpark: impl Fn() + Send + Sync + 'static) -> Self {
        let remote = RemoteQueue {
            has_tasks: AtomicBool::new(false),
            is_parked: AtomicBool::new(false),
            tasks: Mutex::default(),
            unpark: Box::new(unpark),
        };
        let ready = ReadyQueue { queue: RefCell::default(), remote: Arc::new(remote) };
        Self { tasks: RefCell::default(), ready: Rc::new(ready) }
    }

    /// Makes this the executor that the thread runs until the returned guard is dropped.
    pub(super) fn enter(&self) -> EnterGuard {
        EnterGuard { previous: CURRENT.replace(Some(Rc::clone(&self.ready))) }
    }

    /// Adds a task, which is ready at once.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        let slot = tasks.vacant_key();
        let remote = Arc::clone(&self.ready.remote);
        let header = Arc::new(TaskHeader { slot, is_queued: AtomicBool::new(true), remote });
        let waker = Waker::from(Arc::clone(&header));
        tasks.insert(Some(ExecutorTask { future: Box::pin(future), header, waker }));
        self.ready.queue.borrow_mut().push_back(slot);
    }

    /// Returns `true` if a task is ready.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.queue.borrow().is_empty() || self.ready.remote.has_tasks.load(Ordering::Relaxed)
    }

    /// Returns `true` if the thread may park: no task is ready, and each wake from now on unparks the thread.
    pub(super) fn prepare_park(&self) -> bool {
        if !self.ready.queue.borrow().is_empty() {
            return false;
        }
        let remote = &self.ready.remote;
        // Stored before `has_tasks` is read. A waker stores `has_tasks` before it reads `is_parked`. In every order, at
        // least one side sees the store of the other.
        remote.is_parked.store(true, Ordering::SeqCst);
        !remote.has_tasks.load(Ordering::SeqCst)
    }

    /// Records that the thread is no longer parked.
    pub(super) fn finish_park(&self) {
        self.ready.remote.is_parked.store(false, Ordering::Relaxed);
    }

    /// Polls each task that is ready now. A task that wakes itself meanwhile waits for the next call, so no task can
    /// keep the caller from its other work.
    pub(super) fn run_ready(&self) {
        self.ready.drain_remote();
        let batch = self.ready.queue.borrow().len();
        for _ in 0..batch {
            let Some(slot) = self.ready.queue.borrow_mut().pop_front() else {
                return;
            };
            self.poll_task(slot);
        }
    }

    /// Drops all tasks.
    pub(super) fn clear(&self) {
        // Dropped outside of the borrow, because a task may wake or spawn others in its drop.
        let tasks = mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        self.ready.queue.borrow_mut().clear();
    }

    fn poll_task(&self, slot: usize) {
        let Some(mut task) = self.tasks.borrow_mut().get_mut(slot).and_then(Option::take) else {
            return;
        };
        task.header.is_queued.store(false, Ordering::Relaxed);
        if task.future.as_mut().poll(&mut Context::from_waker(&task.waker)).is_pending() {
            self.tasks.borrow_mut()[slot] = Some(task);
        } else {
            self.tasks.borrow_mut().remove(slot);
        }
    }
}

/// The guard of [`Executor::enter`]. Its drop restores the previous executor.
pub(super) struct EnterGuard {
    previous: Option<Rc<ReadyQueue>>,
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        CURRENT.set(self.previous.take());
    }
}

impl ReadyQueue {
    fn drain_remote(&self) {
        if self.remote.has_tasks.swap(false, Ordering::Acquire) {
            let mut tasks = self.remote.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            self.queue.borrow_mut().extend(tasks.drain(..));
        }
    }
}

impl TaskHeader {
    /// Wakes the task if the caller is on the executor's thread. Returns `false` otherwise.
    fn wake_local(&self) -> bool {
        let woken = CURRENT.try_with(|current| match &*current.borrow() {
            Some(ready) if Arc::ptr_eq(&ready.remote, &self.remote) => {
                if !self.is_queued.load(Ordering::Relaxed) {
                    self.is_queued.store(true, Ordering::Relaxed);
                    ready.queue.borrow_mut().push_back(self.slot);
                }
                true
            }
            _ => false,
        });
        woken.unwrap_or(false)
    }

    fn wake_remote(&self) {
        self.remote.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
        self.remote.has_tasks.store(true, Ordering::SeqCst);
        if self.remote.is_parked.swap(false, Ordering::SeqCst) {
            (self.remote.unpark)();
        }
    }
}

impl Wake for TaskHeader {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.wake_local() {
            self.wake_remote();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, task::Poll};

    use super::*;

    /// Yields until it has been polled `times` times, and counts the polls.
    async fn poll_times(polls: Rc<Cell<u32>>, times: u32) {
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            if polls.get() == times { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[test]
    fn one_batch_polls_each_ready_task_once() {
        let executor = Executor::new(|| {});
        let _entered = executor.enter();
        let polls = Rc::new(Cell::new(0));
        executor.spawn(poll_times(Rc::clone(&polls), 3));
        for expected in 1..=3 {
            assert!(executor.has_ready());
            executor.run_ready();
            assert_eq!(polls.get(), expected);
        }
        executor.run_ready();
        assert_eq!((polls.get(), executor.has_ready(), executor.tasks.borrow().len()), (3, false, 0));
    }

    #[test]
    fn remote_wake_polls_task_and_late_wake_is_harmless() {
        let executor = Executor::new(|| {});
        let _entered = executor.enter();
        let stored: Rc<RefCell<Option<Waker>>> = Rc::default();
        let done = Rc::new(Cell::new(false));
        let (store, finish) = (Rc::clone(&stored), Rc::clone(&done));
        executor.spawn(async move {
            poll_fn(|cx| match store.replace(Some(cx.waker().clone())) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(()),
            })
            .await;
            finish.set(true);
        });
        executor.run_ready();
        assert!(!executor.has_ready());
        let waker = stored.borrow().clone().unwrap();
        std::thread::spawn(move || waker.wake()).join().unwrap();
        assert!(executor.has_ready());
        executor.run_ready();
        assert!(done.get());
        stored.take().unwrap().wake();
        executor.run_ready();
        assert!(!executor.has_ready());
    }

    #[test]
    fn clear_drops_tasks_that_spawn_others() {
        let executor = Rc::new(Executor::new(|| {}));
        let _entered = executor.enter();
        let inner = Rc::clone(&executor);
        executor.spawn(async move {
            inner.spawn(std::future::pending());
            std::future::pending().await
        });
        executor.run_ready();
        executor.run_ready();
        assert_eq!(executor.tasks.borrow().len(), 2);
        executor.clear();
        assert_eq!(executor.tasks.borrow().len(), 0);
    }
}
