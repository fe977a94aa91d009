//! A session's config: the backend's default with the caller's merged over it.

use serde_json::Value;

use crate::error::{Error, ErrorCode, Result};

/// Merges object by object; anything that is not an object on both sides is the caller's.
///
/// # Errors
/// `invalid_params` when the caller's config is not an object.
pub(crate) fn merged(default: &Value, own: Option<Value>) -> Result<String> {
    let mut config = if default.is_null() {
        Value::Object(serde_json::Map::new())
    } else {
        default.clone()
    };
    match own {
        None | Some(Value::Null) => {}
        Some(own @ Value::Object(_)) => merge(&mut config, own),
        Some(other) => {
            let error = Error::new(
                ErrorCode::InvalidParams,
                format!("the config of a session is an object, not {other}"),
            );
            return Err(error
                .detail("pointer", "/config")
                .hint("send \"config\": {} with the fields of the backend's config"));
        }
    }
    Ok(config.to_string())
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_callers_config_goes_over_the_default() {
        let default = json!({"a": 1, "deep": {"x": 1, "y": 2}, "list": [1, 2]});
        let own = json!({"b": 2, "deep": {"y": 3}, "list": [9]});
        let config: Value = serde_json::from_str(&merged(&default, Some(own)).unwrap()).unwrap();
        assert_eq!(
            config,
            json!({"a": 1, "b": 2, "deep": {"x": 1, "y": 3}, "list": [9]})
        );
        assert_eq!(merged(&Value::Null, None).unwrap(), "{}");
        assert_eq!(
            merged(&Value::Null, Some(json!([1]))).unwrap_err().code(),
            ErrorCode::InvalidParams
        );
    }
}
