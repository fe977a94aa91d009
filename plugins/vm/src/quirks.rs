//! The points on which interpreters of CHIP-8 disagree, and which way each machine goes.
//!
//! The six names and the columns of the table are those of the public test suites for CHIP-8. SUPER-CHIP is taken as
//! today's interpreters have it: no wait before drawing, and a change of resolution clears the screen.

/// Which machine a program was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// The original of 1977, on the COSMAC VIP.
    Chip8,
    /// SUPER-CHIP 1.1 of 1991: adds 128x64 pixels, scrolling, large sprites and digits.
    SuperChip,
}

/// How the machine decides each disputed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// `OR`, `AND` and `XOR` set VF to 0.
    pub(crate) logic_resets_vf: bool,
    /// `LD [I], Vx` and `LD Vx, [I]` leave I behind the last byte; otherwise I stays.
    pub(crate) index_moves: bool,
    /// `DRW` waits for the start of a frame, so at most one sprite is drawn in a frame.
    pub(crate) draw_waits: bool,
    /// Sprites are cut off at the edges of the screen; otherwise they wrap to the other side.
    pub(crate) sprites_clip: bool,
    /// `SHR Vx, Vy` and `SHL Vx, Vy` shift Vx itself and ignore Vy.
    pub(crate) shift_in_place: bool,
    /// `JP V0, 0xXNN` adds VX instead of V0.
    pub(crate) jump_adds_vx: bool,
}

impl Quirks {
    /// The behaviour that programs written for `model` rely on.
    #[must_use]
    pub(crate) fn of(model: Model) -> Self {
        let is_original = model == Model::Chip8;
        Self {
            logic_resets_vf: is_original,
            index_moves: is_original,
            draw_waits: is_original,
            sprites_clip: true,
            shift_in_place: !is_original,
            jump_adds_vx: !is_original,
        }
    }
}
