//! The two-day ring under the reference mix: what it costs, how small it is, how fast it is read. Prints
//! `name value unit` lines. `--test`: tiny sizes; `--full`: queries in a ring of two days and 100 million packets.
//! Rates are per second of CPU time; before a query the kernel is told to forget the files (`posix_fadvise`).
//! `BENCH_DIR`: the disk to use, else the current folder. `BENCH_RING`: where the ring of the queries is made, or
//! where it is from a run before, and stays.

mod full_path;
mod mix;
mod rss;

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mix::{Message, Mix, USERS, blacken};
use usermon::clock::{Clock, Timestamp};
use usermon::event::{Direction, DumpDetail, Transport, UserKey};
use usermon::store::record::{Attribution, PacketParts};
use usermon::store::{Options, Query, Store};

const START: i64 = 1_700_000_000_000_000;
const BATCH: usize = 100_000;
/// How often a query is repeated; the median counts.
const ROUNDS: usize = 5;

struct Sizes {
    rate: usize,
    ring: usize,
    loud: usize,
    journal: u64,
    pages: usize,
    /// Seconds of 20,000 packets each.
    load: u64,
}

struct Bench {
    keys: Vec<UserKey>,
    names: Vec<String>,
    far: Vec<SocketAddr>,
    local: SocketAddr,
}

fn line(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.3} {unit}");
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|f| f.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

impl Bench {
    fn new() -> Self {
        Self {
            keys: (0..USERS).map(|n| UserKey::new("default", &format!("{}", 1000 + n))).collect(),
            names: (0..USERS).map(|n| format!("{}", 1000 + n)).collect(),
            far: (0..USERS)
                .map(|n| {
                    format!("10.{}.{}.{}:5060", 20 + n / 2500, n / 250 % 10, 2 + n % 250)
                        .parse()
                        .expect("valid")
                })
                .collect(),
            local: "10.0.0.1:5060".parse().expect("valid"),
        }
    }

    fn append(&self, store: &Store, message: &Message, bytes: &[u8]) {
        let packet = PacketParts {
            direction: if message.incoming { Direction::In } else { Direction::Out },
            transport: Transport::Udp,
            local: self.local,
            far: self.far[message.user],
            detail: DumpDetail::Full,
            attribution: Attribution::Proven,
            cut: false,
            unsure: false,
            original_len: u32::try_from(bytes.len()).expect("small"),
            endpoint: &self.names[message.user],
            linked: "",
            bytes,
        };
        store.append_packet(Timestamp(START + message.time), &self.keys[message.user], packet).expect("open");
    }
}

fn two_days(_: &str) -> Duration {
    Duration::from_hours(48)
}

fn open(dir: &Path, clock: &Clock) -> Store {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    open_with(dir, clock, options)
}

fn open_with(dir: &Path, clock: &Clock, options: Options) -> Store {
    Store::open(dir, options, clock.clone()).expect("a fresh folder")
}

fn batch(mix: &mut Mix, n: usize) -> Vec<(Message, Vec<u8>)> {
    (0..n)
        .map(|_| {
            let message = mix.message();
            let bytes = blacken(&message.text);
            (message, bytes)
        })
        .collect()
}

/// Appends, flushes and seals as the module's threads do; gives the CPU time of the store alone.
fn fill(bench: &Bench, store: &Store, clock: &Clock, mix: &mut Mix, packets: usize) -> (Duration, u64) {
    let (mut spent, mut bytes) = (Duration::ZERO, 0);
    let mut left = packets;
    while left > 0 {
        let batch = batch(mix, left.min(BATCH));
        left -= batch.len();
        let before = cpu();
        for part in batch.chunks(2_000) {
            for (message, kept) in part {
                bench.append(store, message, kept);
                bytes += kept.len() as u64;
            }
            let last = part.last().map_or(0, |(m, _)| m.time);
            clock.set(Timestamp(START + last));
            store.flush().expect("never fails");
            if store.is_seal_due() {
                store.seal().expect("never fails");
            }
        }
        spent += cpu() - before;
    }
    (spent, bytes)
}

