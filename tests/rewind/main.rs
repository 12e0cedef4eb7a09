//! Breaks when the wall of a past moment is told otherwise than it was, or is told where nobody can know.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use usermon::clock::{Clock, Timestamp};
use usermon::event::{
    Bound, CallPhase, Event, FailureCause, Grey, Host, RegistrationStep, Shown, Sticker, Transport, UserKey,
};
use usermon::module::Module;
use usermon::query::rewind::{Then, Untold};
use usermon::store::record::{Gap, GapCause, Payload, Record};
use usermon::store::wall::{Head, Page, Writer};

mod house;
mod property;

use house::{House, Pbx, START, call, registration, rows, told_wall};

use RegistrationStep::{Failed, Registered, Unregistered};

fn minutes(n: u64) -> Duration {
    Duration::from_mins(n)
}

#[track_caller]
fn unknown(then: Then) -> Untold {
    match then {
        Then::Unknown(why) => why,
        Then::Told(wall) => panic!("told: {:?}", rows(&wall)),
    }
}

#[test]
fn a_day_of_one_user() {
    let mut house = House::new(2);
    let at = |house: &mut House, after: u64| {
        house.pass(Duration::from_secs(after));
        house.now()
    };
    let never = at(&mut house, 10);
    house.apply(&registration(Failed(FailureCause::WrongPassword), 0, 0, never, 600));
    let refused = at(&mut house, 10);
    house.apply(&registration(Registered, 0, 0, refused, 4_000));
    let green = at(&mut house, 10);
    house.apply(&call(CallPhase::Ringing, 0, 0, green));
    let orange = at(&mut house, 10);
    house.apply(&call(CallPhase::Up, 0, 0, orange));
    house.apply(&call(CallPhase::Ringing, 0, 2, orange));
    let red = at(&mut house, 10);
    house.apply(&call(CallPhase::Ended, 0, 0, red));
    house.apply(&call(CallPhase::Ended, 0, 2, red));
    house.apply(&registration(Unregistered, 0, 0, red, 0));
    let grey = at(&mut house, 1_000);
    house.apply(&registration(Registered, 0, 0, grey, 60));
    let expired = at(&mut house, 100);
    house.run().store.seal().unwrap();
    assert_eq!(house.run().store.holders(), [], "a wall is no user, and has no share");
    let shown = |at: Timestamp| {
        let row = told_wall(house.at("acme", at)).rows.remove(0);
        (row.sticker, row.calls, row.grey)
    };
    assert_eq!(shown(never), (Sticker::Offline, 0, Some(Grey::Never)));
    assert_eq!(shown(refused), (Sticker::Offline, 0, Some(Grey::Failed(FailureCause::WrongPassword))));
    assert_eq!(shown(green), (Sticker::Free, 0, None));
    assert_eq!(shown(orange), (Sticker::Ringing, 1, None));
    assert_eq!(shown(red), (Sticker::Busy, 2, None));
    assert_eq!(shown(grey), (Sticker::Offline, 0, Some(Grey::Unregistered)));
    assert_eq!(shown(expired), (Sticker::Offline, 0, Some(Grey::Expired)));
    let green = told_wall(house.at("acme", green));
    assert_eq!(
        (green.totals.free, green.totals.offline, green.at),
        (1, 1, START.plus(Duration::from_secs(30)))
    );
    let terminal = &green.rows[0].terminals[0];
    assert_eq!((terminal.online, terminal.registered), (true, Some(refused)));
    assert_eq!(terminal.address.as_deref(), Some("192.0.2.9:5060"));
    assert_eq!(unknown(house.at("acme", START.minus(minutes(1)))), Untold::Older);
    assert!(house.query().wall_at("nobody", expired).unwrap().is_none());
}

