//! The changes that the statements of the top level need, one kind of statement after the other.

use boa_engine::ast::declaration::{Binding, LexicalDeclaration, Variable, VariableList};
use boa_engine::ast::expression::Identifier;
use boa_engine::ast::function::ClassDeclaration;
use boa_engine::ast::operations::bound_names;
use boa_engine::ast::statement::Statement;
use boa_engine::ast::{Declaration, Position, Spanned, StatementListItem};
use boa_engine::interner::{Interner, Sym};

use super::edits::{Edits, Place};
use super::leftmost::leftmost;
use super::{Known, is_script, last_with_value};

/// How many closing braces are tried to find the end of a class.
const BRACES_TRIED_MAX: usize = 400;

pub(super) struct Rewriter<'a, K> {
    source: &'a str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    interner: &'a Interner,
    known: K,
    is_async: bool,
    edits: Edits,
    declares: Vec<String>,
}

impl<'a, K: Fn(&str) -> Known> Rewriter<'a, K> {
    pub(super) fn new(source: &'a str, interner: &'a Interner, known: K, is_async: bool) -> Self {
        let lines = line_starts(source);
        Self {
            source,
            lines,
            interner,
            known,
            is_async,
            edits: Edits::default(),
            declares: Vec::new(),
        }
    }

    pub(super) fn rewrite(&mut self, statements: &[StatementListItem]) {
        for item in statements {
            // A statement that is written too oddly to be changed stays as it is and has the language's own meaning.
            let _changed: Option<()> = match item {
                StatementListItem::Statement(statement) => self.statement(statement),
                StatementListItem::Declaration(declaration) => self.declaration(declaration),
            };
        }
        if self.is_async
            && let Some(Statement::Expression(expression)) = last_with_value(statements)
        {
            self.insert(leftmost(expression), "return ");
        }
    }

    pub(super) fn finish(self) -> (Edits, Vec<String>) {
        (self.edits, self.declares)
    }

    fn statement(&mut self, statement: &Statement) -> Option<()> {
        match statement {
            Statement::Var(variables) => self.variables(&variables.0, "var"),
            _ => Some(()),
        }
    }

    fn declaration(&mut self, declaration: &Declaration) -> Option<()> {
        match declaration {
            Declaration::Lexical(LexicalDeclaration::Const(list)) => self.variables(list, "const"),
            Declaration::Lexical(LexicalDeclaration::Let(list)) => self.variables(list, "let"),
            Declaration::Lexical(_) => None,
            Declaration::ClassDeclaration(class) => self.class(class),
            _ => self.function(function_name(declaration)?),
        }
    }

    /// `const a = 1, {b} = c` becomes `;0,   a = 1, {b} = c`: a sequence of assignments of the same length.
    fn variables(&mut self, list: &VariableList, keyword: &str) -> Option<()> {
        let first = list.as_ref().first()?;
        let keyword_at = self.word_before(binding_start(first.binding()), keyword)?;
        let empty = list
            .as_ref()
            .iter()
            .filter(|variable| variable.init().is_none() && keyword != "var");
        // `let a` again means undefined again; without a value it would keep the old one.
        let resets = empty
            .map(|variable| self.end_of_name(variable))
            .collect::<Option<Vec<Position>>>()?;
        self.replace(
            keyword_at,
            keyword.len(),
            format!("{:1$}", ";0,", keyword.len()),
        )?;
        for end in resets {
            self.insert(end, "=void 0");
        }
        for variable in list.as_ref() {
            self.declare_bound(variable);
        }
        Some(())
    }

    /// `class A {}` becomes `;A=class A {};`.
    fn class(&mut self, class: &ClassDeclaration) -> Option<()> {
        self.assign_declaration(class.name(), &["class"])
    }

    /// A function declaration works as it is unless its name is a variable, or would be one of the wrapping function only.
    fn function(&mut self, name: Identifier) -> Option<()> {
        let text = self.resolve(name.sym());
        if (self.known)(&text) == Known::Lexical || self.declares.contains(&text) {
            return self.assign_declaration(name, &["*", "function", "async"]);
        }
        if self.is_async {
            self.edits.prepend(&format!("globalThis.{text}={text};"));
        }
        Some(())
    }

    /// Makes `keyword Name ... }` an assignment to `Name`.
    fn assign_declaration(&mut self, name: Identifier, keywords: &[&str]) -> Option<()> {
        let mut start = self.offset(name.span().start())?;
        let mut found = false;
        for keyword in keywords {
            if let Some(at) = word_start(self.source, start, keyword) {
                start = at;
                found = true;
            }
        }
        let end = self.end_of_block(start).filter(|_| found)?;
        let text = self.resolve(name.sym());
        self.replace(start, 0, format!(";{text}="))?;
        self.replace(end, 0, ";".to_owned())?;
        self.declare(text);
        Some(())
    }

