//! The other end of the pipe.

use std::future::poll_fn;
use std::io::IoSlice;
use std::time::Instant;

use mqtt_adapter_blocking::Transport;
use mqtt_session::Time;
use mqtt_testkit::Broker;
use mqtt_testkit::broker::Settings;

/// The testkit's broker, which is a value as the session is, at the other end of one pipe.
pub(crate) fn serve(mut end: impl Transport) {
    let start = Instant::now();
    let now = || Time::ZERO.after(start.elapsed());
    let mut broker = Broker::new(Settings::default());
    let connection = broker.open(now());
    let (mut buffer, mut out) = ([0; 4096], Vec::new());
    while let Ok(read @ 1..) = smol::block_on(poll_fn(|cx| end.poll_read(cx, &mut buffer))) {
        broker.handle_input(now(), connection, &buffer[..read]);
        broker.poll_transmit(connection, &mut out);
        while !out.is_empty() {
            let bufs = [IoSlice::new(&out)];
            match smol::block_on(poll_fn(|cx| end.poll_write(cx, &bufs))) {
                Ok(written) => drop(out.drain(..written)),
                Err(_) => return,
            }
        }
    }
}
