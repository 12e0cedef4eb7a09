//! A softphone that people use, baresip: it registers, calls or answers by itself, and sends a tone, so that there is
//! media and RTCP tells of it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::pbx::{Pbx, password, wait};
use crate::phone::Message;

/// A running one.
pub struct Softphone {
    child: Child,
    trace: PathBuf,
    port: u16,
}

impl Softphone {
    /// Starts it for so many seconds; then it hangs up and unregisters. With a number it calls, else it answers.
    pub fn start(pbx: &Pbx, user: &str, port: u16, number: Option<&str>, seconds: u32) -> Self {
        let folder = pbx.phones().join(format!("softphone-{user}"));
        fs::create_dir_all(&folder).unwrap();
        let tone = folder.join("tone.wav");
        fs::write(&tone, wav(60)).unwrap();
        let config = format!(
            "sip_listen 127.0.0.1:{port}\nrtp_ports 30000-30100\naudio_source aufile,{}\n\
             audio_player aubridge,nowhere\naudio_alert aubridge,nowhere\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule_tmp account.so\nmodule_app menu.so\n",
            tone.display()
        );
        let account = format!(
            "<sip:{user}@127.0.0.1:{};transport=udp>;auth_pass={};answermode=auto;regint=600;audio_codecs=PCMU\n",
            pbx.sip,
            password(user)
        );
        for (name, text) in [("config", config), ("accounts", account), ("contacts", String::new())] {
            fs::write(folder.join(name), text).unwrap();
        }
        let trace = folder.join("trace");
        let out = File::create(&trace).unwrap();
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&folder).args(["-4", "-s", "-t", &seconds.to_string()]);
        if let Some(number) = number {
            command.args(["-e", &format!("/dial {number}")]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .expect("baresip (apt-get install baresip-core)");
        Self { child, trace, port }
    }

    /// Waits for its end; what it sent and received.
    pub fn finish(mut self) -> Result<Vec<Message>, String> {
        let ended = wait(Duration::from_secs(60), || self.child.try_wait().unwrap().is_some());
        let text = String::from_utf8_lossy(&fs::read(&self.trace).unwrap()).into_owned();
        if !ended {
            return Err(format!("the softphone at {} does not end: {text}", self.port));
        }
        // "ESC[36;1m#", "UDP 127.0.0.1:1 -> 127.0.0.1:2", the message, "ESC[;m" at its end
        let parts = text.split("\u{1b}[36;1m#\n").skip(1).filter_map(|part| part.split("\u{1b}[;m").next());
        let messages = parts.filter_map(|part| {
            let (head, message) = part.split_once('\n')?;
            let to = head.split(" -> ").nth(1)?;
            Some(Message::of(to.ends_with(&format!(":{}", self.port)), message))
        });
        Ok(messages.collect())
    }
}

/// So many seconds of a tone: mono, 16 bits, 8 kHz.
fn wav(seconds: u32) -> Vec<u8> {
    let bytes = seconds * 16_000;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8_000u32.to_le_bytes());
    file.extend(16_000u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    let samples = (0..bytes / 2).map(|at| if at / 10 % 2 == 0 { 4_000i16 } else { -4_000 });
    file.extend(samples.flat_map(i16::to_le_bytes));
    file
}

impl Drop for Softphone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
