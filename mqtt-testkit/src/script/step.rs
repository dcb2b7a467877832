//! The steps of a script and how each is taken.

use std::fmt;
use std::time::Duration;

use mqtt_session::Time;
use mqtt_session::proto::{Dialect, EncodeError, Packet, PacketType};

use crate::Direction;
use crate::frames::{self, Frames};
use crate::trace::{Hex, Line, Trace};

/// Makes a packet of the one received last.
type Answer = Box<dyn for<'a> Fn(&Packet<'a>) -> Packet<'a> + Send>;

pub(super) enum Step {
    Expect(Expected),
    ExpectEnd,
    /// Nothing comes for so long.
    Silence(Duration),
    /// Nothing comes until then: a `Silence` that has begun.
    SilenceUntil(Time),
    Send(Vec<u8>),
    Answer(Answer),
    After(Duration),
    /// An `After` that has begun.
    Until(Time),
    Close,
    /// The steps behind it are those of another connection.
    Reconnect,
    /// A step with a packet that cannot be written.
    Unwritable(String),
}

/// What may come.
pub(super) enum Expected {
    /// The packet with these bytes, shown so.
    Packet {
        bytes: Vec<u8>,
        line: String,
    },
    Type(PacketType),
    That {
        what: String,
        is_right: Box<dyn Fn(&Packet<'_>) -> bool + Send>,
    },
    Bytes(Vec<u8>),
}

pub(super) enum Progress {
    Done,
    Waiting,
    /// This came instead.
    Failed(String),
}

/// The connection the steps are taken on.
pub(super) struct Stage {
    pub(super) incoming: Direction,
    frames: Frames,
    /// The packet received last.
    last: Vec<u8>,
    pub(super) out: Vec<u8>,
    pub(super) trace: Trace,
    theirs: Sending,
    ours: Sending,
}

/// Whether an end still sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    Ended,
}

impl Stage {
    pub(super) fn new(theirs: Dialect, incoming: Direction) -> Stage {
        Stage {
            incoming,
            frames: Frames::new(theirs),
            last: Vec::new(),
            out: Vec::new(),
            trace: Trace::new(theirs.version),
            theirs: Sending::Open,
            ours: Sending::Open,
        }
    }

    pub(super) fn their_dialect(&self) -> Dialect {
        self.frames.dialect
    }

    pub(super) fn own_dialect(&self) -> Dialect {
        Dialect { sender: self.incoming.reverse().sender(), ..self.frames.dialect }
    }

    pub(super) fn is_closing(&self) -> bool {
        match self.ours {
            Sending::Open => false,
            Sending::Ended => self.out.is_empty(),
        }
    }

    pub(super) fn receive(&mut self, now: Time, bytes: &[u8]) {
        self.trace.record(now, self.incoming, bytes);
        self.frames.push(bytes);
    }

    pub(super) fn end(&mut self, now: Time) {
        match self.theirs {
            Sending::Open => self.trace.note(now, format_args!("{} ends", self.incoming)),
            Sending::Ended => {}
        }
        self.theirs = Sending::Ended;
    }

    /// Whether the other end has ended its sending, or the connection is lost.
    pub(super) fn is_over(&self) -> bool {
        match self.theirs {
            Sending::Open => false,
            Sending::Ended => true,
        }
    }

    /// Another connection has come.
    pub(super) fn renew(&mut self, now: Time) {
        self.trace.end(now);
        self.frames = Frames::new(self.frames.dialect);
        self.last.clear();
        self.out.clear();
        self.theirs = Sending::Open;
        self.ours = Sending::Open;
    }

    fn send(&mut self, now: Time, bytes: &[u8]) -> Progress {
        self.trace.record(now, self.incoming.reverse(), bytes);
        self.out.extend_from_slice(bytes);
        Progress::Done
    }