    /// The end of the class or function that begins at `start`: the first closing brace that completes a script.
    fn end_of_block(&self, start: usize) -> Option<usize> {
        let text = self.source.get(start..)?;
        let braces = text
            .match_indices('}')
            .map(|(at, _)| at + 1)
            .take(BRACES_TRIED_MAX);
        // A brace inside cannot be the end while more are open than closed; strings may hold either, hence the parse.
        braces
            .filter(|end| text.get(..*end).is_some_and(is_script))
            .map(|end| start + end)
            .next()
    }

    fn declare_bound(&mut self, variable: &Variable) {
        let names: Vec<Sym> = match variable.binding() {
            Binding::Identifier(identifier) => vec![identifier.sym()],
            Binding::Pattern(pattern) => bound_names(pattern),
        };
        for name in names {
            self.declare(self.resolve(name));
        }
    }

    fn declare(&mut self, name: String) {
        if (self.known)(&name) == Known::New && !self.declares.contains(&name) {
            self.declares.push(name);
        }
    }

    /// Where the name of a variable without a value ends; none if it is a pattern or has an escape in it.
    fn end_of_name(&self, variable: &Variable) -> Option<Position> {
        let Binding::Identifier(identifier) = variable.binding() else {
            return None;
        };
        let name = self.resolve(identifier.sym());
        let start = identifier.span().start();
        let is_plain = self.source.get(self.offset(start)?..)?.starts_with(&name);
        let length = u32::try_from(name.chars().count()).ok()?;
        is_plain.then(|| Position::new(start.line_number(), start.column_number() + length))
    }

    fn word_before(&self, position: Position, word: &str) -> Option<usize> {
        word_start(self.source, self.offset(position)?, word)
    }

    fn insert(&mut self, position: Position, text: &str) {
        if let Some(at) = self.offset(position) {
            self.edits.replace(at, 0, text.to_owned(), place(position));
        }
    }

    fn replace(&mut self, at: usize, removed: usize, inserted: String) -> Option<()> {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = *self.lines.get(line.checked_sub(1)?)?;
        let column = self.source.get(start..at)?.chars().count() + 1;
        let place = Place {
            line: u32::try_from(line).ok()?,
            column: u32::try_from(column).ok()?,
        };
        self.edits.replace(at, removed, inserted, place);
        Some(())
    }

    /// The offset in bytes of a position, whose column counts characters.
    fn offset(&self, position: Position) -> Option<usize> {
        let start = *self.lines.get(
            usize::try_from(position.line_number())
                .ok()?
                .checked_sub(1)?,
        )?;
        let skipped = usize::try_from(position.column_number())
            .ok()?
            .checked_sub(1)?;
        let line = self.source.get(start..)?;
        let within = line
            .char_indices()
            .map(|(at, _)| at)
            .chain([line.len()])
            .nth(skipped)?;
        Some(start + within)
    }

    fn resolve(&self, name: Sym) -> String {
        self.interner.resolve_expect(name).to_string()
    }
}

/// The name that a declaration of a function of any kind declares.
pub(super) fn function_name(declaration: &Declaration) -> Option<Identifier> {
    match declaration {
        Declaration::FunctionDeclaration(function) => Some(function.name()),
        Declaration::GeneratorDeclaration(function) => Some(function.name()),
        Declaration::AsyncFunctionDeclaration(function) => Some(function.name()),
        Declaration::AsyncGeneratorDeclaration(function) => Some(function.name()),
        Declaration::ClassDeclaration(_) | Declaration::Lexical(_) => None,
    }
}

fn binding_start(binding: &Binding) -> Position {
    match binding {
        Binding::Identifier(identifier) => identifier.span().start(),
        Binding::Pattern(pattern) => pattern.span().start(),
    }
}

fn place(position: Position) -> Place {
    Place {
        line: position.line_number(),
        column: position.column_number(),
    }
}

/// Where `word` begins, if it is what comes before `at`.
fn word_start(source: &str, at: usize, word: &str) -> Option<usize> {
    let rest = source.get(..at)?.trim_end().strip_suffix(word)?;
    let is_name = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
    let is_part = word.starts_with(is_name) && rest.ends_with(is_name);
    (!is_part).then_some(rest.len())
}

/// The line terminators of ECMAScript, 12.3.
fn line_starts(source: &str) -> Vec<usize> {
    let mut starts = vec![0];
    let mut chars = source.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let is_pair = char == '\r' && matches!(chars.peek(), Some((_, '\n')));
        if !is_pair && matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}') {
            starts.push(at + char.len_utf8());
        }
    }
    starts
}
