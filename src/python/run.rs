//! The one way from Python into a computation.
//!
//! The GIL is released; small work stays on the calling thread, larger work goes to the pool while the calling thread
//! waits and listens for signals; panics and errors come out as Python exceptions. Work that calls the user's functions
//! as it goes along stays on the calling thread, where these find their own thread's state, and only shares parts out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::{error, reserve};
use crate::common::context::Monitor;
use crate::common::settings::settings;
use crate::common::{Context, Error, Result, parallel};

/// How often signals are looked for.
const POLL: Duration = Duration::from_millis(50);

/// Runs `job`, on at most `threads` threads, on one if its `work` (in multiply-adds) is small.
pub(super) fn run<T: Send>(
    py: Python<'_>,
    threads: usize,
    work: u64,
    job: impl FnOnce(&Context) -> Result<T> + Send,
) -> PyResult<T> {
    conclude(
        py,
        |listener| {
            if is_small(threads, work) { listener.on_caller(1, job) } else { listener.beside_pool(threads, job) }
        },
    )
}

/// As [`run`], for a job that calls back into Python: it stays on the calling thread and shares out only what it maps.
pub(super) fn run_on_caller<T: Send>(
    py: Python<'_>,
    threads: usize,
    work: u64,
    job: impl FnOnce(&Context) -> Result<T> + Send,
) -> PyResult<T> {
    let threads = if is_small(threads, work) { 1 } else { threads };
    conclude(py, |listener| listener.on_caller(threads, job))
}

fn is_small(threads: usize, work: u64) -> bool {
    threads <= 1 || work < settings().par_threshold
}

fn conclude<T: Send>(py: Python<'_>, start: impl FnOnce(&Listener) -> thread::Result<Result<T>> + Send) -> PyResult<T> {
    reserve::set_aside();
    let listener = Listener::new();
    match py.detach(|| start(&listener)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Error::Interrupted)) => {
            Err(listener.into_signal().unwrap_or_else(|| error::exception(Error::Interrupted)))
        }
        Ok(Err(failure)) => Err(error::exception(failure)),
        Err(panic) => Err(error::from_panic(&*panic)),
    }
}

/// Tells the compiler that a job takes a context of any lifetime.
fn call<T>(job: impl FnOnce(&Context) -> Result<T>, ctx: &Context) -> Result<T> {
    job(ctx)
}

/// Hears signals for a running computation.
struct Listener {
    start: Instant,
    /// Milliseconds after `start` at which signals were last looked for by the computation itself.
    polled: AtomicU64,
    /// Whether the computation runs on the calling thread, and so has to look for signals itself.
    polls: AtomicBool,
    /// The calling thread: the only one that can hear a signal.
    caller: ThreadId,
    stop: AtomicBool,
    signal: Mutex<Option<PyErr>>,
}

impl Listener {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            polled: AtomicU64::new(0),
            polls: AtomicBool::new(false),
            caller: thread::current().id(),
            stop: AtomicBool::new(false),
            signal: Mutex::new(None),
        }
    }

    fn on_caller<T>(&self, threads: usize, job: impl FnOnce(&Context) -> Result<T>) -> thread::Result<Result<T>> {
        self.polls.store(true, Ordering::Relaxed);
        catch_unwind(AssertUnwindSafe(|| job(&Context::outside_pool(threads, self))))
    }

    fn beside_pool<T: Send>(
        &self,
        threads: usize,
        job: impl FnOnce(&Context) -> Result<T> + Send,
    ) -> thread::Result<Result<T>> {
        let work = |job| catch_unwind(AssertUnwindSafe(|| call(job, &Context::new(threads, self))));
        let (sender, receiver) = sync_channel(1);
        let mut outcome = None;
        // The receiver lives until the result has come.
        let in_pool = |job| sender.send(work(job)).unwrap_or_default();
        let wait = || {
            loop {
                match receiver.recv_timeout(POLL) {
                    Ok(result) => break outcome = Some(result),
                    Err(RecvTimeoutError::Timeout) => self.poll(),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        };
        match parallel::beside_pool(threads, job, in_pool, wait) {
            Ok(()) => outcome.unwrap_or(Ok(Err(Error::Interrupted))),
            Err(job) => self.on_caller(1, job),
        }
    }

    /// Runs Python's signal handlers (if this is its main thread) and asks the computation to stop if one raises.
    fn poll(&self) {
        if let Err(raised) = Python::attach(|py| py.check_signals()) {
            *self.signal.lock().unwrap_or_else(PoisonError::into_inner) = Some(raised);
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn into_signal(self) -> Option<PyErr> {
        self.signal.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor for Listener {
    fn check(&self) -> Result<()> {
        if self.polls.load(Ordering::Relaxed) && thread::current().id() == self.caller {
            let now = self.start.elapsed().as_millis() as u64;
            if now >= self.polled.load(Ordering::Relaxed) + POLL.as_millis() as u64 {
                self.polled.store(now, Ordering::Relaxed);
                self.poll();
            }
        }
        if reserve::is_short() {
            return Err(Error::MemoryShort);
        }
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}
