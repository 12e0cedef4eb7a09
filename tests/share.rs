//! If the tables that tell loud from calm under overload lie or grow, calm users lose packets or the PBX its memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use usermon::capture::pool::Claims;
use usermon::capture::pressure::{Ladder, Step};
use usermon::capture::share::Shares;
use usermon::clock::Timestamp;
use usermon::event::{DumpDetail, UserKey};

const NOW: Timestamp = Timestamp(1_795_435_200_000_000);

/// The fair share by its definition, slowly: the largest level at which what all take up to it is no more than three
/// quarters of what came.
fn level(weights: &[u64]) -> u64 {
    let goal = weights.iter().sum::<u64>() * 3 / 4;
    let taken = |level: u64| weights.iter().map(|weight| (*weight).min(level)).sum::<u64>();
    (0..=*weights.iter().max().unwrap()).rev().find(|level| taken(*level) <= goal).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_weight_is_never_too_high_and_little_too_low(
        stream in prop::collection::vec((0_u32..400, 1_u64..2_000), 1..3_000),
        capacity in 2_usize..200,
    ) {
        let mut shares: Shares<u32> = Shares::new(capacity);
        let mut twin: HashMap<u32, u64> = HashMap::new();
        let mut total = 0;
        for (key, weight) in stream {
            shares.add(&key, weight);
            *twin.entry(key).or_default() += weight;
            total += weight;
            prop_assert!(shares.len() <= capacity);
        }
        for (key, weight) in twin {
            let told = shares.weight(&key);
            prop_assert!(told <= weight, "{key} has {weight}, told {told}");
            // at each pruning half of the keys lose the median
            let slack = 2 * total / u64::try_from(capacity).unwrap();
            prop_assert!(told + slack >= weight, "{key} has {weight}, told {told}, slack {slack}");
        }
    }

    #[test]
    fn the_fair_share_is_that_of_its_definition(weights in prop::collection::vec(1_u64..500, 1..60)) {
        let mut shares: Shares<usize> = Shares::new(100);
        for (key, weight) in weights.iter().enumerate() {
            shares.add(&key, *weight);
        }
        // very many silent keys: what the others take on average is nothing
        let fair = shares.fair(1_000_000);
        let level = level(&weights);
        prop_assert!(fair == level || fair + 1 == level, "{fair} is not {level}");
        let loud = shares.above(fair);
        prop_assert!(!loud.is_empty(), "somebody is always above");
        prop_assert!(loud.windows(2).all(|two| shares.weight(two[0].0) >= shares.weight(two[1].0)));
    }

    #[test]
    fn the_ladder_goes_rung_by_rung_and_comes_back(pressures in prop::collection::vec(0_u32..=1_000, 1..400)) {
        let mut ladder = Ladder::default();
        for pressure in pressures {
            let before = ladder;
            let moved = ladder.climb(pressure);
            prop_assert!(ladder.rung().abs_diff(before.rung()) == u8::from(moved));
            prop_assert!(ladder.all() <= ladder.loud(), "all never lose more than the loud");
            prop_assert!(ladder.rung() <= before.rung() || pressure >= 400);
            prop_assert!(ladder.rung() >= before.rung() || pressure < 800);
        }
        for _ in 0..6 {
            ladder.climb(199);
        }
        prop_assert_eq!(ladder.rung(), 0);
    }
}

