//! Functions whose signature is known at compile time, so that bytes cross the border as bytes.
//!
//! A `list<u8>` as a dynamic value takes forty bytes for each of its own and is lowered one by one; a megabyte takes tens
//! of milliseconds that way. The runtime's typed calls copy it at once, but need the whole signature as Rust types. So
//! here is a menu: every parameter list of `menu!` with every result of `Reply`, with and without a resource in front.
//! Bytes in a signature that is not on it, or inside records and lists, take the dynamic way.
//!
//! Every entry is compiled code, so the menu holds what tools are seen to have and not all that could be.

mod parameter;
mod reply;

use std::pin::Pin;

use wasmtime::component::{ComponentNamedList, Func, Lift, Lower, ResourceAny, Val};
use wasmtime::{Result, StoreContextMut, bail};

use self::parameter::{Kind, Parameter, Prefixed, value};
use self::reply::{Replied, Reply};
use super::Answer;
use super::read::Argument;
use super::shape::{Record, Shape};

/// A signature on the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// Whether the first parameter is a resource.
    method: bool,
    params: Params,
    reply: Reply,
}

/// A call that runs. Boxed, because the futures of the menu are large and of many types.
pub(super) type Calling<'a> = Pin<Box<dyn Future<Output = Result<Answer>> + Send + 'a>>;

/// The parameter lists (after the resource, if there is one), and which results they are compiled with.
macro_rules! menu {
    ($($with:ident $name:ident($($argument:ident: $ty:ty),*);)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Params {
            $($name,)*
        }

        const PARAMS: &[(Params, &[Kind])] = &[$((Params::$name, &[$(<$ty as Parameter<'_>>::KIND),*]),)*];

        impl<'a, T: Send + 'static> Call<'a, T> {
            fn with(self, params: Params, arguments: &'a [Argument]) -> Result<Calling<'a>> {
                Ok(match (params, arguments) {
                    $((Params::$name, [$($argument),*]) => self.$with(($(value::<$ty>($argument)?,)*)),)*
                    _ => bail!("the arguments are not those of this function"),
                })
            }
        }
    };
}

menu! {
    for_bytes Nothing();
    for_bytes Text(text: &str);
    for_bytes TextText(one: &str, two: &str);
    for_bytes TextU64U64(text: &str, from: u64, length: u64);
    for_any Bytes(bytes: &[u8]);
    for_any BytesText(bytes: &[u8], text: &str);
    for_any BytesBytes(one: &[u8], two: &[u8]);
    for_any BytesU32(bytes: &[u8], number: u32);
    for_any TextBytes(text: &str, bytes: &[u8]);
    for_any TextBytesBool(text: &str, bytes: &[u8], flag: bool);
    for_any TextTextBytes(one: &str, two: &str, bytes: &[u8]);
}

impl Signature {
    /// The entry for a function, if it is on the menu and has bytes to gain from it.
    pub(super) fn find(params: &Record, result: Option<&Shape>) -> Option<Signature> {
        let shapes: Vec<&Shape> = params.fields.iter().map(|field| &field.shape).collect();
        let (method, shapes) = match shapes.as_slice() {
            [Shape::Own(_) | Shape::Borrow(_), rest @ ..] => (true, rest),
            all => (false, all),
        };
        let kinds: Vec<Kind> = shapes
            .iter()
            .map(|shape| Kind::of(shape))
            .collect::<Option<_>>()?;
        let (params, _) = PARAMS.iter().find(|(_, entry)| *entry == kinds)?;
        let reply = Reply::of(result)?;
        let has_bytes = reply.has_bytes() || kinds.contains(&Kind::Bytes);
        has_bytes.then_some(Signature {
            method,
            params: *params,
            reply,
        })
    }

    /// Calls the function. `first` is the resource in front if the session supplies it.
    pub(super) fn call<'a, T: Send + 'static>(
        self,
        func: Func,
        store: StoreContextMut<'a, T>,
        first: Option<ResourceAny>,
        arguments: &'a [Argument],
    ) -> Result<Calling<'a>> {
        let (first, rest) = match (self.method, first, arguments) {
            (false, None, all) => (None, all),
            (true, Some(first), all) => (Some(first), all),
            (true, None, [Argument::Other(Val::Resource(first)), rest @ ..]) => {
                (Some(*first), rest)
            }
            _ => bail!("the function and its receiver do not fit"),
        };
        Call {
            func,
            store,
            first,
            reply: self.reply,
        }
        .with(self.params, rest)
    }
}

/// All of a call but the parameters after the resource.
struct Call<'a, T: 'static> {
    func: Func,
    store: StoreContextMut<'a, T>,
    first: Option<ResourceAny>,
    reply: Reply,
}

impl<'a, T: Send + 'static> Call<'a, T> {
    /// For parameters without bytes only the results with bytes are compiled.
    fn for_bytes<P: Prefixed + 'a>(self, params: P) -> Calling<'a> {
        match self.reply {
            Reply::MaybeBytes => self.run::<P, (Option<Vec<u8>>,)>(params),
            Reply::BytesOr => self.run::<P, (Result<Vec<u8>, String>,)>(params),
            _ => self.run::<P, (Vec<u8>,)>(params),
        }
    }

    fn for_any<P: Prefixed + 'a>(self, params: P) -> Calling<'a> {
        match self.reply {
            Reply::Nothing => self.run::<P, ()>(params),
            Reply::Bool => self.run::<P, (bool,)>(params),
            Reply::U32 => self.run::<P, (u32,)>(params),
            Reply::U64 => self.run::<P, (u64,)>(params),
            Reply::Text => self.run::<P, (String,)>(params),
            Reply::NothingOr => self.run::<P, (Result<(), String>,)>(params),
            Reply::U32Or => self.run::<P, (Result<u32, String>,)>(params),
            Reply::U64Or => self.run::<P, (Result<u64, String>,)>(params),
            Reply::TextOr => self.run::<P, (Result<String, String>,)>(params),
            Reply::Bytes | Reply::MaybeBytes | Reply::BytesOr => self.for_bytes(params),
        }
    }

    fn run<P: Prefixed + 'a, R: Replied>(self, params: P) -> Calling<'a> {
        match self.first {
            Some(first) => Box::pin(call::<T, P::Method, R>(
                self.func,
                self.store,
                params.method(first),
            )),
            None => Box::pin(call::<T, P, R>(self.func, self.store, params)),
        }
    }
}

async fn call<T, P, R>(func: Func, mut store: StoreContextMut<'_, T>, params: P) -> Result<Answer>
where
    T: Send + 'static,
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift + Replied,
{
    let reply = func
        .typed::<P, R>(&store)?
        .call_async(&mut store, params)
        .await?;
    Ok(reply.answer())
}
