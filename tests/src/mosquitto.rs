//! A real broker: mosquitto with a configuration, a folder and a port of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process, thread};

/// A running mosquitto on a loopback port, killed when dropped.
#[derive(Debug)]
pub struct Mosquitto {
    folder: Folder,
    address: SocketAddr,
    process: Child,
}

/// How often another port is tried when somebody took the free one first.
const TRIES: u32 = 5;

impl Mosquitto {
    /// Starts a broker and waits until it serves.
    ///
    /// # Panics
    /// When there is no mosquitto, or it does not start.
    pub fn start() -> Mosquitto {
        let mut output = String::new();
        for _ in 0..TRIES {
            let folder = Folder::new();
            let address = free_address();
            folder.configure(address);
            match launch(&folder) {
                Ok(process) => {
                    return Mosquitto { folder, address, process };
                }
                Err(lines) => output = lines,
            }
        }
        panic!("mosquitto does not start:\n{output}");
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
    /// # Panics
    /// When it does not stop or start.
    pub fn restart(&mut self) {
        terminate(&mut self.process);
        self.process = launch(&self.folder).unwrap_or_else(|output| {
            panic!("mosquitto does not start again:\n{output}");
        });
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // Both fail only when it ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Starts the process; what it printed when it ends before it serves.
fn launch(folder: &Folder) -> Result<Child, String> {
    let mut process = Command::new(program())
        .arg("-c")
        .arg(folder.configuration())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("mosquitto: {error}; apt-get install mosquitto"));
    let mut lines = BufReader::new(process.stderr.take().expect("a piped stderr")).lines();
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
    drop(process.wait());
    Err(output)
}

fn terminate(process: &mut Child) {
    let id = process.id().to_string();
    let signalled = Command::new("kill").args(["-TERM", &id]).status();
    assert!(signalled.is_ok_and(|status| status.success()), "mosquitto cannot be stopped");
    let _: ExitStatus = process.wait().expect("the end of mosquitto");
}

/// The program: named by the environment, in `PATH`, or where Debian puts it.
fn program() -> PathBuf {
    const DEBIAN: &str = "/usr/sbin/mosquitto";
    match env::var_os("MQTT_TEST_MOSQUITTO") {
        Some(program) => PathBuf::from(program),
        None if Path::new(DEBIAN).exists() && !in_path("mosquitto") => PathBuf::from(DEBIAN),
        None => PathBuf::from("mosquitto"),
    }
}

fn in_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
    listener.local_addr().expect("the address of a bound socket")
}

/// A temporary folder, removed when dropped.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("mqtt-tests-{}-{count}", process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Folder { path }
    }

    fn configuration(&self) -> PathBuf {
        self.path.join("mosquitto.conf")
    }

    fn configure(&self, address: SocketAddr) {
        let text = format!(
            "listener {port} {host}\n\
             allow_anonymous true\n\
             persistence true\n\
             persistence_location {folder}/\n\
             user root\n\
             log_dest stderr\n\
             max_queued_messages 0\n",
            port = address.port(),
            host = address.ip(),
            folder = self.path.display(),
        );
        fs::write(self.configuration(), text).expect("a configuration file");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}
