//! The data folder of one run: the generated usermon.toml and users.csv, and the passwords that must be known again at
//! the next start. Called by `main` before the library is opened; the folder is the PBX's, `store/` in it the library's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;

use crate::chance;
use crate::directory::{Directory, Person};

/// The company that all users are of.
pub(crate) const COMPANY: &str = "example";
pub(crate) const SUPER_ADMIN: &str = "super-admin";
pub(crate) const ADMINISTRATOR: &str = "admin";

/// The folder and what is known of its passwords.
pub(crate) struct Data {
    folder: PathBuf,
    temporary: bool,
    passwords: BTreeMap<String, String>,
}

impl Data {
    /// The folder `asked`, made if it is not there; without one, a new folder that [`Data::remove`] takes away.
    pub(crate) fn open(asked: Option<&Path>) -> Result<Self, String> {
        let folder = match asked {
            Some(folder) => folder.to_owned(),
            None => std::env::temp_dir().join(format!("usermon-pbx-{}", chance::password()?)),
        };
        let folder = std::path::absolute(&folder).map_err(|e| format!("--data {}: {e}", folder.display()))?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|e| {
            format!("the data folder {} can't be made: {e}; give another one with --data", folder.display())
        })?;
        let mut data = Self { folder, temporary: asked.is_none(), passwords: BTreeMap::new() };
        data.passwords = data.read_passwords()?;
        Ok(data)
    }

    /// The password kept under `name`, or a new one that is kept.
    pub(crate) fn password(&mut self, name: &str) -> Result<String, String> {
        if let Some(known) = self.passwords.get(name) {
            return Ok(known.clone());
        }
        let new = chance::password()?;
        self.keep(name, &new)?;
        Ok(new)
    }

    /// The super-admin's: the library makes it at its first start in this folder, `made` then.
    pub(crate) fn super_admin(&mut self, made: Option<String>) -> Result<String, String> {
        if let Some(made) = made {
            self.keep(SUPER_ADMIN, &made)?;
            return Ok(made);
        }
        self.passwords.get(SUPER_ADMIN).cloned().ok_or_else(|| {
            format!(
                "{} was first opened by something else, so its super-admin's password is not known here; give another folder with --data",
                self.folder.display()
            )
        })
    }

    /// Writes usermon.toml and users.csv. Returns the path of the first.
    pub(crate) fn write_configuration(&mut self, directory: &Directory) -> Result<PathBuf, String> {
        let password = self.password(ADMINISTRATOR)?;
        let hash = Argon2::default()
            .hash_password(password.as_bytes())
            .map_err(|e| format!("the administrator's password can't be hashed: {e}"))?;
        self.write("users.csv", &csv(&directory.listed))?;
        self.write("usermon.toml", &toml(&self.folder.join("store"), &hash.to_string()))?;
        Ok(self.folder.join("usermon.toml"))
    }

    /// Where it is, for people.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes a folder away that was made for this run only.
    pub(crate) fn remove(self) {
        if self.temporary
            && let Err(e) = fs::remove_dir_all(&self.folder)
        {
            crate::say(&format!("the folder {} stays: {e}", self.folder.display()));
        }
    }

    fn keep(&mut self, name: &str, password: &str) -> Result<(), String> {
        self.passwords.insert(name.to_owned(), password.to_owned());
        let mut text = String::new();
        for (name, password) in &self.passwords {
            let _ = writeln!(text, "{name} {password}");
        }
        self.write("passwords.txt", &text)
    }

    fn read_passwords(&self) -> Result<BTreeMap<String, String>, String> {
        let path = self.folder.join("passwords.txt");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text
                .lines()
                .filter_map(|line| line.split_once(' '))
                .map(|(name, password)| (name.to_owned(), password.to_owned()))
                .collect()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(e) => Err(format!("{} can't be read: {e}", path.display())),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        let new = self.folder.join(format!("{name}.new"));
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|e| format!("{} can't be written: {e}; give another folder with --data", path.display()))
    }
}

fn toml(store: &Path, hash: &str) -> String {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "# Written by the reference host at each start.\n\
         data_dir = \"{}\"\n\
         default_company = \"{COMPANY}\"\n\n\
         [directory]\ncsv = [\"users.csv\"]\n\n\
         [[company]]\nid = \"{COMPANY}\"\nname = \"Example Company\"\ndomains = [\"pbx.example\"]\n\n\
         [[administrator]]\nname = \"{ADMINISTRATOR}\"\nrole = \"administrator\"\ncompany = \"{COMPANY}\"\n\
         password_hash = \"{hash}\"\n",
        quote(&store.to_string_lossy()),
    )
}

fn csv(people: &[Person]) -> String {
    let mut text = String::from("company,extension,name,surname,department,mobile\n");
    for person in people {
        let Person { extension, name, surname, department, mobile } = person;
        let _ = writeln!(text, "{COMPANY},{extension},{name},{surname},{department},{mobile}");
    }
    text
}
