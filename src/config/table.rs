//! Takes a TOML table apart key by key, with the line of each: what is left over at the end is an unknown key.
//! Used by `config` alone. Every error it makes names file, line and key, and says what to write.

use std::ops::{Range, RangeInclusive};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::near::near;
use crate::error::{Error, Result};

/// The text of a file, for turning byte offsets into lines.
pub(super) struct Source<'f> {
    file: &'f Path,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'f> Source<'f> {
    pub(super) fn new(file: &'f Path, text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, starts }
    }

    /// The line, from 1, of a byte offset.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    fn error(&self, line: usize, key: impl Into<String>, advice: impl Into<String>) -> Error {
        Error::config(self.file, line, key, advice)
    }

    /// The file's outermost table.
    pub(super) fn parse<'s, 'i>(&'s self, text: &'i str) -> Result<Table<'s, 'i>> {
        let root = DeTable::parse(text).map_err(|wrong| {
            let offset = wrong.span().map_or(0, |span| span.start);
            let message = wrong.message().lines().collect::<Vec<_>>().join("; ");
            let advice = format!(
                "not TOML: {message}; a line is `key = value` or a `[section]`, texts stand in quotes"
            );
            self.error(self.line(offset), "TOML", advice)
        })?;
        Ok(Table {
            source: self,
            name: String::new(),
            line: 1,
            entries: root.into_inner(),
            known: Vec::new(),
        })
    }
}

/// A value and the line it stands on.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) line: usize,
}

/// One table being taken apart.
pub(super) struct Table<'s, 'i> {
    source: &'s Source<'s>,
    /// Dotted, without the key: `store`, `user.terminal`; empty for the outermost.
    name: String,
    /// Where it begins.
    pub(super) line: usize,
    entries: DeTable<'i>,
    known: Vec<&'static str>,
}

impl<'s, 'i> Table<'s, 'i> {
    /// An error about `key` of this table.
    pub(super) fn error(&self, line: usize, key: &str, advice: impl Into<String>) -> Error {
        self.source.error(line, self.dotted(key), advice)
    }

