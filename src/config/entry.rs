//! The lists of usermon.toml: companies, users with their terminals, administrators; each entry checked by itself.
//! Called by `Config::parse` alone.

use std::path::Path;
use std::sync::Arc;

use super::table::{At, Table};
use super::{
    AdministratorEntry, CompanyEntry, Config, LABEL, Role, TerminalEntry, UserEntry, is_login_name,
    is_password_hash, near, unfit_id,
};
use crate::error::Result;
use crate::event::Kind;

/// The words of the kinds of terminals.
const KINDS: [(&str, Kind); 5] = [
    ("gui", Kind::Gui),
    ("mobile", Kind::Mobile),
    ("usb", Kind::Usb),
    ("sip", Kind::Sip),
    ("dect", Kind::Dect),
];

/// A kind from its word (any letter case), or what to write instead.
pub(crate) fn kind(word: &str) -> std::result::Result<Kind, String> {
    let plain = word.trim().to_ascii_lowercase();
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == plain) {
        return Ok(*kind);
    }
    let advice = "is no kind of terminal; write gui, mobile, usb, sip or dect";
    Err(match near::near(&plain, KINDS.iter().map(|(name, _)| *name)) {
        Some(meant) => format!("{word:?} {advice}; did you mean {meant}?"),
        None => format!("{word:?} {advice}"),
    })
}

/// The id of a company at `key`.
pub(super) fn id(table: &mut Table<'_, '_>, key: &'static str, sample: &str) -> Result<Option<At<String>>> {
    let Some(found) = table.text(key, sample)? else { return Ok(None) };
    match unfit_id(&found.value) {
        Some(why) => Err(table.error(found.line, key, format!("{why}; such as {sample}"))),
        None => Ok(Some(found)),
    }
}

pub(super) fn companies(root: &mut Table<'_, '_>) -> Result<Vec<CompanyEntry>> {
    let mut out: Vec<CompanyEntry> = Vec::new();
    for mut table in root.tables("company")? {
        let Some(found) = id(&mut table, "id", "\"acme\"")? else {
            return Err(table.error(table.line, "id", "is missing; write id = \"acme\""));
        };
        if out.iter().any(|known| *known.id == *found.value) {
            let advice =
                format!("company {:?} is there twice; remove one, or give it another id", found.value);
            return Err(table.error(found.line, "id", advice));
        }
        let id: Arc<str> = found.value.into();
        let name =
            table.label("name", "\"Acme S.p.A.\"", LABEL)?.map_or_else(|| id.clone(), |at| at.value.into());
        let mut domains: Vec<Arc<str>> = Vec::new();
        for domain in table.texts("domains", "[\"acme.example\"]", LABEL)? {
            let plain: Arc<str> = domain.value.trim_end_matches('.').to_ascii_lowercase().into();
            if let Some(other) = out.iter().find(|known| known.domains.contains(&plain)) {
                let advice =
                    format!("{plain:?} is a domain of company {:?} too; a domain is of one", other.id);
                return Err(table.error(domain.line, "domains", advice));
            }
            domains.push(plain);
        }
        table.finish()?;
        out.push(CompanyEntry { id, name, domains });
    }
    Ok(out)
}

pub(super) fn users(root: &mut Table<'_, '_>, file: &Path, default: &Arc<str>) -> Result<Vec<UserEntry>> {
    let file: Arc<Path> = file.into();
    let mut out = Vec::new();
    for mut table in root.tables("user")? {
        let line = table.line;
        let company = table.label("company", "\"acme\"", LABEL)?;
        let extension: Arc<str> = table.required("extension", "\"101\"", LABEL)?.value.into();
        let id = table.label("id", "\"101\"", LABEL)?.map_or_else(|| extension.clone(), |at| at.value.into());
        let mut optional = |key, sample| -> Result<Option<Arc<str>>> {
            Ok(table.label(key, sample, LABEL)?.map(|at| at.value.into()))
        };
        let name = optional("name", "\"Anna\"")?.unwrap_or_default();
        let surname = optional("surname", "\"Rossi\"")?.unwrap_or_default();
        let department = optional("department", "\"Sales\"")?.unwrap_or_default();
        let mobile = optional("mobile", "\"+390123456789\"")?;
        let mut endpoints: Vec<Arc<str>> =
            table.texts("endpoints", "[\"101\"]", LABEL)?.into_iter().map(|at| at.value.into()).collect();
        if endpoints.is_empty() {
            endpoints.push(id.clone());
        }
        let terminals = terminals(&mut table, &endpoints)?;
        table.finish()?;
        out.push(UserEntry {
            file: file.clone(),
            line,
            company: company.map_or_else(|| default.clone(), |at| at.value.into()),
            extension,
            id,
            name,
            surname,
            department,
            mobile,
            endpoints,
            terminals,
        });
    }
    Ok(out)
}

