//! Module: the composition root. Builds the parts in order, joins them, owns the threads and stops all in reverse.
//! `abi` holds one for each open handle; tests open one directly. Nothing here waits on a PBX thread but `open`,
//! `close`, `reload` and `http`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::audit::Audit;
use crate::capture::Tap;
use crate::capture::attribute::Attributor;
use crate::capture::pressure::Gauge;
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, Role};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::event::{Call, EndpointKey, Event, Host, LogLevel, PacketRef, Presence, Registration};
use crate::password;
use crate::query::{Parts, Query};
use crate::settings::Settings;
use crate::state::{Changes, State};
use crate::store::{Options, Store};

mod drain;
mod legs;
mod recorder;
mod site;
mod text;
mod thread;

pub use recorder::Recorder;
pub use site::{Reply, Request};

/// What the threads share.
struct Core {
    directory: Arc<Directory>,
    settings: Arc<Settings>,
    state: Arc<State>,
    store: Arc<Store>,
    tap: Arc<Tap>,
    attributor: Arc<Attributor>,
    host: Arc<dyn Host>,
    clock: Clock,
    /// How the intake is.
    gauge: Arc<Gauge>,
    /// The directory's generation that `state` was told whole.
    assigned: AtomicU64,
    stop: AtomicBool,
}

/// The running module. Dropping it stops it, as [`Module::close`] does.
pub struct Module {
    core: Arc<Core>,
    query: Query,
    config_path: PathBuf,
    site: site::Site,
    threads: Mutex<Vec<thread::Worker>>,
}

impl Module {
    /// Reads the configuration, recovers the two-day ring, starts the threads. An empty path takes the defaults.
    /// Takes up to some seconds.
    ///
    /// # Errors
    /// When the configuration is wrong, the data folder can't be used or is in use, or stored data can't be read.
    pub fn open(config_path: &Path, host: Arc<dyn Host>) -> Result<Self> {
        Self::open_at(config_path, host, Clock::System)
    }

    /// As [`Self::open`], with a clock.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_at(config_path: &Path, host: Arc<dyn Host>, clock: Clock) -> Result<Self> {
        let config = Config::load(config_path)?;
        let settings = Arc::new(Settings::open(&config)?);
        let audit = Arc::new(Audit::open(&config.data_dir, clock.clone())?);
        let directory = Arc::new(Directory::new(&config)?);
        let options = Options {
            max_bytes: config.store.max_bytes,
            min_free_bytes: config.store.min_free_bytes,
            seal_bytes: config.store.seal_bytes,
            seal_interval: config.store.seal_interval,
        };
        let store = Arc::new(Store::open(&config.data_dir.join("ring"), options, clock.clone())?);
        let tap = Arc::new(Tap::new(config.capture.queue_packets, config.capture.queue_bytes, clock.clone()));
        let core = Arc::new(Core {
            attributor: Arc::new(Attributor::new(Arc::clone(&directory))),
            directory,
            settings,
            state: Arc::new(State::new()),
            store,
            tap,
            host,
            clock,
            gauge: Arc::default(),
            assigned: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        core.assign();
        // the ring learns the companies' retentions here, before the first reading
        core.store.limit(core.settings.limits());
        core.store.maintain(&|company| core.settings.retention(company))?;
        first_super_admin(&core.settings, &*core.host)?;
        let query = Query::new(Parts {
            directory: Arc::clone(&core.directory),
            state: Arc::clone(&core.state),
            store: Arc::clone(&core.store),
            settings: Arc::clone(&core.settings),
            audit,
            tap: Arc::clone(&core.tap),
            gauge: Arc::clone(&core.gauge),
            clock: core.clock.clone(),
            host: Arc::clone(&core.host),
            run: password::generate()?.chars().take(8).collect(),
        });
        let site = site::Site::start(crate::web::app(query.clone()), config.listener)?;
        let config_path = config_path.to_owned();
        let module = Self { core, query, config_path, site, threads: Mutex::default() };
        // one by one: if the second is refused, dropping the module ends the first
        let drain = drain::start(&module.core, &config)?;
        module.threads.lock().push(drain);
        let journal = thread::journal(&module.core)?;
        module.threads.lock().push(journal);
        let seal = thread::seal(&module.core, module.query.clone())?;
        module.threads.lock().push(seal);
        tracing::info!(
            "open: {} users, data in {}",
            module.core.directory.users(None).len(),
            config.data_dir.display()
        );
        Ok(module)
    }

    /// Takes what the PBX tells. Any thread; one short lock; no I/O.
    pub fn event(&self, event: Event) {
        self.core.event(event);
    }

    /// Takes a packet on the PBX's thread; `false` when it was dropped (and counted). Never blocks.
    pub fn packet(&self, packet: PacketRef<'_>) -> bool {
        self.core.tap.push(packet)
    }

    /// Answers one request of the PBX's web server. The caller's thread waits; the work is done on `usermon-web`.
    pub fn http(&self, request: Request) -> Reply {
        self.site.answer(request)
    }

    /// What the pages ask, for the command line and for tests.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Where the own listener listens, if there is one.
    pub fn listening(&self) -> Option<std::net::SocketAddr> {
        self.site.address()
    }

    /// Reads configuration and directory again; all or nothing.
    ///
    /// # Errors
    /// As [`Self::open`] for the files; nothing has changed then.
    pub fn reload(&self) -> Result<()> {
        let config = Config::load(&self.config_path)?;
        self.core.directory.reload(&config)?;
        self.core.settings.configure(&config);
        self.core.assign();
        tracing::info!("reload: {} users", self.core.directory.users(None).len());
        Ok(())
    }

    /// The module's status as text for a command line.
    pub fn status_text(&self) -> String {
        text::status(&self.query)
    }

    /// All users and their stickers as text for a command line.
    pub fn users_text(&self) -> String {
        text::users(&self.query)
    }

    /// Stops the threads, writes what is in memory and frees the data folder. Repeating it does nothing.
    ///
    /// # Errors
    /// When what was in memory can't be written, or a thread did not end before `deadline` ran out.
    pub fn close(&self, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        self.site.stop(until);
        self.core.stop.store(true, Ordering::Release);
        let threads = std::mem::take(&mut *self.threads.lock());
        if threads.is_empty() {
            return Ok(());
        }
        let ended: Vec<Result<()>> = threads.into_iter().map(|thread| thread.join(until)).collect();
        if ended.iter().any(|end| matches!(end, Err(Error::Busy(_)))) {
            // it may hang in the disk, where the store's close would wait for it without end: its journal keeps
            // what it has, and the folder is free when the thread ends
            return ended.into_iter().collect();
        }
        self.core.store.close()?;
        ended.into_iter().collect()
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Err(error) = self.close(Duration::from_secs(5)) {
            tracing::error!("close: {error}");
        }
    }
}

impl Core {
    fn event(&self, event: Event) {
        let now = self.clock.now();
        let event = self.resolved(event);
        match &event {
            Event::User(_) => {
                self.directory.apply(&event);
            }
            Event::Terminal(told) => {
                let shown = || self.directory.shown_terminal(&told.company, &told.user, &told.terminal);
                let before = shown();
                self.directory.apply(&event);
                if let Some((user, id)) = shown().or(before) {
                    let active = told.active.filter(|_| told.presence == Presence::Here);
                    self.note(self.state.activate(&user, &id, active, now));
                }
            }
            Event::Registration(Registration { key, .. }) | Event::Call(Call { key, .. }) => {
                self.own(key, now);
                let (changes, moved) = self.state.apply_moves(&event, now);
                if moved || !changes.is_empty() {
                    self.tap.happened(event, changes);
                }
            }
            Event::Quality(quality) => {
                if let Some(user) = self.directory.user_of(&quality.key) {
                    self.tap.quality(user, quality.clone());
                }
            }
        }
    }

