//! A real broker: mosquitto with a configuration, a folder and a port of its own.

mod program;

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process, thread};

pub use program::{Missing, VARIABLE, find};

/// A running mosquitto on a loopback port. It takes every client, and every topic but those below
/// `forbidden/`, of those that begin with `$` the ones below `$own/`; it queues without limit and
/// keeps its sessions over a restart. With a User Name only `alice` may use topics. It ends when this is dropped, or this process ends however it
/// does.
///
/// ```no_run
/// use mqtt_testkit::Mosquitto;
///
/// let mut mosquitto = Mosquitto::start_with(&["max_qos 1"])?;
/// println!("connect to {}", mosquitto.url());
/// mosquitto.restart()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Mosquitto {
    folder: Folder,
    address: SocketAddr,
    process: Child,
}

/// What it saves sessions and retained messages in.
const SAVED: &str = "mosquitto.db";

/// How often another port is tried when somebody took the free one first.
const TRIES: u32 = 5;

impl Mosquitto {
    /// Starts a broker and waits until it serves.
    ///
    /// The program is the one that [`find`] finds. Without any the error says how to get one; when the
    /// broker does not start, what it printed.
    pub fn start() -> io::Result<Mosquitto> {
        Mosquitto::start_with(&[])
    }

    /// Likewise, with these lines at the end of its configuration.
    pub fn start_with(lines: &[&str]) -> io::Result<Mosquitto> {
        let program = program()?;
        let mut tries = 0;
        loop {
            tries += 1;
            let folder = Folder::new()?;
            let address = free_address()?;
            folder.configure(address, lines)?;
            match launch(&program, &folder) {
                Ok(process) => return Ok(Mosquitto { folder, address, process }),
                Err(_) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Stops the broker so that it saves its sessions, and starts it again.
    ///
    /// Fails as [`start`](Mosquitto::start) does, also when its port was taken meanwhile; then it is
    /// down.
    pub fn restart(&mut self) -> io::Result<()> {
        stop(&mut self.process)?;
        self.process = launch(&program()?, &self.folder)?;
        Ok(())
    }

    /// As [`restart`](Mosquitto::restart), without what it saved: sessions and retained messages are
    /// lost. Fails also when it saved nothing; then it is down, too.
    pub fn restart_empty(&mut self) -> io::Result<()> {
        stop(&mut self.process)?;
        let saved = self.folder.path.join(SAVED);
        fs::remove_file(&saved).map_err(|error| about("remove", &saved, &error))?;
        self.process = launch(&program()?, &self.folder)?;
        Ok(())
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It fails only when there is nothing left to end.
        stop(&mut self.process).ok();
    }
}

/// A shell that keeps the broker: ends it when the other end of its standard input is closed,
/// which the system does for a process that is killed. It closes its own standard error, so that
/// the pipe ends with the broker, which forgets a signal that comes before it is in its loop.
const KEEPER: &str =
    r#""$0" -c "$1" & exec 2>&-; read -r _; while kill $!; do sleep 0.05; done; wait $!"#;

/// Starts the process and waits until it serves; an error holds what it printed.
fn launch(program: &Path, folder: &Folder) -> io::Result<Child> {
    let mut process = Command::new("sh")
        .args(["-c", KEEPER])
        .arg(program)
        .arg(folder.configuration())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let Some(stderr) = process.stderr.take() else { return Ok(process) };
    let mut lines = BufReader::new(stderr).lines();
    let mut output = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        if line.ends_with(" running") {
            // A pipe nobody reads would stop the broker some day.
            thread::spawn(move || lines.count());
            return Ok(process);
        }
        output.push_str(&line);
        output.push('\n');
    }
    stop(&mut process)?;
    Err(io::Error::other(format!("mosquitto does not start:\n{output}")))
}

/// Asks the broker to end, which saves its sessions, and waits until it has.
fn stop(process: &mut Child) -> io::Result<()> {
    drop(process.stdin.take());
    process.wait().map(drop)
}

fn program() -> io::Result<PathBuf> {
    find().map_err(|missing| {
        io::Error::new(io::ErrorKind::NotFound, format!("{missing}; {}", missing.remedy()))
    })
}

/// An address that was free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A temporary folder, removed when dropped.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> io::Result<Folder> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("mqtt-testkit-{}-{count}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Folder { path }),
                // A process that had this one's id was killed: its sessions are not for this one.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(about("make", &path, &error)),
            }
        }
    }

    fn configuration(&self) -> PathBuf {
        self.path.join("mosquitto.conf")
    }

    fn configure(&self, address: SocketAddr, lines: &[&str]) -> io::Result<()> {
        let text = format!(
            "listener {port} {host}\n\
             allow_anonymous true\n\
             persistence true\n\
             persistence_location {folder}/\n\
             user root\n\
             log_dest stderr\n\
             max_queued_messages 0\n\
             set_tcp_nodelay true\n\
             acl_file {access}\n\
             {lines}\n",
            port = address.port(),
            host = address.ip(),
            folder = self.path.display(),
            access = self.access().display(),
            lines = lines.join("\n"),
        );
        // A `#` here means no topic that begins with `$`. The first rules are for nobody with a name.
        let rules = "topic readwrite #\ntopic readwrite $own/#\ntopic deny forbidden/#\n";
        write(&self.access(), &format!("{rules}user alice\n{rules}"))?;
        write(&self.configuration(), &text)
    }

    /// Who may use which topics.
    fn access(&self) -> PathBuf {
        self.path.join("access")
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| about("write", path, &error))
}

/// The error with what failed.
fn about(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {}: {error}", path.display()))
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        fs::remove_dir_all(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::Folder;
    use std::fs;

    #[test]
    fn a_folder_that_is_there_already_is_left_alone() {
        let before = Folder::new().unwrap();
        let name = before.path.to_str().unwrap();
        let (start, count) = name.rsplit_once('-').unwrap();
        let next = count.parse::<u32>().unwrap() + 1;
        // What a process of the same id left behind.
        let stale = Folder { path: format!("{start}-{next}").into() };
        fs::create_dir_all(&stale.path).unwrap();
        let folder = Folder::new().unwrap();
        assert_ne!(folder.path, stale.path);
    }
}
