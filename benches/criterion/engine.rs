//! Cost of the engine's pure part of a task: the selection of a user's next task.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gregaria_engine::{HttpUser, TaskResult, TaskSet};
use rand::{SeedableRng, rngs::SmallRng};

async fn nothing(_: &mut HttpUser) -> TaskResult {
    Ok(())
}

fn pick_a_task(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine/pick a task");
    for tasks in [1, 2, 20] {
        let empty: TaskSet<HttpUser> = TaskSet::new("Bench");
        let set = (1..=tasks).fold(empty, |set, weight| set.task_named(format!("task {weight}"), weight, nothing));
        let mut rng = SmallRng::seed_from_u64(1);
        group.bench_function(format!("of {tasks}"), |bencher| bencher.iter(|| black_box(set.pick(&mut rng)).len()));
    }
    group.finish();
}

criterion_group!(benches, pick_a_task);
criterion_main!(benches);
