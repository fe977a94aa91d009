//! Uses in `warmup` everything that an image could freeze, and goes on using all of it in its tools.

/// What was there at the warmup, and what of it still works.
#[hostel::backend]
mod remember {
    use std::collections::HashMap;
    use std::fs::{File, OpenOptions};
    use std::hash::{BuildHasher, RandomState};
    use std::io::{Read, Write};
    use std::sync::Mutex;
    use std::time::{Instant, SystemTime};

    struct Memory {
        file: String,
        variable: String,
        words: HashMap<String, u32>,
        started: Instant,
        drawn: u64,
        open: Option<File>,
    }

    static MEMORY: Mutex<Option<Memory>> = Mutex::new(None);

    /// What the warmup left behind.
    pub struct Recalled {
        file: String,
        variable: String,
        /// Words of the file in the map that was filled then.
        words: u32,
        /// Time since then, by the clock that was started then.
        elapsed_ns: u64,
    }

    pub struct Session {
        map: HashMap<String, u32>,
        open: Option<File>,
    }

    impl Session {
        pub fn new() -> Self {
            Self {
                map: HashMap::new(),
                open: None,
            }
        }

        /// Counts a word in a map of the session's own.
        pub fn count(&mut self, word: String) -> u32 {
            let count = self.map.entry(word).or_default();
            *count += 1;
            *count
        }

        /// Opens a file and keeps it open. `mode`: `r`, `w` or `a`.
        pub fn open(&mut self, path: String, mode: String) -> Result<(), String> {
            let mut options = OpenOptions::new();
            match mode.as_str() {
                "r" => options.read(true),
                "w" => options.write(true).create(true).truncate(true),
                _ => options.append(true).create(true),
            };
            let opened = options.open(path).map_err(|error| error.to_string())?;
            self.open = Some(opened);
            Ok(())
        }

        /// The next bytes of that file, at most so many.
        pub fn next(&mut self, bytes: u32) -> Result<String, String> {
            let open = self.open.as_mut().ok_or("no file is open")?;
            let mut text = String::new();
            open.take(bytes.into())
                .read_to_string(&mut text)
                .map_err(|error| error.to_string())?;
            Ok(text)
        }

        /// Writes to that file.
        pub fn put(&mut self, text: String) -> Result<(), String> {
            let open = self.open.as_mut().ok_or("no file is open")?;
            open.write_all(text.as_bytes())
                .map_err(|error| error.to_string())
        }

        /// Reads a file from start to end, beside the one that is open.
        pub fn peek(&self, path: String) -> Result<String, String> {
            std::fs::read_to_string(path).map_err(|error| error.to_string())
        }

        /// Writes to standard output and standard error, as it did in the warmup.
        pub fn say(&mut self, text: String) -> Result<(), String> {
            println!("out: {text}");
            eprintln!("err: {text}");
            std::io::stdout().flush().map_err(|error| error.to_string())
        }
    }

    /// Fills the memory.
    pub fn warmup() -> Result<(), String> {
        println!("warming up");
        eprintln!("still warming up");
        let failed = |error: std::io::Error| error.to_string();
        let file = std::fs::read_to_string("/data/words.txt").map_err(failed)?;
        let mut words = HashMap::new();
        for word in file.split_whitespace() {
            *words.entry(word.to_owned()).or_default() += 1;
        }
        let mode = std::env::var("MODE").unwrap_or_default();
        let open = match mode.as_str() {
            "keep-a-file" => Some(File::open("/data/words.txt").map_err(failed)?),
            "write-to-workspace" => {
                std::fs::write("/workspace/left", "behind").map_err(failed)?;
                None
            }
            _ => None,
        };
        // A partial line: nobody flushes it here.
        print!("half a line");
        *MEMORY.lock().map_err(|error| error.to_string())? = Some(Memory {
            file,
            variable: std::env::var("GREETING").unwrap_or_default(),
            words,
            started: Instant::now(),
            drawn: RandomState::new().hash_one(0),
            open,
        });
        Ok(())
    }

    /// What was there at the warmup.
    pub fn recall() -> Result<Recalled, String> {
        let memory = MEMORY.lock().map_err(|error| error.to_string())?;
        let memory = memory.as_ref().ok_or("there was no warmup")?;
        let known = memory
            .file
            .split_whitespace()
            .filter(|word| memory.words.contains_key(*word));
        Ok(Recalled {
            file: memory.file.clone(),
            variable: memory.variable.clone(),
            words: known.count() as u32,
            elapsed_ns: memory.started.elapsed().as_nanos() as u64,
        })
    }

    /// The environment as it is now.
    pub fn variable(name: String) -> Option<String> {
        std::env::var(name).ok()
    }

    /// Reads a granted file now.
    pub fn read(path: String) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    /// Reads on in the file that the warmup kept open.
    pub fn read_on() -> Result<String, String> {
        let mut memory = MEMORY.lock().map_err(|error| error.to_string())?;
        let open = memory.as_mut().and_then(|memory| memory.open.as_mut());
        let mut text = String::new();
        open.ok_or("no file is open")?
            .read_to_string(&mut text)
            .map_err(|error| error.to_string())?;
        Ok(text)
    }

    /// Standard input, which is empty.
    pub fn input() -> Result<String, String> {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| error.to_string())?;
        Ok(text)
    }

    /// A hash by a state that is made now: another one in every instance.
    pub fn hash() -> u64 {
        RandomState::new().hash_one(0)
    }

    /// A hash by the state that the warmup made: the same one in every instance.
    pub fn warm_hash() -> u64 {
        let memory = MEMORY.lock().ok();
        memory
            .and_then(|memory| memory.as_ref().map(|memory| memory.drawn))
            .unwrap_or_default()
    }

    /// The host's wall clock.
    pub fn now_ms() -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |now| now.as_millis() as u64)
    }
}
