//! From a mnemonic and its operands to the instruction.

use std::ops::RangeInclusive;

use super::expression::Expression;
use super::operand::Operand as O;
use super::symbols::Symbols;
use crate::instruction::Instruction as I;

/// What each mnemonic takes: for messages, and to know that a mnemonic exists.
const FORMS: &[(&str, &str)] = &[
    ("CLS", "CLS"),
    ("RET", "RET"),
    ("JP", "JP addr | JP V0, addr"),
    ("CALL", "CALL addr"),
    ("SE", "SE Vx, byte | SE Vx, Vy"),
    ("SNE", "SNE Vx, byte | SNE Vx, Vy"),
    (
        "LD",
        "LD Vx, byte | LD Vx, Vy | LD I, addr | LD Vx, DT | LD Vx, K | LD DT, Vx | LD ST, Vx | LD F, Vx | LD HF, Vx | \
         LD B, Vx | LD [I], Vx | LD Vx, [I] | LD R, Vx | LD Vx, R",
    ),
    ("ADD", "ADD Vx, byte | ADD Vx, Vy | ADD I, Vx"),
    ("OR", "OR Vx, Vy"),
    ("AND", "AND Vx, Vy"),
    ("XOR", "XOR Vx, Vy"),
    ("SUB", "SUB Vx, Vy"),
    ("SUBN", "SUBN Vx, Vy"),
    ("SHR", "SHR Vx, Vy | SHR Vx"),
    ("SHL", "SHL Vx, Vy | SHL Vx"),
    ("RND", "RND Vx, byte"),
    ("DRW", "DRW Vx, Vy, rows"),
    ("SKP", "SKP Vx"),
    ("SKNP", "SKNP Vx"),
    ("SCD", "SCD rows"),
    ("SCR", "SCR"),
    ("SCL", "SCL"),
    ("EXIT", "EXIT"),
    ("LOW", "LOW"),
    ("HIGH", "HIGH"),
];

/// Whether `mnemonic`, in capitals, is an instruction.
pub(super) fn is_mnemonic(mnemonic: &str) -> bool {
    FORMS.iter().any(|(known, _)| *known == mnemonic)
}

/// The instruction; `here` is its address, which `$` stands for.
pub(super) fn encode(
    mnemonic: &str,
    operands: &[O],
    symbols: &Symbols,
    here: u16,
) -> Result<I, String> {
    let address = |value: &Expression| number(value, symbols, here, 0..=0xFFF, "an address");
    let nibble = |value: &Expression| number(value, symbols, here, 0..=0xF, "a count of rows");
    let byte = |value: &Expression| byte(value, symbols, here);

    Ok(match (mnemonic, operands) {
        ("CLS", []) => I::Clear,
        ("RET", []) => I::Return,
        ("JP", [O::Value(target)]) => I::Jump(address(target)?),
        // The jump that adds VX on SUPER-CHIP takes X from its address, so the register is not encoded.
        ("JP", [O::Register(0), O::Value(target)]) => I::JumpOffset(address(target)?),
        ("CALL", [O::Value(target)]) => I::Call(address(target)?),
        ("SE", [O::Register(x), O::Value(value)]) => I::SkipEqualByte(*x, byte(value)?),
        ("SE", [O::Register(x), O::Register(y)]) => I::SkipEqual(*x, *y),
        ("SNE", [O::Register(x), O::Value(value)]) => I::SkipUnequalByte(*x, byte(value)?),
        ("SNE", [O::Register(x), O::Register(y)]) => I::SkipUnequal(*x, *y),
        ("LD", [O::Register(x), O::Value(value)]) => I::LoadByte(*x, byte(value)?),
        ("LD", [O::Register(x), O::Register(y)]) => I::Load(*x, *y),
        ("LD", [O::Register(x), O::Delay]) => I::ReadDelay(*x),
        ("LD", [O::Register(x), O::Key]) => I::WaitKey(*x),
        ("LD", [O::Register(x), O::AtIndex]) => I::Restore(*x),
        ("LD", [O::Register(x), O::Flags]) => I::RestoreFlags(flag_count(*x)?),
        ("LD", [O::Index, O::Value(target)]) => I::LoadIndex(address(target)?),
        ("LD", [O::Delay, O::Register(x)]) => I::SetDelay(*x),
        ("LD", [O::Sound, O::Register(x)]) => I::SetSound(*x),
        ("LD", [O::Digit, O::Register(x)]) => I::LoadDigit(*x),
        ("LD", [O::LargeDigit, O::Register(x)]) => I::LoadLargeDigit(*x),
        ("LD", [O::Decimal, O::Register(x)]) => I::StoreDecimal(*x),
        ("LD", [O::AtIndex, O::Register(x)]) => I::Store(*x),
        ("LD", [O::Flags, O::Register(x)]) => I::SaveFlags(flag_count(*x)?),
        ("ADD", [O::Register(x), O::Value(value)]) => I::AddByte(*x, byte(value)?),
        ("ADD", [O::Register(x), O::Register(y)]) => I::Add(*x, *y),
        ("ADD", [O::Index, O::Register(x)]) => I::AddIndex(*x),
        ("OR", [O::Register(x), O::Register(y)]) => I::Or(*x, *y),
        ("AND", [O::Register(x), O::Register(y)]) => I::And(*x, *y),
        ("XOR", [O::Register(x), O::Register(y)]) => I::Xor(*x, *y),
        ("SUB", [O::Register(x), O::Register(y)]) => I::Subtract(*x, *y),
        ("SUBN", [O::Register(x), O::Register(y)]) => I::SubtractFrom(*x, *y),
        ("SHR", [O::Register(x), O::Register(y)]) => I::ShiftRight(*x, *y),
        ("SHR", [O::Register(x)]) => I::ShiftRight(*x, *x),
        ("SHL", [O::Register(x), O::Register(y)]) => I::ShiftLeft(*x, *y),
        ("SHL", [O::Register(x)]) => I::ShiftLeft(*x, *x),
        ("RND", [O::Register(x), O::Value(mask)]) => I::Random(*x, byte(mask)?),
        ("DRW", [O::Register(x), O::Register(y), O::Value(rows)]) => I::Draw(*x, *y, nibble(rows)?),
        ("SKP", [O::Register(x)]) => I::SkipKey(*x),
        ("SKNP", [O::Register(x)]) => I::SkipNoKey(*x),
        ("SCD", [O::Value(rows)]) => I::ScrollDown(nibble(rows)?),
        ("SCR", []) => I::ScrollRight,
        ("SCL", []) => I::ScrollLeft,
        ("EXIT", []) => I::Exit,
        ("LOW", []) => I::LowResolution,
        ("HIGH", []) => I::HighResolution,
        _ => return Err(mismatch(mnemonic, operands, symbols)),
    })
}

