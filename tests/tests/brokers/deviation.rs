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
    IgnoresMaximumPacketSize,
    TakesOverInSilence,
    SaysNothingOfSubscribers,
    GrantsWhatItDenies,
    ForgetsSessions,
    KeepsNothing,
    RepeatsQoS2,
    HangsUp,
    AnswersAsIn5,
    NamesAnotherReason,
    TakesEveryClientIdentifier,
    SpeaksEveryVersion,
    AnnouncesNoLimit,
    RulesNothingOut,
    SendsAgainAsNew,
    SwallowsQoS2,
    RoutesLate,
    Reorders,
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
            Deviation::IgnoresMaximumPacketSize => "ignores Maximum Packet Size",
            Deviation::TakesOverInSilence => "takes a session over without DISCONNECT",
            Deviation::GrantsWhatItDenies => "grants a subscription to topics it denies",
            Deviation::ForgetsSessions => "forgets sessions over a restart",
            Deviation::KeepsNothing => "keeps nothing over a restart",
            Deviation::RepeatsQoS2 => "delivers QoS 2 twice after a cut",
            Deviation::HangsUp => "hangs up",
            Deviation::AnswersAsIn5 => "answers 3.1.1 as if it were 5.0",
            Deviation::NamesAnotherReason => "names another reason",
            Deviation::TakesEveryClientIdentifier => "takes every Client Identifier",
            Deviation::SpeaksEveryVersion => "speaks every version",
            Deviation::AnnouncesNoLimit => "does not announce its limit",
            Deviation::RulesNothingOut => "rules out neither QoS 2 nor retained messages",
            Deviation::SendsAgainAsNew => "sends what is unacknowledged again as a new message",
            Deviation::SwallowsQoS2 => "swallows a QoS 2 message behind one left open",
            Deviation::RoutesLate => "routes a message behind its acknowledgement",
            Deviation::Reorders => "delivers out of order",
            Deviation::SaysNothingOfSubscribers => "does not say that nobody subscribed",
        })
    }
}
