//! The first page of diagnostics with a line of each kind.

use std::sync::Arc;
use std::time::Duration;

use usermon::directory::User;
use usermon::event::{self, CallDirection, DumpDetail, Sticker};
use usermon::query::diagnostics::Cursor;
use usermon::query::history::filter::Filter;
use usermon::query::history::overview::{Counts, Line, Named, Told};
use usermon::query::history::{
    Asked, History, Item, Kind, Method, Outcome, Overview, Party, Rest, Spans, Verdict,
};

use super::{NOW, at, terminal};

/// What happened: a call, a registration many times, a text message, offline, a gap, a word of the PBX. `words` is what
/// peers may have sent.
pub(crate) fn overview(user: Arc<User>, words: &str) -> Overview {
    let item = |seq, kind, seconds, outcome, times| Item {
        id: Cursor { time: at(seconds), seq },
        kind,
        start: at(seconds),
        end: at(seconds - 30),
        direction: Some(CallDirection::Incoming),
        far: Party { number: words.into(), name: words.into(), user: None },
        endpoints: vec![words.into()],
        verdict: Verdict { outcome, rule: "rule", words: words.into(), advice: words.into(), at: None },
        ringing: Some(Duration::from_secs(12)),
        talking: None,
        times,
        every: (times > 1).then_some(Duration::from_mins(2)),
        dialogs: vec![],
        messages: vec![],
        quality: vec![],
        has_gap: seq == 1,
    };
    let items = vec![
        item(1, Kind::Call, 100, Outcome::Missed, 1),
        item(2, Kind::Registration, 90_000, Outcome::Good, 720),
        item(3, Kind::Other(Method::Message), 100_000, Outcome::Failed, 1),
    ];
    let line = |seconds, seq, told| Line { at: Cursor { time: at(seconds), seq }, told };
    let gap = |is_lowered| Told::Gap { from: at(50_010), is_lowered, words: words.into() };
    let history = History {
        user: user.clone(),
        detail: DumpDetail::Headers,
        messages: vec![],
        dialogs: vec![],
        changes: vec![],
        gaps: vec![],
        quality: vec![],
        items,
        oldest: Some(at(100_000)),
        next: None,
        stretch: (at(172_800), NOW),
        sticker: None,
        at: NOW,
    };
    let filter = Filter {
        far: format!("a{words}").trim().into(),
        call_id: format!("b{words}").trim().into(),
        text: format!("c{words}").trim().into(),
        method: "INVITE".into(),
        ..Filter::default()
    };
    Overview {
        asked: Asked { filter, ..Asked::default() },
        window: (at(172_800), NOW),
        spans: Spans {
            offline: vec![(at(9_000), at(8_000))],
            details: vec![
                (at(100_000), at(10_000), DumpDetail::Full),
                (at(10_000), NOW, DumpDetail::Headers),
            ],
        },
        fit: vec![0, 1, 2],
        lines: vec![
            line(70, 1, Told::Item(0)),
            line(300, 2, Told::Item(1)),
            line(8_000, 0, Told::Offline { from: at(9_000), is_now: false }),
            line(50_000, 0, gap(false)),
            line(50_001, 0, gap(true)),
            line(60_000, 9, Told::Change(words.into())),
            line(100_000, 3, Told::Item(2)),
        ],
        counts: Counts {
            calls: [0, 1, 0, 0, 0],
            registrations: [720, 0, 0, 0, 0],
            others: 1,
            offline: 1,
            offline_span: Duration::from_secs(1_000),
            gaps: 2,
        },
        past: None,
        rest: Some(Rest {
            before: Cursor { time: at(100_000), seq: 3 },
            until: Cursor { time: at(100_000), seq: 3 },
        }),
        terminals: vec![Named { endpoint: "e0".into(), view: terminal("d1", event::Kind::Sip, words, true) }],
        sticker: Sticker::Free,
        history,
    }
}
