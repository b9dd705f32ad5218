//! What a computation is given besides its data: how many threads, and whom to ask whether to go on.

use super::{Result, settings::settings};

/// Tells a running computation whether the user wants it to stop, and hears of its progress.
pub trait Monitor: Sync {
    /// Called between blocks of work, from any thread.
    ///
    /// # Errors
    /// [`super::Error::Interrupted`] once the user has asked to stop.
    fn check(&self) -> Result<()>;
}

/// A monitor that never interrupts.
#[derive(Debug)]
pub struct Unmonitored;

impl Monitor for Unmonitored {
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// First argument of everything that runs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    threads: usize,
    monitor: &'a dyn Monitor,
    enters_pool: bool,
}

impl<'a> Context<'a> {
    /// A context in which at most `threads` threads of the current pool work at a time.
    pub fn new(threads: usize, monitor: &'a dyn Monitor) -> Self {
        Self { threads: threads.max(1), monitor, enters_pool: false }
    }

    /// A context for a thread outside the pool: it works along with the workers on what is shared out, and what comes
    /// in between stays on it.
    pub fn outside_pool(threads: usize, monitor: &'a dyn Monitor) -> Self {
        Self { enters_pool: true, ..Self::new(threads, monitor) }
    }

    /// One thread, no interruption: tests and micro-benchmarks.
    pub fn serial() -> Context<'static> {
        Context { threads: 1, monitor: &Unmonitored, enters_pool: false }
    }

    /// The same for work that is one job among several: one thread.
    pub fn alone(&self) -> Self {
        Self { threads: 1, ..*self }
    }

    /// Most threads that may work for this call.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Whether a thread outside the pool may share work out to it.
    pub fn enters_pool(&self) -> bool {
        self.enters_pool
    }

    /// # Errors
    /// [`super::Error::Interrupted`] once the user has asked to stop.
    pub fn check(&self) -> Result<()> {
        self.monitor.check()
    }
}

/// Row ranges of equal size (the last may be shorter) that cover `0..n_rows`.
///
/// The boundaries depend on the arguments alone, never on threads: that is what makes results independent of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    n_rows: usize,
    rows: usize,
}

impl Blocks {
    /// At most `most` blocks of at least `min_rows` rows. `MLFAST_BLOCK` overrides the size.
    pub fn new(n_rows: usize, min_rows: usize, most: usize) -> Self {
        let rows = settings().block_rows.unwrap_or_else(|| n_rows.div_ceil(most.max(1)).max(min_rows));
        Self { n_rows, rows: rows.clamp(1, n_rows.max(1)) }
    }

    /// Number of blocks.
    pub fn count(&self) -> usize {
        self.n_rows.div_ceil(self.rows)
    }

    /// Rows per block, save perhaps the last.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The row ranges in order.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        (0..self.n_rows).step_by(self.rows).map(|start| start..(start + self.rows).min(self.n_rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_rows_once() {
        for (n_rows, least, most) in [(0, 4, 3), (1, 256, 32), (1000, 256, 32), (1_000_000, 256, 32), (7, 1, 7)] {
            let blocks = Blocks::new(n_rows, least, most);
            let ranges: Vec<_> = blocks.ranges().collect();
            assert_eq!(ranges.len(), blocks.count());
            assert_eq!(ranges.iter().map(ExactSizeIterator::len).sum::<usize>(), n_rows);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }
}
