//! The quickstart under TLS, and how it ends when something is in its way.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use mqtt_testkit::broker::Settings;
use mqtt_testkit::{Mosquitto, TcpBroker};

use crate::command::{cargo, target};
use crate::runner::Runner;

/// What it runs on.
pub(crate) const RUNTIMES: [&str; 4] = ["tokio", "smol", "async-std", "blocking"];
/// How long it may take to begin, or to find out and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long between two looks at what it does.
const MOMENT: Duration = Duration::from_millis(20);

/// The quickstart ends by itself with a line that says why, and fails.
pub(crate) fn endings(runner: &mut Runner) {
    let name = |what| format!("quickstart with {what}");
    // Both of the first two wait for seconds: at the same time.
    let (unanswered, since) = (unanswered(), Instant::now());
    runner.own(&name("a broker that is killed"), "it says so", || {
        let (broker, child) = publishing()?;
        drop(broker);
        // QoS 0 fails at once; the others wait for another connection.
        expect_end(child, Instant::now(), &["not connected; ", "failed: "])
    });
    runner.own(&name("a broker that never answers"), "it says so", || {
        let (_listener, child) = unanswered?;
        expect_end(child, since, &["did not accept the connection"])
    });
    if cfg!(unix) {
        runner.own(&name("Ctrl-C"), "it says so", || {
            let (_broker, child) = publishing()?;
            let mut kill = Command::new("kill");
            let status = kill.args(["-INT", &child.id().to_string()]).status();
            let status = status.map_err(|error| error.to_string())?;
            if !status.success() {
                return Err(format!("kill: {status}"));
            }
            expect_end(child, Instant::now(), &["interrupted"])
        });
    }
}

/// With a mosquitto that speaks TLS, and a certificate made for it.
pub(crate) fn under_tls(runner: &mut Runner) {
    let folder = env::temp_dir().join(format!("mqtt-quickstart-{}", process::id()));
    match secured(&folder) {
        Ok(broker) => {
            let (address, ca) = (broker.address(), folder.join(CERTIFICATE));
            for runtime in RUNTIMES {
                let mut command = cargo("run --example quickstart --");
                command.args(["--runtime", runtime, "--broker", &format!("mqtts://{address}")]);
                command.arg("--ca").arg(&ca);
                let name = format!("quickstart with mosquitto under TLS on {runtime}");
                runner.check(&name, command);
            }
        }
        Err(error) => runner.fail("mosquitto under TLS", &error),
    }
    // What cannot be removed is left to the system's own cleaning.
    fs::remove_dir_all(&folder).ok();
}

const CERTIFICATE: &str = "certificate.pem";

/// A mosquitto whose certificate, in this folder, is its own CA.
fn secured(folder: &Path) -> Result<Mosquitto, String> {
    let names = [Ipv4Addr::LOCALHOST.to_string()];
    let certified = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join("key.pem"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&certificate, certified.cert.pem()))
        .and_then(|()| fs::write(&key, certified.signing_key.serialize_pem()))
        .map_err(|error| error.to_string())?;
    let certificate = format!("certfile {}", certificate.display());
    let key = format!("keyfile {}", key.display());
    Mosquitto::start_with(&[&certificate, &key]).map_err(|error| error.to_string())
}

/// One that connects to a port where nobody speaks.
fn unanswered() -> Result<(TcpListener, Child), String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((listener, start(&["--broker", &format!("mqtt://{address}")])?))
}

/// CONNECT and SUBSCRIBE to all there is, of a client that looks on.
const ONLOOKER: &[u8] = b"\x10\x15\0\x04MQTT\x05\x02\0\0\0\0\x08onlooker\x82\x07\0\x01\0\0\x01#\0";

/// One in the middle of its messages, and its broker.
fn publishing() -> Result<(TcpBroker, Child), String> {
    let broker = TcpBroker::start(Settings::default()).map_err(|error| error.to_string())?;
    let onlooker = broker.command(|broker, now| {
        let onlooker = broker.open(now);
        broker.handle_input(now, onlooker, ONLOOKER);
        // CONNACK and SUBACK.
        broker.poll_transmit(onlooker, &mut Vec::new());
        onlooker
    });
    let child = start(&["--broker", &broker.url()])?;
    let deadline = Instant::now() + PATIENCE;
    let mut messages = Vec::new();
    while messages.is_empty() {
        if Instant::now() > deadline {
            return Err(format!("no message came for {} s", PATIENCE.as_secs()));
        }
        thread::sleep(MOMENT);
        broker.command(|broker, _| broker.poll_transmit(onlooker, &mut messages));
    }
    Ok((broker, child))
}

/// With so many messages that it does not end by itself.
fn start(arguments: &[&str]) -> Result<Child, String> {
    let mut command = Command::new(target().join("debug/examples/quickstart"));
    command.args(["--messages", "1000000", "--json"]).args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())
}

/// It ends in time, fails, and what it says last has one of these phrases.
fn expect_end(mut child: Child, since: Instant, phrases: &[&str]) -> Result<(), String> {
    let deadline = since + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                child.kill().map_err(|error| error.to_string())?;
                child.wait().map_err(|error| error.to_string())?;
                return Err(format!("it still runs after {} s", PATIENCE.as_secs()));
            }
            None => thread::sleep(MOMENT),
        }
    };
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said).map_err(|error| error.to_string())?;
    }
    let last = said.lines().last().unwrap_or_default();
    if status.success()
        || status.code().is_none()
        || !phrases.iter().any(|phrase| last.contains(phrase))
    {
        return Err(format!("{status}, and it says: {said}"));
    }
    println!("{last}");
    Ok(())
}
