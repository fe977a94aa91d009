//! `hostel diff`: what a component asks for and says of itself that another does not.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::registry::{Change, Loader, Surface, between, changes_as_json, changes_in_words};

use super::inspect::small_engine;
use super::{Outcome, output};

#[derive(Debug, Args)]
#[command(
    after_help = "Shown are interfaces that are imported, tools, and their descriptions, schemas and annotations. Status 1 if there are differences."
)]
pub(super) struct DiffArgs {
    /// The component that is known.
    old: PathBuf,
    /// The one that is to take its place.
    new: PathBuf,
    /// JSON instead of text for people.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs) -> Outcome {
    let loader = Loader::new(Arc::new(small_engine()?), None);
    let old = Surface::of(&loader.inspect(&args.old)?);
    let new = Surface::of(&loader.inspect(&args.new)?);
    let changes = between(&old, &new);
    let widens = changes.iter().any(Change::widens);
    if args.json {
        let body = json!({"old": old.digest, "new": new.digest, "widens": widens, "changes": changes_as_json(&changes)});
        output::say(&body.to_string());
    } else if !changes.is_empty() {
        output::say(&changes_in_words(&changes));
    }
    match changes.len() {
        0 => Ok(()),
        _ if widens => Err("the new component asks for more, or says other things".to_owned()),
        _ => Err("the components differ".to_owned()),
    }
}
