//! The pool, and the one way to use it: map jobs to results in job order.
//!
//! The pool is our own (never rayon's global one), built at the first parallel call, grown when more threads are asked
//! for, and keyed to the process: after `fork` the child inherits a pool without workers, so it leaks that one and
//! builds a new one. Growing leaks the smaller pool's handle too (its workers sleep). When no thread can be started the
//! call runs on the caller: same bits, later.
//!
//! Jobs are claimed one by one from a counter by at most `ctx.threads()` workers, and results are put in their job's
//! slot, so that neither the number of threads nor their timing can change a result.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError, mpsc};

use super::settings::settings;
use super::{Context, Error, Result};

struct Pool {
    inner: rayon::ThreadPool,
    threads: usize,
    process: u32,
    generation: usize,
}

static CURRENT: AtomicPtr<Pool> = AtomicPtr::new(std::ptr::null_mut());
/// Counts forks: bumped in the child, where it is the only thing safe to do.
static GENERATION: AtomicUsize = AtomicUsize::new(0);
static CHOSEN_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Threads that a call uses when it does not say: the chosen number, else the cap of this process.
pub fn num_threads() -> usize {
    match CHOSEN_THREADS.load(Ordering::Relaxed) {
        0 => settings().thread_cap,
        chosen => chosen,
    }
}

/// Chooses the number of threads for later calls; `None` goes back to the cap. May exceed the number of cores.
pub fn set_num_threads(threads: Option<usize>) {
    CHOSEN_THREADS.store(threads.unwrap_or(0), Ordering::Relaxed);
}

/// Runs `run(job)` in a pool of at least `threads` workers while `wait` runs on the calling thread.
///
/// `wait` must return when `run` is done (that is what it waits for).
///
/// # Errors
/// The job itself, not run, when no pool can be had.
pub fn beside_pool<J: Send>(
    threads: usize,
    job: J,
    run: impl FnOnce(J) + Send,
    wait: impl FnOnce(),
) -> std::result::Result<(), J> {
    let Some(pool) = pool(threads) else { return Err(job) };
    pool.inner.in_place_scope(|scope| {
        scope.spawn(|_| run(job));
        wait();
    });
    Ok(())
}

/// Maps `jobs` to results, in job order, each worker with a `scratch` of its own.
///
/// # Errors
/// The first error, in job order, of those that occurred; [`Error::Interrupted`] if the user asked to stop.
pub fn map_with<J, S, T>(
    ctx: &Context,
    jobs: Vec<J>,
    scratch: impl Fn() -> Result<S> + Sync,
    work: impl Fn(&mut S, J) -> Result<T> + Sync,
) -> Result<Vec<T>>
where
    J: Send,
    T: Send,
{
    let workers = ctx.threads().min(jobs.len());
    let is_outside = rayon::current_thread_index().is_none();
    let entered = if workers > 1 && is_outside && ctx.enters_pool() { pool(workers) } else { None };
    if workers <= 1 || (is_outside && entered.is_none()) {
        let mut scratch = scratch()?;
        return jobs
            .into_iter()
            .map(|job| {
                ctx.check()?;
                work(&mut scratch, job)
            })
            .collect();
    }

    let slots: Vec<Mutex<Slot<J, T>>> = jobs.into_iter().map(|job| Mutex::new(Slot::Waiting(job))).collect();
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let run_worker = || {
        let mut own = match scratch() {
            Ok(own) => own,
            Err(_) if next.load(Ordering::Relaxed) > 0 => return, // the others finish the jobs
            Err(error) => {
                if let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
                    *lock(slot) = Slot::Done(Err(error));
                    failed.store(true, Ordering::Relaxed);
                }
                return;
            }
        };
        while !failed.load(Ordering::Relaxed) {
            let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let Slot::Waiting(job) = std::mem::replace(&mut *lock(slot), Slot::Taken) else { return };
            let result = ctx.check().and_then(|()| work(&mut own, job));
            if result.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
            *lock(slot) = Slot::Done(result);
        }
    };
    match entered {
        Some(pool) => pool.inner.in_place_scope(|scope| spawn_workers(scope, workers, &run_worker)),
        None => rayon::scope(|scope| spawn_workers(scope, workers, &run_worker)),
    }

    let mut results = super::memory::try_with_capacity(slots.len())?;
    for slot in slots {
        match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Slot::Done(result) => results.push(result?),
            // Only behind a failed job: its error comes from a later slot.
            Slot::Waiting(_) | Slot::Taken => failed.store(true, Ordering::Relaxed),
        }
    }
    if failed.into_inner() { Err(Error::Interrupted) } else { Ok(results) }
}

/// Runs `worker` so many times at once, one of them on the calling thread.
fn spawn_workers<'scope>(scope: &rayon::Scope<'scope>, workers: usize, worker: &'scope (impl Fn() + Sync)) {
    for _ in 1..workers {
        scope.spawn(|_| worker());
    }
    worker();
}

/// [`map_with`] without scratch.
///
/// # Errors
/// As [`map_with`].
pub fn map<J: Send, T: Send>(ctx: &Context, jobs: Vec<J>, work: impl Fn(J) -> Result<T> + Sync) -> Result<Vec<T>> {
    map_with(ctx, jobs, || Ok(()), |(), job| work(job))
}

enum Slot<J, T> {
    Waiting(J),
    Taken,
    Done(Result<T>),
}

