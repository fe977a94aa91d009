//! The screen for those who look at it: as a PNG, or as text for agents without eyes.

use crate::screen::Screen;

/// The largest size of a pixel: 128x64 becomes 2048x1024.
pub(crate) const SCALE_MAX: u32 = 16;

/// Dark and lit, as red, green and blue.
const PALETTE: [u8; 6] = [0x10, 0x14, 0x18, 0x7C, 0xE8, 0x9A];

/// A PNG of two colours in which each pixel of the screen is a square of `scale` pixels.
pub(crate) fn png(screen: &Screen, scale: u32) -> Result<Vec<u8>, String> {
    if !(1..=SCALE_MAX).contains(&scale) {
        return Err(format!(
            "a scale of {scale} is not possible: it is 1 to {SCALE_MAX}"
        ));
    }
    let mut pixels = Vec::new();
    for y in 0..screen.height() {
        let line = packed(screen, y, scale);
        (0..scale).for_each(|_| pixels.extend_from_slice(&line));
    }
    encode(&pixels, screen.width() * scale, screen.height() * scale)
        .map_err(|error| format!("cannot write the picture: {error}"))
}

/// One row of the screen at its scale, one bit a pixel.
fn packed(screen: &Screen, y: u32, scale: u32) -> Vec<u8> {
    // The widths are multiples of eight, so no byte is left half full.
    let bytes = 0..screen.width() * scale / 8;
    let pixel = |byte, bit| u8::from(screen.is_lit((8 * byte + bit) / scale, y));
    bytes
        .map(|byte| (0..8).fold(0, |bits, bit| bits << 1 | pixel(byte, bit)))
        .collect()
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_palette(PALETTE.as_slice());
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

/// One line a row, `#` for a lit pixel and `.` for a dark one.
#[must_use]
pub(crate) fn text(screen: &Screen) -> String {
    lines(screen.height(), |y| {
        (0..screen.width())
            .map(|x| if screen.is_lit(x, y) { '#' } else { '.' })
            .collect()
    })
}

/// One line for two rows, in half blocks: a quarter of the size, in the proportions of the screen.
#[must_use]
pub(crate) fn blocks(screen: &Screen) -> String {
    let block = |x, y| match (screen.is_lit(x, 2 * y), screen.is_lit(x, 2 * y + 1)) {
        (false, false) => ' ',
        (true, false) => '▀',
        (false, true) => '▄',
        (true, true) => '█',
    };
    lines(screen.height() / 2, |y| {
        (0..screen.width())
            .map(|x| block(x, y))
            .collect::<String>()
            .trim_end()
            .to_owned()
    })
}

fn lines(count: u32, line: impl Fn(u32) -> String) -> String {
    (0..count).map(line).collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::{Edge, Resolution, Sprite};

    fn screen() -> Screen {
        let mut screen = Screen::new(Resolution::Low);
        screen.draw(
            1,
            0,
            Sprite::narrow(&[0b1010_0000, 0b0110_0000]),
            Edge::Clip,
        );
        screen.draw(63, 31, Sprite::narrow(&[0x80]), Edge::Clip);
        screen
    }

    #[test]
    fn the_png_shows_every_pixel_as_a_square_of_its_colour() {
        for (screen, scale) in [
            (screen(), 1),
            (screen(), 3),
            (screen(), 16),
            (Screen::new(Resolution::High), 5),
        ] {
            let file = png(&screen, scale).unwrap();
            let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
            decoder.set_transformations(png::Transformations::EXPAND);
            let mut reader = decoder.read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!(
                (info.width, info.height),
                (screen.width() * scale, screen.height() * scale)
            );
            for (at, colour) in (0..).zip(pixels.chunks(3)) {
                let (x, y) = (at % info.width / scale, at / info.width / scale);
                let expected = if screen.is_lit(x, y) {
                    &PALETTE[3..]
                } else {
                    &PALETTE[..3]
                };
                assert_eq!(colour, expected, "{x}, {y} at scale {scale}");
            }
        }
    }

    #[test]
    fn scales_have_limits() {
        assert_eq!(
            png(&screen(), 0).unwrap_err(),
            "a scale of 0 is not possible: it is 1 to 16"
        );
        assert!(png(&screen(), 17).is_err());
    }

    #[test]
    fn text_has_a_sign_for_every_pixel() {
        let text = text(&screen());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0].len()), (32, 64));
        assert!(lines[0].starts_with(".#.#.."));
        assert!(lines[1].starts_with("..##.."));
        assert!(lines[31].ends_with(".#"));
    }

    #[test]
    fn blocks_join_two_rows() {
        let text = blocks(&screen());
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!((lines.len(), lines[0]), (16, " ▀▄█"));
        assert!(lines[15].ends_with(" ▄"));
    }
}
