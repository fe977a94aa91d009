//! The picture: 64x32 or 128x64 pixels, on or off, drawn by XOR. It knows nothing of the machine around it.

/// The two sizes of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    Low,
    High,
}

/// What happens to the part of a sprite beyond the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Clip,
    Wrap,
}

/// A row is one number, its highest bit is the leftmost pixel of the widest screen.
type Row = u128;

const WIDTH_MAX: u32 = 128;

/// The pixels. A new screen is dark.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    resolution: Resolution,
    rows: Vec<Row>,
}

/// A picture to be drawn: so many bytes a row, from top to bottom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sprite<'a> {
    bytes: &'a [u8],
    bytes_per_row: usize,
}

impl<'a> Sprite<'a> {
    /// Eight pixels wide.
    #[must_use]
    pub(crate) fn narrow(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            bytes_per_row: 1,
        }
    }

    /// Sixteen pixels wide.
    #[must_use]
    pub(crate) fn wide(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            bytes_per_row: 2,
        }
    }

    /// The rows as they look at the left edge of the screen.
    fn rows(self) -> impl Iterator<Item = Row> + 'a {
        let row = |bytes: &[u8]| {
            bytes.iter().rev().fold(0, |row, &byte| {
                row >> 8 | Row::from(byte) << (WIDTH_MAX - 8)
            })
        };
        self.bytes.chunks(self.bytes_per_row).map(row)
    }
}

impl Resolution {
    fn width(self) -> u32 {
        match self {
            Self::Low => 64,
            Self::High => WIDTH_MAX,
        }
    }

    fn height(self) -> u32 {
        self.width() / 2
    }
}

impl Screen {
    #[must_use]
    pub(crate) fn new(resolution: Resolution) -> Self {
        Self {
            resolution,
            rows: vec![0; resolution.height() as usize],
        }
    }

    #[must_use]
    pub(crate) fn width(&self) -> u32 {
        self.resolution.width()
    }

    #[must_use]
    pub(crate) fn height(&self) -> u32 {
        self.resolution.height()
    }

    /// Whether the pixel is lit; none beyond the edge is.
    #[must_use]
    pub(crate) fn is_lit(&self, x: u32, y: u32) -> bool {
        x < self.width()
            && self
                .rows
                .get(y as usize)
                .is_some_and(|row| row & (1 << (WIDTH_MAX - 1 - x)) != 0)
    }

    /// How many pixels are lit.
    #[must_use]
    pub(crate) fn lit(&self) -> u32 {
        self.rows.iter().map(|row| row.count_ones()).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.rows.fill(0);
    }

    /// Flips the pixels of a sprite and says whether one of them went out. The corner (x, y) wraps around the screen in
    /// any case; `edge` decides about the rest.
    pub(crate) fn draw(&mut self, x: u8, y: u8, sprite: Sprite<'_>, edge: Edge) -> bool {
        let (x, y) = (u32::from(x) % self.width(), u32::from(y) % self.height());
        let mut went_out = false;
        for (line, pixels) in (0..).zip(sprite.rows()) {
            let row_index = match edge {
                Edge::Wrap => (y + line) % self.height(),
                Edge::Clip => y + line,
            };
            let mask = self.place(pixels, x, edge);
            let Some(row) = self.rows.get_mut(row_index as usize) else {
                break;
            };
            went_out |= *row & mask != 0;
            *row ^= mask;
        }
        went_out
    }

    /// The row that holds one line of a sprite at column `x`.
    fn place(&self, pixels: Row, x: u32, edge: Edge) -> Row {
        let placed = (pixels >> x) & self.visible();
        match edge {
            Edge::Clip => placed,
            // What does not fit between x and the right edge comes in again at the left.
            Edge::Wrap => {
                placed | (pixels.checked_shl(self.width() - x).unwrap_or(0) & self.visible())
            }
        }
    }

    pub(crate) fn scroll_down(&mut self, lines: u8) {
        let lines = usize::from(lines).min(self.rows.len());
        self.rows.rotate_right(lines);
        self.rows.iter_mut().take(lines).for_each(|row| *row = 0);
    }

    pub(crate) fn scroll_right(&mut self) {
        let visible = self.visible();
        self.rows
            .iter_mut()
            .for_each(|row| *row = (*row >> 4) & visible);
    }

    pub(crate) fn scroll_left(&mut self) {
        self.rows.iter_mut().for_each(|row| *row <<= 4);
    }

    /// The bits of a row that the screen shows.
    fn visible(&self) -> Row {
        Row::MAX << (WIDTH_MAX - self.width())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lit_pixels(screen: &Screen) -> Vec<(u32, u32)> {
        let all = (0..screen.height()).flat_map(|y| (0..screen.width()).map(move |x| (x, y)));
        all.filter(|&(x, y)| screen.is_lit(x, y)).collect()
    }

    #[test]
    fn drawing_twice_leaves_nothing_and_reports_it() {
        let mut screen = Screen::new(Resolution::Low);
        assert!(!screen.draw(3, 2, Sprite::narrow(&[0b1010_0001]), Edge::Clip));
        assert_eq!(lit_pixels(&screen), [(3, 2), (5, 2), (10, 2)]);
        assert!(screen.draw(3, 2, Sprite::narrow(&[0b1010_0001]), Edge::Clip));
        assert_eq!(screen.lit(), 0);
    }

    #[test]
    fn sprites_clip_or_wrap_at_the_edges() {
        for (edge, expected) in [
            (Edge::Clip, vec![(62, 31), (63, 31)]),
            (
                Edge::Wrap,
                vec![
                    (0, 0),
                    (1, 0),
                    (62, 0),
                    (63, 0),
                    (0, 31),
                    (1, 31),
                    (62, 31),
                    (63, 31),
                ],
            ),
        ] {
            let mut screen = Screen::new(Resolution::Low);
            screen.draw(62, 31, Sprite::narrow(&[0xF0, 0xF0]), edge);
            assert_eq!(lit_pixels(&screen), expected, "{edge:?}");
        }
    }

    #[test]
    fn the_corner_of_a_sprite_wraps_even_when_its_rest_is_clipped() {
        let mut screen = Screen::new(Resolution::Low);
        screen.draw(64 + 5, 32 + 1, Sprite::narrow(&[0x80]), Edge::Clip);
        assert_eq!(lit_pixels(&screen), [(5, 1)]);
    }

    #[test]
    fn wide_sprites_wrap_on_the_wide_screen() {
        let mut screen = Screen::new(Resolution::High);
        screen.draw(120, 63, Sprite::wide(&[0x80, 0x01, 0x80, 0x01]), Edge::Wrap);
        assert_eq!(lit_pixels(&screen), [(7, 0), (120, 0), (7, 63), (120, 63)]);
    }

    #[test]
    fn scrolling_moves_and_loses_what_leaves() {
        let mut screen = Screen::new(Resolution::Low);
        screen.draw(60, 30, Sprite::narrow(&[0xF0, 0x10]), Edge::Clip);
        screen.scroll_down(1);
        assert_eq!(
            lit_pixels(&screen),
            [(60, 31), (61, 31), (62, 31), (63, 31)]
        );
        screen.scroll_left();
        assert_eq!(
            lit_pixels(&screen),
            [(56, 31), (57, 31), (58, 31), (59, 31)]
        );
        screen.scroll_right();
        screen.scroll_right();
        assert_eq!(screen.lit(), 0);
    }
}
