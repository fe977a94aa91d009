//! The tools that the official conformance suite of MCP calls, under the backend names `test`, `slow`, `failing` and `protocol`:
//! `test_simple_text` is `simple_text` of `test`.

/// What the suite wants to see.
#[hostel::backend]
mod conformance {
    use std::thread::sleep;
    use std::time::Duration;

    /// One red pixel.
    const PICTURE: &[u8] = include_bytes!("pixel.png");

    /// Says one sentence.
    #[tool(read_only)]
    pub fn simple_text() -> String {
        "This is a simple text response for testing.".to_owned()
    }

    /// A picture of one pixel.
    #[tool(read_only)]
    pub fn image_content() -> Vec<u8> {
        PICTURE.to_owned()
    }

    /// A sound of no length.
    #[tool(read_only)]
    pub fn audio_content() -> Vec<u8> {
        let format = [1_u16, 1, 8000, 0, 8000, 0, 1, 8];
        let mut sound = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        sound.extend(format.iter().flat_map(|number| number.to_le_bytes()));
        sound.extend(b"data\0\0\0\0");
        sound
    }

    /// Always says no.
    pub fn error_handling() -> Result<String, String> {
        Err("This tool intentionally returns an error for testing".to_owned())
    }

    /// Tells three times how far it is.
    pub fn tool_with_progress() -> String {
        for done in [0, 50, 100] {
            hostel::progress::report(done, 100_u64, "working");
            sleep(Duration::from_millis(50));
        }
        "it is done".to_owned()
    }

    /// Writes a line to its log.
    pub fn logging_tool() -> String {
        hostel::log::info("a line");
        "it is written".to_owned()
    }

    /// Takes its time.
    pub fn compute(seconds: u32, label: Option<String>) -> String {
        sleep(Duration::from_secs(seconds.into()));
        format!("{} took {seconds} s", label.unwrap_or_default())
    }

    /// Says no after a while.
    pub fn job() -> Result<String, String> {
        sleep(Duration::from_secs(2));
        Err("the job failed".to_owned())
    }

    /// Ends badly after a while.
    pub fn error_job() -> String {
        sleep(Duration::from_secs(2));
        panic!("the job is broken")
    }
}
