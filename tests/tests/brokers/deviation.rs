//! What brokers do in their own way.

use std::fmt;

/// Something a broker does otherwise than a row expects: against the standard, or within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deviation {
    NoQoS2,
    NoSharedSubscriptions,
    TakesNoAliases,
    UsesNoAliases,
    DeliversExpired,
    ExceedsReceiveMaximum,
    OneAtATime,
    TakesOverInSilence,
    SaysNothingOfSubscribers,
    GrantsWhatItDenies,
    ForgetsCleanSessions,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Deviation::NoQoS2 => "delivers QoS 2 as QoS 1",
            Deviation::NoSharedSubscriptions => "has no shared subscriptions",
            Deviation::TakesNoAliases => "takes no topic aliases",
            Deviation::UsesNoAliases => "uses no topic aliases",
            Deviation::DeliversExpired => "delivers messages that have expired",
            Deviation::ExceedsReceiveMaximum => "exceeds Receive Maximum",
            Deviation::OneAtATime => "sends one QoS 1/2 message at a time",
            Deviation::TakesOverInSilence => "takes a session over without DISCONNECT",
            Deviation::GrantsWhatItDenies => "grants a subscription to topics it denies",
            Deviation::ForgetsCleanSessions => {
                "forgets, over a restart, a session that began with Clean Start"
            }
            Deviation::SaysNothingOfSubscribers => "does not say that nobody subscribed",
        })
    }
}
