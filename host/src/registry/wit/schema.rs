//! JSON Schema (2020-12) of WIT types: what `engine::function` reads and writes, said to others.
//!
//! A schema describes the form that is written. The reader takes more: other spellings of names, shorthands, arrays for
//! base64. Named types become `$defs`, so that a type that is used twice is there once; what is too large all the same is
//! cut off with a schema that takes anything.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wit_parser::{
    Docs as Inline, Handle, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner,
};

use super::docs::{Docs, TypeText};
use super::function::place;
use super::prose;

/// A schema has at most this many parts.
const PARTS_MAX: usize = 10_000;

/// Makes the schema of one value, and keeps the `$defs` that it refers to.
pub(super) struct Schemas<'a> {
    resolve: &'a Resolve,
    docs: &'a Docs,
    /// An interface that is exported under a plain name, and that name.
    home: Option<(InterfaceId, String)>,
    defs: BTreeMap<String, Value>,
    names: BTreeMap<usize, String>,
    parts: usize,
    cut: bool,
}

/// A member of an object.
pub(super) struct Member<'m> {
    pub(super) name: &'m str,
    pub(super) ty: &'m Type,
    pub(super) docs: Option<&'m str>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(
        resolve: &'a Resolve,
        docs: &'a Docs,
        home: Option<(InterfaceId, String)>,
    ) -> Schemas<'a> {
        Schemas {
            resolve,
            docs,
            home,
            defs: BTreeMap::new(),
            names: BTreeMap::new(),
            parts: 0,
            cut: false,
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The schema with the `$defs` that it needs.
    pub(super) fn finish(self, mut schema: Value) -> Value {
        if let (Some(root), false) = (schema.as_object_mut(), self.defs.is_empty()) {
            root.insert(
                "$defs".to_owned(),
                Value::Object(self.defs.into_iter().collect()),
            );
        }
        schema
    }

    pub(super) fn of(&mut self, ty: &Type) -> Value {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            self.cut = true;
            return json!({});
        }
        match ty {
            Type::Bool => json!({"type": "boolean"}),
            Type::S8 => integer(i8::MIN.into(), i8::MAX.into()),
            Type::U8 => integer(0, u8::MAX.into()),
            Type::S16 => integer(i16::MIN.into(), i16::MAX.into()),
            Type::U16 => integer(0, u16::MAX.into()),
            Type::S32 => integer(i32::MIN.into(), i32::MAX.into()),
            Type::U32 => integer(0, u32::MAX.into()),
            Type::S64 => json!({"type": ["integer", "string"], "pattern": "^-?[0-9]{1,19}$"}),
            Type::U64 => {
                json!({"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]{1,20}$"})
            }
            Type::F32 | Type::F64 => {
                json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
            }
            Type::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
            Type::String => json!({"type": "string"}),
            Type::ErrorContext => json!({}),
            Type::Id(id) => self.defined(*id),
        }
    }

    /// An object with members; `option`s may be absent.
    pub(super) fn object(&mut self, members: &[Member<'_>]) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for member in members {
            let name = member.name.replace('-', "_");
            if !self.is_option(member.ty) {
                required.push(name.clone());
            }
            let schema = described(self.of(member.ty), member.docs);
            properties.insert(name, schema);
        }
        let mut schema =
            json!({"type": "object", "properties": properties, "additionalProperties": false});
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    /// A record, in place and not in the `$defs`.
    pub(super) fn record(&mut self, id: TypeId) -> Value {
        let def = &self.resolve.types[id];
        let schema = self.composite(def);
        described(schema, self.text(def))
    }

    fn defined(&mut self, id: TypeId) -> Value {
        let def = &self.resolve.types[id];
        match (&def.kind, &def.name) {
            (TypeDefKind::Type(ty), _) => {
                let schema = self.of(ty);
                described(schema, self.text(def))
            }
            (
                TypeDefKind::Record(_)
                | TypeDefKind::Variant(_)
                | TypeDefKind::Enum(_)
                | TypeDefKind::Flags(_),
                Some(name),
            ) => {
                json!({"$ref": format!("#/$defs/{}", self.definition(id, name))})
            }
            _ => {
                let schema = self.composite(def);
                described(schema, self.text(def))
            }
        }
    }

    /// The name under which a type is in the `$defs`; it is put there when it is first asked for.
    fn definition(&mut self, id: TypeId, name: &str) -> String {
        if let Some(known) = self.names.get(&id.index()) {
            return known.clone();
        }
        let unique = (1_usize..).map(|number| {
            if number == 1 {
                name.to_owned()
            } else {
                format!("{name}-{number}")
            }
        });
        let key = unique
            .into_iter()
            .find(|key| !self.defs.contains_key(key))
            .expect("the numbers do not run out");
        self.names.insert(id.index(), key.clone());
        self.defs.insert(key.clone(), Value::Null);
        let schema = self.record(id);
        self.defs.insert(key.clone(), schema);
        key
    }

    fn composite(&mut self, def: &'a TypeDef) -> Value {
        let text = self.text_of(def);
        match &def.kind {
            TypeDefKind::Record(record) => {
                let member = |field: &'a wit_parser::Field| Member {
                    name: &field.name,
                    ty: &field.ty,
                    docs: docs_of(text, &field.name, &field.docs),
                };
                let members: Vec<Member<'_>> = record.fields.iter().map(member).collect();
                self.object(&members)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| {
                    described(
                        self.case(&case.name, case.ty.as_ref()),
                        docs_of(text, &case.name, &case.docs),
                    )
                });
                json!({"oneOf": cases.collect::<Vec<_>>()})
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases
                    .cases
                    .iter()
                    .map(|case| (case.name.as_str(), docs_of(text, &case.name, &case.docs)));
                names(&cases.collect::<Vec<_>>())
            }
            TypeDefKind::Flags(flags) => {
                let flags = flags
                    .flags
                    .iter()
                    .map(|flag| (flag.name.as_str(), docs_of(text, &flag.name, &flag.docs)));
                json!({"type": "array", "items": names(&flags.collect::<Vec<_>>()), "uniqueItems": true})
            }
            TypeDefKind::Tuple(tuple) => {
                let items: Vec<Value> = tuple.types.iter().map(|ty| self.of(ty)).collect();
                json!({"type": "array", "minItems": items.len(), "maxItems": items.len(), "prefixItems": items, "items": false})
            }
            TypeDefKind::Option(some) => {
                let inner = self.of(some);
                nullable(if self.is_option(some) {
                    only_member("some", &inner)
                } else {
                    inner
                })
            }
            TypeDefKind::Result(result) => {
                let sides = [("ok", result.ok), ("err", result.err)];
                let sides = sides.map(|(name, ty)| {
                    let payload = ty.map_or_else(|| json!({"type": "null"}), |ty| self.of(&ty));
                    only_member(name, &payload)
                });
                json!({"oneOf": sides})
            }
            TypeDefKind::List(item) if self.is_byte(item) => {
                json!({"type": "string", "contentEncoding": "base64"})
            }
            TypeDefKind::List(item) => json!({"type": "array", "items": self.of(item)}),
            TypeDefKind::FixedLengthList(item, length) if self.is_byte(item) => {
                let length = length.div_ceil(3) * 4;
                json!({"type": "string", "contentEncoding": "base64", "minLength": length, "maxLength": length})
            }
            TypeDefKind::FixedLengthList(item, length) => {
                json!({"type": "array", "items": self.of(item), "minItems": length, "maxItems": length})
            }
            TypeDefKind::Map(key, item) => {
                let mut schema = json!({"type": "object", "additionalProperties": self.of(item)});
                if let Some(keys) = self.keys(key) {
                    schema["propertyNames"] = keys;
                }
                schema
            }
            TypeDefKind::Handle(Handle::Own(resource) | Handle::Borrow(resource)) => {
                self.handle(*resource)
            }
            TypeDefKind::Type(ty) => self.of(ty),
            TypeDefKind::Resource
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)
            | TypeDefKind::Unknown => json!({}),
        }
    }

    fn case(&mut self, name: &str, payload: Option<&Type>) -> Value {
        let mut properties = json!({"tag": {"const": name}});
        let mut required = vec!["tag"];
        if let Some(payload) = payload {
            properties["val"] = self.of(payload);
            if !self.is_option(payload) {
                required.push("val");
            }
        }
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    fn handle(&self, resource: TypeId) -> Value {
        let name = self.resolve.types[resource]
            .name
            .as_deref()
            .unwrap_or("resource");
        let description =
            format!("A handle of a {name}, as other tools return it, such as {name}#1.");
        json!({"type": "string", "description": description})
    }

    fn keys(&self, ty: &Type) -> Option<Value> {
        match self.primitive(ty) {
            Type::Bool => Some(json!({"enum": ["true", "false"]})),
            Type::Char => Some(json!({"minLength": 1, "maxLength": 1})),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Some(json!({"pattern": "^[0-9]+$"})),
            Type::S8 | Type::S16 | Type::S32 | Type::S64 => Some(json!({"pattern": "^-?[0-9]+$"})),
            _ => None,
        }
    }

    fn is_byte(&self, ty: &Type) -> bool {
        self.primitive(ty) == Type::U8
    }

    fn is_option(&self, ty: &Type) -> bool {
        match self.primitive(ty) {
            Type::Id(id) => matches!(self.resolve.types[id].kind, TypeDefKind::Option(_)),
            _ => false,
        }
    }

    /// A type with its aliases taken off.
    fn primitive(&self, ty: &Type) -> Type {
        let mut ty = *ty;
        while let Type::Id(id) = ty
            && let TypeDefKind::Type(inner) = self.resolve.types[id].kind
        {
            ty = inner;
        }
        ty
    }

    fn text(&self, def: &'a TypeDef) -> Option<&'a str> {
        self.text_of(def)
            .and_then(TypeText::docs)
            .or(def.docs.contents.as_deref())
    }

    fn text_of(&self, def: &'a TypeDef) -> Option<&'a TypeText> {
        let name = def.name.as_deref()?;
        let owner = match def.owner {
            TypeOwner::Interface(id) => Some(id),
            TypeOwner::World(_) => None,
            TypeOwner::None => return None,
        };
        let home = self
            .home
            .as_ref()
            .filter(|(id, _)| Some(*id) == owner)
            .map(|(_, name)| name.as_str());
        self.docs.of_type(place(self.resolve, owner, home), name)
    }
}

fn integer(least: i64, most: i64) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

/// One of a set of names; with a description each if there are any.
fn names(names: &[(&str, Option<&str>)]) -> Value {
    if names.iter().all(|(_, docs)| docs.is_none()) {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        return json!({"type": "string", "enum": names});
    }
    let names: Vec<Value> = names
        .iter()
        .map(|(name, docs)| described(json!({"const": name}), *docs))
        .collect();
    json!({"type": "string", "oneOf": names})
}

fn only_member(name: &str, schema: &Value) -> Value {
    json!({"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": false})
}

/// The same or null, said as briefly as the schema allows.
fn nullable(mut schema: Value) -> Value {
    let narrowed = ["enum", "const", "oneOf", "anyOf"]
        .iter()
        .any(|keyword| schema.get(keyword).is_some());
    match schema.get_mut("type") {
        Some(Value::Array(types)) if !narrowed => types.push("null".into()),
        Some(Value::String(name)) if !narrowed => schema["type"] = json!([name, "null"]),
        _ => schema = json!({"anyOf": [schema, {"type": "null"}]}),
    }
    schema
}

fn described(mut schema: Value, docs: Option<&str>) -> Value {
    if let (Some(object), Some(docs)) = (schema.as_object_mut(), docs.and_then(prose::clean)) {
        object.insert("description".to_owned(), docs.into());
    }
    schema
}

fn docs_of<'d>(text: Option<&'d TypeText>, name: &str, inline: &'d Inline) -> Option<&'d str> {
    text.and_then(|text| text.item(name))
        .or(inline.contents.as_deref())
}
