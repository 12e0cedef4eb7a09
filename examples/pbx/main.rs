//! The reference host: a small SIP PBX that opens the built usermon library exactly as any PBX does, with simulated
//! phones that register and call each other, and an admin panel in which User Monitoring is one section.
//! It uses nothing of the `usermon` crate: what it knows of the library is the C header (`abi.rs`).

mod abi;
mod args;
mod chance;
mod crowd;
mod data;
mod desk;
mod device;
mod digest;
mod directory;
mod names;
mod panel;
mod phone;
mod registrar;
mod relay;
mod sdp;
mod switch;
mod told;
mod usermon;
mod wire;

use std::collections::HashMap;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::platform::CancellationToken;
use tokio::net::{TcpListener, UdpSocket};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Args, Wanted};
use crate::crowd::Crowd;
use crate::data::{ADMINISTRATOR, COMPANY, Data, SUPER_ADMIN};
use crate::digest::Digest;
use crate::directory::Directory;
use crate::registrar::Bindings;
use crate::switch::{Number, Numbers, Switch};
use crate::usermon::Usermon;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            print(args::HELP.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(e) => return fail(&e),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&format!("the system gives no threads: {e}")),
    };
    let ended = Data::open(args.data.as_deref()).and_then(|mut data| {
        let ended = runtime.block_on(run(&args, &mut data));
        data.remove();
        ended
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e),
    }
}

/// One line of what is happening, for people; on standard error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "pbx: {line}");
}

/// One line that programs read too; on standard output.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
    let _ = std::io::stdout().flush();
}

fn fail(why: &str) -> ExitCode {
    say(&format!("error: {why}"));
    ExitCode::FAILURE
}

async fn run(args: &Args, data: &mut Data) -> Result<(), String> {
    let directory = Directory::new(args.phones, args.users);
    let spare = data.password(&directory.spare)?;
    let passwords = passwords(&directory, &spare)?;
    let library = library(args.library.as_deref())?;
    let config = data.write_configuration(&directory)?;
    let (udp, tcp) = (bind_sip(args.sip).await?, bind_http(args.http).await?);
    let http = tcp.local_addr().map_err(|e| format!("the web server has no address: {e}"))?;

    say(&format!("opening {} with {}", library.display(), config.display()));
    let bindings = Bindings::default();
    let known = Arc::clone(&bindings);
    let round_trip =
        Box::new(move |endpoint: &str, contact: &str| registrar::round_trip(&known, endpoint, contact));
    let usermon = Arc::new(Usermon::open(&library, &config, COMPANY, round_trip)?);
    let super_admin = data.super_admin(usermon.first_password())?;

    for person in &directory.told {
        usermon.user(person);
    }
    let stop = CancellationToken::new();
    let numbers = numbers(&directory);
    let switch =
        Switch::new(udp, Arc::clone(&usermon), bindings, Digest::new(passwords.clone())?, numbers).await?;
    switch.start()?;
    let web = panel::serve(tcp, Arc::clone(&usermon), stop.clone());
    let desk = desk::run(directory.terminals.clone(), Arc::clone(&usermon), args.pace, stop.clone());
    let desk = tokio::spawn(desk);

    print(&format!("page: http://{http}/"));
    print(&format!("super-admin: {SUPER_ADMIN} {super_admin}"));
    print(&format!("administrator: {ADMINISTRATOR} {}", data.password(ADMINISTRATOR)?));
    print(&format!("sip: {}", switch.address));
    print(&format!("account: {} {spare}", directory.spare));
    say(&format!(
        "{} users, {} simulated phones; data in {}; your own SIP phone may register with the account above; Ctrl-C ends",
        directory.users(),
        directory.phones.len(),
        data.folder().display(),
    ));
    let crowd = Crowd::new(&directory, &passwords, switch.address, args.pace).await?;
    crowd.start().await;

    asked_to_stop(args.seconds).await?;
    say("stopping: the phones hang up and unregister");
    crowd.leave().await;
    stop.cancel();
    switch.stop();
    let _ = tokio::time::timeout(Duration::from_secs(3), async { tokio::join!(web, desk) }).await;
    close(&usermon).await
}

