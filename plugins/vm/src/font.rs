//! The digits that are in memory before a program is: 4x5 pixels for 0 to F, and 8x10 pixels for SUPER-CHIP.
//!
//! They are written as pictures, in a shape of our own; programs only rely on their places and sizes.

/// Where the small digits begin. The interpreter's own area, which programs leave alone, ends at 0x1FF.
pub(crate) const SMALL_AT: u16 = 0x050;
pub(crate) const SMALL_ROWS: u16 = 5;

/// Where the large digits begin.
pub(crate) const LARGE_AT: u16 = 0x0A0;
pub(crate) const LARGE_ROWS: u16 = 10;

const _: () = assert!(
    SMALL_AT + 16 * SMALL_ROWS <= LARGE_AT && LARGE_AT + 16 * LARGE_ROWS <= 0x200,
    "the digits fit"
);

/// Five rows a digit; the pixels are the upper four bits of each byte.
pub(crate) const SMALL: [[u8; 5]; 16] = [
    small(["####", "#  #", "#  #", "#  #", "####"]),
    small(["  # ", " ## ", "  # ", "  # ", " ###"]),
    small(["####", "   #", "####", "#   ", "####"]),
    small(["####", "   #", " ###", "   #", "####"]),
    small(["#  #", "#  #", "####", "   #", "   #"]),
    small(["####", "#   ", "####", "   #", "####"]),
    small(["####", "#   ", "####", "#  #", "####"]),
    small(["####", "   #", "  # ", " #  ", " #  "]),
    small(["####", "#  #", "####", "#  #", "####"]),
    small(["####", "#  #", "####", "   #", "####"]),
    small([" ## ", "#  #", "####", "#  #", "#  #"]),
    small(["### ", "#  #", "### ", "#  #", "### "]),
    small([" ###", "#   ", "#   ", "#   ", " ###"]),
    small(["### ", "#  #", "#  #", "#  #", "### "]),
    small(["####", "#   ", "### ", "#   ", "####"]),
    small(["####", "#   ", "### ", "#   ", "#   "]),
];

/// Ten rows a digit: each small digit at twice its size.
#[must_use]
pub(crate) fn large() -> [[u8; 10]; 16] {
    SMALL.map(|digit| {
        let mut rows = [0; 10];
        for (pair, row) in rows.chunks_mut(2).zip(digit) {
            pair.fill(stretch(row));
        }
        rows
    })
}

/// Doubles each of the four pixels: `1010____` becomes `11001100`.
fn stretch(row: u8) -> u8 {
    (0..4)
        .filter(|bit| row & (0x80 >> bit) != 0)
        .map(|bit| 0xC0 >> (2 * bit))
        .sum()
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where a wrong index is an error"
)]
const fn small(picture: [&str; 5]) -> [u8; 5] {
    let mut rows = [0; 5];
    let mut row = 0;
    while row < 5 {
        let line = picture[row].as_bytes();
        let mut column = 0;
        while column < 4 {
            if line[column] == b'#' {
                rows[row] |= 0x80 >> column;
            }
            column += 1;
        }
        row += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_become_bits() {
        assert_eq!(SMALL[0], [0xF0, 0x90, 0x90, 0x90, 0xF0]);
        assert_eq!(large()[0][..4], [0xFF, 0xFF, 0xC3, 0xC3]);
    }

    #[test]
    fn no_two_digits_look_alike() {
        for (one, picture) in SMALL.iter().enumerate() {
            assert!(SMALL[..one].iter().all(|other| other != picture), "{one:X}");
        }
    }
}
