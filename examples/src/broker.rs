//! Finds `mosquitto` on this machine and runs it on a free loopback port.

use std::env;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a broker may take until it listens.
const START: Duration = Duration::from_secs(10);

/// A running broker; ended when dropped.
#[derive(Debug)]
pub struct Broker {
    process: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Broker {
    /// Starts mosquitto with a configuration of its own.
    pub fn start() -> io::Result<Broker> {
        let program = find().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "no mosquitto on this machine: install it (Debian: apt-get install mosquitto) \
                 or name a broker with --broker mqtt://host:port",
            )
        })?;
        let address = free_address()?;
        let folder = env::temp_dir().join(format!("quickstart-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let config = folder.join("mosquitto.conf");
        // No limit on queued messages: what a cut holds up is to arrive, not to be dropped.
        let text = format!(
            "listener {} {}\nallow_anonymous true\nmax_queued_messages 0\npersistence false\n",
            address.port(),
            address.ip()
        );
        fs::write(&config, text)?;
        let process = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut broker = Broker { process, address, folder };
        broker.wait_until_it_listens()?;
        Ok(broker)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait_until_it_listens(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("mosquitto ended at once: {status}")));
            }
            if Instant::now() >= deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "mosquitto does not listen"));
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Both fail only when there is nothing left to end.
        self.process.kill().ok();
        self.process.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// The program: `MQTT_TEST_MOSQUITTO`, the search path, or where distributions put daemons.
fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os("MQTT_TEST_MOSQUITTO") {
        return Some(PathBuf::from(named));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join("mosquitto"))
        .find(|program| Path::is_file(program))
}

/// A loopback port nothing listens on now.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
