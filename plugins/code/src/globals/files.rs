//! `readFile`, `writeFile` and `listFiles`: the session's workspace, if the host grants one.
//!
//! Paths are relative to the workspace; one that would lead out of it is refused here, and the host would refuse it too.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use boa_engine::object::builtins::JsArray;
use boa_engine::{Context, JsResult, JsString, JsValue, js_string};

use super::{define, error, text};

/// Where the host puts the session's own folder.
const MOUNT: &str = "/workspace";
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The folder that scripts see.
pub(crate) struct Workspace(pub(crate) PathBuf);

pub(super) fn install(context: &mut Context) -> JsResult<()> {
    context.insert_data(Workspace(PathBuf::from(MOUNT)));
    define(
        context,
        &[
            ("readFile", 1, read_file),
            ("writeFile", 2, write_file),
            ("listFiles", 1, list_files),
        ],
    )
}

fn read_file(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = text(arguments, 0, context)?;
    let content = resolve(&path, context).and_then(|file| read(&file));
    let content = content.map_err(|problem| error(format!("cannot read {path}: {problem}")))?;
    Ok(JsValue::from(JsString::from(content)))
}

fn write_file(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = text(arguments, 0, context)?;
    let content = text(arguments, 1, context)?;
    let written = resolve(&path, context).and_then(|file| write(&file, &content));
    written.map_err(|problem| error(format!("cannot write {path}: {problem}")))?;
    Ok(JsValue::undefined())
}

fn list_files(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = if arguments.is_empty() {
        ".".to_owned()
    } else {
        text(arguments, 0, context)?
    };
    let names = resolve(&path, context).and_then(|folder| list(&folder));
    let names = names.map_err(|problem| error(format!("cannot list {path}: {problem}")))?;
    let names: Vec<JsValue> = names
        .into_iter()
        .map(|name| JsValue::from(js_string!(name)))
        .collect();
    Ok(JsArray::from_iter(names, context).into())
}

/// The file that `path` names: `notes.txt`, `./notes.txt`, `/notes.txt` and `/workspace/notes.txt` are the same.
fn resolve(path: &str, context: &Context) -> Result<PathBuf, String> {
    let Workspace(root) = context
        .get_data()
        .expect("every context is built with a workspace");
    if !root.is_dir() {
        return Err("this session has no workspace (the host grants one per backend)".into());
    }
    let relative = path
        .strip_prefix(MOUNT)
        .unwrap_or(path)
        .trim_start_matches('/');
    let mut resolved = root.clone();
    for component in Path::new(relative).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::ParentDir if resolved != *root => drop(resolved.pop()),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err("it is outside of the workspace".into());
            }
        }
    }
    Ok(resolved)
}

fn read(file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(reason)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "it has {size} bytes, and a script can read {FILE_BYTES_MAX}"
        ));
    }
    fs::read_to_string(file).map_err(|problem| match problem.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8 text".into(),
        _ => reason(problem),
    })
}

fn write(file: &Path, content: &str) -> Result<(), String> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(reason)?;
    }
    File::create(file)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(reason)
}

/// The names in a folder, sorted; those of folders end with a slash.
fn list(folder: &Path) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(reason)? {
        let entry = entry.map_err(reason)?;
        let slash = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            "/"
        } else {
            ""
        };
        names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
    }
    names.sort_unstable();
    Ok(names)
}

/// What an agent can act on, in the same words on every host.
fn reason(problem: io::Error) -> String {
    match problem.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        io::ErrorKind::NotADirectory => "it is not a folder".into(),
        io::ErrorKind::PermissionDenied => "the host does not permit it".into(),
        _ => problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use boa_engine::{Context, Source};

    use super::Workspace;

    fn context(root: &std::path::Path) -> Context {
        let mut context = Context::default();
        super::install(&mut context).unwrap();
        context.insert_data(Workspace(root.to_owned()));
        context
    }

    fn eval(context: &mut Context, source: &str) -> String {
        match context.eval(Source::from_bytes(source)) {
            Ok(value) => value.display().to_string(),
            Err(error) => error
                .to_string()
                .split(" (unknown at")
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    #[test]
    fn files_are_written_read_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let mut context = context(folder.path());
        assert_eq!(
            eval(
                &mut context,
                "writeFile('a/b.txt', 'é\\n'); readFile('/workspace/a/b.txt')"
            ),
            "\"é\\n\""
        );
        assert_eq!(
            eval(&mut context, "writeFile('c.txt', 1); listFiles().join()"),
            "\"a/,c.txt\""
        );
        assert_eq!(
            eval(
                &mut context,
                "listFiles('./a/../a')[0] + readFile('/c.txt')"
            ),
            "\"b.txt1\""
        );
    }

    #[test]
    fn problems_are_errors_that_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let mut context = context(folder.path());
        assert_eq!(
            eval(&mut context, "readFile('no.txt')"),
            "Error: cannot read no.txt: there is no such file"
        );
        assert_eq!(
            eval(&mut context, "readFile('../x')"),
            "Error: cannot read ../x: it is outside of the workspace"
        );
        assert_eq!(
            eval(&mut context, "listFiles('a/../../x')"),
            "Error: cannot list a/../../x: it is outside of the workspace"
        );
        let mut without = super::tests::context(&folder.path().join("missing"));
        assert!(eval(&mut without, "writeFile('a', 'b')").contains("has no workspace"));
    }
}
