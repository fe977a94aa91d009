//! The `code` backend: JavaScript in a session.
//!
//! This file is what callers see: the tools, their parameters and answers. The work is done by `engine` and what it uses;
//! nothing here knows the interpreter.

mod clock;
mod engine;
mod event_loop;
mod failure;
mod globals;
mod hooks;
mod inspect;
mod json;
mod nesting;
mod rewrite;

/// Runs JavaScript in a session: variables, functions and classes of one call are there in the next.
/// There is no network, no `require` and no `import`; `readFile`, `writeFile` and `listFiles` reach the session's
/// workspace, if the host grants one.
#[hostel::backend]
mod code {
    use crate::engine::{self, Engine, Limits};

    /// How a session is set up. Everything has a default.
    #[derive(Debug, Clone, Default)]
    pub struct Config {
        /// JavaScript to run when the session starts: constants, functions, test data. If it throws, there is no session.
        pub setup: Option<String>,
        /// How deep calls may nest before the script ends with a RangeError. Default 500, at most 10000. Beyond about 600,
        /// recursion that runs through generators or built-ins (`sort`, `map`, `JSON.stringify`) can end the session instead.
        pub max_call_depth: Option<u32>,
        /// How many bytes of `stdout`, of `stderr` and of `value` a call returns at most. Default 65536, at most 1048576.
        pub max_output_bytes: Option<u32>,
        /// How many milliseconds a call may wait for timers. Default 10000. The host's own deadline holds besides.
        pub max_wait_ms: Option<u32>,
    }

    /// What became of a script. A script that throws has an `error`; what it printed before is there all the same.
    #[derive(Debug, Clone, Default)]
    pub struct Outcome {
        /// The value of the last expression as JSON text. Absent if there is none, if JSON has no form for it (`undefined`,
        /// NaN, a function, a BigInt, a Map, something cyclic), and if it is too long.
        pub value: Option<String>,
        /// The value as a console shows it, shortened if it is long. Empty if there is none.
        pub text: String,
        /// What the value is: `undefined`, `null`, `boolean`, `number`, `bigint`, `string`, `symbol`, `function`, `array`,
        /// `object`, `error`, `date`, `regexp`, `map`, `set`, `promise` and the like.
        pub kind: String,
        /// What the script printed with `console.log`, `info`, `debug`, `dir` and `table`.
        pub stdout: String,
        /// What it printed with `console.warn`, `error`, `trace` and `assert`, and errors that nobody caught.
        pub stderr: String,
        /// Something was left out of `stdout`, `stderr` or `value` because it was too long.
        pub truncated: bool,
        /// Why the script ended early; absent if it ran to its end.
        pub error: Option<ScriptError>,
        /// How long it ran, timers included, in microseconds.
        pub duration_us: u64,
    }

    /// An error that a script did not catch, or a source that is not JavaScript.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct ScriptError {
        /// Its name: `TypeError`, `SyntaxError`, a class of the script. `Thrown` if what was thrown is not an error,
        /// `TimeoutError` if timers want to wait too long.
        pub name: String,
        /// What it says.
        pub message: String,
        /// The line of this call's source, from 1; absent if the error comes from elsewhere.
        pub line: Option<u32>,
        /// The column of that line, from 1, in characters.
        pub column: Option<u32>,
        /// The calls that led to it, innermost first, as in `parse (call 2:4:11)`: the function, the call of the session that
        /// brought it, the line and the column there.
        pub stack: Vec<String>,
    }

    /// A name that a session's scripts have declared.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Variable {
        /// The name.
        pub name: String,
        /// What it holds, in the words of `kind` of an outcome.
        pub kind: String,
        /// The beginning of what it holds, on one line.
        pub preview: String,
    }

    pub struct Session {
        engine: Engine,
        config: Config,
    }

    impl Session {
        pub fn new(config: Config) -> Result<Self, String> {
            let engine = started(&config)?;
            Ok(Self { engine, config })
        }

        /// Runs a script and returns its value, what it printed, and the error if it threw one.
        /// `await` works at the top level, and a promise as the last value is waited for. Declaring a name again replaces
        /// it, `const` included.
        #[tool(destructive, open_world = false, title = "Run JavaScript")]
        pub fn run(
            &mut self,
            /// The source, any number of statements. The last expression is the value; `return` is allowed too.
            source: &str,
        ) -> Outcome {
            self.engine.run(source)
        }

        /// Runs a script and returns nothing but its value.
        /// It is JSON text where JSON has a form for it, otherwise as a console shows it. A script that throws makes this
        /// tool fail with the error.
        #[tool(destructive, open_world = false, title = "Evaluate JavaScript")]
        pub fn eval(
            &mut self,
            /// The source: an expression, or statements that end with one.
            source: &str,
        ) -> Result<String, String> {
            let outcome = self.engine.run(source);
            match outcome.error {
                Some(error) => Err(engine::one_line(&error)),
                None => Ok(outcome.value.unwrap_or(outcome.text)),
            }
        }

        /// Lists the variables, functions and classes that the session's scripts have declared.
        #[tool(read_only, idempotent, open_world = false, title = "List variables")]
        pub fn variables(&mut self) -> Vec<Variable> {
            self.engine.variables()
        }

        /// Forgets all variables and starts afresh, with the session's `setup`. Files stay.
        #[tool(
            destructive,
            idempotent,
            open_world = false,
            title = "Reset the session"
        )]
        pub fn reset(&mut self) -> Result<(), String> {
            self.engine = started(&self.config)?;
            Ok(())
        }
    }

    /// Checks whether a source is JavaScript, without running it.
    /// Returns the mistake, or null if there is none.
    #[tool(read_only, idempotent, open_world = false, title = "Check syntax")]
    pub fn check(
        /// The source to check.
        source: &str,
    ) -> Option<ScriptError> {
        engine::check(source)
    }

    /// Builds the global objects once, so that every session starts with them.
    pub fn warmup() -> Result<(), String> {
        Engine::prepare()
    }

    fn started(config: &Config) -> Result<Engine, String> {
        let limits = Limits::default()
            .with_call_depth(config.max_call_depth)?
            .with_output_bytes(config.max_output_bytes)?
            .with_wait_ms(config.max_wait_ms);
        let mut engine = Engine::new(limits)?;
        let Some(setup) = &config.setup else {
            return Ok(engine);
        };
        match engine.run(setup).error {
            Some(error) => Err(format!(
                "the session's setup failed: {}",
                engine::one_line(&error)
            )),
            None => Ok(engine),
        }
    }
}
