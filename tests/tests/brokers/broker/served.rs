//! A broker program that a shell keeps.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Instance, Saved};

/// How to start a broker that has a folder and a port.
pub(super) struct Program {
    pub(super) name: &'static str,
    /// A shell script that starts it in the background and ends it when its standard input ends,
    /// which the system does for a process that is killed.
    pub(super) keeper: &'static str,
    /// Writes its configuration, and gives the keeper its variables.
    pub(super) configure: fn(&Place, &mut Command) -> io::Result<()>,
    /// Where it saves what outlives it, in its folder.
    pub(super) saved: &'static str,
}

/// Where a broker runs.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) port: u16,
}

/// A running broker.
pub(super) struct Served {
    program: &'static Program,
    place: Place,
    process: Child,
}

/// How long a broker may take to start.
const PATIENCE: Duration = Duration::from_secs(120);

impl Served {
    pub(super) fn start(program: &'static Program) -> io::Result<Served> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{count}", program.name, process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder)?;
        let place = Place { folder, port: free_port()? };
        let process = launch(program, &place)?;
        Ok(Served { program, place, process })
    }

    /// Ends the broker in an orderly way.
    fn stop(&mut self) -> io::Result<()> {
        drop(self.process.stdin.take());
        self.process.wait().map(drop)
    }
}

impl Instance for Served {
    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.place.port)
    }

    fn restart(&mut self, saved: Saved) -> io::Result<()> {
        self.stop()?;
        match saved {
            Saved::Kept => {}
            Saved::Lost => fs::remove_dir_all(self.place.folder.join(self.program.saved))?,
        }
        self.process = launch(self.program, &self.place)?;
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It fails only when there is nothing left to end.
        self.stop().ok();
        fs::remove_dir_all(&self.place.folder).ok();
    }
}

/// Starts it and waits until it listens; an error holds what it printed.
fn launch(program: &Program, place: &Place) -> io::Result<Child> {
    fs::create_dir_all(place.folder.join(program.saved))?;
    let log = place.folder.join("log");
    let mut keeper = Command::new("sh");
    keeper.args(["-c", program.keeper]).current_dir(&place.folder);
    keeper.env("HOME", &place.folder).env("PORT", place.port.to_string());
    (program.configure)(place, &mut keeper)?;
    let output = File::create(&log)?;
    let process = keeper.stdin(Stdio::piped()).stderr(output.try_clone()?).stdout(output);
    let mut process = process.spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, place.port)).is_err() {
        if Instant::now() > deadline || process.try_wait()?.is_some() {
            drop(process.stdin.take());
            process.wait()?;
            let output = fs::read_to_string(&log)?;
            let output: Vec<_> = output.lines().rev().take(10).collect();
            let output: String = output.into_iter().rev().flat_map(|line| [line, "\n"]).collect();
            return Err(io::Error::other(format!("{} does not start:\n{output}", program.name)));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(process)
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