#[test]
fn a_round_is_told_while_it_is_written() {
    let mut house = House::new(700);
    for n in 0..700 {
        house.apply(&registration(Registered, 2 * n, n % 3, START, 90_000));
    }
    house.poll();
    let mut seen = Vec::new();
    // the round begins after half an hour, and takes three polls
    for turn in 0..120 {
        house.pass(if turn < 80 { Duration::from_secs(20) } else { Duration::from_secs(15) });
        let n = turn * 97 % 700;
        let phase = if turn % 2 == 0 { CallPhase::Ringing } else { CallPhase::Ended };
        house.apply(&call(phase, 2 * n, turn / 2, house.now()));
        house.apply(&registration(Unregistered, 2 * (699 - turn), (699 - turn) % 3, house.now(), 0));
        house.poll();
        seen.push((house.now(), rows(&house.wall("acme"))));
        house.clock.set(house.now().plus(Duration::from_millis(5)));
    }
    house.pass(minutes(2));
    for _ in 0..2 {
        for (at, rows_then) in &seen {
            assert_eq!(rows(&told_wall(house.at("acme", *at))), *rows_then);
        }
        // sealed, and merged with others
        house.run().store.seal().unwrap();
        (0..20).for_each(|_| house.run().store.maintain(&|_| minutes(2_880)).unwrap());
    }
}

#[test]
fn a_phone_that_was_registered_long_ago_is_told_after_the_oldest_segments_are_gone() {
    let mut house = House::new(3);
    house.apply(&registration(Registered, 0, 0, START, 1_000_000));
    let mut moments = Vec::new();
    for _ in 0..36 {
        house.pass(minutes(5));
        house.run().store.seal().unwrap();
        moments.push(house.now());
        house.clock.set(house.now().plus(Duration::from_secs(1)));
    }
    let now_shown = rows(&house.wall("acme"));
    house.close();
    let mut files: Vec<_> = fs::read_dir(house.ring()).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "seg"));
    files.sort();
    files[..18].iter().for_each(|path| fs::remove_file(path).unwrap());
    house.open();
    let oldest = START.plus(minutes(90));
    for at in moments {
        match house.at("acme", at) {
            Then::Told(wall) => assert_eq!(rows(&wall), now_shown),
            Then::Unknown(why) => {
                assert_eq!(why, Untold::Older);
                assert!(at < oldest.plus(minutes(35)), "known half an hour after the oldest record");
            }
        }
    }
    // this run knows of nobody yet
    let row = told_wall(house.at("acme", house.now())).rows.remove(0);
    assert_eq!((row.sticker, row.grey), (Sticker::Offline, Some(Grey::Never)));
}

#[test]
fn a_damaged_segment_is_not_told_over() {
    let mut house = House::new(3);
    let mut seen = Vec::new();
    for turn in 0..30 {
        let step = if turn / 6 % 2 == 0 { Registered } else { Unregistered };
        house.apply(&registration(step, turn % 6, 0, house.now(), 1_000_000));
        house.pass(minutes(1));
        seen.push((house.now(), rows(&house.wall("acme"))));
        house.clock.set(house.now().plus(Duration::from_millis(20)));
        if turn % 10 == 9 {
            house.run().store.seal().unwrap();
        }
    }
    house.close();
    let mut files: Vec<_> = fs::read_dir(house.ring()).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "seg"));
    files.sort();
    let whole = fs::read(&files[1]).unwrap();
    let mut untold = 0;
    for at in (0..whole.len()).step_by(61) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&files[1], &bytes).unwrap();
        house.open();
        for (at, rows_then) in &seen {
            match house.at("acme", *at) {
                Then::Told(wall) => assert_eq!(rows(&wall), *rows_then),
                Then::Unknown(_) => untold += 1,
            }
        }
        let run = house.run.take().unwrap();
        drop(run);
        // set aside or not, the damaged one is put back
        for entry in fs::read_dir(house.ring()).unwrap().map(|f| f.unwrap().path()) {
            if entry.extension().is_some_and(|e| e == "bad" || e == "log") {
                fs::remove_file(entry).unwrap();
            }
        }
    }
    assert!(untold > 0, "a run was damaged");
}

