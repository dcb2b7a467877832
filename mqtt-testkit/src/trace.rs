//! The packets of a connection, made readable.

mod line;

use std::fmt::{self, Display};

use mqtt_session::Time;
use mqtt_session::proto::{DecodeError, Dialect, Packet, Version};

pub(crate) use line::Hex;
pub use line::Line;

use crate::Direction;
use crate::direction::Each;
use crate::frames::{self, Frames};

/// What went over a connection: one line per packet, with its time in seconds and its direction.
///
/// It is told bytes as they are sent or received, in any pieces, and finds the packets itself. A
/// CONNECT sets the version of what follows.
///
/// ```
/// use mqtt_session::Time;
/// use mqtt_session::proto::Version;
/// use mqtt_testkit::{Direction, Trace};
///
/// let mut trace = Trace::new(Version::V5);
/// let publish = b"\x3A\x0A\x00\x03a/b\x00\x05\x00hi";
/// trace.record(Time::from_micros(1_500_000), Direction::ToServer, &publish[..4]);
/// trace.record(Time::from_micros(2_000_000), Direction::ToServer, &publish[4..]);
/// trace.record(Time::from_micros(2_250_000), Direction::ToClient, b"\x40\x02\x00\x05");
/// assert_eq!(
///     trace.to_string(),
///     "  2.000000 -> PUBLISH q1 id 5 dup \"a/b\" 2 bytes \"hi\"\n  2.250000 <- PUBACK id 5\n",
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Trace {
    lines: Vec<String>,
    streams: Each<Stream>,
}

/// The bytes of one direction.
#[derive(Clone, Debug)]
struct Stream {
    frames: Frames,
    reading: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Packets,
    /// Something was no packet: nobody knows where the next one would start.
    Lost,
}

impl Trace {
    /// An empty trace of a connection in this version.
    pub fn new(version: Version) -> Trace {
        let stream = |direction: Direction| {
            let dialect = Dialect { version, sender: direction.sender(), lenient: false };
            Stream { frames: Frames::new(dialect), reading: Reading::Packets }
        };
        let to_server = stream(Direction::ToServer);
        let to_client = stream(Direction::ToClient);
        Trace { lines: Vec::new(), streams: Each { to_server, to_client } }
    }

    /// The lines so far, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// Takes note of bytes; adds a line for each packet they complete.
    pub fn record(&mut self, now: Time, direction: Direction, bytes: &[u8]) {
        self.streams.of_mut(direction).frames.push(bytes);
        while let Some((line, connect)) = self.streams.of_mut(direction).next() {
            self.add(now, direction, line);
            if let Some(version) = connect {
                self.set_version(version);
            }
        }
    }

    /// Adds a line about something else that happened.
    pub fn note(&mut self, now: Time, what: impl Display) {
        self.add(now, "--", what);
    }

    /// The connection ended; the next bytes are those of another one. What came of a packet in part
    /// gets a line of its own.
    pub fn end(&mut self, now: Time) {
        self.begin(now);
        self.note(now, "end");
    }

    /// A connection begins, and the end of the one before may not have been told: what came of a packet
    /// in part gets a line of its own.
    pub fn begin(&mut self, now: Time) {
        for direction in Direction::BOTH {
            let stream = self.streams.of_mut(direction);
            stream.reading = Reading::Packets;
            if !stream.frames.rest().is_empty() {
                let part = Hex(stream.frames.take_all());
                let line = format!("a packet in part: {part}");
                self.add(now, direction, line);
            }
        }
    }

    fn add(&mut self, now: Time, direction: impl Display, what: impl Display) {
        let (seconds, micros) = (now.as_micros() / 1_000_000, now.as_micros() % 1_000_000);
        self.lines.push(format!("{seconds:>3}.{micros:06} {direction} {what}"));
    }

    fn set_version(&mut self, version: Version) {
        for direction in Direction::BOTH {
            self.streams.of_mut(direction).frames.dialect.version = version;
        }
    }
}

impl Stream {
    /// The line of the next packet, and the version when it is a CONNECT.
    fn next(&mut self) -> Option<(String, Option<Version>)> {
        let dialect = self.frames.dialect;
        let error = match self.reading {
            Reading::Packets => match self.frames.next() {
                Ok(frame) => return frame.map(|frame| describe(frame, dialect)),
                Err(error) => Some(error),
            },
            Reading::Lost => None,
        };
        if self.frames.rest().is_empty() {
            return None;
        }
        self.reading = Reading::Lost;
        let bytes = Hex(self.frames.take_all());
        let line = error.map_or_else(|| bytes.to_string(), |error| malformed(&error, &bytes));
        Some((line, None))
    }
}

fn describe(frame: &[u8], dialect: Dialect) -> (String, Option<Version>) {
    match frames::decode(frame, dialect) {
        Ok(Some(packet @ Packet::Connect(connect))) => {
            (Line(&packet).to_string(), Some(connect.version))
        }
        Ok(Some(packet)) => (Line(&packet).to_string(), None),
        Ok(None) => (Hex(frame).to_string(), None),
        Err(error) => (malformed(&error, &Hex(frame)), None),
    }
}

fn malformed(error: &DecodeError, bytes: &Hex<'_>) -> String {
    format!("malformed ({error}): {bytes}")
}

impl Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
