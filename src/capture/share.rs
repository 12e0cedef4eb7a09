//! Who takes how much: a bounded table of the heaviest keys of a stream (Misra and Gries 1982, pruned at the median so
//! that it costs O(1) each), and the fair share among them. Pure; used by the drain thread only. What it says of a key
//! is never more than was counted, so a quiet one is never mistaken for a loud one.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Of what came, so much is to be kept by the fair share, in quarters.
const QUARTERS: u64 = 3;
/// A key is loud only beyond so many times what the others take on average.
const TIMES: u64 = 4;

/// Weights of at most `capacity` keys, each with something to remember. Of a stream that weighs `w`, a key's weight is
/// too low by at most `2 w / capacity`, and never too high; weights of before [`Self::age`] count half.
#[derive(Debug)]
pub struct Shares<K, T = ()> {
    table: HashMap<K, (u64, T)>,
    capacity: usize,
}

impl<K: Hash + Eq + Clone, T: Default> Shares<K, T> {
    /// Empty; for at most `capacity` keys, at least two.
    pub fn new(capacity: usize) -> Self {
        Self { table: HashMap::new(), capacity: capacity.max(2) }
    }

    /// Counts `weight` for a key; gives what is remembered of it, unless there was no room for it.
    pub fn add<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&mut self, key: &Q, weight: u64) -> Option<&mut T>
    where
        K: Borrow<Q>,
    {
        if !self.table.contains_key(key) {
            if self.table.len() >= self.capacity {
                self.prune();
            }
            self.table.insert(key.to_owned(), Default::default());
        }
        let (sum, kept) = self.table.get_mut(key)?;
        *sum = sum.saturating_add(weight);
        Some(kept)
    }

    /// Takes the median weight off each key: at least half of them go.
    fn prune(&mut self) {
        let mut weights: Vec<u64> = self.table.values().map(|(weight, _)| *weight).collect();
        let middle = weights.len() / 2;
        let median = *weights.select_nth_unstable(middle).1;
        self.table.retain(|_, (weight, _)| {
            *weight = weight.saturating_sub(median);
            *weight > 0
        });
    }

    /// The weight of a key; zero: not among the heaviest.
    pub fn weight<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> u64
    where
        K: Borrow<Q>,
    {
        self.table.get(key).map_or(0, |(weight, _)| *weight)
    }

    /// What is remembered of a key.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
    {
        self.table.get(key).map(|(_, kept)| kept)
    }

    /// Halves all weights.
    pub fn age(&mut self) {
        self.table.retain(|_, (weight, _)| {
            *weight /= 2;
            *weight > 0
        });
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.table.clear();
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// All weights.
    pub fn total(&self) -> u64 {
        self.table.values().fold(0, |sum, (weight, _)| sum.saturating_add(*weight))
    }

    /// The keys that are heavier than `weight`, heaviest first, with what is remembered of them.
    pub fn above(&self, weight: u64) -> Vec<(&K, &T)> {
        let mut heavy: Vec<_> = self.table.iter().filter(|(_, (own, _))| *own > weight).collect();
        heavy.sort_unstable_by_key(|(_, (own, _))| std::cmp::Reverse(*own));
        heavy.into_iter().map(|(key, (_, kept))| (key, kept)).collect()
    }

    /// The weight beyond which a key is loud: the max-min fair share of three quarters of what came, and four times what
    /// the others take on average. Of `population` keys those that the table does not hold count with nothing. Where most
    /// take about the same, nobody is loud. Cost: a sort of the table.
    pub fn fair(&self, population: usize) -> u64 {
        let mut weights: Vec<u64> = self.table.values().map(|(weight, _)| *weight).collect();
        weights.sort_unstable();
        let total = self.total();
        let goal = total / 4 * QUARTERS + total % 4 * QUARTERS / 4;
        let (mut below, mut rest) = (0_u64, u64::try_from(weights.len()).unwrap_or(u64::MAX));
        let others = u64::try_from(population).unwrap_or(u64::MAX).max(rest).saturating_sub(1);
        for weight in weights {
            if below.saturating_add(weight.saturating_mul(rest)) >= goal {
                break;
            }
            below = below.saturating_add(weight);
            rest = rest.saturating_sub(1);
        }
        let level = goal.saturating_sub(below) / rest.max(1);
        // `weight > TIMES * (total - weight) / others`, solved for `weight`
        level.max(total.saturating_mul(TIMES) / others.saturating_add(TIMES))
    }
}
