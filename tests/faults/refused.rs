//! Whom the folder does not let in, and what it does not read: each with a message that says what to do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::Path;

use usermon::abi::types::{ERR_BUSY, ERR_STORED};

use crate::child::{self, part};
use crate::mount::left_out;
use crate::pbx::Pbx;

fn refused(folder: &Path, data: &Path) -> (i32, String) {
    let (status, faults) = Pbx::open(folder, data, "min_free_mib = 0").err().expect("it is refused");
    assert_eq!(faults.len(), 1, "one line: {faults:?}");
    (status, faults.into_iter().next().unwrap())
}

fn scenario(name: &str) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    child::run(name, folder.path(), &[]);
}

#[test]
fn a_second_process_on_the_same_folder() {
    const NAME: &str = "refused::a_second_process_on_the_same_folder";
    let Some(folder) = part() else { return scenario(NAME) };
    let (second, data) = (folder.join("second"), folder.join("data"));
    if folder.file_name().is_some_and(|name| name == "second") {
        let data = folder.parent().unwrap().join("data");
        let (status, line) = refused(&folder, &data);
        assert_eq!(status, ERR_BUSY);
        assert!(line.contains(data.to_str().unwrap()), "{line}");
        assert!(
            line.contains("another process") && line.contains("stop it, or set another data_dir"),
            "{line}"
        );
        return;
    }
    fs::create_dir(&second).unwrap();
    let pbx = Pbx::open(&folder, &data, "min_free_mib = 0").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    child::run(NAME, &second, &[]);
    assert!(pbx.push(1).is_some(), "the first one goes on");
    assert_eq!((pbx.alarm(), pbx.faults()), (String::new(), vec![]));
}

#[test]
fn a_folder_that_others_may_write_to_or_own_or_that_is_a_link() {
    let Some(folder) = part() else {
        return scenario("refused::a_folder_that_others_may_write_to_or_own_or_that_is_a_link");
    };
    let data = folder.join("data");
    let ring = data.join("ring");
    fs::DirBuilder::new().mode(0o700).recursive(true).create(&ring).unwrap();
    let says = |words: &str| {
        let (status, line) = refused(&folder, &data);
        assert_eq!(status, ERR_STORED);
        assert!(line.contains(ring.to_str().unwrap()) && line.contains(words), "{line}");
    };
    for mode in [0o770, 0o720, 0o707, 0o702, 0o777] {
        fs::set_permissions(&ring, Permissions::from_mode(mode)).unwrap();
        says("chmod 0700 it");
    }
    fs::set_permissions(&ring, Permissions::from_mode(0o700)).unwrap();
    match chown(&ring, Some(1), None) {
        Ok(()) => {
            says("belongs to another account (1): chown it to the one that the PBX runs as (0)");
            chown(&ring, Some(0), None).unwrap();
        }
        Err(_) => left_out("a folder of another account", "giving one away needs root"),
    }
    let elsewhere = folder.join("elsewhere");
    fs::rename(&ring, &elsewhere).unwrap();
    symlink(&elsewhere, &ring).unwrap();
    says("is a symbolic link: name the folder itself");
    fs::remove_file(&ring).unwrap();
    fs::write(&ring, "").unwrap();
    says("is not a folder");
    fs::remove_file(&ring).unwrap();
    assert!(Pbx::open(&folder, &data, "min_free_mib = 0").is_ok(), "put right, it opens");
}

#[test]
fn a_file_of_a_later_version_is_left_alone_and_named_on_the_page_and_in_the_log() {
    let Some(folder) = part() else {
        return scenario(
            "refused::a_file_of_a_later_version_is_left_alone_and_named_on_the_page_and_in_the_log",
        );
    };
    let data = folder.join("data");
    let open = || Pbx::open(&folder, &data, "min_free_mib = 0").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    drop(open());
    let journals = fs::read_dir(data.join("ring")).unwrap().map(|entry| entry.unwrap().path());
    let journal = journals.into_iter().find(|path| path.extension().is_some_and(|e| e == "log")).unwrap();
    let mut bytes = fs::read(&journal).unwrap();
    let (header, _) = bytes.split_at_mut(122);
    for header in header.chunks_exact_mut(61) {
        header[8] = 9;
        let crc = crc32fast::hash(&header[..57]).to_le_bytes();
        header[57..].copy_from_slice(&crc);
    }
    fs::write(&journal, &bytes).unwrap();
    let pbx = open();
    let name = journal.file_name().unwrap().to_str().unwrap();
    assert_eq!(pbx.logged(1).len(), 1, "one line: {:?}", pbx.faults());
    for text in [pbx.faults()[0].clone(), pbx.alarm(), pbx.wall()] {
        assert!(
            text.contains(name) && text.contains("version 9") && text.contains("update usermon"),
            "{text}"
        );
    }
    drop(pbx);
    assert_eq!(fs::read(&journal).unwrap(), bytes, "left as it is");
}
