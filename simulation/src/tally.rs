//! How often what was checked, and how often which fault struck.

use std::fmt;

/// An enumeration with a name for each variant, which is the index into a table.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal $says:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $says] $variant,)*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }

            /// What it is.
            pub fn says(self) -> &'static str {
                match self {
                    $($name::$variant => $says,)*
                }
            }
        }
    };
}

table! {
    /// What is promised, by the ids of `docs/promises.tsv` or the section of the standard, as far as the
    /// simulation can see it broken.
    Promise {
        Ver1 "VER-1" "what is sent is a packet of the version",
        Con2 "CON-2" "nothing is sent that CONNACK forbids",
        Con3 "CON-3" "an identifier somebody else may have left open is freed before its first use",
        Live1 "LIVE-1" "the keep-alive is kept, and a dead peer found in time, not sooner",
        Live2 "LIVE-2" "the delay before an attempt is neither too short nor too long",
        Live3 "LIVE-3" "an end has its class, and what waiting cannot mend, or a takeover, waits as long as it should",
        Live4 "LIVE-4" "after a suspension the link is checked at once",
        Live5 "LIVE-5" "redirects are followed, five in a row at most",
        Send1 "SEND-1" "the outcome is what the broker answered",
        Send2 "SEND-2" "an operation has exactly one outcome, and is sent before it only",
        Send4 "SEND-4" "no more are in flight than Receive Maximum, and they are sent in order",
        Send5 "SEND-5" "what was accepted without a connection is sent on the next",
        Send6 "SEND-6" "what expired is not sent, and the interval counts down",
        Send7 "SEND-7" "a topic alias stands for the topic, and not in a copy",
        Send8 "SEND-8" "an identifier belongs to one flow",
        Send10 "SEND-10" "what ends connections is found one at a time, and fails for that only",
        Send11 "SEND-11" "a request is made again three times without an answer, and fails then only",
        Res1 "RES-1" "what was sent is sent again in order, with DUP; PUBREL after PUBREC",
        Res2 "RES-2" "after a loss everything is sent as new",
        Res3 "RES-3" "requests without an answer are made again in order",
        Recv1 "RECV-1" "acknowledgements follow the application's, in order",
        Recv2 "RECV-2" "PUBREL is answered with PUBCOMP, with the right code",
        Recv3 "RECV-3" "a copy is not delivered again, and a new message is",
        Recv4 "RECV-4" "the broker keeps to Receive Maximum, too, and nothing is lost",
        Bad3 "BAD-3" "memory stays within its bound",
        Bad4 "BAD-4" "no deadline lies in the past, and on a quiet network everything ends",
        End1 "END-1" "acknowledgements go before DISCONNECT, nothing after it, and no Will if it says so",
        Auth "4.12" "AUTH goes by turns, with the method of CONNECT, and comes to its end",
        Sto1 "STO-1" "what waits for a record is not sent before, and what is not stored fails",
        Sto2 "STO-2" "no crash loses or doubles a message",
    }
}

table! {
    /// What goes wrong.
    Fault {
        CutToServer "cut to the broker" "the connection is cut behind a byte to the broker",
        CutToClient "cut to the client" "likewise to the client",
        Delay "delay" "a connection whose pieces take up to seconds",
        Bytes "one-byte pieces" "a connection that gives bytes one by one",
        Silence "silence" "a connection goes silent in one direction or both",
        Refused "connection refused" "nobody listens",
        ConnAckRefused "CONNACK refused" "the broker refuses the CONNECT",
        Disconnected "DISCONNECT" "the broker ends a connection with a reason",
        SessionLost "session lost" "the broker forgets a session",
        Restart "restart" "the broker restarts, with or without what it kept",
        Poison "poison" "a message at which the broker ends the connection",
        Stall "stall" "the broker hangs",
        Redirect "redirect" "the broker sends the client elsewhere",
        SlowReader "slow reader" "the client does not read for a while",
        Suspended "suspended" "the client does not run for a while, and time goes on",
        LateAck "late ack" "the application acknowledges late",
        NoAck "no ack" "the application does not acknowledge",
        WindowOfOne "Receive Maximum 1" "a connection with a window of one, one way or both",
        SmallPackets "small packets" "a connection with a small Maximum Packet Size",
        NoAliases "no aliases" "a connection without aliases for a client that wants them",
        NoRetain "no retain" "a connection without retained messages",
        LowQoS "Maximum QoS" "a connection with a lower Maximum QoS",
        Unproved "proof refused" "the client gives a wrong answer to AUTH",
        Left "left" "the application disconnects amid its work, and comes again",
        Crash "crash" "the client ends between two records, and is restored",
        MessageUnstored "message not stored" "messages cannot be stored, and nothing else",
        StoreBroken "store broken" "other records cannot be stored, and the program runs again",
        CrashWithout "crash without a store" "the client ends and knows nothing",
    }
}

/// Counts of one run or of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Steps: pieces delivered, deadlines, calls and faults.
    pub steps: u64,
    checks: Vec<u64>,
    strikes: Vec<u64>,
}

impl Default for Tally {
    fn default() -> Tally {
        let (checks, strikes) = (vec![0; Promise::ALL.len()], vec![0; Fault::ALL.len()]);
        Tally { steps: 0, checks, strikes }
    }
}

impl Tally {
    pub(crate) fn check(&mut self, promise: Promise) {
        count(&mut self.checks, promise as usize);
    }

    pub(crate) fn strike(&mut self, fault: Fault) {
        self.steps += 1;
        count(&mut self.strikes, fault as usize);
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Tally) {
        self.steps += other.steps;
        for (sum, more) in self.checks.iter_mut().zip(&other.checks) {
            *sum += more;
        }
        for (sum, more) in self.strikes.iter_mut().zip(&other.strikes) {
            *sum += more;
        }
    }

    /// The names of what was checked or struck less than so many times.
    pub fn below(&self, least: u64) -> Vec<&'static str> {
        self.rows().filter(|(_, count, _)| *count < least).map(|(name, ..)| name).collect()
    }

    fn rows(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
        let promises = Promise::ALL.iter().zip(&self.checks);
        let promises = promises.map(|(promise, count)| (promise.name(), *count, promise.says()));
        let faults = Fault::ALL.iter().zip(&self.strikes);
        promises.chain(faults.map(|(fault, count)| (fault.name(), *count, fault.says())))
    }
}

fn count(counts: &mut [u64], index: usize) {
    if let Some(count) = counts.get_mut(index) {
        *count += 1;
    }
}

/// A table: what, how often, what that means.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count, says)) in self.rows().enumerate() {
            match index {
                0 => writeln!(f, "could have been broken:")?,
                _ if index == Promise::ALL.len() => writeln!(f, "struck:")?,
                _ => {}
            }
            writeln!(f, "  {name:<22} {count:>12}  {says}")?;
        }
        write!(f, "{} steps", self.steps)
    }
}
