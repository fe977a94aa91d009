use super::*;

fn texts(ring: &LogRing) -> Vec<String> {
    ring.page(0, 100)
        .lines
        .into_iter()
        .map(|line| line.text)
        .collect()
}

#[test]
fn writes_become_lines_and_control_characters_go() {
    let ring = LogRing::new(1 << 16);
    ring.write(Source::Stdout, b"one\ntw");
    ring.write(Source::Stderr, b"err\x1b[31mor\n");
    ring.write(Source::Stdout, b"o\r\n\xff\n");
    assert_eq!(texts(&ring), ["one", "err[31mor", "two", "\u{fffd}"]);
}

#[test]
fn what_turns_the_direction_of_text_or_forges_a_line_goes_too() {
    let ring = LogRing::new(1 << 16);
    ring.write(
        Source::Stdout,
        "a\u{202e}b\u{2028}{\"level\":\u{9b}2J\r\x07\x08\x7f\n".as_bytes(),
    );
    assert_eq!(texts(&ring), ["ab{\"level\":2J"]);
}

#[test]
fn a_line_of_very_many_fields_keeps_some_and_pays_for_them() {
    let ring = LogRing::new(1 << 16);
    let fields = vec![(String::new(), String::new()); 100_000];
    for _ in 0..100 {
        ring.event(Level::Info, "", &fields);
    }
    let lines = ring.lines();
    assert_eq!(lines.last().unwrap().fields.len(), FIELDS_MAX);
    assert!(lines.len() < 50, "{}", lines.len());
}

#[test]
fn a_flood_leaves_the_newest_lines_and_counts_the_lost() {
    let ring = LogRing::new(1000);
    for i in 0..1000 {
        ring.write(Source::Stdout, format!("line {i}\n").as_bytes());
    }
    let page = ring.page(0, usize::MAX);
    assert!(page.lines.len() < 20 && page.dropped > 980);
    assert_eq!(page.lines.last().unwrap().text, "line 999");
    assert_eq!(page.next, 1000);
    assert_eq!(page.lines.first().unwrap().seq, page.dropped);
}

#[test]
fn a_line_without_end_is_kept_in_pieces_within_the_bound() {
    let ring = LogRing::new(10_000);
    ring.write(Source::Stdout, &vec![b'x'; 1 << 20]);
    let bytes: usize = texts(&ring).iter().map(String::len).sum();
    assert!((4000..=10_000).contains(&bytes), "{bytes}");
}

#[test]
fn a_line_that_is_begun_is_seen_when_the_call_is_over() {
    let ring = LogRing::new(1 << 16);
    ring.write(Source::Stdout, b"40%");
    assert_eq!(texts(&ring), [""; 0]);
    ring.end_lines();
    ring.end_lines();
    assert_eq!(texts(&ring), ["40%"]);
}

#[test]
fn the_tail_of_standard_error_explains_a_trap() {
    let ring = LogRing::new(1 << 16);
    assert_eq!(ring.stderr_tail(), None);
    ring.write(Source::Stderr, b"thread panicked\nat the disco");
    assert_eq!(ring.stderr_tail().unwrap(), "thread panicked\nat the disco");
}
