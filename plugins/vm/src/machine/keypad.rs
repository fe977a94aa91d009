//! The sixteen keys, 0 to F, and the wait for one of them.

/// Which keys are down, and which one `LD Vx, K` has seen go down and now waits to see released.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keypad {
    down: u16,
    awaited: Option<u8>,
}

/// What `LD Vx, K` finds when it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// No key is down: nothing will happen until someone presses one.
    ForPress,
    /// A key is down; it counts when it is released, as on the original.
    ForRelease,
    /// The key was pressed and released.
    Over(u8),
}

impl Keypad {
    /// The keys written as hexadecimal digits: `"5A"`. The empty text is no key.
    pub(crate) fn parse(keys: &str) -> Result<u16, String> {
        keys.chars().filter(|key| !key.is_whitespace() && *key != ',').try_fold(0, |down, key| match key.to_digit(16) {
            Some(key) => Ok(down | 1 << key),
            None => Err(format!("{key:?} is not a key: the keys are 0 to 9 and A to F, written together, as in \"5A\"")),
        })
    }

    /// The keys that are down, as `parse` reads them.
    #[must_use]
    pub(crate) fn held(&self) -> String {
        (0..16)
            .filter(|&key| self.is_down(key))
            .map(|key| format!("{key:X}"))
            .collect()
    }

    /// Sets which keys are down from now on; bit 0 is key 0.
    pub(crate) fn set(&mut self, down: u16) {
        self.down = down;
    }

    /// The keys that are down; bit 0 is key 0.
    #[must_use]
    pub(crate) fn down(&self) -> u16 {
        self.down
    }

    /// Whether the key is down. Like the original's wiring, it looks at the lowest four bits of `key` only.
    #[must_use]
    pub(crate) fn is_down(&self, key: u8) -> bool {
        self.down & (1 << (key & 0xF)) != 0
    }

    pub(super) fn wait(&mut self) -> Wait {
        match self.awaited {
            Some(key) if self.is_down(key) => Wait::ForRelease,
            Some(key) => {
                self.awaited = None;
                Wait::Over(key)
            }
            None if self.down == 0 => Wait::ForPress,
            None => {
                self.awaited = (0..16).find(|&key| self.is_down(key));
                Wait::ForRelease
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_shown_as_hex_digits() {
        for (text, shown) in [("", ""), ("5", "5"), ("a, 5", "5A"), ("0f0", "0F")] {
            let mut keypad = Keypad::default();
            keypad.set(Keypad::parse(text).unwrap());
            assert_eq!(keypad.held(), shown);
        }
        assert!(
            Keypad::parse("5G")
                .unwrap_err()
                .contains("'G' is not a key")
        );
    }

    #[test]
    fn a_wait_ends_with_the_release_of_the_key() {
        let mut keypad = Keypad::default();
        assert_eq!(keypad.wait(), Wait::ForPress);
        keypad.set(1 << 9);
        assert_eq!(keypad.wait(), Wait::ForRelease);
        assert_eq!(keypad.wait(), Wait::ForRelease);
        keypad.set(0);
        assert_eq!(keypad.wait(), Wait::Over(9));
        assert_eq!(keypad.wait(), Wait::ForPress);
    }
}
