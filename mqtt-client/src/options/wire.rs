//! What is said on the wire, and what is put up with there.

use super::Options;

/// All of it is off by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WireOptions {
    pub(crate) topic_alias_maximum: u16,
    pub(crate) outbound_aliases: bool,
    pub(crate) strict: bool,
    pub(crate) lenient: bool,
}

impl Options {
    /// Topic Alias Maximum (5.0): topics the broker may have an alias stand for. Default: 0.
    pub fn topic_alias_maximum(mut self, aliases: u16) -> Options {
        self.wire.topic_alias_maximum = aliases;
        self
    }

    /// Whether topic aliases stand for topics where the broker takes them (5.0): what is sent for
    /// the first time is shorter then, what is sent again carries its topic. Default: false, for a
    /// capture of the packets does not show the topics.
    pub fn outbound_aliases(mut self, aliases: bool) -> Options {
        self.wire.outbound_aliases = aliases;
        self
    }

    /// Turns off the tolerances for brokers that break the standard: messages up to twice Receive
    /// Maximum, no ClientID assigned, and before 5.0 PUBACK for QoS 2.
    /// [`Stats::tolerated`](crate::Stats::tolerated) counts their use. Default: false.
    pub fn strict(mut self, strict: bool) -> Options {
        self.wire.strict = strict;
        self
    }

    /// Puts up with more: a Remaining Length longer than it need be, and any flags of PINGRESP. Not
    /// together with [`strict`](Options::strict). Default: false.
    pub fn lenient(mut self, lenient: bool) -> Options {
        self.wire.lenient = lenient;
        self
    }
}