/// A value that fits a byte: -128 to 255.
pub(super) fn byte(value: &Expression, symbols: &Symbols, here: u16) -> Result<u8, String> {
    let [_, byte] = number::<i16>(value, symbols, here, -128..=0xFF, "a byte")?.to_be_bytes();
    Ok(byte)
}

/// A value that fits two bytes: -32768 to 65535.
pub(super) fn word(value: &Expression, symbols: &Symbols, here: u16) -> Result<[u8; 2], String> {
    let range = -0x8000..=0xFFFF;
    let [_, _, high, low] =
        number::<i32>(value, symbols, here, range, "a word of 16 bits")?.to_be_bytes();
    Ok([high, low])
}

/// A value within `range`, which is called `what` in the message.
pub(super) fn number<T: TryFrom<i64>>(
    value: &Expression,
    symbols: &Symbols,
    here: u16,
    range: RangeInclusive<i64>,
    what: &str,
) -> Result<T, String> {
    let value = value.value(symbols, here)?;
    let fitting = T::try_from(value).ok().filter(|_| range.contains(&value));
    fitting.ok_or_else(|| {
        format!(
            "{value} is not {what}: it must be {} to {}",
            range.start(),
            range.end()
        )
    })
}

fn flag_count(x: u8) -> Result<u8, String> {
    if x < 8 {
        Ok(x)
    } else {
        Err(format!("V{x:X} is too far: there are flags for V0 to V7"))
    }
}

fn mismatch(mnemonic: &str, operands: &[O], symbols: &Symbols) -> String {
    let Some((_, forms)) = FORMS.iter().find(|(known, _)| *known == mnemonic) else {
        return format!("there is no instruction {mnemonic}");
    };
    // A name that is no label may be a misspelt register; the message about the name helps more than the forms.
    let unknown = operands.iter().find_map(|operand| match operand {
        O::Value(value) => value.value(symbols, 0).err(),
        _ => None,
    });
    let shown: Vec<String> = operands.iter().map(O::show).collect();
    let found = if shown.is_empty() {
        "nothing".to_owned()
    } else {
        shown.join(", ")
    };
    match unknown {
        Some(unknown) => format!("{unknown}; the forms are: {forms}"),
        None => format!("{mnemonic} does not take {found}; the forms are: {forms}"),
    }
}
