//! The language: every instruction, the directives, and what is said about mistakes.

use super::assemble;
use crate::instruction::Instruction;

#[track_caller]
fn check(source: &str, expected: &[u8]) {
    match assemble(source) {
        Ok(assembled) => assert_eq!(assembled.program, expected, "{source}"),
        Err(message) => panic!("{source}\n{message}"),
    }
}

#[track_caller]
fn check_error(source: &str, expected: &str) {
    let message = assemble(source).expect_err(source);
    assert!(
        message.contains(expected),
        "{source}\nexpected: {expected}\nfound: {message}"
    );
}

#[test]
fn every_instruction_assembles_from_its_own_text() {
    for instruction in (0..=u16::MAX).filter_map(Instruction::decode) {
        // Every family is covered by the opcodes whose operands are all ones, twos and so on.
        if instruction.encode() % 7 == 0 || instruction.encode() & 0xF000 == 0xF000 {
            check(
                &instruction.to_string(),
                &instruction.encode().to_be_bytes(),
            );
        }
    }
}

#[test]
fn case_and_spacing_do_not_matter() {
    check("  ld v3,[i]", &[0xF3, 0x65]);
    check("DRW VA , vb,%11", &[0xDA, 0xB3]);
    check("SHL V4", &[0x84, 0x4E]);
}

#[test]
fn labels_may_be_used_before_they_stand() {
    check(
        "JP end\nmiddle: JP middle\nend:\n  JP middle",
        &[0x12, 0x04, 0x12, 0x02, 0x12, 0x02],
    );
}

#[test]
fn data_may_be_numbers_pictures_texts_and_words() {
    check("DB 1, -1, \"Hi\", %#......#", &[1, 0xFF, b'H', b'i', 0x81]);
    check("DW 0x1234, -2", &[0x12, 0x34, 0xFF, 0xFE]);
    check("DS 2\nDB 7", &[0, 0, 7]);
    check("DB 1\nORG 0x204\nhere: JP here", &[1, 0, 0, 0, 0x12, 0x04]);
}

#[test]
fn constants_and_names_for_registers_stand_for_themselves() {
    check(
        "speed EQU 2 * (3 + 1)\nball = VC\nLD ball, speed - 1\nADD ball, V0",
        &[0x6C, 7, 0x8C, 0x04],
    );
    check(
        "LD I, table + 2\ntable: DB $ - table, (table - 0x200) / 2",
        &[0xA2, 0x04, 0, 1],
    );
}

#[test]
fn mistakes_are_named_with_their_line() {
    check_error("CLS\nFOO V1", "line 2: there is no instruction FOO");
    check_error(
        "LD V1, I",
        "LD does not take V1, I; the forms are: LD Vx, byte",
    );
    check_error(
        "JP V1, 0x300",
        "JP does not take V1, a number; the forms are: JP addr | JP V0, addr",
    );
    check_error("JP lop", "line 1: there is no label or constant lop");
    check_error("LD V0, 256", "256 is not a byte: it must be -128 to 255");
    check_error(
        "DRW V0, V1, 16",
        "16 is not a count of rows: it must be 0 to 15",
    );
    check_error("a: CLS\na: RET", "line 2: a is defined twice");
    check_error("DT: CLS", "DT has a meaning of its own");
    check_error(
        "x EQU y\ny EQU 1",
        "line 1: there is no label or constant y above this line",
    );
    check_error(
        "x EQU K",
        "x can stand for a number or a register, not for K",
    );
    check_error("ORG 0x100", "ORG goes back from 0x200 to 0x100");
    check_error("LD V0, 1 2", "expected the end of the line, found 2");
    check_error("LD V0,", "expected something after the comma");
    check_error("LD V0, (1", "expected ), found the end of the line");
    check_error("DB 1/0", "division by 0");
    check_error("DB", "DB needs at least one value");
    check_error("LD V9, R", "there are flags for V0 to V7");
    check_error("x EQU V3\nDB x", "x is V3: a number is needed here");
}

#[test]
fn all_mistakes_are_told_at_once_up_to_a_limit() {
    let message = assemble(&"FOO\n".repeat(25)).unwrap_err();
    assert_eq!(message.lines().count(), 21);
    assert!(
        message.starts_with("line 1: ") && message.ends_with("and 5 more"),
        "{message}"
    );
}

#[test]
fn hostile_sources_are_refused() {
    check_error(&"(".repeat(100_000), "expected an instruction");
    check_error(
        &format!("DB {}", "(".repeat(100_000)),
        "more than 32 parentheses",
    );
    check_error(
        &format!("DB {}1", "-".repeat(100_000)),
        "more than 32 parentheses",
    );
    check_error(
        &format!("DB 1{}", "+1".repeat(100_000)),
        "more than 64 operands",
    );
    check_error(
        "DS 0xFFF\nDS 0xFFF",
        "line 1: the program grows beyond 3584 bytes",
    );
    check_error(&" ".repeat(300_000), "262144 are the most");
    check_error("DB 4294967295 * 4294967295 * 4294967295", "too large");
}

#[test]
fn the_listing_shows_what_each_line_became() {
    let assembled = assemble("start: CLS ; go\n\nDB 1, 2, 3, 4, 5").unwrap();
    assert_eq!(
        assembled.listing,
        "200  00E0        start: CLS ; go\n                 \n202  01020304..  DB 1, 2, 3, 4, 5\n"
    );
    assert_eq!(assembled.labels, [("start".to_owned(), 0x200)]);
}
