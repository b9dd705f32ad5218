//! Draws without replacement, all items alike: `sklearn.utils.random.sample_without_replacement`, to the bit.

use super::Mt19937;
use crate::common::{Error, Result, memory};

/// `size` different integers below `n`, in the order in which they come.
///
/// Of few, repeats are drawn again; of about all, those left out are; else all are shuffled and the first taken.
///
/// # Errors
/// `size` above `n`, or memory refused.
pub fn distinct(n: usize, size: usize, random: &mut Mt19937) -> Result<Vec<usize>> {
    if size > n {
        return Err(Error::InvalidArgument("more items to draw than there are"));
    }
    let fraction = if n == 0 { 1.0 } else { size as f64 / n as f64 };
    if fraction > 0.01 && fraction < 0.99 {
        let mut items = memory::try_with_capacity(n)?;
        items.extend(0..n);
        random.shuffle(&mut items);
        items.truncate(size);
        return Ok(items);
    }
    let mut found = memory::try_with_capacity(size)?;
    if fraction < 0.2 {
        let mut seen = memory::try_filled(n, false)?;
        while found.len() < size {
            let item = random.at_max(n as u64 - 1) as usize;
            if !std::mem::replace(&mut seen[item], true) {
                found.push(item);
            }
        }
    } else {
        found.extend(0..size);
        for item in size..n {
            if let Some(place) = found.get_mut(random.at_max(item as u64) as usize) {
                *place = item;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_scikit_learns() -> Result<()> {
        // sklearn.utils.random.sample_without_replacement(n, size, random_state=3)
        assert_eq!(distinct(1000, 4, &mut Mt19937::seeded(3))?, [874, 664, 249, 643]);
        assert_eq!(distinct(6, 3, &mut Mt19937::seeded(3))?, [3, 5, 4]);
        assert_eq!(distinct(4, 4, &mut Mt19937::seeded(3))?, [0, 1, 2, 3]);
        let most = distinct(200, 199, &mut Mt19937::seeded(3))?;
        assert_eq!((most[106], most.iter().sum::<usize>()), (199, 19794));
        Ok(())
    }

    #[test]
    fn no_more_than_there_are() {
        assert!(distinct(3, 4, &mut Mt19937::seeded(0)).is_err());
        assert!(matches!(distinct(0, 0, &mut Mt19937::seeded(0)), Ok(found) if found.is_empty()));
    }
}
