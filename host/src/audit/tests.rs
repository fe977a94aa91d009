//! The chain against everyone who may touch the file, and the writer against a disk that refuses.

#![expect(
    clippy::disallowed_methods,
    reason = "each test has a thread of its own"
)]

use fs_err as fs;
use tempfile::TempDir;

use super::queue::Queue;
use super::*;

const FILE: &str = "audit.jsonl";

fn config(file_bytes_max: u64) -> AuditConfig {
    AuditConfig {
        file: Some(FILE.into()),
        file_bytes_max,
        ..AuditConfig::default()
    }
}

fn open(folder: &TempDir, file_bytes_max: u64) -> Audit {
    let mut config = config(file_bytes_max);
    config.file = Some(folder.path().join(FILE));
    Audit::open(&config, folder.path()).unwrap()
}

fn caller() -> Option<Actor> {
    Some(Actor {
        worker: WorkerId::parse("ada").unwrap(),
        credential: "none".into(),
    })
}

fn write(audit: &Audit, lines: usize) {
    for line in 0..lines {
        let mut entry = audit.begin(Verb::Execute, caller).unwrap();
        entry.action(&format!("a:tool{line}"));
        entry.params(b"{}");
        entry.end("ok");
    }
}

/// A log of a start and some calls, in one file.
fn log(lines: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(&folder, u64::MAX);
    write(&audit, lines);
    audit.close();
    let file = folder.path().join(FILE);
    (folder, file)
}

fn lines_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn put(file: &Path, lines: &[String]) {
    let mut text = lines.join("\n");
    text.push('\n');
    fs::write(file, text).unwrap();
}

fn broken(file: &Path) -> Broken {
    verify(&[file.to_owned()], None).unwrap_err()
}

#[test]
fn what_was_written_is_whole_and_names_its_end() {
    let (_folder, file) = log(5);
    let verified = verify(std::slice::from_ref(&file), None).unwrap();
    assert_eq!(
        (verified.lines, verified.first, verified.after),
        (6, 1, None)
    );
    assert_eq!(verified.end, head(&file).unwrap());
    let line: Value = serde_json::from_str(&lines_of(&file)[2]).unwrap();
    assert_eq!(
        (
            &line["seq"],
            &line["worker"],
            &line["verb"],
            &line["action"]
        ),
        (
            &3.into(),
            &"ada".into(),
            &"execute".into(),
            &"a:tool1".into()
        )
    );
    assert_eq!(line["params"]["bytes"], 2);
    assert_eq!(
        line["params"]["blake3"],
        blake3::hash(b"{}").to_hex().to_string()
    );
}

#[test]
fn every_byte_that_is_changed_is_found_in_its_line() {
    let (_folder, file) = log(3);
    let good = fs::read(&file).unwrap();
    let mut line = 1;
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, &bad).unwrap();
        let found = broken(&file);
        assert_eq!(found.line, Some(line), "byte {at}: {found:?}");
        line += usize::from(good[at] == b'\n');
    }
}