#[test]
fn what_the_ring_refused_is_not_known_and_then_all_is_again() {
    let options = usermon::store::Options { min_free_bytes: 0, seal_bytes: 64 << 10, ..Default::default() };
    let mut house = House::in_folder(tempfile::tempdir().unwrap(), 3, options);
    house.apply(&registration(Registered, 0, 0, START, 1_000_000));
    house.pass(minutes(4));
    let before = (START.plus(minutes(2)), rows(&house.wall("acme")));
    // more than is held in memory
    let gap = Gap { from: START, to: START, packets: 1, cause: GapCause::Limit };
    let user = Arc::new(UserKey::new("beta", "101"));
    let record = Record { seq: 0, time: START, user, payload: Payload::Gap(gap) };
    house.run().store.append(&mut vec![record; 3_000]).unwrap();
    house.pass(minutes(2));
    house.apply(&registration(Unregistered, 0, 0, house.now(), 0));
    house.apply(&registration(Registered, 2, 1, house.now(), 1_000_000));
    house.pass(minutes(2));
    let refused = house.now();
    house.pass(minutes(2));
    house.run().store.seal().unwrap();
    house.pass(minutes(2));
    let after = (house.now(), rows(&house.wall("acme")));
    assert_ne!(before.1, after.1);
    assert_eq!(rows(&told_wall(house.at("acme", before.0))), before.1);
    assert_eq!(unknown(house.at("acme", refused)), Untold::Away);
    assert_eq!(rows(&told_wall(house.at("acme", after.0))), after.1);
    let lost = house.query().status().store.lost_packets;
    assert_eq!(lost, 0, "no packet was refused");
}

