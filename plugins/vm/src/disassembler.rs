//! The disassembler: a program back to source that the assembler turns into the same bytes.
//!
//! Programs mix code and pictures, so it follows the code from the start: what jumps, calls and skips can reach is
//! code, the rest is data and drawn as such. A jump whose target is computed may lead into what is taken for data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::instruction::Instruction;
use crate::machine::{PROGRAM_AT, PROGRAM_BYTES_MAX};

/// So many zeros in a row are written as space, not as bytes.
const SPACE_MIN: usize = 4;

/// The source of `program`, one line an instruction or byte, each with its address.
pub(crate) fn disassemble(program: &[u8]) -> Result<String, String> {
    if program.len() > PROGRAM_BYTES_MAX {
        return Err(format!(
            "the program has {} bytes: {PROGRAM_BYTES_MAX} are the most",
            program.len()
        ));
    }
    let code = reachable(program);
    let lines = lines(program, &code);
    let labels = labels(&code, &lines);
    Ok(render(&lines, &labels))
}

/// What a line of the answer holds.
enum Line {
    Instruction(Instruction),
    Byte(u8),
    Space(usize),
}

/// The instructions that the program can come to, by address. They may overlap.
fn reachable(program: &[u8]) -> BTreeMap<u16, Instruction> {
    let mut code = BTreeMap::new();
    let mut open = vec![PROGRAM_AT];
    while let Some(address) = open.pop() {
        if code.contains_key(&address) {
            continue;
        }
        let Some(instruction) = opcode(program, address).and_then(Instruction::decode) else {
            continue;
        };
        code.insert(address, instruction);
        open.extend(successors(address, instruction));
    }
    code
}

fn opcode(program: &[u8], address: u16) -> Option<u16> {
    let start = usize::from(address.checked_sub(PROGRAM_AT)?);
    let bytes = program.get(start..start + 2)?;
    Some(
        bytes
            .iter()
            .fold(0, |opcode, &byte| opcode << 8 | u16::from(byte)),
    )
}

/// Where the program can go on after the instruction at `address`.
fn successors(address: u16, instruction: Instruction) -> Vec<u16> {
    let next = address + 2;
    match instruction {
        Instruction::Jump(target) | Instruction::JumpOffset(target) => vec![target],
        Instruction::Call(target) => vec![next, target],
        Instruction::Return | Instruction::Exit => vec![],
        Instruction::SkipEqualByte(..)
        | Instruction::SkipUnequalByte(..)
        | Instruction::SkipEqual(..)
        | Instruction::SkipUnequal(..)
        | Instruction::SkipKey(_)
        | Instruction::SkipNoKey(_) => vec![next, next + 2],
        _ => vec![next],
    }
}

/// The lines by address. Where instructions overlap, the first one is shown and the other is lost in it.
fn lines(program: &[u8], code: &BTreeMap<u16, Instruction>) -> BTreeMap<u16, Line> {
    let mut lines = BTreeMap::new();
    let mut rest = program;
    let mut address = PROGRAM_AT;
    while let Some(&byte) = rest.first() {
        let zeros = rest
            .iter()
            .zip(address..)
            .take_while(|(byte, at)| **byte == 0 && !code.contains_key(at))
            .count();
        let (line, length) = match code.get(&address) {
            Some(instruction) => (Line::Instruction(*instruction), 2),
            None if zeros >= SPACE_MIN => (Line::Space(zeros), zeros),
            None => (Line::Byte(byte), 1),
        };
        lines.insert(address, line);
        address += u16::try_from(length).expect("a program is shorter than memory");
        rest = rest.get(length..).unwrap_or_default();
    }
    lines
}

/// The addresses that instructions name and lines begin at.
fn labels(code: &BTreeMap<u16, Instruction>, lines: &BTreeMap<u16, Line>) -> BTreeSet<u16> {
    code.values()
        .copied()
        .filter_map(target)
        .filter(|address| lines.contains_key(address))
        .collect()
}

/// The address that is part of the instruction, if one is.
fn target(instruction: Instruction) -> Option<u16> {
    match instruction {
        Instruction::Jump(address)
        | Instruction::JumpOffset(address)
        | Instruction::Call(address)
        | Instruction::LoadIndex(address) => Some(address),
        _ => None,
    }
}

fn render(lines: &BTreeMap<u16, Line>, labels: &BTreeSet<u16>) -> String {
    let mut text = String::new();
    for (address, line) in lines {
        let label = if labels.contains(address) {
            format!("{}:", label(*address))
        } else {
            String::new()
        };
        let shown = match line {
            Line::Instruction(instruction) => named(*instruction, labels),
            Line::Byte(byte) => format!("DB %{}", picture(*byte)),
            Line::Space(count) => format!("DS {count}"),
        };
        writeln!(text, "{label:<8}{shown:<24}; {address:03X}")
            .expect("a string takes what is written to it");
    }
    text
}

/// The instruction with the label in place of its address.
fn named(instruction: Instruction, labels: &BTreeSet<u16>) -> String {
    let text = instruction.to_string();
    match target(instruction).filter(|address| labels.contains(address)) {
        Some(address) => text.replace(&format!("0x{address:03X}"), &label(address)),
        None => text,
    }
}

fn label(address: u16) -> String {
    format!("L_{address:03X}")
}

fn picture(byte: u8) -> String {
    (0..8)
        .map(|bit| if byte & (0x80 >> bit) == 0 { '.' } else { '#' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembler::assemble;
    use crate::random::Random;

    #[test]
    fn code_and_pictures_are_told_apart() {
        let source = "
            CALL draw
            stop: JP stop
            draw: LD I, ball
            DRW V0, V1, 2
            RET
            ball: DB %.####..., %#....#..
            DS 6";
        let text = disassemble(&assemble(source).unwrap().program).unwrap();
        let expected = "
        CALL L_204              ; 200
L_202:  JP L_202                ; 202
L_204:  LD I, L_20A             ; 204
        DRW V0, V1, 2           ; 206
        RET                     ; 208
L_20A:  DB %.####...            ; 20A
        DB %#....#..            ; 20B
        DS 6                    ; 20C
";
        assert_eq!(text, expected.trim_start_matches('\n'));
    }

    #[test]
    fn what_is_disassembled_assembles_to_the_same_bytes() {
        let mut random = Random::from_seed(3);
        for length in (0..300).chain([PROGRAM_BYTES_MAX]) {
            let program: Vec<u8> = (0..length).map(|_| random.byte() & random.byte()).collect();
            let text = disassemble(&program).unwrap();
            assert_eq!(
                assemble(&text).map(|assembled| assembled.program),
                Ok(program),
                "{text}"
            );
        }
    }

    #[test]
    fn programs_have_a_limit() {
        assert!(
            disassemble(&[0; PROGRAM_BYTES_MAX + 1])
                .unwrap_err()
                .contains("3584 are the most")
        );
    }
}