    fn dotted(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn take(&mut self, key: &'static str) -> Option<At<DeValue<'i>>> {
        self.known.push(key);
        let value = self.entries.remove(key)?;
        let line = self.source.line(value.span().start);
        Some(At { value: value.into_inner(), line })
    }

    fn wrong(&self, line: usize, key: &str, want: &str, found: &DeValue<'_>) -> Error {
        self.error(line, key, format!("must be {want}, not {}", kind_of(found)))
    }

    /// A text; `sample` is what to write, in TOML.
    pub(super) fn text(&mut self, key: &'static str, sample: &str) -> Result<Option<At<String>>> {
        match self.take(key) {
            None => Ok(None),
            Some(At { value: DeValue::String(text), line }) => {
                Ok(Some(At { value: text.into_owned(), line }))
            }
            Some(At { value, line }) => {
                Err(self.wrong(line, key, &format!("a text in quotes, such as {sample}"), &value))
            }
        }
    }

    /// A text without control characters and outer blanks, of at most `max` bytes; an empty one counts as absent.
    pub(super) fn label(
        &mut self,
        key: &'static str,
        sample: &str,
        max: usize,
    ) -> Result<Option<At<String>>> {
        let Some(At { value, line }) = self.text(key, sample)? else { return Ok(None) };
        let value = value.trim().to_owned();
        match super::unfit(&value, max) {
            Some(why) => Err(self.error(line, key, format!("{why}; write a text such as {sample}"))),
            None => Ok((!value.is_empty()).then_some(At { value, line })),
        }
    }

    /// The same, and it must be there.
    pub(super) fn required(&mut self, key: &'static str, sample: &str, max: usize) -> Result<At<String>> {
        if let Some(found) = self.label(key, sample, max)? {
            return Ok(found);
        }
        // a mistyped name of a key that must be there
        if let Some(typed) = self.entries.keys().find(|typed| near(typed.get_ref(), [key]).is_some()) {
            let line = self.source.line(typed.span().start);
            return Err(self.error(line, typed.get_ref(), format!("unknown key; did you mean {key}?")));
        }
        Err(self.error(self.line, key, format!("is missing or empty; write {key} = {sample}")))
    }

    /// A whole number within `range`; `unit` is the plural of what it counts.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Result<Option<u64>> {
        let want = format!("a whole number of {unit} from {} to {}", range.start(), range.end());
        match self.take(key) {
            None => Ok(None),
            Some(At { value: DeValue::Integer(digits), line }) => {
                match u64::from_str_radix(digits.as_str(), digits.radix()) {
                    Ok(number) if range.contains(&number) => Ok(Some(number)),
                    _ => Err(self.error(line, key, format!("must be {want}, not {}", digits.as_str()))),
                }
            }
            Some(At { value, line }) => Err(self.wrong(line, key, &want, &value)),
        }
    }

    /// A list of texts, each fit as a label and not empty; absent is empty.
    pub(super) fn texts(&mut self, key: &'static str, sample: &str, max: usize) -> Result<Vec<At<String>>> {
        let want = format!("a list of texts, such as {sample}");
        let Some(At { value, line }) = self.take(key) else { return Ok(Vec::new()) };
        let DeValue::Array(items) = value else { return Err(self.wrong(line, key, &want, &value)) };
        let mut out: Vec<At<String>> = Vec::with_capacity(items.len());
        for item in items {
            let line = self.source.line(item.span().start);
            let DeValue::String(text) = item.get_ref() else {
                return Err(self.wrong(line, key, &want, item.get_ref()));
            };
            let text = text.trim().to_owned();
            if text.is_empty() {
                return Err(self.error(line, key, format!("has an empty text in it; must be {want}")));
            }
            if let Some(why) = super::unfit(&text, max) {
                return Err(self.error(line, key, format!("{why}; must be {want}")));
            }
            if out.iter().any(|other| other.value == text) {
                return Err(self.error(line, key, format!("has {text:?} twice; remove one")));
            }
            out.push(At { value: text, line });
        }
        Ok(out)
    }

    /// A table, `[key]`.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Table<'s, 'i>>> {
        match self.take(key) {
            None => Ok(None),
            Some(At { value: DeValue::Table(entries), line }) => Ok(Some(self.inner(key, line, entries))),
            Some(At { value, line }) => {
                Err(self.wrong(line, key, &format!("a section, [{}]", self.dotted(key)), &value))
            }
        }
    }

    /// A list of tables, `[[key]]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Table<'s, 'i>>> {
        let want = format!("a list, each entry under a line [[{}]]", self.dotted(key));
        let Some(At { value, line }) = self.take(key) else { return Ok(Vec::new()) };
        let DeValue::Array(items) = value else { return Err(self.wrong(line, key, &want, &value)) };
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let Range { start, .. } = item.span();
            let line = self.source.line(start);
            match item.into_inner() {
                DeValue::Table(entries) => out.push(self.inner(key, line, entries)),
                other => return Err(self.wrong(line, key, &want, &other)),
            }
        }
        Ok(out)
    }

    fn inner(&self, key: &str, line: usize, entries: DeTable<'i>) -> Table<'s, 'i> {
        Table { source: self.source, name: self.dotted(key), line, entries, known: Vec::new() }
    }

    /// Refuses what nobody has taken.
    pub(super) fn finish(self) -> Result<()> {
        let Some(key) = self.entries.keys().min_by_key(|key| key.span().start) else { return Ok(()) };
        let word: &str = key.get_ref();
        let known = self.known.join(", ");
        let advice = match near(word, self.known.iter().copied()) {
            Some(meant) => format!("unknown key; did you mean {meant}? Known here: {known}"),
            None => format!("unknown key; remove it. Known here: {known}"),
        };
        Err(self.error(self.source.line(key.span().start), word, advice))
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text in quotes",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
