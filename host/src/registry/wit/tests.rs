//! Components with texts, described; and the schemas held against what the conversion does.

mod agreement;
mod described;
mod prose;

use serde_json::{Value, json};

use super::*;
