use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::{fs, process, thread};

use mqtt_testkit::TcpBroker;
use mqtt_testkit::broker::Settings;

use super::*;

#[tokio::test]
async fn a_message_comes_round() {
    let broker = TcpBroker::start(Settings::default()).unwrap();
    let path = env::temp_dir().join(format!("mqtt-{}.sock", process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let address = broker.address();
    let passing = thread::spawn(move || {
        let (here, _) = listener.accept().unwrap();
        pass(here, TcpStream::connect(address).unwrap());
    });
    let received = exchange(path.clone()).await.unwrap();
    fs::remove_file(path).unwrap();
    passing.join().unwrap();
    assert_eq!(received, b"over a Unix socket");
}

/// Passes bytes on, both ways, until both sides have ended.
fn pass(here: UnixStream, there: TcpStream) {
    let (mut from, mut to) = (here.try_clone().unwrap(), there.try_clone().unwrap());
    let out = thread::spawn(move || {
        copy(&mut from, &mut to);
        // It fails when the other side was faster.
        drop(to.shutdown(Shutdown::Write));
    });
    let (mut from, mut to) = (there, here);
    copy(&mut from, &mut to);
    drop(to.shutdown(Shutdown::Write));
    out.join().unwrap();
}

/// A connection that is reset has ended.
fn copy(from: &mut impl Read, to: &mut impl Write) {
    drop(io::copy(from, to));
}
