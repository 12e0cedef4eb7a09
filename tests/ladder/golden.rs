//! The picture of one call, letter by letter: read it when it changes. `UPDATE_GOLDEN=1 cargo test --test ladder` writes it.

use std::path::Path;

use usermon::event::UserKey;
use usermon::web::ladder::svg;

use crate::hand::call;
use crate::house::viewer;
use crate::web_site::site;

#[test]
fn the_picture_is_as_it_was_read() {
    let site = site();
    let began = call(&site, "one", "200 OK");
    let joined = site.query.joined(&viewer(), &UserKey::new("acme", "101"), began).unwrap().unwrap();
    let picture = svg(&joined, "A PBX 1.0").replace("></", ">\n</").replace("><", ">\n<");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ladder.svg");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &picture).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    for (at, (is, was)) in picture.lines().zip(golden.lines()).enumerate() {
        assert_eq!(is, was, "line {} of tests/golden/ladder.svg", at + 1);
    }
    assert_eq!(picture.lines().count(), golden.lines().count());
}
