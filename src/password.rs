//! Passwords of administrators: made, hashed and checked (argon2id, RFC 9106). Called by the module at first start and
//! by the pages. Hashing takes about 20 MiB and tens of milliseconds: never on a PBX thread, never unbounded at once.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};

use crate::error::{Error, Result};

/// Letters and digits that people don't mistake for one another; 32, so that five bits of randomness pick one.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789K";

/// A new password of 100 bits of the system's randomness.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate() -> Result<String> {
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::Invalid(format!("the system gives no randomness: {e}")))?;
    Ok(bytes.iter().filter_map(|b| ALPHABET.get(usize::from(b & 31))).map(|&c| char::from(c)).collect())
}

/// The PHC string (`$argon2id$...`) of a password, with a random salt.
///
/// # Errors
/// When the system gives no randomness or no memory.
pub fn hash(password: &str) -> Result<String> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|e| Error::Invalid(format!("the password can't be hashed: {e}")))?;
    Ok(hash.to_string())
}

/// Whether `password` is the one of `hash`; in time that does not depend on where they differ. A hash that can't be
/// read matches nothing.
pub fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}
