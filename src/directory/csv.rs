//! Users of a CSV file: a header line with the columns' names in any order, then one user a line.
//! Every error names file, line and column and says what to write. Called by `file` alone.

use std::path::Path;
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder, Trim};

use crate::config::{LABEL, TerminalEntry, UserEntry, entry, near::near, unfit};
use crate::error::{Error, Result};

const COLUMNS: [&str; 9] =
    ["company", "extension", "id", "name", "surname", "department", "mobile", "endpoints", "terminals"];

/// Reads the file at `path`; a row without a company is of `default`.
pub(super) fn read(path: &Path, default: &Arc<str>) -> Result<Vec<UserEntry>> {
    let bytes =
        std::fs::read(path).map_err(|source| Error::io("read the CSV file of users", path, source))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut header: Option<Vec<&'static str>> = None;
    let file: Arc<Path> = path.into();
    let mut out = Vec::new();
    loop {
        let more = reader.read_byte_record(&mut record).map_err(|wrong| {
            let line = wrong.position().map_or(1, line);
            Error::config(
                path,
                line,
                "row",
                format!("{wrong}; write one user a line, fields separated by commas"),
            )
        })?;
        if !more {
            break;
        }
        let line = record.position().map_or(1, line);
        match &header {
            None => header = Some(columns(path, line, &record)?),
            Some(columns) => {
                let row = Row { file: &file, line, columns, record: &record };
                if record.iter().any(|field| !field.is_empty()) {
                    out.push(row.user(default)?);
                }
            }
        }
    }
    if header.is_none() {
        let advice =
            format!("the file is empty; write a first line with columns out of {}", COLUMNS.join(","));
        return Err(Error::config(path, 1, "header", advice));
    }
    Ok(out)
}

fn line(position: &csv::Position) -> usize {
    usize::try_from(position.line()).unwrap_or(usize::MAX)
}

fn columns(path: &Path, line: usize, header: &ByteRecord) -> Result<Vec<&'static str>> {
    let mut out: Vec<&'static str> = Vec::new();
    for field in header {
        let name = String::from_utf8_lossy(field).to_lowercase();
        let column = format!("column {}", name.escape_debug());
        let Some(known) = COLUMNS.iter().find(|known| **known == name) else {
            let all = COLUMNS.join(", ");
            let advice = if header.len() == 1 && name.contains([';', '\t']) {
                format!("fields must be separated by commas; save the file with commas. Columns: {all}")
            } else if let Some(meant) = near(&name, COLUMNS) {
                format!("unknown column; did you mean {meant}? Columns: {all}")
            } else {
                format!("unknown column; the first line must name columns out of: {all}")
            };
            return Err(Error::config(path, line, column, advice));
        };
        if out.contains(known) {
            return Err(Error::config(path, line, column, "is there twice; remove one"));
        }
        out.push(known);
    }
    if !out.contains(&"extension") {
        let advice = "is missing in the first line; each user needs an extension";
        return Err(Error::config(path, line, "column extension", advice));
    }
    Ok(out)
}

struct Row<'r> {
    file: &'r Arc<Path>,
    line: usize,
    columns: &'r [&'static str],
    record: &'r ByteRecord,
}

impl Row<'_> {
    fn wrong(&self, column: &str, advice: impl Into<String>) -> Error {
        Error::config(self.file, self.line, format!("column {column}"), advice)
    }

    /// A field's text; empty where the column or the field is not there.
    fn field(&self, column: &str) -> Result<&str> {
        let at = self.columns.iter().position(|known| *known == column);
        let Some(bytes) = at.and_then(|at| self.record.get(at)) else { return Ok("") };
        let text = std::str::from_utf8(bytes)
            .map_err(|_| self.wrong(column, "is not UTF-8; save the file in UTF-8"))?;
        match unfit(text, 16 * LABEL) {
            Some(why) => Err(self.wrong(column, format!("{why}; is a closing quote missing?"))),
            None => Ok(text.trim()),
        }
    }

    fn label(&self, column: &str) -> Result<Arc<str>> {
        let text = self.field(column)?;
        match unfit(text, LABEL) {
            Some(why) => Err(self.wrong(column, format!("{why}; write a shorter one"))),
            None => Ok(text.into()),
        }
    }

    fn user(&self, default: &Arc<str>) -> Result<UserEntry> {
        if let Some(extra) = self.record.get(self.columns.len()) {
            let advice = format!(
                "the line has {} fields, the first line names {} columns; remove {:?}, or quote a field that has a comma in it",
                self.record.len(),
                self.columns.len(),
                String::from_utf8_lossy(extra)
            );
            return Err(self.wrong(&format!("{}", self.columns.len() + 1), advice));
        }
        let extension = self.label("extension")?;
        if extension.is_empty() {
            return Err(self.wrong("extension", "is empty; each user needs an extension"));
        }
        let or = |text: Arc<str>, other: &Arc<str>| if text.is_empty() { other.clone() } else { text };
        let id = or(self.label("id")?, &extension);
        let mobile = self.label("mobile")?;
        let mut endpoints: Vec<Arc<str>> = Vec::new();
        for name in self.field("endpoints")?.split(';').map(str::trim).filter(|name| !name.is_empty()) {
            if endpoints.iter().any(|known| **known == *name) {
                return Err(self.wrong("endpoints", format!("has {name:?} twice; remove one")));
            }
            endpoints.push(name.into());
        }
        if endpoints.is_empty() {
            endpoints.push(id.clone());
        }
        Ok(UserEntry {
            file: self.file.clone(),
            line: self.line,
            company: or(self.label("company")?, default),
            extension,
            id,
            name: self.label("name")?,
            surname: self.label("surname")?,
            department: self.label("department")?,
            mobile: (!mobile.is_empty()).then_some(mobile),
            endpoints,
            terminals: self.terminals()?,
        })
    }

    fn terminals(&self) -> Result<Vec<TerminalEntry>> {
        let mut out = Vec::new();
        for item in self.field("terminals")?.split(';').map(str::trim).filter(|item| !item.is_empty()) {
            let (word, description) = item.split_once(':').unwrap_or((item, ""));
            let kind = entry::kind(word).map_err(|advice| {
                self.wrong("terminals", format!("{advice}. Write kind:description, separated by ;"))
            })?;
            out.push(TerminalEntry {
                kind,
                description: description.trim().into(),
                endpoint: None,
                user_agent: None,
            });
        }
        Ok(out)
    }
}
