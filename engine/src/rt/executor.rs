//! Runs the futures of one thread, in the order in which they were woken. Knows neither clocks nor sockets: whoever owns
//! it (`reactor/` or `sim.rs`) calls [`Executor::run_ready`] and decides what happens when nothing is ready.
//!
//! A wake on the executor's own thread touches nothing shared. A wake from elsewhere goes through a locked inbox that is
//! emptied before each batch, and rouses the thread if it sleeps.

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
    /// `None` in a slot: the task is being polled.
    tasks: RefCell<Slab<Option<ExecutorTask>>>,
    ready: Rc<ReadyQueue>,
}

struct ExecutorTask {
    future: Pin<Box<dyn Future<Output = ()>>>,
    header: Arc<TaskHeader>,
    waker: Waker,
}

/// Who is to be polled next.
struct ReadyQueue {
    queue: RefCell<VecDeque<usize>>,
    remote: Arc<RemoteQueue>,
}

/// Wakes from other threads.
struct RemoteQueue {
    has_tasks: AtomicBool,
    /// The thread waits, or is about to, and only `rouse` ends that before its time.
    is_parked: AtomicBool,
    tasks: Mutex<Vec<usize>>,
    unpark: Box<dyn Fn() + Send + Sync>,
}

/// What a task's wakers share. It may outlive its task and then wake another one in its slot, which does no harm.
struct TaskHeader {
    slot: usize,
    /// Written on the executor's thread only.
    is_queued: AtomicBool,
    remote: Arc<RemoteQueue>,
}

thread_local! {
    /// The executor that this thread runs at the moment.
    static CURRENT: RefCell<Option<Rc<ReadyQueue>>> = const { RefCell::new(None) };
}

impl Executor {
    /// `rouse` is called from other threads, to end the wait of this one.
    pub(super) fn new(unpark: impl Fn() + Send + Sync + 'static) -> Self {
        let inbox = RemoteQueue {
            has_tasks: AtomicBool::new(false),
            is_parked: AtomicBool::new(false),
            tasks: Mutex::default(),
            unpark: Box::new(unpark),
        };
        let ready = ReadyQueue { queue: RefCell::default(), remote: Arc::new(inbox) };
        Self { tasks: RefCell::default(), ready: Rc::new(ready) }
    }

    /// Makes this the executor that the thread runs, until the result is dropped.
    pub(super) fn enter(&self) -> EnterGuard {
        EnterGuard { previous: CURRENT.replace(Some(Rc::clone(&self.ready))) }
    }

    pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        let slot = tasks.vacant_key();
        let inbox = Arc::clone(&self.ready.remote);
        let handle = Arc::new(TaskHeader { slot, is_queued: AtomicBool::new(true), remote: inbox });
        let waker = Waker::from(Arc::clone(&handle));
        tasks.insert(Some(ExecutorTask { future: Box::pin(future), header: handle, waker }));
        self.ready.queue.borrow_mut().push_back(slot);
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.queue.borrow().is_empty() || self.ready.remote.has_tasks.load(Ordering::Relaxed)
    }

    /// Whether the thread may wait: nobody is ready, and whoever wakes a task from now on rouses the thread.
    pub(super) fn prepare_park(&self) -> bool {
        if !self.ready.queue.borrow().is_empty() {
            return false;
        }
        let inbox = &self.ready.remote;
        // Stored before `filled` is read, as a waker stores `filled` before it reads `asleep`: one of the two sees the other.
        inbox.is_parked.store(true, Ordering::SeqCst);
        !inbox.has_tasks.load(Ordering::SeqCst)
    }

    pub(super) fn finish_park(&self) {
        self.ready.remote.is_parked.store(false, Ordering::Relaxed);
    }

    /// Polls what is ready now. What wakes itself meanwhile is left for the next call, so that no task can keep the
    /// caller from its other work.
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
        // Dropped outside of the borrow: a task may wake or spawn others as it goes.
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

/// See [`Executor::enter`].
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
    /// Whether this is the executor's own thread, which it then was done on.
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

    /// Yields so many times, counting its polls.
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
    fn wakes_come_from_other_threads_too_and_late_ones_do_no_harm() {
        let executor = Executor::new(|| {});
        let _entered = executor.enter();
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        let done = Rc::new(Cell::new(false));
        let (keep, finish) = (Rc::clone(&kept), Rc::clone(&done));
        executor.spawn(async move {
            poll_fn(|cx| match keep.replace(Some(cx.waker().clone())) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(()),
            })
            .await;
            finish.set(true);
        });
        executor.run_ready();
        assert!(!executor.has_ready());
        let waker = kept.borrow().clone().unwrap();
        std::thread::spawn(move || waker.wake()).join().unwrap();
        assert!(executor.has_ready());
        executor.run_ready();
        assert!(done.get());
        kept.take().unwrap().wake();
        executor.run_ready();
        assert!(!executor.has_ready());
    }

    #[test]
    fn tasks_that_spawn_and_drop_others_are_cleared() {
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
