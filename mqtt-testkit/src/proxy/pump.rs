//! One direction of one forwarded connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mqtt_session::Time;

use super::shared::{Allowed, Shared};
use crate::Direction;
use crate::link::Lane;

/// Bytes one direction of a connection holds back; above that it reads no more.
const MOST: usize = 1 << 20;

/// Copies one direction until it ends, on a thread of its own.
#[derive(Debug)]
pub(super) struct Pump {
    shared: Arc<Shared>,
    direction: Direction,
    /// How many cuts there were when the connection was made.
    cuts: u64,
    lane: Lane,
    from: Arc<TcpStream>,
    to: Arc<TcpStream>,
    reading: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    Ended,
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    More,
    Over,
}

impl Pump {
    pub(super) fn new(
        shared: Arc<Shared>,
        direction: Direction,
        cuts: u64,
        lane: Lane,
        from: Arc<TcpStream>,
        to: Arc<TcpStream>,
    ) -> Pump {
        Pump { shared, direction, cuts, lane, from, to, reading: Reading::Open }
    }

    pub(super) fn start(mut self) -> JoinHandle<()> {
        thread::spawn(move || {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(Turn::More) = self.turn(&mut buffer) {}
            // It fails when the connection was cut.
            self.to.shutdown(Shutdown::Write).ok();
        })
    }

    /// Forwards the next piece, if it is time; else waits for that, or for bytes.
    fn turn(&mut self, buffer: &mut [u8]) -> io::Result<Turn> {
        let now = self.shared.now();
        match (self.lane.next_arrival(), self.reading) {
            (Some(at), _) if at <= now => return self.forward(now),
            (Some(at), Reading::Open) if self.lane.len() < MOST => {
                self.read(buffer, Some(at.since(now)))?;
            }
            (Some(at), Reading::Open | Reading::Ended) => {
                let slept = self.shared.sleep_until(at, self.cuts);
                return Ok(slept.map_or(Turn::Over, |()| Turn::More));
            }
            (None, Reading::Open) => self.read(buffer, None)?,
            (None, Reading::Ended) => {
                // The end is forwarded when bytes are.
                drop(self.shared.flowing(self.cuts));
                return Ok(Turn::Over);
            }
        }
        Ok(Turn::More)
    }

    fn forward(&mut self, now: Time) -> io::Result<Turn> {
        let Some(mut state) = self.shared.flowing(self.cuts) else { return Ok(Turn::Over) };
        let mut piece = Vec::new();
        let len = self.lane.receive(now, usize::MAX, &mut piece);
        let allowed = state.allow(self.direction, len);
        drop(state);
        match allowed {
            Allowed::All => {
                (&*self.to).write_all(&piece)?;
                Ok(Turn::More)
            }
            Allowed::ThenCut(bytes) => {
                let written = (&*self.to).write_all(piece.get(..bytes).unwrap_or_default());
                self.shared.cut();
                written.map(|()| Turn::Over)
            }
        }
    }

    /// Waits for bytes, at most for so long.
    fn read(&mut self, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<()> {
        // Zero is not allowed, and the system's own resolution is coarser.
        self.from
            .set_read_timeout(timeout.map(|timeout| timeout.max(Duration::from_micros(50))))?;
        match (&*self.from).read(buffer) {
            Ok(0) => self.reading = Reading::Ended,
            Ok(read) => {
                let bytes = buffer.get(..read).unwrap_or_default();
                let (now, state) = (self.shared.now(), self.shared.lock());
                self.lane.send(now, bytes, state.chunking, state.delays.of(self.direction));
            }
            Err(error) => match error.kind() {
                // The time is up.
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                // A reset is an end, too.
                _ => self.reading = Reading::Ended,
            },
        }
        Ok(())
    }
}
