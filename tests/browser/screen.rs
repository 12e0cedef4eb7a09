//! The browser: a Chromium of its own that is asked and waited for, what it complained about, and how pages look in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};
use tokio::runtime::Runtime;

/// How long a page or a change may take.
const PATIENCE: Duration = Duration::from_secs(15);
const WIDE: (u32, u32) = (1280, 800);
const NARROW: (u32, u32) = (390, 844);

/// What scripts may use.
const WORDS: &str = "const one = (s, w = document) => w.querySelector(s);\
    const all = (s, w = document) => [...w.querySelectorAll(s)];\
    const row = (ext) => all('#rows tr').find((r) => one('.ex', r).textContent.trim() === ext);\
    const text = (s, w) => one(s, w)?.textContent.trim();";

/// A Chromium.
pub struct Screen {
    runtime: Runtime,
    driver: Option<WebDriver>,
    page: String,
    pictures: Option<PathBuf>,
    /// Pages looked at.
    pub seen: Vec<String>,
    /// What is wrong with how they look, by the mode they were in.
    pub faults: Vec<(&'static str, String)>,
}

impl Screen {
    /// Starts one with a fresh profile in `work`; `page` is where all paths begin.
    pub fn new(chromedriver: &str, page: &str, work: &Path, pictures: Option<PathBuf>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut wishes = DesiredCapabilities::chrome();
        for flag in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &format!("--user-data-dir={}", work.join("profile").display()),
        ] {
            wishes.add_arg(flag).unwrap();
        }
        for log in ["browser", "performance"] {
            wishes.set_logging_prefs(log, LoggingPrefsLogLevel::All).unwrap();
        }
        let driver = runtime.block_on(WebDriver::new(chromedriver, wishes)).expect("a browser session");
        if let Some(folder) = &pictures {
            fs::create_dir_all(folder).unwrap();
        }
        let page = page.trim_end_matches('/').to_owned();
        let screen =
            Self { runtime, driver: Some(driver), page, pictures, seen: Vec::new(), faults: Vec::new() };
        screen.size(WIDE, "light").unwrap();
        screen
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("an open browser")
    }

    fn run<T>(&self, step: impl Future<Output = WebDriverResult<T>>) -> Result<T, String> {
        self.runtime
            .block_on(step)
            .map_err(|e| format!("{e}").lines().next().unwrap_or_default().chars().take(300).collect())
    }

    fn protocol(&self, command: &str, arguments: Value) -> Result<Value, String> {
        let tools = self.driver().cdp();
        self.run(tools.send_raw(command, arguments))
    }

    /// Opens a path below the page.
    pub fn open(&self, path: &str) -> Result<(), String> {
        self.run(self.driver().goto(format!("{}{path}", self.page)))
    }

    /// Where the browser is.
    pub fn place(&self) -> String {
        self.run(self.driver().current_url()).map_or_else(|e| e, |url| url.to_string())
    }

    /// The status that the page came with.
    pub fn status(&self) -> Result<u64, String> {
        let status = self.ask("return performance.getEntriesByType('navigation')[0].responseStatus", &[])?;
        status.as_u64().ok_or_else(|| "no status".to_owned())
    }

    /// What a script returns.
    pub fn ask(&self, script: &str, arguments: &[Value]) -> Result<Value, String> {
        let returned = self.run(self.driver().execute(format!("{WORDS}{script}"), arguments.to_vec()))?;
        Ok(returned.json().clone())
    }

