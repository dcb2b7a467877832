//! A loop of one's own with mio over the session alone: no client, no adapter, no thread.
//!
//! `cargo run --example mio_loop -- localhost:1883`
#![allow(clippy::print_stdout, reason = "what it received is its output")]

use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use mqtt_session::proto::{
    Properties, Publish, QoS, ReasonCode, Subscription, SubscriptionOptions,
};
use mqtt_session::{
    CloseReason, Closing, Config, Connect, Event, Heap, Inbound, Payload, Session, Time,
};

/// One connection and what it has done.
struct Loop {
    start: Instant,
    poll: Poll,
    events: Events,
    stream: TcpStream,
    session: Session<Heap>,
    inbound: Inbound<Heap>,
    /// To be written.
    out: Vec<u8>,
    received: Option<Vec<u8>>,
    closed: Option<CloseReason>,
}

/// Sends itself a message; returns what was received.
fn exchange(stream: std::net::TcpStream) -> Result<Vec<u8>, Box<dyn Error>> {
    stream.set_nonblocking(true)?;
    let mut this = Loop::open(TcpStream::from_std(stream))?;
    loop {
        this.read()?;
        if let Some(reason) = this.closed {
            return this.received.ok_or(format!("{reason:?}").into());
        }
        this.session.handle_timeout(this.now());
        if this.received.is_some() && this.session.in_flight() == 0 {
            this.session.disconnect(this.now(), ReasonCode::Success, &[])?;
        }
        let was_full = !this.session.wants_input();
        this.write()?;
        // The poller tells changes only: what was left unread is no change.
        if was_full && this.session.wants_input() {
            continue;
        }
        if this.session.closing() != Closing::No && this.out.is_empty() {
            this.leave()?;
            continue;
        }
        let due = this.session.poll_timeout().map(|(at, _)| at.since(this.now()));
        this.wait(due)?;
    }
}

impl Loop {
    fn open(mut stream: TcpStream) -> Result<Loop, Box<dyn Error>> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(4));
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(0), interest)?;
        let mut session = Session::new(Config::new(7)); // a seed: random, on a real machine
        let inbound = session.open(Time::ZERO, &Connect::new("mio-loop"))?;
        let options = SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() };
        session.subscribe(Time::ZERO, &[Subscription { filter: "hello", options }], &[])?;
        Ok(Loop {
            start: Instant::now(),
            poll,
            events,
            stream,
            session,
            inbound,
            out: Vec::new(),
            received: None,
            closed: None,
        })
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }

    /// Waits until the socket can be read or written again.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            waited => waited,
        }
    }

    /// Reads until nothing is left or the session wants no more, and acts on it.
    fn read(&mut self) -> Result<(), Box<dyn Error>> {
        self.handle_events()?;
        while self.session.wants_input() && self.closed.is_none() {
            let read = self.stream.read(self.inbound.space());
            let now = self.now();
            match read {
                Ok(n @ 1..) => self.inbound.handle_received(now, n),
                Err(error) if is_blocked(&error) => return Ok(()),
                Ok(_) | Err(_) => self.session.handle_closed(now),
            }
            self.handle_events()?;
        }
        Ok(())
    }

    fn handle_events(&mut self) -> Result<(), Box<dyn Error>> {
        let now = self.now();
        while let Some(event) = self.session.poll_event(now, &mut self.inbound) {
            match event {
                Event::Subscribed { .. } => _ = self.session.publish(now, &HELLO, TEXT)?,
                Event::Message(message) => {
                    self.received = Some(message.publish.payload.to_vec());
                    if let Some(delivery) = message.delivery {
                        self.session.ack(delivery, ReasonCode::Success);
                    }
                }
                Event::Closed(reason) => self.closed = Some(reason),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes until nothing is left or the socket takes no more.
    fn write(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            self.session.poll_transmit(self.now(), &mut self.out)?;
            if self.out.is_empty() {
                return Ok(());
            }
            match self.stream.write(&self.out) {
                Ok(n @ 1..) => {
                    self.out.drain(..n);
                    self.session.handle_sent(self.now(), n);
                }
                Err(error) if is_blocked(&error) => return Ok(()),
                // The next read says that the connection has ended.
                Ok(_) | Err(_) => self.out.clear(),
            }
        }
    }

    /// Waits until the broker has read DISCONNECT and hangs up: a socket closed with unread input
    /// would take it along.
    fn leave(&mut self) -> io::Result<()> {
        // It fails when the broker was faster.
        self.stream.shutdown(Shutdown::Write).ok();
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stream.read(&mut [0; 256]) {
                Ok(1..) => {}
                Err(error) if is_blocked(&error) && !left.is_zero() => self.wait(Some(left))?,
                Ok(_) | Err(_) => break,
            }
        }
        self.session.handle_closed(self.now());
        Ok(())
    }
}

/// How long the broker may take to hang up.
const LAST_WORDS: Duration = Duration::from_millis(500);

const HELLO: Publish<'static> = Publish {
    dup: false,
    qos: QoS::AtLeastOnce,
    retain: false,
    topic: "hello",
    packet_id: None,
    properties: Properties::EMPTY,
    payload: b"",
};
const TEXT: Payload<'static, Vec<u8>> = Payload::Copy(b"by mio");

fn is_blocked(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = env::args().nth(1).unwrap_or_else(|| "localhost:1883".to_owned());
    let received = exchange(std::net::TcpStream::connect(broker)?)?;
    println!("received: {}", String::from_utf8_lossy(&received));
    Ok(())
}

#[cfg(test)]
mod tests {
    use mqtt_testkit::TcpBroker;
    use mqtt_testkit::broker::Settings;

    use super::*;

    #[test]
    fn a_message_comes_round() {
        let broker = TcpBroker::start(Settings::default()).unwrap();
        let stream = std::net::TcpStream::connect(broker.address()).unwrap();
        assert_eq!(exchange(stream).unwrap(), b"by mio");
    }
}