/// Merges what is to be merged; gives the CPU time. The module does it between seals.
fn merge(store: &Store, clock: &Clock) -> Duration {
    let before = cpu();
    let mut last = (0, 0);
    loop {
        // a step that ends nothing leaves its file longer
        for _ in 0..64 {
            clock.set(clock.now().plus(Duration::from_millis(1)));
            store.maintain(&two_days).expect("never fails");
        }
        let status = store.status();
        let now = (status.segments, status.bytes_on_disk);
        if now == last {
            return cpu() - before;
        }
        last = now;
    }
}

fn sealed_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).expect("the folder").filter_map(Result::ok);
    files
        .filter(|f| f.path().extension().is_some_and(|e| e == "seg"))
        .map(|f| f.metadata().map_or(0, |m| m.len()))
        .sum()
}

fn drop_cache(dir: &Path) {
    for file in std::fs::read_dir(dir).expect("the folder").filter_map(Result::ok) {
        if let Ok(file) = File::open(file.path()) {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("a regular file");
        }
    }
}

fn gzip(packets: usize, seed: u64) -> f64 {
    let mut mix = Mix::new(seed);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    for _ in 0..packets {
        let message = mix.message();
        let bytes = blacken(&message.text);
        let length = u32::try_from(bytes.len() + 42).expect("small");
        let mut head = Vec::with_capacity(58);
        head.extend_from_slice(&u32::try_from(message.time / 1_000_000).expect("small").to_le_bytes());
        head.extend_from_slice(&u32::try_from(message.time % 1_000_000).expect("small").to_le_bytes());
        head.extend_from_slice(&length.to_le_bytes());
        head.extend_from_slice(&length.to_le_bytes());
        head.extend_from_slice(&[0; 14 + 20 + 8]);
        gzip.write_all(&head).expect("to memory");
        gzip.write_all(&bytes).expect("to memory");
    }
    gzip.finish().expect("to memory").len() as f64 / packets as f64
}

fn rate_and_size(bench: &Bench, root: &Path, sizes: &Sizes) {
    let dir = root.join("rate");
    let clock = Clock::fixed(Timestamp(START));
    let store = open(&dir, &clock);
    let mut mix = Mix::new(1);
    let (spent, bytes) = fill(bench, &store, &clock, &mut mix, sizes.rate);
    let before = cpu();
    store.close().expect("never fails");
    let spent = spent + (cpu() - before);
    line("packet_bytes", bytes as f64 / sizes.rate as f64, "B");
    line("append_rate", sizes.rate as f64 / spent.as_secs_f64().max(0.001), "packets/s");
    line("fresh_bytes_per_packet", sealed_bytes(&dir) as f64 / sizes.rate as f64, "B");
    let store = open(&dir, &clock);
    let spent = merge(&store, &clock);
    store.close().expect("never fails");
    line("merge_rate", sizes.rate as f64 / spent.as_secs_f64().max(0.001), "packets/s");
    line("disk_bytes_per_packet", sealed_bytes(&dir) as f64 / sizes.rate as f64, "B");
    line("gzip6_bytes_per_packet", gzip(sizes.rate.min(200_000), 1), "B");
}

fn make_ring(bench: &Bench, dir: &Path, clock: &Clock, loud: &UserKey, sizes: &Sizes) {
    let store = open(dir, clock);
    let mut mix = Mix::new(2);
    let mut left = sizes.ring;
    let each = sizes.ring / BATCH.min(sizes.ring);
    while left > 0 {
        let n = left.min(BATCH);
        left -= n;
        fill(bench, &store, clock, &mut mix, n);
        for _ in 0..8 {
            store.maintain(&two_days).expect("never fails");
        }
        for _ in 0..sizes.loud / each {
            let message = mix.message();
            let bytes = blacken(&message.text);
            let mut record = Bench::new_record(loud, &message, bytes);
            store.append(std::slice::from_mut(&mut record)).expect("open");
        }
    }
    store.close().expect("never fails");
}