/// The guarded value is only moved in and out, so a panic elsewhere cannot leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pool of this process with at least `threads` workers, or `None` if no thread can be started.
fn pool(threads: usize) -> Option<&'static Pool> {
    watch_forks();
    let generation = GENERATION.load(Ordering::Relaxed);
    let process = std::process::id();
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: a published pool is never freed.
    if let Some(pool) = unsafe { current.as_ref() }
        && (pool.generation, pool.process) == (generation, process)
        && pool.threads >= threads
    {
        return Some(pool);
    }
    let built = Box::new(Pool { inner: build(threads)?, threads, process, generation });
    let built = Box::into_raw(built);
    match CURRENT.compare_exchange(current, built, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just leaked, never freed. The pool that it replaces is leaked too: dropping one that was inherited
        // through fork would wait for workers that do not exist.
        Ok(_) => Some(unsafe { &*built }),
        Err(_) => {
            // Another thread published first. Ours has live workers, so it can be dropped; then use theirs.
            // SAFETY: `built` came from `Box::into_raw` above and was not published.
            drop(unsafe { Box::from_raw(built) });
            pool(threads)
        }
    }
}

/// Address space that a new thread takes before it does anything: stack, thread-local data, a heap of its own. The C
/// library ends the process when the second is refused, so threads are started only where there is room.
const THREAD_BYTES: usize = 16 << 20;

#[allow(clippy::disallowed_types, clippy::disallowed_methods)] // the one place that builds a pool
fn build(threads: usize) -> Option<rayon::ThreadPool> {
    if !has_address_space(threads.saturating_mul(THREAD_BYTES)) {
        return None;
    }
    let start = |threads: usize| {
        let named = rayon::ThreadPoolBuilder::new().thread_name(|index| format!("mlfast-{index}"));
        named.num_threads(threads).spawn_handler(begin).build().ok()
    };
    start(threads).or_else(|| start(1))
}

/// Starts a worker and waits until it has its thread-local data: the heap of its own that the C library reserves next may
/// take all the room that was left for another one.
#[allow(clippy::disallowed_methods)] // of the pool's own workers
fn begin(worker: rayon::ThreadBuilder) -> io::Result<()> {
    if !has_address_space(THREAD_BYTES) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let (begun, begins) = mpsc::sync_channel(1);
    let mut builder = std::thread::Builder::new();
    if let Some(name) = worker.name() {
        builder = builder.name(name.to_owned());
    }
    builder.spawn(move || {
        if begun.send(()).is_ok() {
            worker.run();
        }
    })?;
    begins.recv().map_err(io::Error::other)
}

/// Whether so many bytes can be mapped now. (What the heap has free does not count: threads map their own.)
#[cfg(unix)]
fn has_address_space(bytes: usize) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping, never touched, unmapped at once with the length it was made with.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0);
        start != libc::MAP_FAILED && libc::munmap(start, bytes) == 0
    }
}

#[cfg(not(unix))]
fn has_address_space(_bytes: usize) -> bool {
    true
}

fn watch_forks() {
    static WATCH: Once = Once::new();
    #[cfg(unix)]
    WATCH.call_once(|| {
        extern "C" fn after_fork_in_child() {
            GENERATION.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the handler does one atomic addition, which is async-signal-safe.
        unsafe { libc::pthread_atfork(None, None, Some(after_fork_in_child)) };
    });
    #[cfg(not(unix))]
    WATCH.call_once(|| {});
}

#[cfg(test)]
mod tests {
    use super::super::context::Unmonitored;
    use super::*;

    fn in_pool<T: Send>(threads: usize, job: impl FnOnce(&Context) -> T + Send) -> T {
        let (send, receive) = std::sync::mpsc::channel();
        let mut value = None;
        let ran = beside_pool(
            threads,
            job,
            |job| send.send(job(&Context::new(threads, &Unmonitored))).unwrap_or_default(),
            || value = receive.recv().ok(),
        );
        assert!(ran.is_ok());
        #[allow(clippy::unwrap_used)]
        value.unwrap()
    }

    #[test]
    fn results_come_in_job_order_for_any_thread_count() {
        for threads in [1, 2, 3, 16] {
            let squares = in_pool(threads, |ctx| map(ctx, (0..1000).collect(), |i: u64| Ok(i * i)));
            assert!(matches!(squares, Ok(values) if values.iter().enumerate().all(|(i, v)| *v == (i * i) as u64)));
        }
    }

    #[test]
    fn an_error_stops_the_map() {
        let outcome = in_pool(4, |ctx| {
            map(
                ctx,
                (0..1000).collect(),
                |i: usize| {
                    if i == 17 { Err(Error::InvalidArgument("seventeen")) } else { Ok(i) }
                },
            )
        });
        assert!(matches!(outcome, Err(Error::InvalidArgument("seventeen") | Error::Interrupted)));
    }

    #[test]
    fn a_thread_outside_the_pool_spawns_workers_and_goes_on() {
        let here = std::thread::current().id();
        let ctx = Context::outside_pool(3, &Unmonitored);
        for _ in 0..3 {
            let nested = map(&ctx, (0..50).collect(), |i: u64| Ok(map(&ctx, vec![i, 1], Ok)?.iter().sum::<u64>()));
            assert!(matches!(nested, Ok(values) if values.iter().enumerate().all(|(i, v)| *v == i as u64 + 1)));
            assert_eq!(std::thread::current().id(), here);
        }
        let helped = map(&ctx, (0..3).collect(), |_: u64| {
            std::thread::sleep(std::time::Duration::from_millis(50)); // long enough that each worker takes one
            Ok(std::thread::current().id() != here)
        });
        assert!(matches!(helped, Ok(values) if values.contains(&true)));
    }

    #[test]
    fn nested_calls_do_not_deadlock() {
        let total = in_pool(2, |ctx| {
            map(ctx, (0..8).collect(), |i: usize| {
                Ok(map(ctx, (0..8).collect(), |j: usize| Ok(i * j))?.iter().sum::<usize>())
            })
        });
        assert!(matches!(total, Ok(values) if values.iter().sum::<usize>() == 28 * 28));
    }
}
