//! What each instruction does to registers and memory.

use super::check;
use crate::quirks::Model::{self, Chip8, SuperChip};

const BOTH: [Model; 2] = [Chip8, SuperChip];

#[test]
fn jumps_calls_and_skips_move_the_program_counter() {
    let cases: &[(u16, &str, &str)] = &[
        (0x1ABC, "", "PC=ABC"),
        (0x2ABC, "", "PC=ABC SP=1"),
        (0x3142, "V1=42", "PC=204"),
        (0x3142, "V1=41", ""),
        (0x4142, "V1=42", ""),
        (0x4142, "V1=41", "PC=204"),
        (0x5120, "V1=7 V2=7", "PC=204"),
        (0x5120, "V1=7 V2=8", ""),
        (0x9120, "V1=7 V2=7", ""),
        (0x9120, "V1=7 V2=8", "PC=204"),
    ];
    for model in BOTH {
        for (opcode, before, after) in cases {
            check(model, *opcode, before, after);
        }
    }
}

#[test]
fn arithmetic_sets_the_flag() {
    let cases: &[(u16, &str, &str)] = &[
        (0x61FE, "V1=1 VF=7", "V1=FE"),
        (0x7102, "V1=FF VF=7", "V1=1"),
        (0x8120, "V2=33 VF=7", "V1=33"),
        (0x8124, "V1=10 V2=20 VF=7", "V1=30 VF=0"),
        (0x8124, "V1=FF V2=2 VF=7", "V1=1 VF=1"),
        (0x8125, "V1=20 V2=10 VF=7", "V1=10 VF=1"),
        (0x8125, "V1=10 V2=10 VF=7", "V1=0 VF=1"),
        (0x8125, "V1=10 V2=20 VF=7", "V1=F0 VF=0"),
        (0x8127, "V1=10 V2=20 VF=7", "V1=10 VF=1"),
        (0x8127, "V1=20 V2=10 VF=7", "V1=F0 VF=0"),
    ];
    for model in BOTH {
        for (opcode, before, after) in cases {
            check(model, *opcode, before, after);
        }
    }
}

#[test]
fn the_flag_outlasts_the_result_where_both_go_to_vf() {
    for model in BOTH {
        check(model, 0x8F14, "VF=FF V1=2", "VF=1");
        check(model, 0x8F15, "VF=1 V1=2", "VF=0");
        check(model, 0x8F17, "VF=1 V1=2", "VF=1");
        check(model, 0x8FF6, "VF=2", "VF=0");
        check(model, 0x8FFE, "VF=81", "VF=1");
    }
}

#[test]
fn logic_resets_vf_on_the_original_only() {
    for (opcode, result) in [(0x8121, "V1=FC"), (0x8122, "V1=C0"), (0x8123, "V1=3C")] {
        check(Chip8, opcode, "V1=F0 V2=CC VF=7", &format!("{result} VF=0"));
        check(SuperChip, opcode, "V1=F0 V2=CC VF=7", result);
    }
}

#[test]
fn shifts_take_vy_on_the_original_and_vx_on_super_chip() {
    let cases = [
        (Chip8, 0x8126, "V1=0 V2=5", "V1=2 VF=1"),
        (Chip8, 0x8126, "V1=1 V2=4 VF=7", "V1=2 VF=0"),
        (Chip8, 0x812E, "V1=0 V2=81", "V1=2 VF=1"),
        (Chip8, 0x812E, "V1=80 V2=1 VF=7", "V1=2 VF=0"),
        (SuperChip, 0x8126, "V1=5 V2=0", "V1=2 VF=1"),
        (SuperChip, 0x812E, "V1=41 V2=80 VF=7", "V1=82 VF=0"),
    ];
    for (model, opcode, before, after) in cases {
        check(model, opcode, before, after);
    }
}

#[test]
fn index_arithmetic_leaves_vf_alone() {
    for model in BOTH {
        check(model, 0xA123, "", "I=123");
        check(model, 0xF11E, "V1=FF I=FFE VF=7", "I=10FD");
        check(model, 0xF129, "V1=A", "I=82");
        check(model, 0xF129, "V1=1A", "I=82");
    }
    check(SuperChip, 0xF130, "V1=9", "I=FA");
}

#[test]
fn offset_jumps_add_v0_on_the_original_and_vx_on_super_chip() {
    check(Chip8, 0xB320, "V0=5 V3=9", "PC=325");
    check(SuperChip, 0xB320, "V0=5 V3=9", "PC=329");
}

#[test]
fn memory_transfers_move_the_index_on_the_original_only() {
    let cases = [
        (0xF255, "V0=1 V1=2 V2=3 V3=4", "M300=1 M301=2 M302=3"),
        (0xF265, "M300=1 M301=2 M302=3 M303=4", "V0=1 V1=2 V2=3"),
    ];
    for (opcode, before, after) in cases {
        check(Chip8, opcode, before, &format!("{after} I=303"));
        check(SuperChip, opcode, before, after);
    }
}

#[test]
fn decimals_have_three_digits() {
    for (value, digits) in [
        ("FE", "M300=2 M301=5 M302=4"),
        ("07", "M300=0 M301=0 M302=7"),
        ("00", ""),
    ] {
        check(
            Chip8,
            0xF133,
            &format!("V1={value} M300=9 M301=9 M302=9"),
            &format!("M300=0 M301=0 M302=0 {digits}"),
        );
    }
}

#[test]
fn timers_are_set_and_read() {
    check(Chip8, 0xF107, "DT=2A", "V1=2A");
    check(Chip8, 0xF115, "V1=2A", "DT=2A");
    check(Chip8, 0xF118, "V1=2A", "ST=2A");
}

#[test]
fn random_numbers_are_masked() {
    check(Chip8, 0xC100, "V1=7", "V1=0");
    let mut machine = super::machine(Chip8, &[0xC10F; 50]);
    for _ in 0..50 {
        machine.step().unwrap();
        assert!(machine.registers().get(1) < 16);
    }
}

#[test]
fn flags_outlive_a_reset() {
    let mut machine = super::machine(SuperChip, &[0xF275, 0xF285]);
    super::prepare(&mut machine, "V0=1 V1=2 V2=3 V3=4");
    machine.step().unwrap();
    machine.reset();
    machine.counter += 2;
    machine.step().unwrap();
    assert_eq!(machine.registers().up_to(3), [1, 2, 3, 0]);
}
