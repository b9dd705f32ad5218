//! Settings read from the environment, once per process: the only place that reads it.
//!
//! | variable | meaning |
//! |---|---|
//! | `MLFAST_NUM_THREADS`, else `RAYON_NUM_THREADS` | upper bound on threads |
//! | `OMP_NUM_THREADS` | upper bound too: joblib's workers set it |
//! | `MLFAST_BLOCK` | rows per block, for tests |
//! | `MLFAST_PAR_THRESHOLD` | work (multiply-adds) below which a call stays on one thread |
//! | `MLFAST_ISA` | `portable`, `avx2` or `avx512`: forces an instruction set |

use std::sync::OnceLock;

use super::simd::Isa;

/// Work, in multiply-adds, below which handing a call to the pool costs more than it saves
/// (`benches/decisions/0002-parallel-threshold.md`).
const DEFAULT_PAR_THRESHOLD: u64 = 1_000_000;

/// The settings of this process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most threads a call may use unless `set_num_threads` says otherwise.
    pub thread_cap: usize,
    /// Forced number of rows per block.
    pub block_rows: Option<usize>,
    /// Work below which a call is serial.
    pub par_threshold: u64,
    /// The instruction set in use.
    pub isa: Isa,
    /// The instruction set that `MLFAST_ISA` asks for and this machine lacks (or does not know).
    pub refused_isa: Option<String>,
    /// What `MLFAST_NUM_THREADS` holds, if it is no number of at least 1.
    pub refused_threads: Option<String>,
}

/// The settings, read at the first call.
pub fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| from_variables(variable))
}

#[allow(clippy::disallowed_methods)] // the one place that reads the environment
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Settings {
    // "4,2" is OpenMP's nested form: the first number rules.
    let number = |name: &str| -> Option<usize> { variable(name)?.split(',').next()?.trim().parse().ok() };
    let positive = |name: &str| number(name).filter(|&value| value > 0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let refused_threads = variable("MLFAST_NUM_THREADS")
        .filter(|text| !text.trim().is_empty() && positive("MLFAST_NUM_THREADS").is_none());
    let own = positive("MLFAST_NUM_THREADS").or_else(|| positive("RAYON_NUM_THREADS"));
    let thread_cap = [own, positive("OMP_NUM_THREADS")].into_iter().flatten().fold(cores, usize::min);
    let (isa, refused_isa) = match variable("MLFAST_ISA").filter(|name| !name.is_empty()) {
        None => (Isa::best(), None),
        Some(name) => match Isa::named(&name) {
            Some(isa) => (isa, None),
            None => (Isa::Portable, Some(name)),
        },
    };
    Settings {
        thread_cap,
        block_rows: positive("MLFAST_BLOCK"),
        par_threshold: number("MLFAST_PAR_THRESHOLD").map_or(DEFAULT_PAR_THRESHOLD, |value| value as u64),
        isa,
        refused_isa,
        refused_threads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Settings {
        from_variables(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string()))
    }

    #[test]
    fn the_smallest_cap_wins() {
        assert_eq!(with(&[("MLFAST_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "64")]).thread_cap, 1);
        assert_eq!(with(&[("MLFAST_NUM_THREADS", "64"), ("OMP_NUM_THREADS", "1,2")]).thread_cap, 1);
        assert_eq!(with(&[("RAYON_NUM_THREADS", "1")]).thread_cap, 1);
    }

    #[test]
    fn nonsense_of_others_is_ignored() {
        let plain = with(&[]);
        let odd = with(&[("RAYON_NUM_THREADS", "0"), ("OMP_NUM_THREADS", "many"), ("MLFAST_BLOCK", "-3")]);
        assert_eq!(odd.thread_cap, plain.thread_cap);
        assert_eq!(odd.block_rows, None);
        assert_eq!(odd.refused_threads, None);
    }

    #[test]
    fn nonsense_of_our_own_is_reported() {
        for text in ["abc", "0", "-1", "2.5"] {
            assert_eq!(with(&[("MLFAST_NUM_THREADS", text)]).refused_threads.as_deref(), Some(text));
        }
        for text in ["", " ", "1", " 2 "] {
            assert_eq!(with(&[("MLFAST_NUM_THREADS", text)]).refused_threads, None);
        }
    }

    #[test]
    fn an_unknown_instruction_set_is_reported() {
        let settings = with(&[("MLFAST_ISA", "mmx")]);
        assert_eq!(settings.refused_isa.as_deref(), Some("mmx"));
        assert_eq!(with(&[("MLFAST_ISA", "portable")]).isa, Isa::Portable);
    }
}
