//! Timers, wake-ups from other threads, and the end of a thread.

use std::time::Duration;

use super::{
    driver::{Driver, ThreadBackend},
    *,
};

#[test]
fn wake_from_another_thread_ends_the_wait() {
    for kind in KINDS {
        run(kind, |rt| async move {
            // Longer than the test may take, so that only the wake ends the wait.
            let far_ns = rt.now_ns() + 3_600_000_000_000;
            let mut sleep = std::pin::pin!(rt.sleep_until(far_ns));
            for round in 0..100 {
                let mut waker = None;
                poll_fn(|cx| {
                    assert!(sleep.as_mut().poll(cx).is_pending());
                    if waker.is_some() {
                        return Poll::Ready(());
                    }
                    let (own, is_late) = (cx.waker().clone(), round % 2 == 0);
                    waker = Some(thread::spawn(move || {
                        // Half of the wakes come before the thread waits, the others during the wait.
                        if is_late {
                            sleep_blocking(Duration::from_millis(2));
                        }
                        own.wake();
                    }));
                    Poll::Pending
                })
                .await;
                waker.unwrap().join().unwrap();
            }
        });
    }
}

#[test]
fn sleeps_end_in_order_and_never_early() {
    for kind in KINDS {
        run(kind, |rt| async move {
            let woken = Rc::new(RefCell::new(Vec::new()));
            let start_ns = rt.now_ns();
            for delay_ms in [30, 10, 20, 0] {
                let (sleeper, woken) = (rt.clone(), Rc::clone(&woken));
                rt.spawn(async move {
                    sleeper.sleep_until(start_ns + delay_ms * 1_000_000).await;
                    assert!(sleeper.now_ns() >= start_ns + delay_ms * 1_000_000);
                    woken.borrow_mut().push(delay_ms);
                });
            }
            rt.sleep_until(start_ns + 40_000_000).await;
            assert_eq!(*woken.borrow(), [0, 10, 20, 30]);
        });
    }
}

#[test]
fn finished_thread_drops_its_reactor() {
    let server = listen(echo);
    let stored = Rc::new(RefCell::new(None));
    let store = Rc::clone(&stored);
    run(DriverKind::IoUring, |rt| async move {
        if let RuntimeBackend::Thread(ThreadBackend { driver: Driver::IoUring(reactor), .. }) = &rt.0.backend {
            store.replace(Some(Rc::downgrade(reactor)));
        }
        let user = rt.clone();
        rt.spawn(async move {
            let mut stream = connect(&user, &server).await.unwrap();
            let _ = stream.recv(&mut Vec::with_capacity(10)).await;
        });
        rt.sleep_until(rt.now_ns() + 50_000_000).await;
    });
    assert!(stored.take().is_some_and(|reactor| reactor.upgrade().is_none()));
}
