//! What programs do to the screen.

use super::machine;
use crate::machine::Machine;
use crate::quirks::Model::{Chip8, SuperChip};

fn ran(mut machine: Machine, count: usize) -> Machine {
    for _ in 0..count {
        machine.step().unwrap();
    }
    machine
}

#[test]
fn a_digit_is_drawn_where_the_registers_say() {
    // LD V0, 2; LD V1, 3; LD F, V3 (0); DRW V0, V1, 5
    let machine = ran(machine(Chip8, &[0x6002, 0x6103, 0xF329, 0xD015]), 4);
    let column = |x| {
        (0..32)
            .map(|y| machine.screen().is_lit(x, y))
            .collect::<Vec<bool>>()
    };
    assert_eq!(machine.screen().lit(), 14);
    assert_eq!(
        column(2),
        (0..32).map(|y| (3..8).contains(&y)).collect::<Vec<bool>>()
    );
    assert_eq!(machine.registers().get(0xF), 0);
}

#[test]
fn a_collision_sets_vf() {
    let machine = ran(machine(Chip8, &[0xF329, 0xD015, 0xD015]), 3);
    assert_eq!(
        (machine.screen().lit(), machine.registers().get(0xF)),
        (0, 1)
    );
}

#[test]
fn no_rows_is_a_large_sprite_on_super_chip_and_nothing_on_the_original() {
    for (model, lit) in [(Chip8, 0), (SuperChip, 16 * 16)] {
        let mut machine = machine(model, &[0xD010]);
        machine.memory_mut().write(0x300, &[0xFF; 32]).unwrap();
        assert_eq!(ran(machine, 1).screen().lit(), lit, "{model:?}");
    }
}

#[test]
fn resolutions_clear_and_change_the_size() {
    let machine = machine(SuperChip, &[0xD005, 0x00FF, 0x00FE]);
    let high = ran(machine, 2);
    assert_eq!(
        (
            high.screen().width(),
            high.screen().height(),
            high.screen().lit()
        ),
        (128, 64, 0)
    );
    let low = ran(high, 1);
    assert_eq!((low.screen().width(), low.screen().height()), (64, 32));
}

#[test]
fn scrolling_moves_the_picture() {
    // LD V0, 8; LD V1, 0; LD F, V1 (0); DRW V0, V1, 5; then SCD 3, SCR, SCL, SCL
    let opcodes = [
        0x6008, 0x6100, 0xF129, 0xD015, 0x00C3, 0x00FB, 0x00FC, 0x00FC,
    ];
    let corner = |count| {
        let machine = ran(machine(SuperChip, &opcodes), count);
        (0..32)
            .flat_map(|y| (0..64).map(move |x| (x, y)))
            .find(|&(x, y)| machine.screen().is_lit(x, y))
    };
    assert_eq!(corner(4), Some((8, 0)));
    assert_eq!(corner(5), Some((8, 3)));
    assert_eq!(corner(6), Some((12, 3)));
    assert_eq!(corner(8), Some((4, 3)));
}
