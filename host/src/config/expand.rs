//! `${VAR}` and `${VAR:-default}` in the operator's own strings.

/// Replaces each variable. `$$` is a dollar sign.
///
/// # Errors
/// A variable that is not set and has no default, or a brace that is not closed.
pub(super) fn expand(
    text: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (inside, after) = after
                .split_once('}')
                .ok_or_else(|| format!("{text:?}: ${{ is not closed"))?;
            let (name, default) = inside
                .split_once(":-")
                .map_or((inside, None), |(name, default)| (name, Some(default)));
            let value = lookup(name)
                .filter(|value| !value.is_empty())
                .or_else(|| default.map(str::to_owned));
            out.push_str(&value.ok_or_else(|| format!("{text:?}: the environment variable {name} is not set; write ${{{name}:-default}} to do without"))?);
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn variables_are_replaced_and_a_missing_one_is_an_error() {
        let lookup = |name: &str| (name == "SET").then(|| "value".to_owned());
        let cases = [
            ("plain", "plain"),
            ("${SET}", "value"),
            ("a-${SET}-b", "a-value-b"),
            ("${NOT:-def}", "def"),
            ("${NOT:-}", ""),
            ("$$5 and $x", "$5 and $x"),
            ("${SET:-def}", "value"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, lookup).unwrap(), expected);
        }
        assert!(
            expand("${NOT}", lookup)
                .unwrap_err()
                .contains("NOT is not set")
        );
        assert!(expand("${SET", lookup).is_err());
    }
}