    fn answer(&mut self, now: Time, answer: &Answer) -> Progress {
        let written = match frames::decode(&self.last, self.frames.dialect) {
            Ok(Some(packet)) => frames::encode(&answer(&packet), self.own_dialect()),
            Ok(None) | Err(_) => return Progress::Failed("no packet before it".to_owned()),
        };
        match written {
            Ok(bytes) => self.send(now, &bytes),
            Err(error) => Progress::Failed(format!("one that cannot be written: {error}")),
        }
    }

    /// Nothing is there to be expected.
    pub(super) fn expect_nothing(&mut self) -> Progress {
        if self.frames.rest().is_empty() { Progress::Waiting } else { self.something() }
    }

    fn expect_silence(&mut self) -> Progress {
        match self.theirs {
            Sending::Ended if self.frames.rest().is_empty() => self.short(),
            Sending::Open | Sending::Ended => self.expect_nothing(),
        }
    }

    /// The other end sends nothing more, unless it cannot know yet that this end has gone.
    fn expect_other_connection(&mut self) -> Progress {
        match self.ours {
            Sending::Open => self.expect_nothing(),
            Sending::Ended => {
                self.frames.take_all();
                Progress::Waiting
            }
        }
    }

    fn expect_end(&mut self) -> Progress {
        match (self.expect_nothing(), self.theirs) {
            (Progress::Waiting, Sending::Ended) => Progress::Done,
            (progress, Sending::Open | Sending::Ended) => progress,
        }
    }

    fn expect(&mut self, expected: &Expected) -> Progress {
        if let Expected::Bytes(bytes) = expected {
            return self.expect_bytes(bytes);
        }
        match self.frames.next() {
            Ok(Some(frame)) => frame.clone_into(&mut self.last),
            Ok(None) => return self.short(),
            Err(error) => {
                let bytes = Hex(self.frames.rest());
                return Progress::Failed(format!("no packet ({error}): {bytes}"));
            }
        }
        match frames::decode(&self.last, self.frames.dialect) {
            Ok(Some(packet)) => expected.check(&packet, self.frames.dialect),
            Ok(None) => Progress::Failed(Hex(&self.last).to_string()),
            Err(error) => Progress::Failed(format!("no packet ({error}): {}", Hex(&self.last))),
        }
    }

    fn expect_bytes(&mut self, bytes: &[u8]) -> Progress {
        let rest = self.frames.rest();
        let (start, _) = rest.split_at(rest.len().min(bytes.len()));
        if !bytes.starts_with(start) {
            return Progress::Failed(Hex(start).to_string());
        }
        if self.frames.take(bytes.len()).is_some() { Progress::Done } else { self.short() }
    }

    /// More is needed; there will be none when the other end has ended.
    fn short(&self) -> Progress {
        match self.theirs {
            Sending::Open => Progress::Waiting,
            Sending::Ended if self.frames.rest().is_empty() => {
                Progress::Failed("the end of the connection".to_owned())
            }
            Sending::Ended => {
                let part = Hex(self.frames.rest());
                Progress::Failed(format!("the end of the connection behind {part}"))
            }
        }
    }

    /// What came where nothing was to come.
    fn something(&mut self) -> Progress {
        match self.frames.next() {
            Ok(Some(frame)) => frame.clone_into(&mut self.last),
            Ok(None) => {
                let start = Hex(self.frames.rest());
                return Progress::Failed(format!("a packet that starts with {start}"));
            }
            Err(_) => self.frames.rest().clone_into(&mut self.last),
        }
        Progress::Failed(match frames::decode(&self.last, self.frames.dialect) {
            Ok(Some(packet)) => Line(&packet).to_string(),
            Ok(None) | Err(_) => Hex(&self.last).to_string(),
        })
    }
}

impl Step {
    pub(super) fn unwritable(packet: &Packet<'_>, error: &EncodeError) -> Step {
        Step::Unwritable(format!("{} which cannot be written: {error}", Line(packet)))
    }

