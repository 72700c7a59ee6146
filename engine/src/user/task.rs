//! A task: an async function of the user, its name, and the handling of a panic in it.

use std::{any::type_name, future::poll_fn, panic::AssertUnwindSafe, pin::Pin, rc::Rc, sync::Arc, task::Poll};

use super::{context::User, flow::TaskResult};
use crate::rt::PooledFuture;

/// A task with the type of its function erased.
pub(crate) type AnyTask<U> = Arc<dyn TaskFn<U>>;

pub(crate) trait TaskFn<U>: Send + Sync {
    /// Returns the name of the function, without its path.
    fn name(&self) -> &'static str;

    fn call<'a>(&'a self, user: &'a mut U) -> PooledFuture<'a, TaskResult>;
}

impl<U: User, F: AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static> TaskFn<U> for F {
    fn name(&self) -> &'static str {
        function_name(type_name::<F>())
    }

    fn call<'a>(&'a self, user: &'a mut U) -> PooledFuture<'a, TaskResult> {
        PooledFuture::new(|| self(user))
    }
}

/// Runs a task to its end. A panic in the task is recorded as an exception, and the user continues. `number` is the
/// number of the task in its class, 0 for a hook or a scheduled task.
pub(crate) async fn run_task<U: User>(task: &dyn TaskFn<U>, number: u32, user: &mut U) -> TaskResult {
    let (thread, class) = (Rc::clone(user.context().thread()), user.context().class());
    let mut future = task.call(user);
    let outcome = poll_fn(|cx| {
        thread.activity.record_task(class, number);
        match std::panic::catch_unwind(AssertUnwindSafe(|| Pin::new(&mut future).poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await;
    drop(future);
    outcome.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".into());
        user.context().record_exception(&message, &format!("panicked in task {}", task.name()));
        Ok(())
    })
}

/// Returns the last segment of a type name, without generics and `{{closure}}`: `index` for `shop::index::{{closure}}`.
fn function_name(path: &'static str) -> &'static str {
    let plain = path.split('<').next().unwrap_or(path).trim_end_matches("::{{closure}}");
    plain.rsplit("::").next().unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::function_name;

    #[test]
    fn task_name_is_the_last_path_segment() {
        assert_eq!(function_name("shop::tasks::index"), "index");
        assert_eq!(function_name("shop::main::{{closure}}"), "main");
        assert_eq!(function_name("shop::browse<alloc::string::String>"), "browse");
    }
}