    fn resolved(&self, mut event: Event) -> Event {
        let key = match &mut event {
            Event::Registration(registration) => &mut registration.key,
            Event::Call(call) => &mut call.key,
            Event::Quality(quality) => &mut quality.key,
            Event::User(_) | Event::Terminal(_) => return event,
        };
        *key = self.directory.resolve(key);
        event
    }

    /// Tells the state whose this endpoint is, if the directory changed so lately that `assign` has not told it yet.
    fn own(&self, key: &EndpointKey, now: Timestamp) {
        // asked before the owner, so that the owner is never older than it
        let generation = self.directory.generation();
        if self.assigned.load(Ordering::Acquire) < generation
            && let Some(user) = self.directory.user_of(key)
        {
            self.note(self.state.own_as_of(generation, &Arc::new(key.clone()), &user, now));
        }
    }

    /// Tells the state whose endpoints are whose, if the directory has changed. Costs about a microsecond a user, so
    /// it is done by `usermon-drain` some milliseconds after a change, once for many.
    fn assign(&self) {
        let generation = self.directory.generation();
        if self.assigned.load(Ordering::Acquire) < generation {
            let owners = self.directory.assignment();
            self.keep(self.state.assign_as_of(generation, &owners, self.clock.now()));
            self.assigned.fetch_max(generation, Ordering::AcqRel);
        }
    }

    fn note(&self, changes: Changes) {
        self.tap.note(changes);
    }
}

/// Makes the first super-admin, and shows its password once in the PBX's log; there is no default password.
fn first_super_admin(settings: &Settings, host: &dyn Host) -> Result<()> {
    if settings.administrators().iter().any(|a| a.role == Role::SuperAdmin) {
        return Ok(());
    }
    let password = password::generate()?;
    settings.add_administrator("super-admin", Role::SuperAdmin, None, &password::hash(&password)?)?;
    host.log(
        LogLevel::Notice,
        &format!("first start: super-admin account \"super-admin\" has the password {password}; it is shown this once"),
    );
    Ok(())
}
