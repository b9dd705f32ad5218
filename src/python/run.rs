//! The one door from Python into a computation.
//!
//! The GIL is released; small work stays on the calling thread, larger work goes to the pool while the calling thread
//! waits and listens for signals; panics and errors come out as Python exceptions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
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
    reserve::set_aside();
    let listener = Listener::new();
    let outcome = py.detach(|| {
        if threads <= 1 || work < settings().par_threshold {
            return listener.on_caller(job);
        }
        listener.beside_pool(threads, job)
    });
    match outcome {
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
    stop: AtomicBool,
    signal: Mutex<Option<PyErr>>,
}

impl Listener {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            polled: AtomicU64::new(0),
            polls: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            signal: Mutex::new(None),
        }
    }

    fn on_caller<T>(&self, job: impl FnOnce(&Context) -> Result<T>) -> std::thread::Result<Result<T>> {
        self.polls.store(true, Ordering::Relaxed);
        catch_unwind(AssertUnwindSafe(|| job(&Context::new(1, self))))
    }

    fn beside_pool<T: Send>(
        &self,
        threads: usize,
        job: impl FnOnce(&Context) -> Result<T> + Send,
    ) -> std::thread::Result<Result<T>> {
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
            Err(job) => self.on_caller(job),
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
        if self.polls.load(Ordering::Relaxed) {
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
