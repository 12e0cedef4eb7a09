//! From tracing to the host's log: every event is one line of at most 1000 bytes without control characters, and goes
//! to the host whose work the thread does, or to every open one. Installed once by the first `open`. It must never
//! panic and never log.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::abi::{guard, host};
use crate::event::{Host, LogLevel};

/// Most bytes of a line.
const LONGEST: usize = 1000;
/// Ends a line that was cut.
const CUT: &str = "...";

/// A line of the host's log: valid UTF-8, bounded, and nothing in it that a terminal or a log reader would act on.
pub struct Line(String);

impl Line {
    /// The line that `text` becomes.
    pub fn of(text: &str) -> Self {
        let mut line = Self(String::with_capacity(text.len().min(LONGEST)));
        line.write_str(text).unwrap_or_default();
        line
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Line ends, other control characters, and those that turn or hide text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl Write for Line {
    /// Fails when the line is full, which ends the formatting.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let c = if is_unsafe(c) { ' ' } else { c };
            if self.0.len() + c.len_utf8() > LONGEST {
                while self.0.len() > LONGEST - CUT.len() {
                    self.0.pop();
                }
                self.0.push_str(CUT);
                return Err(fmt::Error);
            }
            self.0.push(c);
        }
        Ok(())
    }
}

/// The message first, then `name=value` of the other fields.
#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let done = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.rest, " {name}={value:?}"),
        };
        done.unwrap_or_default();
    }
}

/// The layer.
struct ToHost;

impl<S: Subscriber> Layer<S> for ToHost {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let most = if metadata.target().starts_with("usermon") { Level::DEBUG } else { Level::INFO };
        metadata.is_event() && *metadata.level() <= most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warning,
            Level::INFO => LogLevel::Notice,
            _ => LogLevel::Debug,
        };
        // a field's Debug may panic
        let text = guard::catch(|| {
            let mut fields = Fields::default();
            event.record(&mut fields);
            fields.message + &fields.rest
        });
        let text = text.unwrap_or_else(|place| format!("a log line could not be made: panicked at {place}"));
        for link in host::audience() {
            link.log(level, &text);
        }
    }
}

/// Installs the layer for this library, once; a program that uses the crate as a library keeps its own.
pub(super) fn install() {
    let subscriber = tracing_subscriber::registry().with(ToHost);
    tracing::subscriber::set_global_default(subscriber).unwrap_or_default();
}