    /// When the step is taken if nothing comes.
    pub(super) fn deadline(&self) -> Option<Time> {
        match self {
            Step::SilenceUntil(at) | Step::Until(at) => Some(*at),
            Step::Expect(_)
            | Step::ExpectEnd
            | Step::Silence(_)
            | Step::Send(_)
            | Step::Answer(_)
            | Step::After(_)
            | Step::Close
            | Step::Reconnect
            | Step::Unwritable(_) => None,
        }
    }

    /// Takes the step, if it can be taken now.
    pub(super) fn play(&mut self, now: Time, stage: &mut Stage) -> Progress {
        match self {
            Step::Silence(duration) => *self = Step::SilenceUntil(now.after(*duration)),
            Step::After(duration) => *self = Step::Until(now.after(*duration)),
            Step::Expect(_)
            | Step::ExpectEnd
            | Step::SilenceUntil(_)
            | Step::Send(_)
            | Step::Answer(_)
            | Step::Until(_)
            | Step::Close
            | Step::Reconnect
            | Step::Unwritable(_) => {}
        }
        match self {
            Step::Expect(expected) => stage.expect(expected),
            Step::ExpectEnd => stage.expect_end(),
            Step::Until(at) | Step::SilenceUntil(at) if *at <= now => Progress::Done,
            Step::SilenceUntil(_) => stage.expect_silence(),
            Step::Send(bytes) => stage.send(now, bytes),
            Step::Answer(answer) => stage.answer(now, answer),
            Step::Close => {
                stage.ours = Sending::Ended;
                Progress::Done
            }
            Step::Reconnect => stage.expect_other_connection(),
            Step::Until(_) | Step::Silence(_) | Step::After(_) => Progress::Waiting,
            Step::Unwritable(_) => Progress::Failed("nothing: it is the script's fault".to_owned()),
        }
    }
}

impl Expected {
    fn check(&self, packet: &Packet<'_>, dialect: Dialect) -> Progress {
        let is_right = match self {
            Expected::Packet { bytes, .. } => {
                return match frames::decode(bytes, dialect) {
                    Ok(Some(expected)) if expected == *packet => Progress::Done,
                    Ok(expected) => Progress::Failed(difference(packet, expected.as_ref())),
                    Err(_) => Progress::Failed(Line(packet).to_string()),
                };
            }
            Expected::Type(packet_type) => packet.packet_type() == *packet_type,
            Expected::That { is_right, .. } => is_right(packet),
            // They were compared before packets were looked for.
            Expected::Bytes(_) => false,
        };
        if is_right { Progress::Done } else { Progress::Failed(Line(packet).to_string()) }
    }
}

/// The packet that came; in full where a line shows it like the one expected.
fn difference(packet: &Packet<'_>, expected: Option<&Packet<'_>>) -> String {
    let line = Line(packet).to_string();
    match expected {
        Some(expected) if Line(expected).to_string() == line => {
            format!("another one: {packet:?}\n  not:      {expected:?}")
        }
        Some(_) | None => line,
    }
}

/// What the step is in words.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Expect(expected) => write!(f, "{expected}"),
            Step::ExpectEnd => f.write_str("the end of the connection"),
            Step::Silence(duration) => write!(f, "silence for {duration:?}"),
            Step::SilenceUntil(at) => write!(f, "silence until {:?}", at.since(Time::ZERO)),
            Step::Send(bytes) => write!(f, "to send {}", Hex(bytes)),
            Step::Answer(_) => f.write_str("to send an answer"),
            Step::After(duration) => write!(f, "to wait for {duration:?}"),
            Step::Until(at) => write!(f, "to wait until {:?}", at.since(Time::ZERO)),
            Step::Close => f.write_str("to end the connection"),
            Step::Reconnect => f.write_str("another connection"),
            Step::Unwritable(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Packet { line: what, .. } | Expected::That { what, .. } => f.write_str(what),
            Expected::Type(packet_type) => write!(f, "{packet_type}"),
            Expected::Bytes(bytes) => write!(f, "{}", Hex(bytes)),
        }
    }
}