#[test]
fn one_loud_among_calm_is_found_and_where_all_are_alike_nobody_is() {
    let mut shares: Shares<u32> = Shares::new(4_096);
    for key in 0..1_000 {
        shares.add(&key, 1 + u64::from(key % 3));
    }
    assert_eq!(shares.above(shares.fair(1_000)).len(), 0, "a call makes nobody loud");
    shares.add(&7, 40_000);
    assert_eq!(shares.above(shares.fair(1_000)), [(&7, &())]);
    shares.age();
    assert_eq!(shares.above(shares.fair(1_000)), [(&7, &())]);
    let mut alike: Shares<u32> = Shares::new(64);
    (0..40).for_each(|key| _ = alike.add(&key, 500));
    assert_eq!(alike.above(alike.fair(40)).len(), 0);
    assert_eq!(alike.above(alike.fair(80)).len(), 0, "half of the users are silent");
    assert_eq!(alike.above(alike.fair(1_000)).len(), 40, "a few take everything");
    let mut alone: Shares<u32> = Shares::new(64);
    alone.add(&1, 500);
    assert_eq!(alone.above(alone.fair(1)).len(), 0, "the only user there is");
    assert!(alone.fair(2) < 500, "the other one is silent, and has a share");
}

#[test]
fn steps_come_in_order_each_at_its_pressure() {
    let mut ladder = Ladder::default();
    let mut seen = vec![(ladder.loud(), ladder.all())];
    for pressure in (0..=1_000).chain((0..=1_000).rev()) {
        for _ in 0..16 {
            if ladder.climb(pressure) {
                seen.push((ladder.loud(), ladder.all()));
            }
        }
    }
    let up = [
        (Step::Full, Step::Full),
        (Step::Headers, Step::Full),
        (Step::Summary, Step::Full),
        (Step::Counters, Step::Full),
        (Step::Counters, Step::Headers),
        (Step::Counters, Step::Summary),
        (Step::Counters, Step::Counters),
    ];
    assert_eq!(seen, up.iter().chain(up[..6].iter().rev()).copied().collect::<Vec<_>>());
    let kept = |step: Step| DumpDetail::ALL.map(|set| step.detail(set));
    assert_eq!(kept(Step::Full), DumpDetail::ALL.map(Some));
    assert_eq!(kept(Step::Headers)[2..], [Some(DumpDetail::Headers); 2]);
    assert_eq!(kept(Step::Summary)[1..], [Some(DumpDetail::Summary); 3]);
    assert_eq!(kept(Step::Headers)[1], Some(DumpDetail::Summary), "never more than is set");
    assert_eq!(kept(Step::Counters), [None; 4]);
}

fn users(number: u32) -> Vec<Arc<UserKey>> {
    (0..number).map(|n| Arc::new(UserKey::new("default", &n.to_string()))).collect()
}

#[test]
fn claims_are_bounded_for_each_user_and_in_all() {
    let users = users(300);
    let mut claims = Claims::new(300, 256 << 10, 1 << 20, NOW);
    let of_one = (0..100_000).filter(|_| claims.admit(NOW, &users[0], 400)).count();
    assert_eq!(of_one, 300, "a user's own bound");
    assert!(claims.admit(NOW, &users[1], 400), "another's first ones get in");
    let minutes = 60_u32;
    let mut kept = 0_u64;
    for minute in 1..=minutes {
        let now = NOW.plus(Duration::from_secs(60) * minute);
        for user in &users {
            kept += (0..100).filter(|_| claims.admit(now, user, 400)).count() as u64;
        }
    }
    // an hour's bytes at once, those of the hour, twice
    assert!(kept * 528 <= 4 << 20, "{kept} of 1.8 million in an hour");
    assert!(kept * 528 > 3 << 20, "{kept} of 1.8 million in an hour");
}

#[test]
fn a_flood_of_claims_on_some_users_does_not_hide_the_first_ones_of_another() {
    let users = users(20);
    let mut claims = Claims::new(300, 256 << 10, 1 << 20, NOW);
    for second in 0..600 {
        let now = NOW.plus(Duration::from_secs(second));
        for user in &users[..10] {
            (0..40).for_each(|_| _ = claims.admit(now, user, 400));
        }
        if second % 30 == 0 {
            assert!(claims.admit(now, &users[15], 400), "a wrong password in second {second}");
        }
    }
    let mut none = Claims::new(0, 256 << 10, 1 << 20, NOW);
    assert!(!users.iter().any(|user| none.admit(NOW, user, 1)), "zero keeps none");
}