/// Closes the library and looks whether it left anything running.
async fn close(usermon: &Arc<Usermon>) -> Result<(), String> {
    if usermon.dropped() > 0 {
        say(&format!("usermon had no room for {} packets", usermon.dropped()));
    }
    for line in usermon.status_text(1).lines() {
        say(line);
    }
    let closing = Arc::clone(usermon);
    let status = tokio::task::spawn_blocking(move || closing.close()).await.map_err(|e| e.to_string())?;
    if status != 0 {
        return Err(format!("usermon closed with status {status}; its log lines above say why"));
    }
    let left = threads_left();
    if !left.is_empty() {
        return Err(format!("usermon left threads behind: {}", left.join(", ")));
    }
    say("usermon is closed, no thread of it is left");
    Ok(())
}

/// Names of the library's threads that still run.
fn threads_left() -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| name.starts_with("usermon-"))
        .collect()
}

/// Ctrl-C, SIGTERM, or the time that was asked for.
async fn asked_to_stop(seconds: Option<Duration>) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("signals can't be waited for: {e}");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let over = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(seconds).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = over => {}
    }
    tokio::spawn(async move {
        interrupt.recv().await;
        say("Ctrl-C while stopping: ended at once");
        std::process::exit(130);
    });
    Ok(())
}

/// A password for every account; only the spare one's is the same at the next start.
fn passwords(directory: &Directory, spare: &str) -> Result<HashMap<String, String>, String> {
    let mut passwords = HashMap::new();
    for terminal in directory.terminals.iter().filter(|terminal| !terminal.endpoint.is_empty()) {
        passwords.insert(terminal.endpoint.clone(), chance::password()?);
    }
    passwords.insert(directory.spare.clone(), spare.to_owned());
    Ok(passwords)
}

fn numbers(directory: &Directory) -> Numbers {
    let mut all = Numbers::default();
    for person in &directory.told {
        let name = format!("{} {}", person.name, person.surname);
        all.numbers.insert(person.extension.clone(), Number { name, endpoints: Vec::new() });
    }
    for terminal in directory.terminals.iter().filter(|terminal| !terminal.endpoint.is_empty()) {
        all.owners.insert(terminal.endpoint.clone(), terminal.user.clone());
        if let Some(number) = all.numbers.get_mut(&terminal.user)
            && !number.endpoints.contains(&terminal.endpoint)
        {
            number.endpoints.push(terminal.endpoint.clone());
        }
    }
    all
}

/// The library that was asked for, or the newest one beside this program.
fn library(asked: Option<&Path>) -> Result<PathBuf, String> {
    let build =
        "build it with `cargo build` (with --release, if this program was), or name it with --library";
    if let Some(path) = asked {
        let found = path.is_file().then(|| std::path::absolute(path).ok()).flatten();
        return found.ok_or_else(|| format!("there is no library {}; {build}", path.display()));
    }
    let program =
        std::env::current_exe().map_err(|e| format!("this program's own path is not known: {e}"))?;
    let folder = program.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    // `cargo run --example` alone leaves the library in `deps`
    let beside = [folder.join("libusermon.so"), folder.join("deps").join("libusermon.so")];
    let newest = beside.iter().max_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
    match newest {
        Some(path) if path.is_file() => Ok(path.clone()),
        _ => Err(format!("libusermon.so is not in {}; {build}", folder.display())),
    }
}

async fn bind_sip(wanted: Wanted) -> Result<UdpSocket, String> {
    match UdpSocket::bind(wanted.address).await {
        Err(e) if replaceable(&e, wanted) => UdpSocket::bind(any_port(wanted)).await,
        bound => bound,
    }
    .map_err(|e| refused("SIP", "--sip", wanted, &e))
}

async fn bind_http(wanted: Wanted) -> Result<TcpListener, String> {
    match TcpListener::bind(wanted.address).await {
        Err(e) if replaceable(&e, wanted) => TcpListener::bind(any_port(wanted)).await,
        bound => bound,
    }
    .map_err(|e| refused("the web server", "--http", wanted, &e))
}

fn replaceable(e: &std::io::Error, wanted: Wanted) -> bool {
    !wanted.asked && e.kind() == ErrorKind::AddrInUse
}

fn any_port(wanted: Wanted) -> SocketAddr {
    SocketAddr::new(wanted.address.ip(), 0)
}

fn refused(what: &str, option: &str, wanted: Wanted, e: &std::io::Error) -> String {
    let hint = match e.kind() {
        ErrorKind::AddrInUse => "another program has it; choose another port, or 0 for any free one",
        ErrorKind::PermissionDenied => "ports below 1024 need rights; choose a higher one",
        _ => "choose an address of this machine",
    };
    format!("{what} can't listen on {} ({option}): {e}; {hint}", wanted.address)
}