fn queries(bench: &Bench, root: &Path, sizes: &Sizes) {
    let kept = std::env::var_os("BENCH_RING").map(PathBuf::from);
    let dir = kept.unwrap_or_else(|| root.join("ring"));
    let clock = Clock::fixed(Timestamp(START));
    // one user has as many packets as a user of the full ring
    let loud = UserKey::new("default", "loud");
    if !dir.exists() {
        make_ring(bench, &dir, &clock, &loud, sizes);
    }
    let store = open(&dir, &clock);
    merge(&store, &clock);
    store.close().expect("never fails");
    rustix::fs::sync();
    let before = Instant::now();
    let mut store = open(&dir, &clock);
    line("reopen", before.elapsed().as_secs_f64(), "s");
    line("segments", store.status().segments as f64, "files");
    drop_cache(&dir);
    let mut took: Vec<Duration> = Vec::new();
    let mut shown = 0;
    for n in 0..sizes.pages {
        let key = &bench.keys[(n * 7919) % USERS];
        drop_cache(&dir);
        let before = Instant::now();
        let page = store.read(&Query::newest(key, 100)).expect("readable");
        took.push(before.elapsed());
        shown += page.len();
    }
    assert!(shown > 0, "users have packets");
    took.sort_unstable();
    line("first_page_p50", took[took.len() / 2].as_secs_f64() * 1e3, "ms");
    line("first_page_p99", took[took.len() * 99 / 100].as_secs_f64() * 1e3, "ms");
    for (name, is_cold) in [("user_two_days", true), ("user_two_days_warm", false)] {
        let mut took: Vec<Duration> = Vec::new();
        let mut packets = 0;
        for _ in 0..ROUNDS {
            if is_cold {
                // the indexes too
                store.close().expect("never fails");
                store = open(&dir, &clock);
                drop_cache(&dir);
            }
            let before = Instant::now();
            packets = store.read(&Query::newest(&loud, usize::MAX)).expect("readable").len();
            took.push(before.elapsed());
        }
        took.sort_unstable();
        line(name, took[ROUNDS / 2].as_secs_f64() * 1e3, "ms");
        if is_cold {
            line("user_two_days_packets", packets as f64, "packets");
        }
    }
}

fn recover(bench: &Bench, root: &Path, sizes: &Sizes) {
    let dir = root.join("recover");
    let clock = Clock::fixed(Timestamp(START));
    let options = Options { min_free_bytes: 0, seal_bytes: 2 * sizes.journal, ..Options::default() };
    let store = open_with(&dir, &clock, options);
    let mut mix = Mix::new(3);
    while store.status().bytes_on_disk < sizes.journal {
        for _ in 0..200 {
            let message = mix.message();
            let bytes = blacken(&message.text);
            bench.append(&store, &message, &bytes);
        }
    }
    store.flush().expect("never fails");
    rustix::fs::sync();
    let records = store.status().records;
    drop(store);
    drop_cache(&dir);
    let before = Instant::now();
    let store = open(&dir, &clock);
    line("recover", before.elapsed().as_secs_f64(), "s");
    assert_eq!(store.status().records, records, "all of them");
}

impl Bench {
    fn new_record(user: &UserKey, message: &Message, bytes: Vec<u8>) -> usermon::store::record::Record {
        use usermon::store::record::{Packet, Payload, Record};
        let packet = Packet {
            direction: Direction::In,
            transport: Transport::Udp,
            local: "10.0.0.1:5060".parse().expect("valid"),
            far: "10.9.9.9:5060".parse().expect("valid"),
            detail: DumpDetail::Full,
            attribution: Attribution::Proven,
            cut: false,
            unsure: false,
            original_len: u32::try_from(bytes.len()).expect("small"),
            endpoint: "loud".into(),
            linked: "".into(),
            bytes: bytes.into(),
        };
        let time = Timestamp(START + message.time);
        Record { seq: 0, time, user: user.clone().into(), payload: Payload::Packet(packet) }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(rss::CHILD) {
        return rss::child(arguments);
    }
    let has = |word: &str| std::env::args().any(|a| a == word);
    let sizes = if has("--test") {
        Sizes { rate: 20_000, ring: 20_000, loud: 1_000, journal: 1 << 20, pages: 20, load: 1 }
    } else if has("--full") {
        Sizes { rate: 4_000_000, ring: 100_000_000, loud: 20_000, journal: 64 << 20, pages: 300, load: 180 }
    } else {
        Sizes { rate: 1_000_000, ring: 2_000_000, loud: 20_000, journal: 64 << 20, pages: 200, load: 30 }
    };
    let root =
        tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| ".".into())).expect("a folder");
    let bench = Bench::new();
    full_path::run(root.path(), sizes.rate);
    rate_and_size(&bench, root.path(), &sizes);
    recover(&bench, root.path(), &sizes);
    queries(&bench, root.path(), &sizes);
    rss::run(root.path(), sizes.load);
}
