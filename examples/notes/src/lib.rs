/// Notes that an agent keeps while it works.
#[hostel::backend]
mod notes {
    /// How a session is set up.
    pub struct Config {
        /// At most this many notes.
        max: u32,
    }

    pub struct Session {
        room: u32,
        notes: Vec<String>,
    }

    impl Session {
        pub fn new(config: Config) -> Result<Self, String> {
            let (room, notes) = (config.max, vec![]);
            Ok(Self { room, notes })
        }

        /// Appends a note and returns how many there are.
        pub fn add(&mut self, text: String) -> Result<u32, String> {
            self.room = self.room.checked_sub(1).ok_or("there is no room left")?;
            self.notes.push(text);
            Ok(self.notes.len() as u32)
        }
    }

    /// Counts the words of a text.
    #[tool(read_only, idempotent)]
    pub fn count_words(text: String) -> u32 {
        text.split_whitespace().count() as u32
    }
}
