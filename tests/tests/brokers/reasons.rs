//! What brokers say in their answers.

use mqtt_adapter_blocking::{PublishError, QoS, ReasonCode, SubscribeError};
use mqtt_tests::adapter::{Adapter, Client};

use crate::{Deviation, Row, Verdict, everything, expect, numbered};

/// Every broker of the suite denies what is below it.
const FORBIDDEN: &str = "forbidden/a";

/// Before 5.0 there is no way to say so: it is acknowledged, and nobody gets it.
pub(crate) fn a_message_that_is_not_allowed_is_rejected<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let publish = |qos| match client.publish(numbered(FORBIDDEN, 1, qos)) {
        Ok(reason) => reason,
        Err(PublishError::Rejected(rejection)) => rejection.reason,
        Err(error) => panic!("{error}"),
    };
    let reasons = [QoS::AtLeastOnce, QoS::ExactlyOnce].map(publish);
    client.disconnect();
    let reason = if row.is_5() { ReasonCode::NotAuthorized } else { ReasonCode::Success };
    expect("reasons", &reasons, &[reason, reason], &[])
}

pub(crate) fn a_subscription_that_is_not_allowed_is_refused<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let reason = match client.subscribe(everything(FORBIDDEN)) {
        Err(SubscribeError::Refused(rejection)) => Some(rejection.reason),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    };
    client.disconnect();
    let wanted = if row.is_5() { ReasonCode::NotAuthorized } else { ReasonCode::UnspecifiedError };
    expect("refused", &reason, &Some(wanted), &[(None, Deviation::GrantsWhatItDenies)])
}

pub(crate) fn a_message_for_nobody_is_reported<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let reason = client.publish(numbered(&row.topic("a"), 1, QoS::AtLeastOnce)).unwrap();
    client.disconnect();
    let silent = (ReasonCode::Success, Deviation::SaysNothingOfSubscribers);
    expect("reason", &reason, &ReasonCode::NoMatchingSubscribers, &[silent])
}
