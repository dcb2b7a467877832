//! What brokers say in their answers.

use mqtt_adapter_blocking::{Failure, PublishError, QoS, ReasonCode, SubscribeError};
use mqtt_tests::adapter::{Adapter, Client};

use crate::{Deviation, Row, Verdict, everything, expect, numbered};

/// What is below it is denied.
const FORBIDDEN: &str = "forbidden/a";

/// Before 5.0 there is no way to say so: it is acknowledged, and nobody gets it.
pub(crate) fn a_message_that_is_not_allowed_is_rejected<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let mut reasons = Vec::new();
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        match client.publish(numbered(FORBIDDEN, 1, qos)) {
            Ok(reason) => reasons.push(reason),
            Err(PublishError::Rejected(rejection)) => reasons.push(rejection.reason),
            Err(PublishError::Failed(failure)) => {
                client.disconnect();
                return Deviation::HangsUp.seen(failure.to_string());
            }
            Err(error) => panic!("{error}"),
        }
    }
    client.disconnect();
    let reason = if row.is_5() { ReasonCode::NotAuthorized } else { ReasonCode::Success };
    let other = (vec![ReasonCode::TopicNameInvalid; 2], Deviation::NamesAnotherReason);
    expect("reasons", &reasons, &vec![reason; 2], &[other])
}

pub(crate) fn a_subscription_that_is_not_allowed_is_refused<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let reason = match client.subscribe(everything(FORBIDDEN)) {
        Err(SubscribeError::Refused(rejection)) => Some(rejection.reason),
        Err(SubscribeError::Failed(Failure::NoAnswer)) => {
            let is_malformed = client.stats().protocol_errors > 0;
            client.disconnect();
            if !is_malformed {
                return Deviation::HangsUp.seen("at SUBSCRIBE, each time");
            }
            return Deviation::AnswersAsIn5.seen("SUBACK with a reason code that 3.1.1 has not");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    };
    client.disconnect();
    let wanted = if row.is_5() { ReasonCode::NotAuthorized } else { ReasonCode::UnspecifiedError };
    let otherwise = [
        (None, Deviation::GrantsWhatItDenies),
        (Some(ReasonCode::TopicFilterInvalid), Deviation::NamesAnotherReason),
    ];
    expect("refused", &reason, &Some(wanted), &otherwise)
}

pub(crate) fn a_message_for_nobody_is_reported<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let reason = client.publish(numbered(&row.topic("a"), 1, QoS::AtLeastOnce)).unwrap();
    client.disconnect();
    let silent = (ReasonCode::Success, Deviation::SaysNothingOfSubscribers);
    expect("reason", &reason, &ReasonCode::NoMatchingSubscribers, &[silent])
}
