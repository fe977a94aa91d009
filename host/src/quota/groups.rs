//! One value for each of so many groups of those who ask: whatever anybody calls himself, it costs no more memory than these. Two of a group
//! share its value.

use std::hash::{BuildHasher, Hash, RandomState};

const GROUPS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Groups<T> {
    hasher: RandomState,
    values: Box<[T]>,
}

impl<T: Default> Default for Groups<T> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            values: std::iter::repeat_with(T::default).take(GROUPS).collect(),
        }
    }
}

impl<T> Groups<T> {
    /// A number that stands for `who`, and that nobody outside can foresee.
    pub(crate) fn lane(&self, who: impl Hash) -> u64 {
        self.hasher.hash_one(who)
    }

    pub(crate) fn of(&self, lane: u64) -> &T {
        let group = usize::try_from(lane % GROUPS as u64).unwrap_or_default();
        let value = self.values.get(group);
        value.expect("there is a value for each group")
    }
}
