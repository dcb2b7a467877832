//! Reference conversations, cut after every single byte in each direction, and their program ended
//! after every record. The client comes again, and everything has to come to its end.
//!
//! Delays, pieces, silence and the rest are drawn from seeds, by the simulation itself. See
//! `docs/proof.md`.

mod application;
mod conversation;
mod store;
mod verdict;
mod wire;
mod witness;
mod world;

use mqtt_session::proto::Version;
use mqtt_session::{Fixed, Heap, Memory};
use mqtt_testkit::Direction;

use conversation::Conversation;
use world::{Fault, Moment, Persistence, Plan, Ran, run};

/// Room for the largest conversation, and not for much more.
type Small = Fixed<8, 4, 4, 2048>;

/// Second cuts are so many bytes apart; each first one begins at another byte.
const STRIDE: usize = 64;

const PERSISTENCE: [Persistence; 2] = [Persistence::Kept, Persistence::Lost];

/// Nothing goes wrong.
fn undisturbed<M: Memory>(conversation: Conversation, version: Version) -> (Plan, Ran) {
    let (fault, persistence) = (Fault::None, Persistence::Kept);
    let plan = Plan { conversation, version, fault, second: None, persistence };
    (plan, run::<M>(plan))
}

/// How often it ran, and how often it was to run by the bytes and records there are.
#[derive(Default)]
struct Runs {
    ran: usize,
    due: usize,
}

impl Runs {
    fn run<M: Memory>(&mut self, plan: Plan) -> Ran {
        self.ran += 1;
        run::<M>(plan)
    }

    /// Likewise, and where the session is kept once more for every so manieth byte of the second
    /// connection, which is cut there.
    fn run_and_cut_again<M: Memory>(&mut self, plan: Plan, offset: usize) {
        let ran = self.run::<M>(plan);
        if plan.persistence == Persistence::Lost {
            return;
        }
        for direction in Direction::BOTH {
            let bytes = ran.wires.get(1).map_or(0, |wire| wire.arrived(direction));
            let first = offset % STRIDE + 1;
            self.due += (bytes + STRIDE).saturating_sub(first) / STRIDE;
            for byte in (first..=bytes).step_by(STRIDE) {
                self.run::<M>(Plan { second: Some((direction, byte)), ..plan });
            }
        }
    }

    /// Prints the number; it is what it has to be, and not less than `least`.
    fn expect(&self, what: &str, least: usize) {
        eprintln!("{what}: {} runs", self.ran);
        assert_eq!(self.ran, self.due, "{what}");
        assert!(self.ran >= least, "{what}: {} runs", self.ran);
    }
}

fn cut_at_every_byte<M: Memory>(version: Version) {
    let mut runs = Runs::default();
    for conversation in Conversation::all(version) {
        let (plan, ran) = undisturbed::<M>(conversation, version);
        for direction in Direction::BOTH {
            let bytes = ran.wires[0].arrived(direction);
            runs.due += PERSISTENCE.len() * bytes;
            for byte in 1..=bytes {
                for persistence in PERSISTENCE {
                    let fault = Fault::Cut(direction, byte);
                    runs.run_and_cut_again::<M>(Plan { fault, persistence, ..plan }, byte);
                }
            }
        }
    }
    runs.expect(&format!("cuts, {version:?}"), 4000);
}

fn crash_after_every_record<M: Memory>(version: Version) {
    let mut runs = Runs::default();
    for conversation in Conversation::all(version) {
        let (plan, ran) = undisturbed::<M>(conversation, version);
        runs.due += PERSISTENCE.len() * 2 * (ran.records + 1);
        for records in 0..=ran.records {
            for persistence in PERSISTENCE {
                for moment in [Moment::AtOnce, Moment::Late] {
                    let fault = Fault::Crash(records, moment);
                    runs.run_and_cut_again::<M>(Plan { fault, persistence, ..plan }, records);
                }
            }
        }
    }
    runs.expect(&format!("crashes, {version:?}"), 500);
}

/// Promises: SEND-1, SEND-2, RES-1, RES-2, RES-3, RECV-1, RECV-3, BAD-4, END-1
#[test]
fn cut_at_every_byte_of_5_0_on_the_heap() {
    cut_at_every_byte::<Heap>(Version::V5);
}

/// Promises: SEND-1, SEND-2, RES-1, RES-2, RES-3, RECV-1, RECV-3, BAD-4, END-1
#[test]
fn cut_at_every_byte_of_5_0_in_fixed_memory() {
    cut_at_every_byte::<Small>(Version::V5);
}

/// Promises: SEND-1, SEND-2, RES-1, RES-2, RES-3, RECV-1, RECV-3, BAD-4, END-1
#[test]
fn cut_at_every_byte_of_3_1_1_on_the_heap() {
    cut_at_every_byte::<Heap>(Version::V3_1_1);
}

/// Promises: SEND-1, SEND-2, RES-1, RES-2, RES-3, RECV-1, RECV-3, BAD-4, END-1
#[test]
fn cut_at_every_byte_of_3_1_1_in_fixed_memory() {
    cut_at_every_byte::<Small>(Version::V3_1_1);
}

/// Promises: STO-1, STO-2
#[test]
fn crash_after_every_record_of_5_0_on_the_heap() {
    crash_after_every_record::<Heap>(Version::V5);
}

/// Promises: STO-1, STO-2
#[test]
fn crash_after_every_record_of_5_0_in_fixed_memory() {
    crash_after_every_record::<Small>(Version::V5);
}

/// Promises: STO-1, STO-2
#[test]
fn crash_after_every_record_of_3_1_1_on_the_heap() {
    crash_after_every_record::<Heap>(Version::V3_1_1);
}

/// Promises: STO-1, STO-2
#[test]
fn crash_after_every_record_of_3_1_1_in_fixed_memory() {
    crash_after_every_record::<Small>(Version::V3_1_1);
}
