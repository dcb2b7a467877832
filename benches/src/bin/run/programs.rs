//! Starts the peer and a client, each on processors of its own.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use mqtt_benches::clients::Client;
use mqtt_benches::{Direction, Report, Result, Workload};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The programs under test, built, and the processors they run on.
pub(crate) struct Programs {
    directory: PathBuf,
    /// Processors of the client, and of the peer. `None` if there is only one.
    processors: Option<(CpuSet, CpuSet)>,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) client: Client,
    pub(crate) workload: Workload,
    pub(crate) messages: u64,
}

impl Programs {
    /// Builds what is not built, beside this program.
    pub(crate) fn build() -> Result<Self> {
        let status = cargo("build").args(["--release", "--workspace", "--bins"]).status()?;
        if !status.success() {
            return Err("the programs under test do not build".into());
        }
        let program = env::current_exe()?;
        let directory = program.parent().ok_or("a program without a directory")?.to_path_buf();
        Ok(Self { directory, processors: split_processors()? })
    }

    /// Runs one client, started by `wrapper`, against a new peer. An error says why the run is void.
    pub(crate) fn run(&self, wrapper: &[OsString], run: Run) -> Result<Report> {
        let mut peer = self.start_peer(run)?;
        let output = self.run_client(wrapper, run, peer.port);
        // Does nothing unless the client failed before it connected: then the peer still waits.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, peer.port)));
        let verdict = peer.verdict()?;
        let output = output?;
        if !output.status.success() || verdict != format!("ok {}", run.messages) {
            let errors = String::from_utf8_lossy(&output.stderr);
            let client = errors.trim_end().lines().last().unwrap_or("no message");
            return Err(format!("peer: {verdict}; client: {client}").into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Lets what is started next run on the client's processors.
    pub(crate) fn enter_client_processors(&self) -> Result<()> {
        if let Some((client, _)) = &self.processors {
            sched_setaffinity(None, client)?;
        }
        Ok(())
    }

    fn start_peer(&self, run: Run) -> Result<Peer> {
        if let Some((_, peer)) = &self.processors {
            sched_setaffinity(None, peer)?;
        }
        let role = match run.workload.direction() {
            Direction::Publish => "sink",
            Direction::Receive => "source",
        };
        let mut process = Command::new(self.directory.join("peer"))
            .args([role, &run.messages.to_string(), &run.workload.qos().to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(process.stdout.take().ok_or("a peer without output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let port = line.trim().strip_prefix("listening ").ok_or("the peer does not listen")?;
        Ok(Peer { port: port.parse()?, process, output })
    }

    fn run_client(&self, wrapper: &[OsString], run: Run, port: u16) -> Result<Output> {
        self.enter_client_processors()?;
        let client = self.directory.join("client").into_os_string();
        let mut words = wrapper.iter().chain([&client]);
        let program = words.next().ok_or("no program")?;
        Ok(Command::new(program)
            .args(words)
            .args([argument(&run.client), argument(&run.workload)])
            .args([run.messages.to_string(), port.to_string()])
            .output()?)
    }
}

struct Peer {
    port: u16,
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Waits for its end.
    fn verdict(&mut self) -> Result<String> {
        let mut verdict = String::new();
        self.output.read_to_string(&mut verdict)?;
        self.process.wait()?;
        Ok(verdict.trim().to_owned())
    }
}

/// `cargo <command>` for this workspace.
pub(crate) fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    cargo.args([command, "--quiet", "--manifest-path"]).arg(manifest);
    cargo
}

/// The peer gets the last processor that we may use, the client all others.
fn split_processors() -> Result<Option<(CpuSet, CpuSet)>> {
    let ours = sched_getaffinity(None)?;
    let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|&cpu| ours.is_set(cpu)) else {
        return Ok(None);
    };
    if ours.count() < 2 {
        return Ok(None);
    }
    let mut client = ours;
    client.unset(last);
    let mut peer = CpuSet::new();
    peer.set(last);
    Ok(Some((client, peer)))
}

/// The word for `value` on the command line.
fn argument(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
