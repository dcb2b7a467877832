//! Reason codes (section 2.4): how a request, a packet or a connection ended.

use crate::wire_enum::wire_enum;
use crate::{Dialect, EncodeError, Field, PacketType, Role};

wire_enum! {
    /// A reason code; 0x80 and above say that something failed (section 2.4).
    pub enum ReasonCode {
        0x00 Success "Success",
        0x01 GrantedQoS1 "Granted QoS 1",
        0x02 GrantedQoS2 "Granted QoS 2",
        0x04 DisconnectWithWillMessage "Disconnect with Will Message",
        0x10 NoMatchingSubscribers "No matching subscribers",
        0x11 NoSubscriptionExisted "No subscription existed",
        0x18 ContinueAuthentication "Continue authentication",
        0x19 ReAuthenticate "Re-authenticate",
        0x80 UnspecifiedError "Unspecified error",
        0x81 MalformedPacket "Malformed Packet",
        0x82 ProtocolError "Protocol Error",
        0x83 ImplementationSpecificError "Implementation specific error",
        0x84 UnsupportedProtocolVersion "Unsupported Protocol Version",
        0x85 ClientIdentifierNotValid "Client Identifier not valid",
        0x86 BadUserNameOrPassword "Bad User Name or Password",
        0x87 NotAuthorized "Not authorized",
        0x88 ServerUnavailable "Server unavailable",
        0x89 ServerBusy "Server busy",
        0x8A Banned "Banned",
        0x8B ServerShuttingDown "Server shutting down",
        0x8C BadAuthenticationMethod "Bad authentication method",
        0x8D KeepAliveTimeout "Keep Alive timeout",
        0x8E SessionTakenOver "Session taken over",
        0x8F TopicFilterInvalid "Topic Filter invalid",
        0x90 TopicNameInvalid "Topic Name invalid",
        0x91 PacketIdentifierInUse "Packet Identifier in use",
        0x92 PacketIdentifierNotFound "Packet Identifier not found",
        0x93 ReceiveMaximumExceeded "Receive Maximum exceeded",
        0x94 TopicAliasInvalid "Topic Alias invalid",
        0x95 PacketTooLarge "Packet too large",
        0x96 MessageRateTooHigh "Message rate too high",
        0x97 QuotaExceeded "Quota exceeded",
        0x98 AdministrativeAction "Administrative action",
        0x99 PayloadFormatInvalid "Payload format invalid",
        0x9A RetainNotSupported "Retain not supported",
        0x9B QoSNotSupported "QoS not supported",
        0x9C UseAnotherServer "Use another server",
        0x9D ServerMoved "Server moved",
        0x9E SharedSubscriptionsNotSupported "Shared Subscriptions not supported",
        0x9F ConnectionRateExceeded "Connection rate exceeded",
        0xA0 MaximumConnectTime "Maximum connect time",
        0xA1 SubscriptionIdentifiersNotSupported "Subscription Identifiers not supported",
        0xA2 WildcardSubscriptionsNotSupported "Wildcard Subscriptions not supported",
    }
}

#[allow(non_upper_case_globals, reason = "they are 0x00 by the names other packets give it")]
impl ReasonCode {
    /// 0x00 in a DISCONNECT.
    pub const NormalDisconnection: ReasonCode = ReasonCode::Success;
    /// 0x00 in a SUBACK.
    pub const GrantedQoS0: ReasonCode = ReasonCode::Success;
}

impl ReasonCode {
    /// Whether the code says that something failed.
    #[inline]
    pub const fn is_error(self) -> bool {
        self.to_u8() >= 0x80
    }

    /// Whether `sender` may put the code into a `packet` of MQTT 5.0.
    pub const fn is_legal(self, packet: PacketType, sender: Role) -> bool {
        match packet {
            PacketType::ConnAck => matches!(sender, Role::Server) && self.is_legal_in_connack(),
            // [MQTT-3.4.2-1], [MQTT-3.5.2-1]
            PacketType::PubAck | PacketType::PubRec => self.is_legal_in_puback(sender),
            // [MQTT-3.6.2-1], [MQTT-3.7.2-1]
            PacketType::PubRel | PacketType::PubComp => {
                matches!(self, Self::Success | Self::PacketIdentifierNotFound)
            }
            PacketType::SubAck => matches!(sender, Role::Server) && self.is_legal_in_suback(),
            PacketType::UnsubAck => matches!(sender, Role::Server) && self.is_legal_in_unsuback(),
            // [MQTT-3.14.2-1]
            PacketType::Disconnect => match sender {
                Role::Client => self.is_legal_in_client_disconnect(),
                Role::Server => self.is_legal_in_server_disconnect(),
            },
            // [MQTT-3.15.2-1]
            PacketType::Auth => match sender {
                Role::Client => matches!(self, Self::ContinueAuthentication | Self::ReAuthenticate),
                Role::Server => matches!(self, Self::Success | Self::ContinueAuthentication),
            },
            PacketType::Connect
            | PacketType::Publish
            | PacketType::Subscribe
            | PacketType::Unsubscribe
            | PacketType::PingReq
            | PacketType::PingResp => false,
        }
    }

    /// Whether a receiver takes the code: it is legal, or the standard contradicts itself.
    ///
    /// Section 2.4 lists 0x8C for DISCONNECT and section 3.3.4 lets a client send 0x9B; the table
    /// of section 3.14.2.1 knows neither.
    pub(crate) const fn is_tolerated(self, packet: PacketType, sender: Role) -> bool {
        self.is_legal(packet, sender)
            || matches!(
                (packet, sender, self),
                (PacketType::Disconnect, Role::Server, Self::BadAuthenticationMethod)
                    | (PacketType::Disconnect, Role::Client, Self::QoSNotSupported)
            )
    }

