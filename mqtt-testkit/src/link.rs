//! A simulated connection in virtual time.

mod lane;

use std::ops::RangeInclusive;
use std::time::Duration;

use mqtt_session::Time;

pub use lane::Chunking;
pub(crate) use lane::Lane;

use crate::Direction;
use crate::direction::Each;
use crate::random::Random;

/// A connection of a client and a broker, without sockets: bytes sent at one end arrive at the
/// other, in order, late and in pieces as told, until something goes wrong as told.
///
/// Everything follows from the seed, the calls and their times. What is set holds for bytes sent
/// from then on. After a send or a fault drain [`poll_receive`](Link::poll_receive) in both
/// directions, then come back at [`poll_timeout`](Link::poll_timeout).
///
/// ```
/// use std::time::Duration;
///
/// use mqtt_session::Time;
/// use mqtt_testkit::{Chunking, Direction, Link, Received};
///
/// let mut link = Link::new(7);
/// let latency = Duration::from_millis(20);
/// link.set_chunking(Chunking::BYTES);
/// link.set_delay(Direction::ToServer, latency..=latency);
/// link.cut_after(Time::ZERO, Direction::ToServer, 1);
///
/// let mut received = Vec::new();
/// assert_eq!(link.send(Time::ZERO, Direction::ToServer, &[0xC0, 0x00]), 2);
/// assert_eq!(link.poll_receive(Time::ZERO, Direction::ToServer, &mut received), Received::Nothing);
///
/// let later = link.poll_timeout().expect("the bytes are on their way");
/// assert_eq!(later, Time::ZERO.after(latency));
/// assert_eq!(link.poll_receive(later, Direction::ToServer, &mut received), Received::Bytes(1));
/// assert_eq!(link.poll_receive(later, Direction::ToServer, &mut received), Received::End);
/// assert_eq!(link.poll_receive(later, Direction::ToClient, &mut received), Received::End);
/// assert_eq!(received, [0xC0]);
/// ```
#[derive(Clone, Debug)]
pub struct Link {
    chunking: Chunking,
    capacity: usize,
    halves: Each<Half>,
}

/// What [`Link::poll_receive`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// One piece of so many bytes was appended; there may be more.
    Bytes(usize),
    /// Nothing has arrived that was not received.
    Nothing,
    /// The other end has ended its sending, or the connection was cut. It is said every time.
    End,
}

/// One direction.
#[derive(Clone, Debug)]
struct Half {
    lane: Lane,
    delay: RangeInclusive<Duration>,
    state: State,
    /// So many bytes are received before the connection is cut.
    cut_after: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes are taken and arrive.
    Open,
    /// Bytes are taken and vanish.
    Silent,
    /// No more is sent. The receiver finds that out at this time, behind all that is on its way.
    Ending(Time),
    /// The receiver knows.
    Ended,
}

/// Making one, and how bytes travel.
impl Link {
    /// An open connection with random choices from `seed`: no delay, no chunking, no bound.
    pub fn new(seed: u64) -> Link {
        let mut random = Random::new(seed);
        let mut half = || Half {
            lane: Lane::new(Random::new(random.next())),
            delay: Duration::ZERO..=Duration::ZERO,
            state: State::Open,
            cut_after: None,
        };
        let halves = Each { to_server: half(), to_client: half() };
        Link { chunking: Chunking::AsSent, capacity: usize::MAX, halves }
    }

    /// In what pieces bytes arrive, in both directions.
    pub fn set_chunking(&mut self, chunking: Chunking) {
        self.chunking = chunking;
    }

    /// How long pieces travel: a random time in this range, longer where they would overtake.
    pub fn set_delay(&mut self, direction: Direction, delay: RangeInclusive<Duration>) {
        self.halves.of_mut(direction).delay = delay;
    }

    /// How many bytes may be sent and not received in each direction; `None` for any number.
    pub fn set_capacity(&mut self, capacity: Option<usize>) {
        self.capacity = capacity.unwrap_or(usize::MAX);
    }
}

/// Getters.
impl Link {
    /// Bytes that were sent and not received.
    pub fn in_flight(&self, direction: Direction) -> usize {
        self.halves.of(direction).lane.len()
    }