fn terminals(user: &mut Table<'_, '_>, endpoints: &[Arc<str>]) -> Result<Vec<TerminalEntry>> {
    let mut out = Vec::new();
    for mut table in user.tables("terminal")? {
        let word = table.required("kind", "\"sip\"", LABEL)?;
        let kind = kind(&word.value).map_err(|advice| table.error(word.line, "kind", advice))?;
        let description = table.label("description", "\"Desk phone\"", LABEL)?;
        let endpoint = table.label("endpoint", "\"101\"", LABEL)?;
        if let Some(at) = &endpoint
            && !endpoints.iter().any(|known| **known == *at.value)
        {
            let known = endpoints.join(", ");
            let advice = format!(
                "{:?} is none of the user's endpoints ({known}); add it to endpoints = [...] of the user",
                at.value
            );
            return Err(table.error(at.line, "endpoint", advice));
        }
        let user_agent = table.label("user_agent", "\"Yealink\"", LABEL)?;
        table.finish()?;
        out.push(TerminalEntry {
            kind,
            description: description.map(|at| at.value.into()).unwrap_or_default(),
            endpoint: endpoint.map(|at| at.value.into()),
            user_agent: user_agent.map(|at| at.value.into()),
        });
    }
    Ok(out)
}

pub(super) fn administrators(root: &mut Table<'_, '_>, config: &Config) -> Result<Vec<AdministratorEntry>> {
    let mut out: Vec<AdministratorEntry> = Vec::new();
    for mut table in root.tables("administrator")? {
        let name = table.required("name", "\"anna\"", LABEL)?;
        if !is_login_name(&name.value) {
            return Err(table.error(
                name.line,
                "name",
                "must be 1 to 64 printable characters without spaces",
            ));
        }
        if out.iter().any(|known| known.name.eq_ignore_ascii_case(&name.value)) {
            let advice = format!("{:?} is there twice; remove one, or write another name", name.value);
            return Err(table.error(name.line, "name", advice));
        }
        let role = role(&mut table)?;
        let company = company(&mut table, role, config)?;
        let hash = table.required("password_hash", "\"$argon2id$...\"", 512)?;
        if !is_password_hash(&hash.value) {
            let advice = "is no Argon2 hash; write the line that `argon2` prints with -e (\"$argon2id$v=19$...\"), \
                          or remove the entry and add the administrator on the configuration page";
            return Err(table.error(hash.line, "password_hash", advice));
        }
        table.finish()?;
        out.push(AdministratorEntry {
            name: name.value.into(),
            role,
            company,
            password_hash: hash.value.into(),
        });
    }
    Ok(out)
}

fn role(table: &mut Table<'_, '_>) -> Result<Role> {
    let word = table.required("role", "\"administrator\"", LABEL)?;
    [Role::Administrator, Role::SuperAdmin].into_iter().find(|role| role.word() == word.value).ok_or_else(
        || {
            let advice = format!("must be \"administrator\" or \"super-admin\", not {:?}", word.value);
            table.error(word.line, "role", advice)
        },
    )
}

/// An administrator has a company that exists; a super-admin has none.
fn company(table: &mut Table<'_, '_>, role: Role, config: &Config) -> Result<Option<Arc<str>>> {
    let found = table.label("company", "\"acme\"", LABEL)?;
    match (role, found) {
        (Role::SuperAdmin, None) => Ok(None),
        (Role::SuperAdmin, Some(at)) => {
            Err(table.error(at.line, "company", "a super-admin is of all companies; remove this line"))
        }
        (Role::Administrator, None) => {
            Err(table.error(table.line, "company", "is missing; write the id of the administrator's company"))
        }
        (Role::Administrator, Some(at)) => match unknown_company(config, &at.value) {
            Some(advice) => Err(table.error(at.line, "company", advice)),
            None => Ok(Some(at.value.into())),
        },
    }
}

/// What to write when there is no company `id`.
pub(crate) fn unknown_company(config: &Config, id: &str) -> Option<String> {
    if config.has_company(id) {
        return None;
    }
    let known = config.companies.iter().map(|company| &*company.id).chain([&*config.default_company]);
    let hint =
        near::near(id, known).map(|meant| format!("did you mean {meant:?}? If not, ")).unwrap_or_default();
    Some(format!("there is no company {id:?}; {hint}add [[company]] with id = {id:?}"))
}
