//! The real Asterisk in its root file system: its configuration, its life, its command line.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Endpoints 1001..=1040, each with the password `pw` and its number.
pub const FIRST: u32 = 1001;
/// The last of them.
pub const LAST: u32 = 1040;

/// A running Asterisk; dropped, it is killed.
pub struct Pbx {
    root: PathBuf,
    run: PathBuf,
    child: Option<Child>,
    pub sip: u16,
    pub tls: u16,
    pub http: u16,
}

/// The password of an endpoint.
pub fn password(endpoint: &str) -> String {
    format!("pw{endpoint}")
}

impl Pbx {
    /// Writes the configuration; starts nothing.
    pub fn new(root: PathBuf, run: PathBuf, sip: u16, http: u16) -> Self {
        let pbx = Self { root, run, child: None, sip, tls: sip + 1, http };
        pbx.configure();
        pbx
    }

    fn configure(&self) {
        let etc = self.run.join("etc");
        for dir in ["etc", "db", "spool", "run", "log", "phones"] {
            fs::create_dir_all(self.run.join(dir)).unwrap();
        }
        let modules = self.modules();
        let files = [
            (
                "asterisk.conf",
                format!(
                    "[directories]\nastetcdir => /srv/asterisk/etc\nastmoddir => {modules}\n\
                     astvarlibdir => /var/lib/asterisk\nastdbdir => /srv/asterisk/db\nastkeydir => /var/lib/asterisk\n\
                     astdatadir => /usr/share/asterisk\nastagidir => /usr/share/asterisk/agi-bin\n\
                     astspooldir => /srv/asterisk/spool\nastrundir => /srv/asterisk/run\n\
                     astlogdir => /srv/asterisk/log\n[options]\nmaxload = 0\n"
                ),
            ),
            (
                "modules.conf",
                "[modules]\nautoload=yes\nnoload=chan_iax2.so\nnoload=chan_unistim.so\nnoload=chan_motif.so\n\
                 noload=pbx_dundi.so\nnoload=pbx_ael.so\nnoload=pbx_lua.so\nnoload=res_corosync.so\nnoload=res_snmp.so\n\
                 noload=res_hep.so\nnoload=cel_tds.so\nnoload=cdr_tds.so\n"
                    .to_owned(),
            ),
            ("logger.conf", "[general]\n[logfiles]\nmessages.log => notice,warning,error\n".to_owned()),
            (
                "http.conf",
                format!("[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={}\n", self.http),
            ),
            (
                // a call to 1XXX rings every contact; 600 echoes, 601 plays a tone
                "extensions.conf",
                "[internal]\nexten => _1XXX,1,Dial(${PJSIP_DIAL_CONTACTS(${EXTEN})},30)\n\
                 exten => 600,1,Answer()\n same => n,Echo()\n\
                 exten => 601,1,Answer()\n same => n,Playtones(440)\n same => n,Wait(60)\n"
                    .to_owned(),
            ),
            ("usermon.toml", "data_dir = \"/srv/asterisk/usermon\"\n".to_owned()),
            ("pjsip.conf", self.pjsip()),
            ("manager.conf", "[general]\nenabled = no\n".to_owned()),
        ];
        for (name, text) in files {
            fs::write(etc.join(name), text).unwrap();
        }
        let certificate = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"])
            .arg("-keyout")
            .arg(etc.join("key.pem"))
            .arg("-out")
            .arg(etc.join("cert.pem"))
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(certificate.success(), "openssl made no certificate");
    }

    fn modules(&self) -> String {
        let lib = fs::read_dir(self.root.join("usr/lib")).unwrap();
        let found = lib
            .flatten()
            .map(|entry| entry.path().join("asterisk/modules"))
            .find(|path| path.join("res_pjsip.so").exists())
            .expect("no Asterisk in the root file system");
        format!("/{}", found.strip_prefix(&self.root).unwrap().display())
    }

    fn pjsip(&self) -> String {
        let (sip, tls) = (self.sip, self.tls);
        let mut text = format!(
            "[global]\ntype=global\ncontact_expiration_check_interval=1\n\
             [udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{sip}\n\
             [tcp]\ntype=transport\nprotocol=tcp\nbind=127.0.0.1:{sip}\n\
             [tls]\ntype=transport\nprotocol=tls\nbind=127.0.0.1:{tls}\ncert_file=/srv/asterisk/etc/cert.pem\n\
             priv_key_file=/srv/asterisk/etc/key.pem\nmethod=tlsv1_2\n"
        );
        for n in FIRST..=LAST {
            write!(
                text,
                "[{n}]\ntype=endpoint\ncontext=internal\ndisallow=all\nallow=ulaw\nauth={n}\naors={n}\n\
                 callerid=User {n} <{n}>\ndirect_media=no\n\
                 [{n}]\ntype=auth\nauth_type=userpass\nusername={n}\npassword={}\n\
                 [{n}]\ntype=aor\nmax_contacts=4\nminimum_expiration=2\n",
                password(&n.to_string())
            )
            .unwrap();
        }
        text
    }

    /// Starts it and waits until it is up, with the module.
    pub fn start(&mut self) {
        let log = fs::File::create(self.run.join("log/console.log")).unwrap();
        self.child = Some(
            Command::new("chroot")
                .arg(&self.root)
                .args(["asterisk", "-f", "-C", "/srv/asterisk/etc/asterisk.conf"])
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap(),
        );
        let up = wait(Duration::from_secs(60), || self.rx("core waitfullybooted").contains("fully booted"));
        assert!(up, "Asterisk did not come up:\n{}", self.log());
        let loaded = self.rx("module show like res_usermon");
        assert!(loaded.contains("Running"), "the module is not running: {loaded}\n{}", self.log());
    }

    /// One command on Asterisk's command line.
    pub fn rx(&self, command: &str) -> String {
        let out = Command::new("timeout")
            .args(["30", "chroot"])
            .arg(&self.root)
            .args(["asterisk", "-C", "/srv/asterisk/etc/asterisk.conf", "-rx", command])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Ends it as an administrator would.
    pub fn stop(&mut self) {
        self.rx("core stop now");
        let Some(mut child) = self.child.take() else { return };
        if !wait(Duration::from_secs(30), || child.try_wait().unwrap().is_some()) {
            child.kill().unwrap();
            panic!("Asterisk did not stop within 30 s:\n{}", self.log());
        }
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// What Asterisk logged, without what is known and not ours.
    pub fn log(&self) -> String {
        let text = fs::read(self.run.join("log/messages.log")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The password that the first start shows once.
    pub fn first_password(&self) -> String {
        let log = self.log();
        let line =
            log.lines().find(|line| line.contains("first start")).expect("no first password in the log");
        line.split("has the password ")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .trim_matches('"')
            .to_owned()
    }

    /// Where the module keeps its data, as this process sees it.
    pub fn data(&self) -> PathBuf {
        self.run.join("usermon")
    }

    /// Where phones put their logs.
    pub fn phones(&self) -> PathBuf {
        self.run.join("phones")
    }

    /// Where Asterisk's state is.
    pub fn folder(&self) -> &Path {
        &self.run
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Asks until it is so or the time is over.
pub fn wait(deadline: Duration, mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if so() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
