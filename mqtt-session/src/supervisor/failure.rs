//! What the end of an attempt or a connection means for the next.

use mqtt_proto::ReasonCode;

use crate::CloseReason;
use crate::close::blames_content;

/// What kind of failure an attempt or a connection ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Waiting may mend it: network trouble, a busy broker.
    Transient,
    /// Waiting will not mend it: bad credentials, not authorised, bad certificate. Retried at the
    /// longest delay.
    Permanent,
    /// The broker does not speak this version. With [`VersionChoice::Auto`](crate::VersionChoice)
    /// there is another; otherwise as [`FailureClass::Permanent`].
    VersionRefused,
    /// The peer closed after CONNECT without CONNACK, as brokers do that cannot read this version.
    /// Otherwise as [`FailureClass::Transient`].
    NoConnAck,
    /// Another client took the session over. Each time in a row the delay is four times as long, up
    /// to an hour, so that two clients of one name do not evict each other for ever.
    TakenOver,
    /// The transport ended and nobody said why. As [`FailureClass::Transient`], but three times in a
    /// row within 10 s of CONNACK it is taken for [`FailureClass::TakenOver`], of which brokers of
    /// 3.1.1 say no more than this.
    Dropped,
}

impl FailureClass {
    /// The class of a connection's end.
    pub fn of(reason: &CloseReason) -> FailureClass {
        match reason {
            CloseReason::Refused(refusal) => FailureClass::of_refusal(refusal.reason),
            CloseReason::Disconnected(code) => FailureClass::of_code(*code),
            CloseReason::NoConnAck => FailureClass::NoConnAck,
            CloseReason::Lost => FailureClass::Dropped,
            CloseReason::StoreFailed => FailureClass::Permanent,
            CloseReason::KeepAlive
            | CloseReason::NoAnswer
            | CloseReason::Violation(_)
            | CloseReason::Local => FailureClass::Transient,
        }
    }

    /// A CONNECT the broker finds fault with is the same the next time.
    fn of_refusal(code: ReasonCode) -> FailureClass {
        if blames_content(code) && code != ReasonCode::QuotaExceeded {
            FailureClass::Permanent
        } else {
            FailureClass::of_code(code)
        }
    }

    fn of_code(code: ReasonCode) -> FailureClass {
        let is_permanent = matches!(
            code,
            ReasonCode::ClientIdentifierNotValid
                | ReasonCode::BadUserNameOrPassword
                | ReasonCode::NotAuthorized
                | ReasonCode::Banned
                | ReasonCode::BadAuthenticationMethod
                | ReasonCode::ServerMoved
        );
        if code == ReasonCode::SessionTakenOver {
            FailureClass::TakenOver
        } else if code == ReasonCode::UnsupportedProtocolVersion {
            FailureClass::VersionRefused
        } else if is_permanent {
            FailureClass::Permanent
        } else {
            FailureClass::Transient
        }
    }
}
