//! One exported function, described: its schemas, its texts, its hints.

use serde_json::Value;
use wit_parser::{Function, FunctionKind, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

use super::docs::{Docs, Place};
use super::hints::HintTable;
use super::prose::Prose;
use super::schema::{Member, Schemas};
use super::{Export, FunctionDocs};

/// The resource whose instance is the session.
const SESSION: &str = "session";

/// What describing the functions of a component takes.
pub(super) struct Describer<'a> {
    resolve: &'a Resolve,
    docs: &'a Docs,
    hints: &'a HintTable,
    pub(super) warnings: Vec<String>,
}

impl<'a> Describer<'a> {
    pub(super) fn new(
        resolve: &'a Resolve,
        docs: &'a Docs,
        hints: &'a HintTable,
        warnings: Vec<String>,
    ) -> Describer<'a> {
        Describer {
            resolve,
            docs,
            hints,
            warnings,
        }
    }

    /// The functions of an interface, or of the root.
    pub(super) fn all(&mut self, export: &Export<'a>) -> Vec<FunctionDocs> {
        export
            .functions
            .iter()
            .map(|function| self.one(export, function))
            .collect()
    }

    fn one(&mut self, export: &Export<'a>, function: &'a Function) -> FunctionDocs {
        let place = place(self.resolve, export.id, export.name.as_deref());
        let names: Vec<&str> = function
            .params
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        let prose = self
            .docs
            .function(place, &function.name)
            .map(|text| Prose::of(text, &names))
            .unwrap_or_default();
        let (result, fallible) = self.result(function);
        let input = self.input(export, function, &prose);
        let output = result.map(|ty| {
            let mut schemas = self.schemas(export);
            let schema = schemas.of(&ty);
            self.finish(schemas, schema, &function.name)
        });
        FunctionDocs {
            interface: export.name.clone(),
            name: function.name.clone(),
            description: prose.description,
            input,
            output,
            fallible,
            hints: self.hints.get(&function.name),
        }
    }

    fn input(&mut self, export: &Export<'a>, function: &Function, prose: &Prose) -> Value {
        let mut schemas = self.schemas(export);
        if let Some(record) = self.config(function) {
            let schema = schemas.record(record);
            return self.finish(schemas, schema, &function.name);
        }
        let received = usize::from(self.is_session_method(export, function));
        let members: Vec<Member<'_>> = function
            .params
            .iter()
            .skip(received)
            .map(|parameter| Member {
                name: &parameter.name,
                ty: &parameter.ty,
                docs: prose.parameters.get(&parameter.name).map(String::as_str),
            })
            .collect();
        let schema = schemas.object(&members);
        self.finish(schemas, schema, &function.name)
    }

    /// What the answer is, and whether there can be an error instead.
    fn result(&self, function: &Function) -> (Option<Type>, bool) {
        let Some(ty) = function.result else {
            return (None, false);
        };
        match self.kind(&ty) {
            Some((_, TypeDefKind::Result(result))) => (result.ok, true),
            _ => (Some(ty), false),
        }
    }

    /// The record that the config of the session is, if the function is the session's constructor and takes nothing else.
    fn config(&self, function: &Function) -> Option<TypeId> {
        let FunctionKind::Constructor(resource) = function.kind else {
            return None;
        };
        let [parameter] = function.params.as_slice() else {
            return None;
        };
        match self.kind(&parameter.ty) {
            Some((id, TypeDefKind::Record(_))) if self.is_session(resource) => Some(id),
            _ => None,
        }
    }

    /// Methods of a resource that cannot be constructed have no session to be called on.
    fn is_session_method(&self, export: &Export<'_>, function: &Function) -> bool {
        let (FunctionKind::Method(resource) | FunctionKind::AsyncMethod(resource)) = function.kind
        else {
            return false;
        };
        let constructor = format!("[constructor]{SESSION}");
        self.is_session(resource)
            && export
                .functions
                .iter()
                .any(|function| function.name == constructor)
    }

    fn is_session(&self, resource: TypeId) -> bool {
        self.resolve.types[resource].name.as_deref() == Some(SESSION)
    }

    /// A type that is not primitive, with its aliases taken off.
    fn kind(&self, ty: &Type) -> Option<(TypeId, &'a TypeDefKind)> {
        let Type::Id(mut id) = *ty else { return None };
        loop {
            match &self.resolve.types[id].kind {
                TypeDefKind::Type(Type::Id(inner)) => id = *inner,
                TypeDefKind::Type(_) => return None,
                kind => return Some((id, kind)),
            }
        }
    }

    fn schemas(&self, export: &Export<'a>) -> Schemas<'a> {
        Schemas::new(self.resolve, self.docs, export.id.zip(export.name.clone()))
    }

    fn finish(&mut self, schemas: Schemas<'_>, schema: Value, function: &str) -> Value {
        if schemas.is_cut() {
            self.warnings.push(format!(
                "the schema of {function} is cut short: its types have too many parts"
            ));
        }
        schemas.finish(schema)
    }
}

/// Where an interface's items are documented. The decoder gives interfaces that are exported under a plain name no name of
/// their own.
pub(super) fn place<'a>(
    resolve: &'a Resolve,
    id: Option<InterfaceId>,
    exported: Option<&'a str>,
) -> Place<'a> {
    let Some(interface) = id.and_then(|id| resolve.interfaces.get(id)) else {
        return Place::Root;
    };
    let package = interface
        .package
        .and_then(|package| resolve.packages.get(package));
    match (&interface.name, package, exported) {
        (Some(name), Some(package), _) => Place::Interface {
            package: &package.name,
            name,
        },
        (_, _, Some(exported)) => Place::Plain(exported),
        _ => Place::Root,
    }
}