    /// How many bytes [`send`](Link::send) takes: 0 where sending has ended.
    pub fn room(&self, direction: Direction) -> usize {
        match self.halves.of(direction).state {
            State::Open => self.capacity.saturating_sub(self.in_flight(direction)),
            State::Silent => usize::MAX,
            State::Ending(_) | State::Ended => 0,
        }
    }

    /// Whether bytes can still be sent, be it that they vanish.
    pub fn is_open(&self, direction: Direction) -> bool {
        match self.halves.of(direction).state {
            State::Open | State::Silent => true,
            State::Ending(_) | State::Ended => false,
        }
    }
}

/// The two ends.
impl Link {
    /// Sends the first bytes of `bytes` for which there is [`room`](Link::room), and says how many.
    pub fn send(&mut self, now: Time, direction: Direction, bytes: &[u8]) -> usize {
        let accepted = bytes.len().min(self.room(direction));
        let half = self.halves.of_mut(direction);
        match half.state {
            State::Open => {
                let bytes = bytes.get(..accepted).unwrap_or_default();
                half.lane.send(now, bytes, self.chunking, &half.delay);
            }
            State::Silent | State::Ending(_) | State::Ended => {}
        }
        accepted
    }

    /// Ends sending in one direction; what is on its way arrives before that is seen.
    pub fn close(&mut self, now: Time, direction: Direction) {
        let half = self.halves.of_mut(direction);
        match half.state {
            State::Open => half.state = State::Ending(half.lane.arrival(now, &half.delay)),
            // Nobody is told.
            State::Silent | State::Ending(_) | State::Ended => {}
        }
    }

    /// Appends the next piece that has arrived.
    ///
    /// Call it until it gives no more bytes, as a socket is read.
    pub fn poll_receive(&mut self, now: Time, direction: Direction, out: &mut Vec<u8>) -> Received {
        let half = self.halves.of_mut(direction);
        let most = half.cut_after.unwrap_or(usize::MAX);
        match half.lane.receive(now, most, out) {
            0 => half.state.end(now),
            received => {
                half.cut_after = half.cut_after.map(|left| left - received);
                if half.cut_after == Some(0) {
                    self.cut(now);
                }
                Received::Bytes(received)
            }
        }
    }

    /// When the next piece arrives, or the next end is seen, in either direction.
    pub fn poll_timeout(&self) -> Option<Time> {
        Direction::BOTH.into_iter().filter_map(|direction| self.next_arrival(direction)).min()
    }

    /// Likewise in this direction.
    pub fn next_arrival(&self, direction: Direction) -> Option<Time> {
        self.halves.of(direction).next()
    }
}

/// Faults.
impl Link {
    /// Cuts the connection: what is on its way is lost, and both ends see the end.
    pub fn cut(&mut self, now: Time) {
        for direction in Direction::BOTH {
            let half = self.halves.of_mut(direction);
            half.lane.clear();
            half.state = match half.state {
                State::Open | State::Silent | State::Ending(_) => State::Ending(now),
                State::Ended => State::Ended,
            };
        }
    }

    /// Cuts the connection once `bytes` more were received in this direction, for 0 at once.
    pub fn cut_after(&mut self, now: Time, direction: Direction, bytes: usize) {
        match bytes {
            0 => self.cut(now),
            1.. => self.halves.of_mut(direction).cut_after = Some(bytes),
        }
    }

    /// Makes the connection half-open in this direction: what is on its way and what is sent from
    /// now on vanishes, an end included. Nobody is told; [`cut`](Link::cut) still works.
    pub fn silence(&mut self, direction: Direction) {
        let half = self.halves.of_mut(direction);
        half.lane.clear();
        half.state = match half.state {
            State::Open | State::Silent | State::Ending(_) => State::Silent,
            State::Ended => State::Ended,
        };
    }
}

impl Half {
    fn next(&self) -> Option<Time> {
        self.lane.next_arrival().or(match self.state {
            State::Ending(at) => Some(at),
            State::Open | State::Silent | State::Ended => None,
        })
    }
}

impl State {
    /// What the receiver finds when no bytes have arrived.
    fn end(&mut self, now: Time) -> Received {
        match *self {
            State::Ending(at) if at <= now => {
                *self = State::Ended;
                Received::End
            }
            State::Ended => Received::End,
            State::Open | State::Silent | State::Ending(_) => Received::Nothing,
        }
    }
}
