//! The simulated phones together: who registers when, who calls whom. Started by `main` once the PBX listens, and sent
//! home before it stops.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::platform::CancellationToken;
use tokio::task::JoinSet;

use crate::chance;
use crate::device::Device;
use crate::directory::{Directory, Mood};
use crate::phone::{Phone, Plan, Setup};

/// What phones register for; they come back in half the time.
const REGISTERED_SECONDS: u32 = 120;
/// Handsets that register through one DECT base.
const HANDSETS: usize = 6;
/// How long the phones may take to leave.
const LEAVE: Duration = Duration::from_secs(4);

pub(crate) struct Crowd {
    phones: Vec<Arc<Phone>>,
    /// Numbers that answer, and those that do not.
    numbers: Vec<String>,
    mute: Vec<String>,
    pace: f64,
    stop: CancellationToken,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

impl Crowd {
    /// Opens the phones' sockets. `passwords` are those of the accounts.
    pub(crate) async fn new(
        directory: &Directory,
        passwords: &HashMap<String, String>,
        pbx: std::net::SocketAddr,
        pace: f64,
    ) -> Result<Arc<Self>, String> {
        let mut phones: Vec<Arc<Phone>> = Vec::new();
        let mut base: Option<Arc<Device>> = None;
        let (mut numbers, mut mute): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for phone in &directory.phones {
            let password = match (phone.mood, passwords.get(&phone.endpoint)) {
                (Mood::WrongPassword, _) | (_, None) => "wrong".to_owned(),
                (_, Some(password)) => password.clone(),
            };
            let setup = Setup { account: &phone.endpoint, password, mood: phone.mood, pbx, pace };
            let device = match base.clone().filter(|base| phone.on_base && base.accounts() < HANDSETS) {
                Some(device) => device,
                None => Device::new(phone.user_agent).await?,
            };
            if phone.on_base {
                base = Some(Arc::clone(&device));
            }
            phones.push(Phone::new(device, setup));
            let number = phone.endpoint.split('-').next().unwrap_or_default().to_owned();
            let list = if phone.mood == Mood::Usual { &mut numbers } else { &mut mute };
            if !list.contains(&number) {
                list.push(number);
            }
        }
        let (stop, tasks) = (CancellationToken::new(), tokio::sync::Mutex::new(JoinSet::new()));
        Ok(Arc::new(Self { phones, numbers, mute, pace, stop, tasks }))
    }

    /// Lets the phones live.
    pub(crate) async fn start(self: &Arc<Self>) {
        let mut tasks = self.tasks.lock().await;
        for (n, phone) in self.phones.iter().enumerate() {
            let (crowd, phone) = (Arc::clone(self), Arc::clone(phone));
            tasks.spawn(async move {
                let late = Duration::from_millis(u64::try_from(n % 50).unwrap_or(0) * 20);
                crowd.pause(late).await;
                crowd.keep_registered(&phone).await;
            });
        }
        let crowd = Arc::clone(self);
        tasks.spawn(async move { crowd.make_calls().await });
    }

    /// Sends everybody home: calls end, phones unregister, sockets close.
    pub(crate) async fn leave(&self) {
        self.stop.cancel();
        for phone in &self.phones {
            phone.quit.cancel();
        }
        let mut tasks = self.tasks.lock().await;
        let _ = tokio::time::timeout(LEAVE, async { while tasks.join_next().await.is_some() {} }).await;
        tasks.abort_all();
        let mut leaving = JoinSet::new();
        for phone in &self.phones {
            let phone = Arc::clone(phone);
            leaving.spawn(async move { phone.leave(LEAVE).await });
        }
        while leaving.join_next().await.is_some() {}
    }

    /// False: it is time to go.
    async fn pause(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.stop.cancelled()).await.is_err()
    }

    async fn keep_registered(&self, phone: &Phone) {
        loop {
            let seconds = if phone.mood == Mood::Flaps { 60 } else { REGISTERED_SECONDS };
            let status = phone.register(seconds).await;
            let again = match (status, phone.mood) {
                (Ok(200), Mood::Flaps) => chance::time(5.0..=9.0, self.pace),
                (Ok(200), _) => Duration::from_secs(u64::from(seconds / 2)),
                // as phones do: again and again, though not at once
                (Ok(403), _) => chance::time(12.0..=18.0, self.pace),
                _ => Duration::from_secs(2),
            };
            if !self.pause(again).await {
                return;
            }
            if phone.mood == Mood::Flaps {
                let _ = phone.register(0).await;
                if !self.pause(chance::time(4.0..=7.0, self.pace)).await {
                    return;
                }
            }
        }
    }

    async fn make_calls(self: Arc<Self>) {
        let mut calls = JoinSet::new();
        let mut round = 0_usize;
        // more phones, more calls
        let busy = self.pace * f64::from(u32::try_from(self.phones.len() / 24).unwrap_or(1).max(1));
        // the first registrations
        let mut pause = Duration::from_millis(1200);
        while self.pause(pause).await {
            pause = chance::time(0.6..=2.4, busy);
            while calls.try_join_next().is_some() {}
            let in_call = self.phones.iter().filter(|phone| phone.in_call()).count();
            if in_call * 2 > self.phones.len() {
                continue;
            }
            round += 1;
            self.call(round, &mut calls);
        }
        while calls.join_next().await.is_some() {}
    }

    fn call(self: &Arc<Self>, round: usize, calls: &mut JoinSet<()>) {
        let idle: Vec<&Arc<Phone>> =
            self.phones.iter().filter(|phone| phone.mood == Mood::Usual && phone.idle()).collect();
        let Some(caller) = chance::one_of(&idle).map(|phone| Arc::clone(phone)) else { return };
        // somebody who talks already gets a second call now and then
        let number = match round % 6 {
            3 => self
                .phones
                .iter()
                .find(|p| p.mood == Mood::Usual && p.in_call())
                .map(|p| number_of(&p.account)),
            5 => chance::one_of(&self.mute).cloned(),
            _ => None,
        };
        let Some(number) = number.or_else(|| chance::one_of(&self.numbers).cloned()) else { return };
        if number == number_of(&caller.account) {
            return;
        }
        let plan = Plan {
            patience: chance::time(9.0..=13.0, self.pace),
            talk: chance::time(5.0..=20.0, self.pace),
            hold: round % 4 == 2,
        };
        calls.spawn(async move {
            if let Err(e) = caller.call(&number, plan).await {
                crate::say(&format!(
                    "the simulated phone of {} could not call {number}: {e}",
                    caller.account
                ));
            }
        });
    }
}

/// The number of the user whose account it is: `103` for `103-dect`.
fn number_of(account: &str) -> String {
    account.split('-').next().unwrap_or_default().to_owned()
}
