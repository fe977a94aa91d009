//! Each program does what its comment says, on every machine that it is for.

use super::*;
use crate::machine::{Keypad, Machine, Settings, Stop};
use crate::quirks::Quirks;
use crate::screen::Screen;

const BOTH: [Model; 2] = [Model::Chip8, Model::SuperChip];

fn machine(name: &str, model: Model, seed: u32) -> Machine {
    let settings = Settings {
        model,
        quirks: Quirks::of(model),
        cycles_per_frame: 20,
        seed,
    };
    Machine::new(settings, find(name).unwrap().bytes.clone()).unwrap()
}

/// The cells of a row of digits that are `width` pixels wide with `step` from one to the next.
fn digit_rows(screen: &Screen, x: u32, y: u32) -> Vec<u8> {
    let row = |y| {
        (0..4)
            .filter(|bit| screen.is_lit(x + bit, y))
            .map(|bit| 0x80 >> bit)
            .sum()
    };
    (y..y + 5).map(row).collect()
}

/// The number that three digits at (24, 13) show.
fn shown_number(screen: &Screen) -> Option<usize> {
    [24, 30, 36].into_iter().try_fold(0, |number, x| {
        let rows = digit_rows(screen, x, 13);
        Some(
            10 * number
                + crate::font::SMALL
                    .iter()
                    .position(|digit| digit.as_slice() == rows)?,
        )
    })
}

#[test]
fn every_program_has_a_description() {
    for program in all() {
        assert!(
            program.description().ends_with('.'),
            "{}: {}",
            program.name,
            program.description()
        );
    }
    assert_eq!(
        find("pong").unwrap_err(),
        "there is no example pong: there are counter, keypad, maze, paddle, banner"
    );
}

#[test]
fn the_counter_counts() {
    for model in BOTH {
        let mut machine = machine("counter", model, 0);
        let mut shown = Vec::new();
        while shown.len() < 13 {
            assert_eq!(machine.run_frames(1), Stop::CyclesUsed);
            assert!(machine.frames() < 1000, "{shown:?}");
            let number = shown_number(machine.screen());
            shown.extend(number.filter(|number| shown.last() != Some(number)));
        }
        assert_eq!(shown, (0..13).collect::<Vec<usize>>(), "{model:?}");
    }
}

#[test]
fn the_keypad_shows_the_key_that_was_pressed() {
    for key in 0..16 {
        let mut machine = machine("keypad", Model::Chip8, 0);
        assert_eq!(machine.run_frames(10), Stop::WaitingForKey);
        machine.keypad_mut().set(1 << key);
        assert_eq!(machine.run_frames(3), Stop::CyclesUsed);
        machine.keypad_mut().set(0);
        assert_eq!(machine.run_frames(10), Stop::WaitingForKey);
        assert_eq!(
            digit_rows(machine.screen(), 30, 13),
            crate::font::SMALL[key],
            "{key:X}"
        );
        assert!(machine.sound() > 0);
    }
}

#[test]
fn every_cell_of_the_maze_is_reached_in_one_way() {
    for (seed, model) in (0..20).flat_map(|seed| BOTH.map(|model| (seed, model))) {
        let mut machine = machine("maze", model, seed);
        assert_eq!(machine.run(1_000_000, &[]), Stop::Halted);
        let screen = machine.screen();
        let cells = || (0..8).flat_map(|row| (0..16).map(move |column| (column, row)));
        // The last pixels of a cell are its walls; one of them that is dark is a way to the neighbour.
        let ways = |(column, row): (u32, u32)| {
            let right = column < 15 && !screen.is_lit(4 * column + 3, 4 * row + 1);
            let down = row < 7 && !screen.is_lit(4 * column + 1, 4 * row + 3);
            [
                right.then_some((column + 1, row)),
                down.then_some((column, row + 1)),
            ]
            .into_iter()
            .flatten()
        };
        let edges: Vec<_> = cells()
            .flat_map(|cell| ways(cell).map(move |other| (cell, other)))
            .collect();
        let mut reached = vec![(0, 0)];
        let mut next = 0;
        while let Some(&cell) = reached.get(next) {
            for &(one, other) in &edges {
                let neighbour = if one == cell {
                    other
                } else if other == cell {
                    one
                } else {
                    continue;
                };
                if !reached.contains(&neighbour) {
                    reached.push(neighbour);
                }
            }
            next += 1;
        }
        // As many ways as cells less one, and all cells reached: there is no circle.
        assert_eq!((reached.len(), edges.len()), (128, 127), "seed {seed}");
    }
}

/// Plays until the program ends, with the keys that `player` chooses by the places of ball and paddle.
fn play(
    model: Model,
    seed: u32,
    frames_max: u32,
    player: impl Fn(u8, u8) -> &'static str,
) -> Option<Machine> {
    let mut machine = machine("paddle", model, seed);
    for _ in 0..frames_max {
        let (ball, paddle) = (machine.registers().get(4), machine.registers().get(8));
        machine
            .keypad_mut()
            .set(Keypad::parse(player(ball, paddle)).unwrap());
        match machine.run_frames(1) {
            Stop::CyclesUsed => {}
            Stop::Halted => return Some(machine),
            stop => panic!("{stop}"),
        }
    }
    None
}

#[test]
fn a_ball_that_nobody_catches_is_lost() {
    for (seed, model) in (0..10).flat_map(|seed| BOTH.map(|model| (seed, model))) {
        let machine = play(model, seed, 2000, |_, _| "4").expect("the game ends");
        assert!(
            shown_number(machine.screen()).is_some_and(|points| points < 4),
            "seed {seed}"
        );
    }
}

#[test]
fn a_player_who_follows_the_ball_makes_points() {
    let follow = |ball: u8, paddle: u8| match ball.cmp(&(paddle + 4)) {
        std::cmp::Ordering::Less => "4",
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => "6",
    };
    for model in BOTH {
        assert!(play(model, 5, 3000, follow).is_none(), "the game goes on");
    }
}

#[test]
fn the_banner_writes_sinks_and_ends() {
    let mut machine = machine("banner", Model::SuperChip, 0);
    assert_eq!(machine.run(100_000, &[]), Stop::Exited);
    let screen = machine.screen();
    assert_eq!((screen.width(), screen.height()), (128, 64));
    assert!((0..16).all(|at| screen.is_lit(at, 0) && screen.is_lit(0, at)));
    assert!(!screen.is_lit(16, 0) && !screen.is_lit(0, 16));
    // The digits began at line 4 and sank 23 times by two lines.
    assert!((4..12).all(|x| screen.is_lit(x, 50)) && (4..124).all(|x| !screen.is_lit(x, 49)));
}
