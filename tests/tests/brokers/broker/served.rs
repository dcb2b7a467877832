//! A broker program that a shell keeps.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Instance, Saved};

/// How to start a broker that has a folder and a port.
pub(super) struct Program {
    pub(super) name: &'static str,
    /// A User Name it takes, with the Password `x`.
    pub(super) username: &'static str,
    /// A shell script that starts it in the background, reads `kept`, which ends when its standard
    /// input does, and ends it. The system does that for a process that is killed, too.
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

    /// Ends the broker in an orderly way; its folder stays.
    fn stop(&mut self) -> io::Result<()> {
        if let Some(mut input) = self.process.stdin.take() {
            input.write_all(b"kept\n")?;
        }
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
        drop(self.process.stdin.take());
        // It fails only when there is nothing left to end.
        self.process.wait().ok();
    }
}

/// What every keeper ends with: the folder goes with the broker, unless it is started again there.
const LAST: &str = r#"[ "$kept" ] || rm -rf -- "$PWD""#;

/// Starts it and waits until it serves; an error holds what it printed. Ctrl-C is not for the
/// keeper, which ends after this process: it is in a group of its own.
fn launch(program: &Program, place: &Place) -> io::Result<Child> {
    fs::create_dir_all(place.folder.join(program.saved))?;
    let log = place.folder.join("log");
    let mut keeper = Command::new("sh");
    keeper.args(["-c", &format!("{}\n{LAST}", program.keeper)]).current_dir(&place.folder);
    keeper.process_group(0);
    keeper.env("HOME", &place.folder).env("PORT", place.port.to_string());
    (program.configure)(place, &mut keeper)?;
    let output = File::create(&log)?;
    let process = keeper.stdin(Stdio::piped()).stderr(output.try_clone()?).stdout(output);
    let mut process = process.spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while !accepts(program, place.port) {
        if Instant::now() > deadline || process.try_wait()?.is_some() {
            let output = fs::read_to_string(&log)?;
            drop(process.stdin.take());
            process.wait()?;
            let output: Vec<_> = output.lines().rev().take(10).collect();
            let output: String = output.into_iter().rev().flat_map(|line| [line, "\n"]).collect();
            return Err(io::Error::other(format!("{} does not start:\n{output}", program.name)));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(process)
}

/// Whether it accepts a CONNECT of 3.1.1. Some listen before they do.
fn accepts(program: &Program, port: u16) -> bool {
    let field = |text: &str| [&[0, text.len() as u8], text.as_bytes()].concat();
    let head = b"\0\x04MQTT\x04\xc2\0\x3c";
    let body = [&head[..], &field("probe"), &field(program.username), &field("x")].concat();
    let ask = || {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.write_all(&[&[0x10, body.len() as u8], &*body].concat())?;
        let mut connack = [0; 4];
        socket.read_exact(&mut connack)?;
        io::Result::Ok(connack == [0x20, 2, 0, 0])
    };
    ask().unwrap_or(false)
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