#[test]
fn lines_that_are_missing_moved_or_put_in_are_found() {
    let (_folder, file) = log(4);
    let good = lines_of(&file);
    for at in 0..good.len() {
        let mut without = good.clone();
        without.remove(at);
        put(&file, &without);
        match at {
            // What a file begins with may be in an older one: the numbers say so.
            0 => assert!(
                verify(std::slice::from_ref(&file), None)
                    .unwrap()
                    .after
                    .is_some()
            ),
            at if at + 1 == good.len() => {
                assert_eq!(verify(std::slice::from_ref(&file), None).unwrap().lines, 4);
            }
            at => assert_eq!(
                (broken(&file).how, broken(&file).line),
                ("missing", Some(at + 1))
            ),
        }
    }
    for at in 1..good.len() - 1 {
        let mut swapped = good.clone();
        swapped.swap(at, at + 1);
        put(&file, &swapped);
        let found = broken(&file);
        assert_eq!(
            (found.how, found.line),
            ("reordered", Some(at + 1)),
            "{found:?}"
        );
        let mut twice = good.clone();
        twice.insert(at, good[at].clone());
        put(&file, &twice);
        assert_eq!(
            (broken(&file).how, broken(&file).line),
            ("reordered", Some(at + 2))
        );
    }
    // By someone who does not know how a line is sealed.
    let mut forged = good.clone();
    forged.push(good[4].replace("\"seq\":5", "\"seq\":6"));
    put(&file, &forged);
    assert_eq!(
        (broken(&file).how, broken(&file).line),
        ("changed", Some(6))
    );
    // By someone who does, and does not write all the others anew.
    let mut sealed = Vec::new();
    let body = good[2]
        .split(",\"hash\"")
        .next()
        .unwrap()
        // The name alone: the same letters may stand in a hash.
        .replace("\"ada\"", "\"eve\"")
        + "}";
    chain::sealed(body.as_bytes(), &mut sealed);
    let mut forged = good.clone();
    forged[2] = String::from_utf8(sealed).unwrap().trim_end().to_owned();
    put(&file, &forged);
    assert_eq!(
        (broken(&file).how, broken(&file).line),
        ("changed", Some(4))
    );
}

#[test]
fn a_noted_hash_shows_a_cut_end_and_a_log_that_was_written_anew() {
    let (_folder, file) = log(4);
    let noted = head(&file).unwrap().hash;
    let good = lines_of(&file);
    let bytes = fs::read(&file).unwrap();
    let files = [file.clone()];
    assert_eq!(verify(&files, Some(&noted)).unwrap().since_head, Some(0));
    put(&file, &good[..3]);
    let cut = verify(&files, Some(&noted)).unwrap_err();
    assert_eq!((cut.how, cut.line, cut.lines), ("cut", None, 3));
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!((broken(&file).how, broken(&file).line), ("torn", Some(5)));

    let (_other, anew) = log(4);
    assert_eq!(verify(&[anew], Some(&noted)).unwrap_err().how, "cut");
}

#[test]
fn the_chain_goes_on_across_starts_and_files() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let audit = open(&folder, 1500);
        for _ in 0..5 {
            write(&audit, 4);
            // Files are changed between two batches.
            std::thread::sleep(Duration::from_millis(12));
        }
        audit.close();
    }
    let mut files = files_of(&folder.path().join(FILE));
    assert!(files.len() > 3, "{files:?}");
    files.reverse();
    let whole = verify(&files, None).unwrap();
    assert_eq!(whole.lines, 3 * 21 + files.len() as u64 - 1);
    assert_eq!(whole.end, head(folder.path()).unwrap());
    let second = lines_of(&folder.path().join("audit.000002.jsonl"));
    assert!(second[0].contains("\"continue_log\"") && second[0].contains("audit.000001.jsonl"));
    files.remove(1);
    assert_eq!(verify(&files, None).unwrap_err().how, "missing");

    // The newest file is lost between its rename and the next one's first line.
    fs::remove_file(folder.path().join(FILE)).unwrap();
    let before = files_of(&folder.path().join(FILE)).len();
    open(&folder, u64::MAX).close();
    let files = files_of(&folder.path().join(FILE));
    assert_eq!(files.len(), before);
    verify(&files, None).unwrap();
}

#[test]
fn a_torn_last_line_is_cut_off_wherever_it_was_torn() {
    let (folder, file) = log(2);
    let good = fs::read(&file).unwrap();
    let last = good[..good.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for end in (last + 1..good.len()).step_by(17).chain([good.len() - 1]) {
        fs::write(&file, &good[..end]).unwrap();
        open(&folder, u64::MAX).close();
        let lines = lines_of(&file);
        assert_eq!(
            lines.len(),
            3,
            "one line was lost, and the new start is there"
        );
        let start: Value = serde_json::from_str(&lines[2]).unwrap();
        assert_eq!(start["details"]["cut_bytes"], end - last);
        verify(std::slice::from_ref(&file), None).unwrap();
    }
}

#[test]
fn a_log_is_not_gone_on_with_by_two_nor_after_a_line_that_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder, u64::MAX);
    let mut config = config(u64::MAX);
    config.file = Some(folder.path().join(FILE));
    let second = Audit::open(&config, folder.path()).unwrap_err();
    assert!(second.contains("another hostel process"), "{second}");
    first.close();
    drop(first);
    let file = folder.path().join(FILE);
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("start_host", "start_home");
    fs::write(&file, text).unwrap();
    let changed = Audit::open(&config, folder.path()).unwrap_err();
    assert!(changed.contains("hostel audit verify"), "{changed}");
}

