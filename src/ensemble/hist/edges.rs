//! Where bins end: between values if they are few, else at quantiles.

use super::bins::Table;
use crate::common::{Context, Error, Result, memory, parallel};

/// Stands for infinity, which only a split of missing values may have as its threshold.
const ALMOST_INFINITE: f64 = 1e300;

/// Edges of the features of a table for which `wanted` is true; none for the others.
///
/// `rows` are those to look at, in any order and as often as they are given; None: all. `weights` belong to the rows that
/// are looked at. `levels` are those of the quantiles between bins.
///
/// # Errors
/// [`Error::InvalidArgument`] for a feature without a value, memory refused, or an interruption.
pub fn find<F: Copy + Into<f64> + Sync>(
    ctx: &Context,
    table: &Table<F>,
    rows: Option<&[u32]>,
    weights: Option<&[f64]>,
    levels: &[f64],
    wanted: &[bool],
) -> Result<Vec<Vec<f64>>> {
    let n_rows = rows.map_or(table.n_rows, <[u32]>::len);
    let jobs = wanted.iter().enumerate().collect();
    parallel::map(ctx, jobs, |(feature, &is_wanted)| {
        if !is_wanted {
            return Ok(Vec::new());
        }
        let values = (0..n_rows).map(|i| table.get(rows.map_or(i, |rows| rows[i] as usize), feature));
        match weights {
            None => {
                let mut known = memory::try_with_capacity(n_rows)?;
                known.extend(values.filter(|value| !value.is_nan()));
                known.sort_unstable_by(f64::total_cmp);
                between(&known, levels, |level| quantile(&known, level))
            }
            Some(weights) => {
                let mut pairs = memory::try_with_capacity(n_rows)?;
                let weighted = values.zip(weights).filter(|(value, weight)| !value.is_nan() && **weight != 0.0);
                pairs.extend(weighted.map(|(value, &weight)| (value, weight)));
                pairs.sort_by(|a: &(f64, f64), b| a.0.total_cmp(&b.0));
                let mut known = memory::try_with_capacity(pairs.len())?;
                known.extend(pairs.iter().map(|pair| pair.0));
                let mut sums = memory::try_with_capacity(pairs.len())?;
                sums.extend(pairs.iter().scan(0.0, |sum, pair| {
                    *sum += pair.1;
                    Some(*sum)
                }));
                between(&known, levels, |level| weighted_quantile(&known, &sums, level))
            }
        }
    })
}

/// The edges between sorted values: quantiles if there are more values than bins.
fn between(values: &[f64], levels: &[f64], quantile: impl Fn(f64) -> f64) -> Result<Vec<f64>> {
    let max_bins = levels.len() + 1;
    let mut distinct = Vec::with_capacity(max_bins + 1);
    for &value in values {
        if distinct.last() != Some(&value) {
            distinct.push(value);
            if distinct.len() > max_bins {
                break;
            }
        }
    }
    let mut edges: Vec<f64> = match distinct.len() {
        0 => return Err(Error::InvalidArgument("a feature has no value")),
        n if n <= max_bins => distinct.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect(),
        _ => levels.iter().map(|&level| quantile(level)).collect(),
    };
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    edges.iter_mut().for_each(|edge| *edge = if *edge > ALMOST_INFINITE { ALMOST_INFINITE } else { *edge });
    Ok(edges)
}

/// `numpy.quantile` of sorted values with the method `averaged_inverted_cdf`.
fn quantile(values: &[f64], level: f64) -> f64 {
    let last = values.len() - 1;
    let place = values.len() as f64 * level - 1.0;
    if place < 0.0 {
        return values[0];
    }
    if place >= last as f64 {
        return values[last];
    }
    let low = place.floor();
    let (below, above) = (values[low as usize], values[low as usize + 1]);
    let part = if place == low { 0.5 } else { 1.0 };
    above - (above - below) * (1.0 - part)
}

/// The same with weights, of which `sums` are the sums up to each value.
fn weighted_quantile(values: &[f64], sums: &[f64], level: f64) -> f64 {
    let last = values.len() - 1;
    let wanted = level * sums[last];
    let wanted = if wanted == 0.0 { f64::from_bits(1) } else { wanted };
    let place = sums.partition_point(|&sum| sum < wanted).min(last);
    if sums[place] - wanted > f64::EPSILON {
        values[place]
    } else {
        (values[place] + values[(place + 1).min(last)]) / 2.0
    }
}
