//! A backend with everything that a module can say. It compiles on the author's machine as it does for wasm, and its
//! functions can be called as the plain functions that they are.

use everything::{Access, Color, Config, Item, Millis, Session, Shape};

/// All that can be said.
#[hostel::backend(package = "hostel-test:everything@1.2.3")]
mod everything {
    use std::collections::BTreeMap;

    /// How a session begins.
    #[derive(Debug, Default, Clone, PartialEq)]
    pub struct Config {
        /// The first name.
        pub owner: String,
        pub start: Option<Millis>,
        r#type: Option<bool>,
    }

    /// A span of time.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Millis(pub u64);

    #[derive(Debug, Clone, PartialEq)]
    pub struct Pair(pub String, pub Millis);

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Color {
        /// Like blood.
        Red,
        DeepBlue,
        #[allow(
            clippy::upper_case_acronyms,
            reason = "a name that is not what kebab-case makes of it"
        )]
        RGB,
    }

    /// What can be drawn.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Shape {
        Nothing,
        Dot(Color),
        Line(i32, i32),
        /// Two sides.
        Box {
            /// From left to right.
            width: f64,
            height: f64,
            fill: Option<Color>,
        },
    }

    /// What the caller may do.
    #[flags]
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Access {
        /// May look.
        pub read: bool,
        pub write_all: bool,
    }

    #[derive(Debug, Clone, PartialEq)]
    pub struct Item {
        pub id: u32,
        pub shapes: Vec<Shape>,
        pub parts: Option<(Color, Vec<Pair>)>,
        pub outcome: Result<Millis, Color>,
        pub data: Vec<u8>,
    }

    pub type Items = Vec<Item>;

    type Outcome = Result<Option<Color>, (Millis, char)>;

    pub type Nested = Option<Vec<Outcome>>;

    pub struct Session {
        config: Config,
        items: BTreeMap<u32, Item>,
        carts: u32,
    }

    /// One drawing.
    impl Session {
        /// Begins a drawing.
        pub fn new(
            config: Config,
            /// Who may do what.
            access: Access,
        ) -> Result<Self, Color> {
            if access.read {
                Ok(Self {
                    config,
                    items: BTreeMap::new(),
                    carts: 0,
                })
            } else {
                Err(Color::DeepBlue)
            }
        }

        /// Puts an item in, and returns how many there are.
        #[tool(title = "Put \"it\" in", destructive = false)]
        pub fn put(&mut self, item: Item) -> Result<u32, Color> {
            self.items.insert(item.id, item);
            u32::try_from(self.items.len()).map_err(|_| Color::Red)
        }

        pub fn all(&self, minimum: Option<u32>) -> Items {
            self.items
                .values()
                .filter(|item| Some(item.id) >= minimum)
                .cloned()
                .collect()
        }

        pub fn owner(&self) -> (String, Option<Millis>) {
            (self.owner_text(), self.config.start)
        }

        fn owner_text(&self) -> String {
            format!("{} {}", self.config.owner, self.carts)
        }
    }

    // A second block is as good as the first.
    impl Session {
        pub fn open_cart(&mut self) -> Cart {
            self.carts += 1;
            Cart::new(vec![])
        }

        pub fn buy(&mut self, cart: &Cart) -> u32 {
            self.carts += cart.count();
            self.carts
        }
    }

    impl Drop for Session {
        fn drop(&mut self) {
            hostel::log::event(
                hostel::log::Level::Info,
                "closed",
                &[("owner", &self.config.owner)],
            );
        }
    }

    /// Things to buy.
    #[resource]
    pub struct Cart {
        things: Vec<String>,
    }

    impl Cart {
        pub fn new(things: Vec<String>) -> Self {
            Self { things }
        }

        pub fn add(&mut self, thing: &str) {
            self.things.push(thing.to_owned());
        }

        #[tool(read_only)]
        pub fn count(&self) -> u32 {
            u32::try_from(self.things.len()).unwrap_or(u32::MAX)
        }

        /// Everything of both.
        pub fn merged(left: Cart, right: &Cart) -> Cart {
            let mut things = left.things;
            things.extend_from_slice(&right.things);
            Cart { things }
        }
    }

    /// Counts.
    /**
     * In a block, too.
     */
    #[tool(read_only, idempotent, open_world = false)]
    pub fn count_words(
        /// What to count in.
        text: &str,
        _unused: bool,
        r#use: u8,
    ) -> u32 {
        u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX) + u32::from(r#use)
    }

    pub fn total(numbers: &[f32], items: &[Item]) -> f32 {
        hostel::progress::report(1, 2_u64, "adding up");
        numbers.iter().sum::<f32>() + items.iter().map(|item| item.id as f32).sum::<f32>()
    }

    pub fn echo(
        shapes: Vec<Shape>,
        access: Access,
        color: &Color,
        nested: Nested,
    ) -> (Vec<Shape>, Access, Color, Nested) {
        (shapes, access, *color, nested)
    }

    pub fn list() -> Result<(), ()> {
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "every number once")]
    pub fn numbers(a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64, i: f64) -> f64 {
        let small = f64::from(a)
            + f64::from(b)
            + f64::from(c)
            + f64::from(e)
            + f64::from(f)
            + f64::from(g)
            + i;
        small + d as f64 + h as f64
    }

    pub fn bytes(data: Vec<u8>) -> Vec<u8> {
        data.into_iter().rev().collect()
    }

    pub fn warmup() -> Result<(), std::num::ParseIntError> {
        "1".parse::<u32>().map(drop)
    }

    pub fn shutdown() {
        hostel::log::info(helper());
    }

    fn helper() -> &'static str {
        "shut down"
    }
}

fn item(id: u32) -> Item {
    let shapes = vec![
        Shape::Nothing,
        Shape::Box {
            width: 1.0,
            height: 2.0,
            fill: Some(Color::Red),
        },
    ];
    Item {
        id,
        shapes,
        parts: None,
        outcome: Ok(Millis(3)),
        data: vec![1],
    }
}

#[test]
fn a_session_is_a_plain_struct() {
    let mut session = Session::new(
        Config::default(),
        Access {
            read: true,
            write_all: false,
        },
    )
    .expect("may read");
    assert_eq!(session.put(item(7)), Ok(1));
    assert_eq!(session.all(None), vec![item(7)]);
    let mut cart = session.open_cart();
    cart.add("tea");
    assert_eq!(session.buy(&cart), 2);
    assert_eq!(session.owner().0, " 2");
    assert_eq!(
        Session::new(
            Config::default(),
            Access {
                read: false,
                write_all: true
            }
        )
        .err(),
        Some(Color::DeepBlue)
    );
}

#[test]
fn tools_and_hooks_are_plain_functions() {
    assert_eq!(everything::count_words("one two", false, 0), 2);
    assert_eq!(everything::total(&[1.5], &[item(2)]), 3.5);
    assert_eq!(everything::warmup(), Ok(()));
    everything::shutdown();
}
