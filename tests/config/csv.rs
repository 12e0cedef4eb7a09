//! Breaks if a mistake in a CSV file is taken silently, or reported without line and column.

use std::fs;

use usermon::config::Config;
use usermon::directory::Directory;
use usermon::error::Error;
use usermon::event::Kind;

fn read(rows: impl AsRef<[u8]>) -> (Result<Directory, Error>, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.csv");
    fs::write(&path, rows).unwrap();
    let text = "[directory]\ncsv=['users.csv']\n[[company]]\nid='acme'\n[[user]]\nextension='900'\n";
    let config = Config::parse(text, &dir.path().join("usermon.toml")).unwrap();
    (Directory::new(&config), format!("{}:", path.display()))
}

#[track_caller]
fn wrong(rows: impl AsRef<[u8]>, want: &str) {
    let (found, path) = read(rows);
    let found = found.unwrap_err().to_string();
    assert!(found.starts_with(&format!("{path}{want}")), "\nfound: {found}\n want: {want}");
}

#[test]
fn columns_come_in_any_order() {
    let rows = "\u{feff}Name, extension ,company,terminals,endpoints,mobile\r\n\
                \"Rossi, Anna\",101,acme,sip:Desk phone; dect : Handset;usb,a1;a2,+39\r\n\
                ,,,,,\r\n\r\n\
                Bruno,102\r\n";
    let directory = read(rows).0.unwrap();
    let users = directory.users(Some("acme"));
    let [anna] = &*users else { panic!("{users:?}") };
    assert_eq!((&*anna.name, &*anna.extension, &*anna.key.user), ("Rossi, Anna", "101", "101"));
    assert_eq!((anna.mobile.as_deref(), anna.endpoints.len()), (Some("+39"), 2));
    let terminals: Vec<_> =
        anna.terminals.iter().map(|t| (&*t.id, t.kind.unwrap(), &*t.description)).collect();
    let want = [
        ("sip", Kind::Sip, "Desk phone"),
        ("dect", Kind::Dect, "Handset"),
        ("usb", Kind::Usb, ""),
        ("mobile", Kind::Mobile, "+39"),
    ];
    assert_eq!(terminals, want);
    let endpoints: Vec<_> = anna.terminals.iter().map(|t| t.endpoint.as_deref()).collect();
    assert_eq!(endpoints, [Some("a1"), Some("a1"), None, None]);
    assert_eq!(directory.users(Some("default")).len(), 2, "a short row, and usermon.toml's user");
}

#[test]
fn each_mistake_names_line_and_column() {
    wrong("", "1: header: the file is empty; write a first line with columns out of company,extension,");
    wrong(
        "name,extention\n",
        "1: column extention: unknown column; did you mean extension? Columns: company, ",
    );
    wrong("extension;name\n1;x\n", "1: column extension;name: fields must be separated by commas; ");
    wrong("101,Anna\n", "1: column 101: unknown column; the first line must name columns out of: company, ");
    wrong("extension,name,name\n", "1: column name: is there twice; remove one");
    wrong("name\nAnna\n", "1: column extension: is missing in the first line; ");
    wrong("extension,name\n1,a\n,b\n", "3: column extension: is empty; ");
    wrong(
        "extension,name\n1,a,b\n",
        "2: column 3: the line has 3 fields, the first line names 2 columns; remove \"b\"",
    );
    wrong(b"extension,name\n1,a\n2,caff\xe8\n", "3: column name: is not UTF-8; save the file in UTF-8");
    wrong(
        "extension,name\n1,\"a\n2,b\n",
        "2: column name: has a control character (\\u{a}); is a closing quote missing?",
    );
    wrong(
        "extension,terminals\n1,\nx2,phone:Desk\n",
        "3: column terminals: \"phone\" is no kind of terminal; write gui, ",
    );
    wrong("extension,endpoints\n1,a;b;a\n", "2: column endpoints: has \"a\" twice; remove one");
    wrong(
        "extension,company\n1,acmee\n",
        "2: column company: there is no company \"acmee\"; did you mean \"acme\"?",
    );
    wrong("extension,name\n1,\n\n2,\n1,\n", "5: column id: company \"default\" has a user \"1\" already (");
    wrong(
        "extension,id\n1,a\n1,b\n",
        "3: column extension: extension \"1\" of company \"default\" is that of user \"a\"",
    );
    wrong(
        "extension,endpoints\n1,a\n2,a\n",
        "3: column endpoints: endpoint \"a\" of company \"default\" is that of",
    );
    let (found, path) = read("extension\n1\n900\n");
    let found = found.unwrap_err().to_string();
    assert!(found.starts_with(&format!("{path}3: column id: ")), "{found}");
    assert!(found.contains("usermon.toml:5)"), "{found}");
}
