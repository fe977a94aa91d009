//! A line in which workers take turns: whoever has one waiting waits for at most one of each other worker's, however many those have.

use std::collections::VecDeque;

/// Those of one worker are served in the order in which they came.
pub(super) struct Line<T> {
    /// None of them empty; the first one is next.
    lanes: VecDeque<(u64, VecDeque<T>)>,
    length: usize,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            lanes: VecDeque::new(),
            length: 0,
        }
    }
}

impl<T> Line<T> {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, lane: u64, item: T) {
        self.length += 1;
        match self.lanes.iter_mut().find(|(own, _)| *own == lane) {
            Some((_, waiting)) => waiting.push_back(item),
            None => self.lanes.push_back((lane, VecDeque::from([item]))),
        }
    }

    /// Who is next. Its worker goes to the back.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (lane, mut waiting) = self.lanes.pop_front()?;
        let item = waiting.pop_front();
        if !waiting.is_empty() {
            self.lanes.push_back((lane, waiting));
        }
        self.length -= usize::from(item.is_some());
        item
    }

    /// Makes room for one of this worker: the newest of whoever has the most gives way, unless nobody has more than this one would have.
    pub(super) fn give_way(&mut self, lane: u64) -> Option<T> {
        let own = self.lanes.iter().find(|(own, _)| *own == lane);
        let own = own.map_or(0, |(_, waiting)| waiting.len());
        let longest = self
            .lanes
            .iter_mut()
            .max_by_key(|(_, waiting)| waiting.len())
            .filter(|(_, waiting)| waiting.len() > own + 1)?;
        let item = longest.1.pop_back();
        self.length -= usize::from(item.is_some());
        item
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for (_, waiting) in &mut self.lanes {
            waiting.retain(&keep);
        }
        self.lanes.retain(|(_, waiting)| !waiting.is_empty());
        self.length = self.lanes.iter().map(|(_, waiting)| waiting.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_take_turns_and_each_is_served_in_its_own_order() {
        let mut line = Line::default();
        for number in 0..4 {
            line.push(1, format!("a{number}"));
        }
        line.push(2, "b0".to_owned());
        line.push(3, "c0".to_owned());
        let next = |line: &mut Line<String>| line.pop().unwrap();
        assert_eq!(next(&mut line), "a0");
        assert_eq!(next(&mut line), "b0");
        line.push(2, "b1".to_owned());
        let rest: Vec<String> = std::iter::from_fn(|| line.pop()).collect();
        assert_eq!(rest, ["c0", "a1", "b1", "a2", "a3"]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn whoever_has_the_most_gives_way_and_nobody_to_itself() {
        let mut line = Line::default();
        (0..3).for_each(|number| line.push(1, number));
        line.push(2, 10);
        assert_eq!(line.give_way(1), None);
        assert_eq!(line.give_way(2), Some(2));
        line.push(2, 11);
        assert_eq!(line.give_way(2), None);
        assert_eq!(
            line.give_way(3),
            Some(11),
            "the newest of one with the most"
        );
        assert_eq!(line.len(), 3);
    }

    #[test]
    fn those_who_left_take_no_room() {
        let mut line = Line::default();
        (0..6).for_each(|number| line.push(number % 2, number));
        line.retain(|number| number % 2 == 1);
        assert_eq!(line.len(), 3);
        assert_eq!(std::iter::from_fn(|| line.pop()).count(), 3);
    }
}
