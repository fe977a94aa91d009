//! From the runtime's types to shapes, once per module.
//!
//! Here it is decided which functions can be tools at all: what has no form in JSON is refused with a reason that a person
//! can read.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, ResourceType};

use super::shape::{Case, Field, Integer, Key, Name, Record, Resource, Shape, Sides};

/// Why a function cannot be a tool: `returns a stream, which has no JSON form`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unsupported(String);

/// What the functions of one component share: the names of its resources, and the shapes that were made already.
#[derive(Debug, Default)]
pub(crate) struct Types {
    resources: Vec<Arc<Resource>>,
    /// Types that several places may share. A component's types form a graph; written out as a tree it can be huge.
    known: Vec<(Type, Shape)>,
}

impl Types {
    /// Collects the names of all resources that the component exports or imports.
    pub(crate) fn of(component: &Component, engine: &Engine) -> Types {
        let mut types = Types::default();
        let whole = component.component_type();
        for (name, item) in whole.exports(engine).chain(whole.imports(engine)) {
            match item.ty {
                ComponentItem::Resource(ty) => types.name(name, ty),
                ComponentItem::ComponentInstance(instance) => {
                    for (name, item) in instance.exports(engine) {
                        if let ComponentItem::Resource(ty) = item.ty {
                            types.name(name, ty);
                        }
                    }
                }
                _ => {}
            }
        }
        types
    }

    fn name(&mut self, name: &str, ty: ResourceType) {
        if !self.resources.iter().any(|resource| resource.ty == ty) {
            self.resources.push(Arc::new(Resource {
                name: name.to_owned(),
                ty,
            }));
        }
    }

    pub(super) fn params(&mut self, ty: &ComponentFunc) -> Result<Record, Unsupported> {
        if ty.async_() {
            return Err(Unsupported(
                "is an async function, which this host does not call".to_owned(),
            ));
        }
        let mut fields = Vec::new();
        for (name, ty) in ty.params() {
            let shape = self
                .shape(&ty)
                .map_err(|why| Unsupported(format!("takes {why} (parameter {name:?})")))?;
            fields.push(Field {
                name: Name::new(name),
                shape,
            });
        }
        Ok(Record { fields })
    }

    pub(super) fn result(&mut self, ty: &ComponentFunc) -> Result<Option<Shape>, Unsupported> {
        let result = ty.results().next().map(|ty| self.shape(&ty));
        result
            .transpose()
            .map_err(|why| Unsupported(format!("returns {why}")))
    }

    fn shape(&mut self, ty: &Type) -> Result<Shape, String> {
        let branches = matches!(
            ty,
            Type::Record(_)
                | Type::Variant(_)
                | Type::Tuple(_)
                | Type::Result(_)
                | Type::Enum(_)
                | Type::Flags(_)
        );
        if !branches {
            return self.shape_of(ty);
        }
        if let Some((_, shape)) = self.known.iter().find(|(known, _)| known == ty) {
            return Ok(shape.clone());
        }
        let shape = self.shape_of(ty)?;
        self.known.push((ty.clone(), shape.clone()));
        Ok(shape)
    }

    fn shape_of(&mut self, ty: &Type) -> Result<Shape, String> {
        let mut inner = |ty: &Type| self.shape(ty);
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::Integer(Integer::S8),
            Type::U8 => Shape::Integer(Integer::U8),
            Type::S16 => Shape::Integer(Integer::S16),
            Type::U16 => Shape::Integer(Integer::U16),
            Type::S32 => Shape::Integer(Integer::S32),
            Type::U32 => Shape::Integer(Integer::U32),
            Type::S64 => Shape::Integer(Integer::S64),
            Type::U64 => Shape::Integer(Integer::U64),
            Type::Float32 => Shape::F32,
            Type::Float64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::Text,
            Type::List(list) => match list.ty() {
                Type::U8 => Shape::Bytes,
                item => Shape::List(Arc::new(inner(&item)?)),
            },
            Type::FixedLengthList(list) => match list.ty() {
                Type::U8 => Shape::FixedBytes(list.len()),
                item => Shape::FixedList(Arc::new(inner(&item)?), list.len()),
            },
            Type::Map(map) => Shape::Map(key(&map.key())?, Arc::new(inner(&map.value())?)),
            Type::Record(record) => {
                let field = |field: wasmtime::component::types::Field<'_>| {
                    Ok::<_, String>(Field {
                        name: Name::new(field.name),
                        shape: inner(&field.ty)?,
                    })
                };
                Shape::Record(Arc::new(Record {
                    fields: record.fields().map(field).collect::<Result<_, _>>()?,
                }))
            }
            Type::Tuple(tuple) => Shape::Tuple(
                tuple
                    .types()
                    .map(|ty| inner(&ty))
                    .collect::<Result<_, _>>()?,
            ),
            Type::Variant(variant) => {
                let case = |case: wasmtime::component::types::Case<'_>| {
                    let payload = case.ty.map(|ty| inner(&ty)).transpose()?;
                    Ok::<_, String>(Case {
                        name: Name::new(case.name),
                        payload,
                    })
                };
                Shape::Variant(variant.cases().map(case).collect::<Result<_, _>>()?)
            }
            Type::Enum(cases) => Shape::Enum(cases.names().map(Name::new).collect()),
            Type::Flags(flags) => Shape::Flags(flags.names().map(Name::new).collect()),
            Type::Option(option) => Shape::Option(Arc::new(inner(&option.ty())?)),
            Type::Result(result) => {
                let ok = result.ok().map(|ty| inner(&ty)).transpose()?;
                let err = result.err().map(|ty| inner(&ty)).transpose()?;
                Shape::Result(Arc::new(Sides { ok, err }))
            }
            Type::Own(resource) => Shape::Own(self.resource(*resource)),
            Type::Borrow(resource) => Shape::Borrow(self.resource(*resource)),
            Type::Future(_) => return Err("a future, which has no JSON form".to_owned()),
            Type::Stream(_) => return Err("a stream, which has no JSON form".to_owned()),
            Type::ErrorContext => return Err("an error-context, which has no JSON form".to_owned()),
        })
    }

    fn resource(&mut self, ty: ResourceType) -> Arc<Resource> {
        if !self.resources.iter().any(|resource| resource.ty == ty) {
            self.resources.push(Arc::new(Resource {
                name: "resource".to_owned(),
                ty,
            }));
        }
        let known = self.resources.iter().find(|resource| resource.ty == ty);
        Arc::clone(known.expect("it was added above if it was not there"))
    }
}

fn key(ty: &Type) -> Result<Key, String> {
    Ok(match ty {
        Type::String => Key::Text,
        Type::Bool => Key::Bool,
        Type::Char => Key::Char,
        Type::S8 => Key::Integer(Integer::S8),
        Type::U8 => Key::Integer(Integer::U8),
        Type::S16 => Key::Integer(Integer::S16),
        Type::U16 => Key::Integer(Integer::U16),
        Type::S32 => Key::Integer(Integer::S32),
        Type::U32 => Key::Integer(Integer::U32),
        Type::S64 => Key::Integer(Integer::S64),
        Type::U64 => Key::Integer(Integer::U64),
        _ => return Err("a map with keys that cannot be JSON names".to_owned()),
    })
}