/// The device on which every write fails for want of room.
fn on_full_disk(on_failure: OnFailure, fsync: Fsync) -> Audit {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let config = AuditConfig {
        file: Some(file),
        fsync,
        on_failure,
        ..AuditConfig::default()
    };
    // Another test may hold the device.
    loop {
        match Audit::open(&config, folder.path()) {
            Ok(audit) => return audit,
            Err(error) => assert!(error.contains("another"), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn after_a_while(audit: &Audit) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let begun = audit.begin(Verb::Execute, caller);
        let entry = begun?;
        entry.end("ok");
        if Instant::now() > until {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn nothing_is_done_while_the_disk_refuses() {
    let audit = on_full_disk(OnFailure::Refuse, Fsync::Second);
    let error = after_a_while(&audit).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Overloaded);
    assert!(error.message().contains("audit log") && error.message().contains("No space left"));
    assert!(error.wait().is_some());
}

#[tokio::test]
async fn a_call_that_is_to_be_on_disk_is_not_answered_before() {
    let audit = on_full_disk(OnFailure::Refuse, Fsync::Always);
    let refused = match audit.begin(Verb::Execute, caller) {
        Ok(entry) => entry.finish("ok").await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(refused.code(), ErrorCode::Overloaded);
    drop(audit);
    let folder = tempfile::tempdir().unwrap();
    let config = AuditConfig {
        fsync: Fsync::Always,
        ..AuditConfig::default()
    };
    let audit = Audit::open(&config, folder.path()).unwrap();
    let entry = audit.begin(Verb::Execute, caller).unwrap();
    entry.finish("ok").await.unwrap();
    let text = fs::read_to_string(folder.path().join(IN_DATA_DIR)).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn calls_go_on_over_a_full_disk_if_they_are_to() {
    let audit = on_full_disk(OnFailure::Continue, Fsync::Second);
    for _ in 0..30 {
        audit.begin(Verb::Execute, caller).unwrap().end("ok");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_verb_that_nobody_waited_for_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(&folder, u64::MAX);
    drop(audit.begin(Verb::Execute, caller).unwrap());
    audit.close();
    let lines = lines_of(&folder.path().join(FILE));
    assert!(lines[1].contains("\"abandoned\""), "{lines:?}");
}

#[test]
fn room_is_bounded_and_given_back() {
    let queue = Arc::new(Queue::new(OnFailure::Refuse));
    let mut rooms: Vec<Room> = std::iter::from_fn(|| queue.room().ok()).collect();
    assert!(rooms.len() > 1000);
    rooms.pop();
    assert!(queue.room().is_ok());
}

#[test]
fn a_flood_of_denied_requests_is_counted_and_not_written_line_by_line() {
    const FLOOD: u64 = 5000;
    let folder = tempfile::tempdir().unwrap();
    let audit = open(&folder, u64::MAX);
    for _ in 0..FLOOD {
        audit.denied("GET /v1/sessions", None, "unauthenticated");
    }
    audit.close();
    let lines = lines_of(&folder.path().join(FILE));
    assert!(lines.len() < 1000, "{}", lines.len());
    let (mut single, mut counted) = (0, 0);
    for line in &lines[1..] {
        let line: Value = serde_json::from_str(line).unwrap();
        match line["details"]["more_requests"].as_u64() {
            Some(more) => counted += more,
            None => single += 1,
        }
    }
    assert_eq!(single + counted, FLOOD);
}