    /// A script's words.
    pub fn words(&self, script: &str, arguments: &[Value]) -> Result<String, String> {
        let value = self.ask(script, arguments)?;
        Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// Waits until a script returns true.
    pub fn until(&self, wish: &str, script: &str, arguments: &[Value]) -> Result<(), String> {
        self.within(PATIENCE, wish, script, arguments)
    }

    /// As [`Self::until`], with another patience.
    pub fn within(
        &self,
        patience: Duration,
        wish: &str,
        script: &str,
        arguments: &[Value],
    ) -> Result<(), String> {
        let end = Instant::now() + patience;
        loop {
            // a page that is just being left answers no script
            let now = self.ask(script, arguments);
            if now == Ok(Value::Bool(true)) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("not so after {patience:?}: {wish} ({now:?})"));
            }
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    fn element(&self, css: &str) -> Result<WebElement, String> {
        self.run(self.driver().find(By::Css(css))).map_err(|e| format!("{css}: {e}"))
    }

    pub fn click(&self, css: &str) -> Result<(), String> {
        let element = self.element(css)?;
        self.run(element.click()).map_err(|e| format!("{css}: {e}"))
    }

    /// Fills a field.
    pub fn fill(&self, css: &str, text: &str) -> Result<(), String> {
        let element = self.element(css)?;
        self.run(element.clear())?;
        self.run(element.send_keys(text))
    }

    /// Presses a key where the focus is.
    pub fn press(&self, key: impl Into<char>) -> Result<(), String> {
        self.run(self.driver().action_chain().send_keys(key.into().to_string()).perform())
    }

    /// Moves the pointer there.
    pub fn point_at(&self, css: &str) -> Result<(), String> {
        let element = self.element(css)?;
        self.run(self.driver().action_chain().move_to_element_center(&element).perform())
    }

    /// Drags over an element, between two parts of its width.
    pub fn drag(&self, css: &str, from: f64, to: f64) -> Result<(), String> {
        let told = self.ask(
            "const b = one(arguments[0]).getBoundingClientRect(); return [arguments[1], arguments[2]].map((s) => Math.round(b.x + s * b.width)).concat(Math.round(b.y + 30))",
            &[json!(css), json!(from), json!(to)],
        )?;
        let at = |n: usize| told[n].as_i64().ok_or_else(|| format!("{css}: {told}"));
        let (from, to, y) = (at(0)?, at(1)?, at(2)?);
        let chain = self.driver().action_chain().move_to(from, y).click_and_hold();
        self.run(chain.move_to((from + to) / 2, y).move_to(to, y).release().perform())
    }

    /// Makes each answer come so much later.
    pub fn latency(&self, span: Duration) -> Result<(), String> {
        self.protocol("Network.enable", json!({}))?;
        let later = json!({ "offline": false, "latency": span.as_millis(), "downloadThroughput": -1, "uploadThroughput": -1 });
        self.protocol("Network.emulateNetworkConditions", later).map(drop)
    }

    /// Moves the pointer to the corner.
    pub fn point_away(&self) -> Result<(), String> {
        self.run(self.driver().action_chain().move_to(1, 1).perform())
    }

    /// Names of the cookies.
    pub fn cookies(&self) -> Result<Vec<String>, String> {
        Ok(self.run(self.driver().get_all_cookies())?.into_iter().map(|c| c.name).collect())
    }

    /// What the browser complained about since the last call.
    pub fn complaints(&self) -> Result<Vec<String>, String> {
        let entries = self.run(self.driver().browser_log())?;
        let bad = entries.into_iter().filter(|e| !matches!(e.level.as_str(), "INFO" | "DEBUG" | "FINE"));
        Ok(bad.map(|e| e.message).collect())
    }

    /// What the browser requested since the last call, whoever asked for it.
    pub fn requests(&self) -> Result<Vec<String>, String> {
        let entries = self.run(self.driver().get_log("performance"))?;
        let told = entries.iter().filter_map(|e| serde_json::from_str::<Value>(&e.message).ok());
        let sent = told.filter(|t| t["message"]["method"] == "Network.requestWillBeSent");
        Ok(sent.map(|t| t["message"]["params"]["request"]["url"].to_string()).collect())
    }

    /// How the page looks that is open: narrow, dark and wide, with a picture of each.
    pub fn look(&mut self, name: &str) -> Result<(), String> {
        for (mode, size, scheme) in
            [("narrow", NARROW, "light"), ("dark", WIDE, "dark"), ("wide", WIDE, "light")]
        {
            self.size(size, scheme)?;
            for fault in self.looks(mode)? {
                self.faults.push((mode, format!("{name}: {fault}")));
            }
            if let Some(folder) = &self.pictures {
                let file = folder.join(format!("{name}-{mode}.png"));
                self.picture(&file, size, scheme)?;
            }
        }
        self.seen.push(name.to_owned());
        self.size(WIDE, "light")
    }

    fn looks(&self, mode: &str) -> Result<Vec<String>, String> {
        let told = self.ask(include_str!("look.js"), &[json!(mode)])?;
        let faults = told.as_array().ok_or_else(|| format!("look.js told {told}"))?;
        Ok(faults.iter().filter_map(|f| f.as_str().map(str::to_owned)).collect())
    }

    fn size(&self, (width, height): (u32, u32), scheme: &str) -> Result<(), String> {
        self.protocol(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        )?;
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.protocol("Emulation.setEmulatedMedia", json!({ "features": features }))?;
        Ok(())
    }

    /// All of the page, down to a limit.
    fn picture(&self, file: &Path, (width, height): (u32, u32), scheme: &str) -> Result<(), String> {
        let tall = self.ask("return document.documentElement.scrollHeight", &[])?.as_u64().unwrap_or(0);
        let tall = u32::try_from(tall).unwrap_or(u32::MAX).clamp(height, 2600);
        self.size((width, tall), scheme)?;
        let png = self.run(self.driver().screenshot_as_png())?;
        fs::write(file, png).map_err(|e| format!("{}: {e}", file.display()))
    }

    pub fn quit(&mut self) {
        if let Some(driver) = self.driver.take() {
            let _ = self.runtime.block_on(driver.quit());
        }
    }
}
