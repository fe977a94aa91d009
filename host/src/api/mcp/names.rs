//! The names of tools at this door: `backend_tool`, in the letters and the length that every model's interface takes
//! (`^[a-zA-Z0-9_-]{1,64}$`). The same catalogue has the same names, whatever order it was loaded in.

use std::collections::{HashMap, HashSet};

/// The strictest of the limits that models' interfaces have.
pub(super) const NAME_BYTES_MAX: usize = 64;
/// Hexadecimal digits that tell a name from others like it.
const MARK_DIGITS: usize = 8;

/// A name for each full name (`backend:tool`), in the same order. What is too long, or would be the name of two tools or a `reserved`
/// one, ends in a mark that is made of the full name.
pub(super) fn names(full_names: &[&str], reserved: &[&'static str]) -> Vec<String> {
    let plain: Vec<String> = full_names.iter().map(|full| written(full)).collect();
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for name in &plain {
        *wanted.entry(name).or_default() += 1;
    }
    let fits = |name: &str| {
        name.len() <= NAME_BYTES_MAX
            && !reserved.contains(&name)
            && wanted.get(name).is_some_and(|count| *count == 1)
    };
    let mut taken: HashSet<String> = plain.iter().filter(|name| fits(name)).cloned().collect();
    let named = full_names.iter().zip(&plain).map(|(full, name)| {
        if fits(name) {
            return name.clone();
        }
        let mut marked = (0_u32..).map(|attempt| marked(name, full, attempt));
        marked
            .find(|name| !reserved.contains(&name.as_str()) && taken.insert(name.clone()))
            .expect("the attempts do not run out")
    });
    named.collect()
}

fn written(full: &str) -> String {
    let letter = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => c,
        _ => '_',
    };
    full.chars().map(letter).collect()
}

fn marked(name: &str, full: &str, attempt: u32) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(full.as_bytes());
    hasher.update(&attempt.to_le_bytes());
    let digits = hasher.finalize().to_hex();
    let room = NAME_BYTES_MAX - MARK_DIGITS - 1;
    // A written name is ASCII, so any place is between two letters.
    let head = name.get(..room).unwrap_or(name);
    let mark = digits.as_str().get(..MARK_DIGITS).unwrap_or_default();
    format!("{head}_{mark}")
}

#[cfg(test)]
mod tests {
    use super::{NAME_BYTES_MAX, names};

    fn check(full_names: &[&str]) -> Vec<String> {
        let named = names(full_names, &["session_create"]);
        for name in &named {
            let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(name.chars().all(letters), "{name}");
            assert!((1..=NAME_BYTES_MAX).contains(&name.len()), "{name}");
        }
        let mut unique = named.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), named.len(), "{named:?}");
        named
    }

    #[test]
    fn a_name_is_backend_and_tool() {
        let named = check(&["rag:search", "my-backend:count_words", "a:b.c"]);
        assert_eq!(
            named,
            ["rag_search", "my-backend_count_words", "a_b_c"].map(str::to_owned)
        );
    }

    #[test]
    fn a_long_name_is_cut_and_marked() {
        let long = format!("backend:{}", "x".repeat(80));
        let longer = format!("{long}y");
        let named = check(&[&long, &longer]);
        assert!(named.iter().all(|name| name.starts_with("backend_xxx")));
    }

    #[test]
    fn two_tools_of_one_name_are_both_marked_and_so_is_one_of_the_doors_own() {
        let named = check(&["a_b:c", "a:b_c", "session:create", "a:d"]);
        assert!(named[0].starts_with("a_b_c_") && named[1].starts_with("a_b_c_"));
        assert!(named[2].starts_with("session_create_"), "{}", named[2]);
        assert_eq!(named[3], "a_d");
    }

    #[test]
    fn a_name_does_not_depend_on_the_order_of_the_others() {
        let one = check(&["a_b:c", "a:b_c", "session:create"]);
        let mut other = check(&["session:create", "a:b_c", "a_b:c"]);
        other.reverse();
        assert_eq!(one, other);
    }
}
