//! The wall of a past moment: ten thousand users, two days of calls and registrations, through the state and the recorder
//! into a ring as the drain thread does it.

use std::path::Path;
use std::time::Duration;

use usermon::clock::Timestamp;
use usermon::event::{CallPhase, RegistrationStep};
use usermon::query::rewind::Then;
use usermon::store::Options;

#[expect(dead_code, reason = "the tests of the rewinding take the rest")]
#[path = "../../tests/rewind/house.rs"]
mod house;
use house::{House, START, call, registration};

/// Users, seconds, events a second, moments.
pub(crate) struct Sizes(pub(crate) usize, pub(crate) u64, pub(crate) u64, pub(crate) u64);

fn sealed(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder.join("ring")).unwrap().filter_map(Result::ok);
    let sealed = files.filter(|f| f.path().extension().is_some_and(|e| e == "seg"));
    sealed.map(|f| f.metadata().map_or(0, |m| m.len())).sum()
}

fn two_days(_: &str) -> Duration {
    Duration::from_hours(48)
}

/// Prints its figures; `cpu` is the process's nanoseconds on a CPU.
pub(crate) fn run(Sizes(users, seconds, rate, moments): Sizes, cpu: fn() -> u64) {
    let folder = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| ".".into())).unwrap();
    let path = folder.path().to_owned();
    let options = Options { min_free_bytes: 0, ..Options::default() };
    let mut house = House::in_folder(folder, users, options);
    // one in ten stays offline
    for n in (0..users).filter(|n| n % 10 != 0) {
        house.apply(&registration(RegistrationStep::Registered, 2 * n, n % 3, START, 1_000_000));
    }
    house.poll();
    let mut events = 0u64;
    let began = cpu();
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for second in 1..=seconds {
        for part in 0..rate {
            let micros = (second - 1) * 1_000_000 + part * 1_000_000 / rate;
            house.clock.set(START.plus(Duration::from_micros(micros)));
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            // a call rings, is answered and ends on a phone; one event in twenty is a registration that comes or goes
            let (turn, now) = (events / 3, house.clock.now());
            let n = usize::try_from(turn.wrapping_mul(7_919) % users as u64).unwrap();
            if noise.is_multiple_of(20) {
                let step = if noise & 64 == 0 {
                    RegistrationStep::Registered
                } else {
                    RegistrationStep::Unregistered
                };
                house.apply(&registration(step, 2 * n, n % 3, now, 1_000_000));
            } else {
                let phase = [CallPhase::Ringing, CallPhase::Up, CallPhase::Ended]
                    [usize::try_from(events % 3).unwrap()];
                house.apply(&call(phase, 2 * n, usize::try_from(turn).unwrap(), now));
            }
            events += 1;
            house.poll();
        }
        house.clock.set(START.plus(Duration::from_secs(second)));
        house.poll();
        if second % 300 == 0 {
            house.run().store.maintain(&two_days).unwrap();
        }
    }
    let spent = cpu() - began;
    house.run().store.seal().unwrap();
    let bytes = sealed(&path);
    println!("rewind_events {events} events");
    println!("wall_disk_bytes {bytes} bytes");
    println!("wall_disk_bytes_per_event {:.1} B", bytes as f64 / events.max(1) as f64);
    println!("wall_apply_and_write_per_event {:.2} us", spent as f64 / events.max(1) as f64 / 1_000.0);
    let mut samples = Vec::new();
    for n in 1..=moments {
        let at = START.plus(Duration::from_micros(seconds * 1_000_000 / (moments + 1) * n + 17));
        let before = cpu();
        let then = house.query().wall_at("acme", at).unwrap().unwrap();
        samples.push(cpu() - before);
        let Then::Told(wall) = then else { panic!("{then:?} at {at:?}") };
        assert_eq!((wall.rows.len(), wall.at), (users, at));
        assert_ne!(wall.at, Timestamp::default());
    }
    samples.sort_unstable();
    println!("rewind_10k {:.1} ms", samples[samples.len() / 2] as f64 / 1e6);
    println!("rewind_10k_worst {:.1} ms", samples[samples.len() - 1] as f64 / 1e6);
}
