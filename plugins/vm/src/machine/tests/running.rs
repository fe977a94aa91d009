//! Time, keys and the reasons to stop.

use super::{machine, settings};
use crate::instruction::Instruction;
use crate::machine::{Fault, Keypad, Machine, Stop};
use crate::quirks::Model::{self, Chip8, SuperChip};

#[test]
fn a_run_says_why_it_stopped() {
    let cases: &[(Model, &[u16], u64, Stop)] = &[
        (Chip8, &[0x7001, 0x1200], 100, Stop::CyclesUsed),
        (Chip8, &[0x7001, 0x1202], 1, Stop::Halted),
        (Chip8, &[0xF00A], 0, Stop::WaitingForKey),
        (SuperChip, &[0x7001, 0x00FD], 1, Stop::Exited),
        (
            Chip8,
            &[0x7001, 0x00FD],
            1,
            Stop::Fault(Fault::NotOnChip8(Instruction::Exit)),
        ),
        (
            Chip8,
            &[0x7001, 0x7002, 0x8008],
            2,
            Stop::Fault(Fault::InvalidOpcode(0x8008)),
        ),
        (Chip8, &[0x00EE], 0, Stop::Fault(Fault::StackEmpty)),
        (Chip8, &[0x2200], 16, Stop::Fault(Fault::StackFull)),
        (
            Chip8,
            &[0x1FFF],
            1,
            Stop::Fault(Fault::BeyondMemory {
                address: 0xFFF,
                length: 2,
            }),
        ),
        (
            Chip8,
            &[0xAFFE, 0xF233],
            1,
            Stop::Fault(Fault::BeyondMemory {
                address: 0xFFE,
                length: 3,
            }),
        ),
        (
            SuperChip,
            &[0xAFFE, 0xD005],
            1,
            Stop::Fault(Fault::BeyondMemory {
                address: 0xFFE,
                length: 5,
            }),
        ),
    ];
    for (model, opcodes, cycles, stop) in cases {
        let mut machine = machine(*model, opcodes);
        assert_eq!(
            (machine.run(100, &[]), machine.cycles()),
            (*stop, *cycles),
            "{opcodes:04X?}"
        );
        let counter = machine.counter();
        if *stop != Stop::CyclesUsed {
            assert_eq!(
                (machine.run(100, &[]), machine.counter()),
                (*stop, counter),
                "a stopped machine stays"
            );
        }
    }
}

#[test]
fn calls_return_behind_themselves() {
    let mut machine = machine(Chip8, &[0x2206, 0x7101, 0x1204, 0x7001, 0x00EE]);
    assert_eq!(machine.run(2, &[]), Stop::CyclesUsed);
    assert_eq!(machine.stack(), [0x202]);
    assert_eq!(machine.run(100, &[]), Stop::Halted);
    assert_eq!(
        (machine.registers().get(0), machine.registers().get(1)),
        (1, 1)
    );
}

#[test]
fn breakpoints_stop_before_their_instruction_and_let_go() {
    let mut machine = machine(Chip8, &[0x7001, 0x7101, 0x1200]);
    for round in 1..=3 {
        assert_eq!(machine.run(100, &[0x202]), Stop::Breakpoint);
        assert_eq!(
            (machine.registers().get(0), machine.registers().get(1)),
            (round, round - 1)
        );
    }
}

#[test]
fn timers_go_down_once_a_frame() {
    let mut machine = machine(Chip8, &[0x6005, 0xF015, 0xF018, 0x1208, 0x1206]);
    assert_eq!(machine.run(9, &[]), Stop::CyclesUsed);
    assert_eq!((machine.delay(), machine.frames()), (5, 0));
    machine.run(1, &[]);
    assert_eq!(
        (machine.delay(), machine.sound(), machine.frames()),
        (4, 4, 1)
    );
    machine.run_frames(10);
    assert_eq!(
        (
            machine.delay(),
            machine.sound(),
            machine.frames(),
            machine.cycles()
        ),
        (0, 0, 11, 110)
    );
}

#[test]
fn the_original_draws_one_sprite_a_frame() {
    // DRW V1, V1, 1; ADD V0, 1; back
    let opcodes = [0xD111, 0x7001, 0x1200];
    for (model, drawn) in [(Chip8, 3), (SuperChip, 8)] {
        let mut machine = machine(model, &opcodes);
        machine.run(25, &[]);
        assert_eq!(machine.registers().get(0), drawn, "{model:?}");
    }
}

#[test]
fn a_step_does_not_stop_at_waiting_for_the_frame() {
    let mut machine = machine(Chip8, &[0xD111, 0xD111]);
    for _ in 0..2 {
        assert!(machine.step().unwrap().is_some());
    }
    assert_eq!((machine.counter(), machine.cycles()), (0x204, 11));
}

#[test]
fn a_key_counts_when_it_is_released() {
    let mut machine = machine(Chip8, &[0xF30A, 0x1202]);
    machine.keypad_mut().set(Keypad::parse("7").unwrap());
    assert_eq!(machine.run(50, &[]), Stop::CyclesUsed);
    assert_eq!(machine.counter(), 0x200);
    machine.keypad_mut().set(0);
    assert_eq!(machine.run(50, &[]), Stop::Halted);
    assert_eq!(machine.registers().get(3), 7);
}

#[test]
fn skips_look_at_the_keys() {
    for (opcode, keys, counter) in [
        (0xE19E, "5", 0x204),
        (0xE19E, "6", 0x202),
        (0xE1A1, "5", 0x202),
        (0xE1A1, "", 0x204),
    ] {
        let mut machine = machine(Chip8, &[opcode]);
        super::prepare(&mut machine, "V1=5");
        machine.keypad_mut().set(Keypad::parse(keys).unwrap());
        machine.step().unwrap();
        assert_eq!(machine.counter(), counter, "{opcode:04X} with {keys:?}");
    }
}

#[test]
fn a_reset_repeats_the_run() {
    // RND V0, 0xFF; RND V1, 0xFF; LD [I], V1 over the program itself; halt
    let mut machine = Machine::new(
        settings(Chip8),
        [0xC0FFu16, 0xC1FF, 0xA200, 0xF155, 0x1208]
            .map(u16::to_be_bytes)
            .concat(),
    )
    .unwrap();
    assert_eq!(machine.run(100, &[]), Stop::Halted);
    let numbers = machine.registers().up_to(1).to_vec();
    machine.reset();
    assert_eq!((machine.cycles(), machine.counter()), (0, 0x200));
    assert_eq!(machine.run(100, &[]), Stop::Halted);
    assert_eq!(machine.registers().up_to(1), numbers);
}