    /// Judges the code before it is sent in a `packet` that has one reason code.
    pub(crate) fn check_encode(
        self,
        packet: PacketType,
        dialect: Dialect,
    ) -> Result<(), EncodeError> {
        if !dialect.version.has_properties() && self != ReasonCode::Success {
            return Err(EncodeError::NotInVersion(Field::ReasonCode));
        }
        if !self.is_legal(packet, dialect.sender) {
            return Err(EncodeError::IllegalReasonCode(self));
        }
        Ok(())
    }

    /// The return code of a CONNACK before 5.0 that says the same.
    pub(crate) const fn to_return_code(self) -> Option<u8> {
        match self {
            Self::Success => Some(0),
            Self::UnsupportedProtocolVersion => Some(1),
            Self::ClientIdentifierNotValid => Some(2),
            Self::ServerUnavailable => Some(3),
            Self::BadUserNameOrPassword => Some(4),
            Self::NotAuthorized => Some(5),
            _ => None,
        }
    }

    /// The reason code that says what `return_code` says in a CONNACK before 5.0.
    pub(crate) const fn from_return_code(return_code: u8) -> Option<ReasonCode> {
        match return_code {
            0 => Some(Self::Success),
            1 => Some(Self::UnsupportedProtocolVersion),
            2 => Some(Self::ClientIdentifierNotValid),
            3 => Some(Self::ServerUnavailable),
            4 => Some(Self::BadUserNameOrPassword),
            5 => Some(Self::NotAuthorized),
            _ => None,
        }
    }

    const fn is_legal_in_connack(self) -> bool {
        matches!(
            self,
            Self::Success
                | Self::UnspecifiedError
                | Self::MalformedPacket
                | Self::ProtocolError
                | Self::ImplementationSpecificError
                | Self::UnsupportedProtocolVersion
                | Self::ClientIdentifierNotValid
                | Self::BadUserNameOrPassword
                | Self::NotAuthorized
                | Self::ServerUnavailable
                | Self::ServerBusy
                | Self::Banned
                | Self::BadAuthenticationMethod
                | Self::TopicNameInvalid
                | Self::PacketTooLarge
                | Self::QuotaExceeded
                | Self::PayloadFormatInvalid
                | Self::RetainNotSupported
                | Self::QoSNotSupported
                | Self::UseAnotherServer
                | Self::ServerMoved
                | Self::ConnectionRateExceeded
        )
    }

    const fn is_legal_in_puback(self, sender: Role) -> bool {
        match self {
            Self::NoMatchingSubscribers => matches!(sender, Role::Server),
            _ => matches!(
                self,
                Self::Success
                    | Self::UnspecifiedError
                    | Self::ImplementationSpecificError
                    | Self::NotAuthorized
                    | Self::TopicNameInvalid
                    | Self::PacketIdentifierInUse
                    | Self::QuotaExceeded
                    | Self::PayloadFormatInvalid
            ),
        }
    }

    const fn is_legal_in_suback(self) -> bool {
        matches!(
            self,
            Self::GrantedQoS0
                | Self::GrantedQoS1
                | Self::GrantedQoS2
                | Self::UnspecifiedError
                | Self::ImplementationSpecificError
                | Self::NotAuthorized
                | Self::TopicFilterInvalid
                | Self::PacketIdentifierInUse
                | Self::QuotaExceeded
                | Self::SharedSubscriptionsNotSupported
                | Self::SubscriptionIdentifiersNotSupported
                | Self::WildcardSubscriptionsNotSupported
        )
    }

    const fn is_legal_in_unsuback(self) -> bool {
        matches!(
            self,
            Self::Success
                | Self::NoSubscriptionExisted
                | Self::UnspecifiedError
                | Self::ImplementationSpecificError
                | Self::NotAuthorized
                | Self::TopicFilterInvalid
                | Self::PacketIdentifierInUse
        )
    }

    const fn is_legal_in_client_disconnect(self) -> bool {
        matches!(
            self,
            Self::NormalDisconnection
                | Self::DisconnectWithWillMessage
                | Self::UnspecifiedError
                | Self::MalformedPacket
                | Self::ProtocolError
                | Self::ImplementationSpecificError
                | Self::TopicNameInvalid
                | Self::ReceiveMaximumExceeded
                | Self::TopicAliasInvalid
                | Self::PacketTooLarge
                | Self::MessageRateTooHigh
                | Self::QuotaExceeded
                | Self::AdministrativeAction
                | Self::PayloadFormatInvalid
        )
    }

    const fn is_legal_in_server_disconnect(self) -> bool {
        match self {
            Self::DisconnectWithWillMessage => false,
            Self::NotAuthorized
            | Self::ServerBusy
            | Self::ServerShuttingDown
            | Self::KeepAliveTimeout
            | Self::SessionTakenOver
            | Self::TopicFilterInvalid
            | Self::RetainNotSupported
            | Self::QoSNotSupported
            | Self::UseAnotherServer
            | Self::ServerMoved
            | Self::SharedSubscriptionsNotSupported
            | Self::ConnectionRateExceeded
            | Self::MaximumConnectTime
            | Self::SubscriptionIdentifiersNotSupported
            | Self::WildcardSubscriptionsNotSupported => true,
            _ => self.is_legal_in_client_disconnect(),
        }
    }
}