/// Waits until the drain has written what the wall shows.
fn written(module: &Module, clock: &Clock) -> (Timestamp, Vec<String>) {
    let until = Instant::now() + Duration::from_secs(20);
    let now = clock.now();
    loop {
        let live = rows(&module.query().wall("acme").unwrap());
        if let Some(Then::Told(wall)) = module.query().wall_at("acme", now).unwrap()
            && rows(&wall) == live
        {
            clock.set(now.plus(Duration::from_secs(1)));
            return (now, live);
        }
        assert!(Instant::now() < until, "the drain did not write {live:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_module_keeps_it_through_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("usermon.toml");
    let text = format!(
        "data_dir = {:?}\n[store]\nmin_free_mib = 1\n[[company]]\nid = \"acme\"\n\
         [[user]]\ncompany = \"acme\"\nextension = \"100\"\nendpoints = [\"e0\", \"e0b\"]\n\
         [[user.terminal]]\nkind = \"sip\"\nendpoint = \"e0\"\n[[user.terminal]]\nkind = \"sip\"\nendpoint = \"e0b\"\n",
        folder.path().join("data")
    );
    fs::write(&config, text).unwrap();
    let clock = Clock::fixed(START);
    let open = || Module::open_at(&config, Arc::new(Pbx) as Arc<dyn Host>, clock.clone()).unwrap();
    let module = open();
    let mut seen = vec![written(&module, &clock)];
    let tell = |module: &Module, event: &Event, seen: &mut Vec<_>| {
        module.event(event.clone());
        seen.push(written(module, &clock));
    };
    tell(&module, &registration(Registered, 0, 0, clock.now(), 600), &mut seen);
    tell(&module, &registration(Registered, 1, 1, clock.now(), 600), &mut seen);
    tell(&module, &call(CallPhase::Ringing, 1, 0, clock.now()), &mut seen);
    tell(&module, &call(CallPhase::Up, 1, 0, clock.now()), &mut seen);
    tell(&module, &registration(Unregistered, 1, 1, clock.now(), 0), &mut seen);
    let stopped = clock.now();
    module.close(Duration::from_secs(10)).unwrap();
    clock.set(stopped.plus(minutes(10)));
    let module = open();
    let all_grey = written(&module, &clock);
    assert_ne!(all_grey.1, seen[4].1);
    tell(&module, &registration(Registered, 0, 0, clock.now(), 600), &mut seen);
    seen.push(all_grey);
    for (at, rows_then) in &seen {
        let then = module.query().wall_at("acme", *at).unwrap().unwrap();
        assert_eq!(rows(&told_wall(then)), *rows_then);
    }
    let away = module.query().wall_at("acme", stopped.plus(minutes(5))).unwrap().unwrap();
    assert_eq!(unknown(away), Untold::Away);

    // each terminal has its own history, also of a contact that is gone
    let history = |terminal: &str| -> Vec<String> {
        let user = UserKey::new("acme", "100");
        let page = module.query().terminal(&user, terminal).unwrap().unwrap();
        page.history.into_iter().map(|line| line.words).collect()
    };
    let terminals = module.query().wall("acme").unwrap().rows.remove(0).terminals;
    // the last change may still be on its way to the ring: the wall's pages do not wait for it
    let until = Instant::now() + Duration::from_secs(30);
    let (desk, other) = loop {
        let (desk, other) = (history(&terminals[0].id), history(&terminals[1].id));
        if desk.len() >= 2 && other.len() >= 2 {
            break (desk, other);
        }
        assert!(Instant::now() < until, "{desk:?} {other:?}");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!((desk.len(), other.len()), (2, 2), "{desk:?} {other:?}");
    assert!(desk.iter().all(|words| words.contains("sip:0@")), "{desk:?}");
    assert!(other.iter().all(|words| words.contains("sip:1@")), "{other:?}");
    module.close(Duration::from_secs(10)).unwrap();
}

/// The bytes of a page are on disks: they are read for ever, and written like this until there is another kind of record.
#[test]
fn a_page_is_written_and_read_as_in_its_first_version() {
    let phone = Bound {
        endpoint: "101".into(),
        contact: "sip:a".into(),
        far: Some("192.0.2.9:5060".parse().unwrap()),
        transport: Transport::Udp,
        user_agent: "Snom".into(),
        since: Timestamp(900),
        reachable: Some(true),
    };
    let busy = Shown {
        sticker: Sticker::Busy,
        calls: 2,
        since: Timestamp(990),
        contacts: vec![phone.clone()],
        active: vec!["usb".into()],
        ..Shown::default()
    };
    let grey = Grey::Failed(FailureCause::WrongPassword);
    let offline = Shown { grey, ..Shown::default() };
    let base = Some(Timestamp(700));
    let head =
        Head { first: true, last: true, start: false, stop: false, epoch: 0x1234_5678, base, number: 300 };
    let mut writer = Writer::default();
    writer.begin(Timestamp(1_000), &head);
    writer.push("anna", &busy, true);
    writer.push("bert", &offline, false);
    let golden = [
        &b"\x03\x78\x56\x34\x12\xbc\x02\0\0\0\0\0\0\xac\x02"[..],
        b"\x04anna\x07\x02\x14\x1f",
        b"\x01\x03101\x05sip:a\x04Snom\x11\xc8\x01\x04\xc0\0\x02\x09\xc4\x13\x01\x03usb",
        b"\x04bert\x10\0\x10",
    ]
    .concat();
    assert_eq!(writer.bytes(), golden);
    let page = Page::read(Timestamp(1_000), &golden).unwrap();
    assert_eq!(page.head, head);
    let lines: Vec<_> = page.lines().map(Option::unwrap).collect();
    assert_eq!((lines[0].user, lines[0].sticker, lines[0].calls), ("anna", Sticker::Busy, 2));
    assert_eq!(lines[0].since, Timestamp(990));
    assert_eq!(lines[0].terminals.unwrap().read().unwrap(), (vec![phone], vec!["usb".into()]));
    assert_eq!((lines[1].user, lines[1].grey, lines[1].since), ("bert", grey, Timestamp(0)));
    assert!(lines[1].terminals.is_none());
    // what a later version adds to a user is stepped over, and a page that is cut is seen to be
    let later = [&golden[..15], b"\x04carl\x09\0\0\x02??\x04dora\x01\0\0"].concat();
    let page = Page::read(Timestamp(1_000), &later).unwrap();
    let users: Vec<_> = page.lines().map(|line| line.unwrap().user).collect();
    assert_eq!(users, ["carl", "dora"]);
    for at in 0..golden.len() {
        if let Some(page) = Page::read(Timestamp(1_000), &golden[..at]) {
            page.lines().for_each(|line| drop(line.and_then(|line| line.terminals?.read())));
        }
    }
}
