//! Legal packets of every type, version and sender.

use mqtt_proto::{
    Ack, Auth, ConnAck, Connect, Dialect, Disconnect, Filters, Packet, PacketId, PacketType,
    Properties, Property, PropertyId, PubAck, PubComp, PubRec, PubRel, Publish, QoS, ReasonCode,
    ReasonCodes, RetainHandling, Role, SubAck, Subscribe, Subscription, SubscriptionOptions,
    Subscriptions, UnsubAck, Unsubscribe, Version, Will,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::tables;

const TEXTS: &[&str] = &[
    "",
    "a",
    "key",
    "seven77",
    "eight888",
    "nine 9999",
    "é",
    "日本語",
    "\u{FEFF}x",
    "\u{1}\u{7F}",
];
const TOPICS: &[&str] = &["a", "/", "a/b", "$SYS/x", "sensors/room/12/temperature", "é/ü", "a//b"];
const FILTERS: &[&str] = &["a/b", "#", "+", "a/+/b", "/+/#", "$share/g/a", "$share/g/#", "é/#"];
const BINARY: &[u8] = &[0x00, 0xFF, 0x80, b'a', 0x00, 0xC0, 0x7F, 0x0A];
const PAYLOAD: &[u8] = &[0xA5; 17_000];

/// Any way to speak.
pub(crate) fn dialects() -> impl Strategy<Value = Dialect> {
    let versions = select(&[Version::V3_1, Version::V3_1_1, Version::V5]);
    let senders = select(&[Role::Client, Role::Server]);
    (versions, senders).prop_map(|(version, sender)| Dialect { version, sender, lenient: false })
}

/// A packet and who says it.
pub(crate) fn speeches() -> impl Strategy<Value = (Dialect, Parts)> {
    dialects().prop_flat_map(|dialect| (Just(dialect), packets(dialect)))
}

/// How often a property is tried.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() }
}

/// A legal packet that owns its lists.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    packet: Packet<'static>,
    properties: Vec<Property<'static>>,
    will_properties: Vec<Property<'static>>,
    subscriptions: Vec<Subscription<'static>>,
    filters: Vec<&'static str>,
    codes: Vec<ReasonCode>,
}

impl Parts {
    /// The packet with its lists.
    pub(crate) fn packet(&self) -> Packet<'_> {
        let properties = Properties::from_slice(&self.properties);
        let codes = ReasonCodes::from_slice(&self.codes);
        let acked = |ack| Ack { properties, ..ack };
        match self.packet {
            Packet::Connect(packet) => {
                let will_properties = Properties::from_slice(&self.will_properties);
                let will = packet.will.map(|will| Will { properties: will_properties, ..will });
                Packet::Connect(Connect { properties, will, ..packet })
            }
            Packet::ConnAck(packet) => Packet::ConnAck(ConnAck { properties, ..packet }),
            Packet::Publish(packet) => Packet::Publish(Publish { properties, ..packet }),
            Packet::PubAck(PubAck(ack)) => Packet::PubAck(PubAck(acked(ack))),
            Packet::PubRec(PubRec(ack)) => Packet::PubRec(PubRec(acked(ack))),
            Packet::PubRel(PubRel(ack)) => Packet::PubRel(PubRel(acked(ack))),
            Packet::PubComp(PubComp(ack)) => Packet::PubComp(PubComp(acked(ack))),
            Packet::Subscribe(packet) => {
                let subscriptions = Subscriptions::from_slice(&self.subscriptions);
                Packet::Subscribe(Subscribe { properties, subscriptions, ..packet })
            }
            Packet::SubAck(packet) => Packet::SubAck(SubAck { properties, codes, ..packet }),
            Packet::Unsubscribe(packet) => {
                let filters = Filters::from_slice(&self.filters);
                Packet::Unsubscribe(Unsubscribe { properties, filters, ..packet })
            }
            Packet::UnsubAck(packet) => Packet::UnsubAck(UnsubAck { properties, codes, ..packet }),
            Packet::PingReq | Packet::PingResp => self.packet,
            Packet::Disconnect(packet) => Packet::Disconnect(Disconnect { properties, ..packet }),
            Packet::Auth(packet) => Packet::Auth(Auth { properties, ..packet }),
        }
    }
}

/// Any legal packet of `dialect`.
fn packets(dialect: Dialect) -> impl Strategy<Value = Parts> {
    select(packet_types(dialect)).prop_flat_map(move |packet_type| {
        let has_properties = dialect.version.has_properties();
        let (allowed, allowed_in_will) = if has_properties {
            (tables::properties(packet_type, dialect.sender), tables::will_properties())
        } else {
            (Vec::new(), Vec::new())
        };
        let lists = (
            properties(&allowed, packet_type == PacketType::Auth),
            properties(&allowed_in_will, false),
            vec(subscriptions(dialect.version), 1..4),
            vec(select(FILTERS), 1..4),
            codes(packet_type, dialect),
        );
        (bare_packets(packet_type, dialect), lists).prop_map(
            |(packet, (properties, will_properties, subscriptions, filters, codes))| Parts {
                packet: with_topic(packet, &properties),
                properties,
                will_properties,
                subscriptions,
                filters,
                codes,
            },
        )
    })
}

/// Leaves the topic of every other PUBLISH with a Topic Alias away.
fn with_topic(packet: Packet<'static>, properties: &[Property<'static>]) -> Packet<'static> {
    let alias = properties
        .iter()
        .any(|property| matches!(property, Property::TopicAlias(alias) if alias % 2 == 0));
    match packet {
        Packet::Publish(publish) if alias => Packet::Publish(Publish { topic: "", ..publish }),
        packet => packet,
    }
}

fn packet_types(dialect: Dialect) -> Vec<PacketType> {
    let of_client = [1, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15];
    let of_server = [2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15];
    let numbers = match dialect.sender {
        Role::Client => of_client,
        Role::Server => of_server,
    };
    let since_5: &[u8] = match (dialect.version, dialect.sender) {
        (Version::V5, _) => &[],
        (_, Role::Client) => &[15],
        (_, Role::Server) => &[14, 15],
    };
    let numbers = numbers.into_iter().filter(|number| !since_5.contains(number));
    numbers.filter_map(PacketType::from_u8).collect()
}

/// A packet without its lists.
#[expect(clippy::too_many_lines, reason = "a table")]
fn bare_packets(packet_type: PacketType, dialect: Dialect) -> BoxedStrategy<Packet<'static>> {
    const EMPTY: Properties<'static> = Properties::EMPTY;
    let ids = (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap());
    let acks = (ids.clone(), reasons(packet_type, dialect)).prop_map(|(packet_id, reason)| Ack {
        packet_id,
        reason,
        properties: EMPTY,
    });
    match packet_type {
        PacketType::Connect => connects(dialect.version).prop_map(Packet::Connect).boxed(),
        PacketType::ConnAck => (any::<bool>(), reasons(packet_type, dialect))
            .prop_map(move |(session_present, reason)| ConnAck {
                session_present: session_present
                    && !reason.is_error()
                    && dialect.version != Version::V3_1,
                reason,
                properties: EMPTY,
            })
            .prop_map(Packet::ConnAck)
            .boxed(),
        PacketType::Publish => publishes().prop_map(Packet::Publish).boxed(),
        PacketType::PubAck => acks.prop_map(PubAck).prop_map(Packet::PubAck).boxed(),
        PacketType::PubRec => acks.prop_map(PubRec).prop_map(Packet::PubRec).boxed(),
        PacketType::PubRel => acks.prop_map(PubRel).prop_map(Packet::PubRel).boxed(),
        PacketType::PubComp => acks.prop_map(PubComp).prop_map(Packet::PubComp).boxed(),
        PacketType::Subscribe => ids
            .prop_map(|packet_id| Subscribe {
                packet_id,
                properties: EMPTY,
                subscriptions: Subscriptions::from_slice(&[]),
            })
            .prop_map(Packet::Subscribe)
            .boxed(),
        PacketType::SubAck => ids
            .prop_map(|packet_id| SubAck {
                packet_id,
                properties: EMPTY,
                codes: ReasonCodes::EMPTY,
            })
            .prop_map(Packet::SubAck)
            .boxed(),
        PacketType::Unsubscribe => ids
            .prop_map(|packet_id| Unsubscribe {
                packet_id,
                properties: EMPTY,
                filters: Filters::from_slice(&[]),
            })
            .prop_map(Packet::Unsubscribe)
            .boxed(),
        PacketType::UnsubAck => ids
            .prop_map(|packet_id| UnsubAck {
                packet_id,
                properties: EMPTY,
                codes: ReasonCodes::EMPTY,
            })
            .prop_map(Packet::UnsubAck)
            .boxed(),
        PacketType::PingReq => Just(Packet::PingReq).boxed(),
        PacketType::PingResp => Just(Packet::PingResp).boxed(),
        PacketType::Disconnect => reasons(packet_type, dialect)
            .prop_map(|reason| Packet::Disconnect(Disconnect { reason, properties: EMPTY }))
            .boxed(),
        PacketType::Auth => reasons(packet_type, dialect)
            .prop_map(|reason| Packet::Auth(Auth { reason, properties: EMPTY }))
            .boxed(),
    }
}

fn connects(version: Version) -> impl Strategy<Value = Connect<'static>> {
    let wills = (qos(), any::<bool>(), select(TOPICS), binaries()).prop_map(
        |(qos, retain, topic, payload)| Will {
            qos,
            retain,
            properties: Properties::EMPTY,
            topic,
            payload,
        },
    );
    (
        any::<bool>(),
        any::<u16>(),
        select(TEXTS),
        option::of(wills),
        option::of(select(TEXTS)),
        option::of(binaries()),
    )
        .prop_map(move |(clean_start, keep_alive, client_id, will, username, password)| {
            Connect {
                version,
                clean_start: clean_start || (version != Version::V5 && client_id.is_empty()),
                keep_alive,
                properties: Properties::EMPTY,
                client_id,
                will,
                username,
                password: password.filter(|_| version == Version::V5 || username.is_some()),
            }
        })
}

fn publishes() -> impl Strategy<Value = Publish<'static>> {
    let payloads = prop_oneof![0..200usize, 16_000..17_000usize];
    (any::<bool>(), qos(), any::<bool>(), select(TOPICS), 1..=u16::MAX, payloads).prop_map(
        |(dup, qos, retain, topic, id, len)| Publish {
            dup: dup && qos != QoS::AtMostOnce,
            qos,
            retain,
            topic,
            packet_id: PacketId::new(id).filter(|_| qos != QoS::AtMostOnce),
            properties: Properties::EMPTY,
            payload: &PAYLOAD[..len],
        },
    )
}

/// A reason code for a packet that has one, if `dialect` can say it.
fn reasons(packet_type: PacketType, dialect: Dialect) -> impl Strategy<Value = ReasonCode> {
    let codes = match (dialect.version, packet_type) {
        (Version::V5, _) => tables::reason_codes(packet_type, dialect.sender),
        (_, PacketType::ConnAck) => vec![
            ReasonCode::Success,
            ReasonCode::UnsupportedProtocolVersion,
            ReasonCode::ClientIdentifierNotValid,
            ReasonCode::ServerUnavailable,
            ReasonCode::BadUserNameOrPassword,
            ReasonCode::NotAuthorized,
        ],
        _ => vec![ReasonCode::Success],
    };
    select(if codes.is_empty() { vec![ReasonCode::Success] } else { codes })
}

/// The codes of a SUBACK or UNSUBACK.
fn codes(packet_type: PacketType, dialect: Dialect) -> BoxedStrategy<Vec<ReasonCode>> {
    match (packet_type, dialect.version) {
        (PacketType::SubAck | PacketType::UnsubAck, Version::V5) => {
            vec(select(tables::reason_codes(packet_type, dialect.sender)), 1..5).boxed()
        }
        (PacketType::SubAck, _) => {
            let codes = [
                ReasonCode::GrantedQoS0,
                ReasonCode::GrantedQoS1,
                ReasonCode::GrantedQoS2,
                ReasonCode::UnspecifiedError,
            ];
            vec(select(codes.to_vec()), 1..5).boxed()
        }
        _ => Just(Vec::new()).boxed(),
    }
}

fn subscriptions(version: Version) -> impl Strategy<Value = Subscription<'static>> {
    let handlings =
        select(&[RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend]);
    (select(FILTERS), qos(), any::<bool>(), any::<bool>(), handlings).prop_map(
        move |(filter, qos, no_local, retain_as_published, retain_handling)| {
            let options = SubscriptionOptions {
                qos,
                no_local: no_local && !filter.starts_with("$share/"),
                retain_as_published,
                retain_handling,
            };
            let plain = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
            Subscription { filter, options: if version == Version::V5 { options } else { plain } }
        },
    )
}

/// Some of the `allowed` properties in any order, User Properties among them as often as they like.
fn properties(
    allowed: &[PropertyId],
    authenticated: bool,
) -> impl Strategy<Value = Vec<Property<'static>>> + use<> {
    let extra = allowed.contains(&PropertyId::UserProperty);
    let several = vec(property(PropertyId::UserProperty), 0..if extra { 3 } else { 1 });
    let some = subsequence(allowed.to_vec(), 0..=allowed.len()).prop_flat_map(move |mut ids| {
        let needs_method = authenticated || ids.contains(&PropertyId::AuthenticationData);
        if needs_method && !ids.contains(&PropertyId::AuthenticationMethod) {
            ids.push(PropertyId::AuthenticationMethod);
        }
        ids.into_iter().map(property).collect::<Vec<_>>()
    });
    (some, several).prop_map(|(some, several)| [some, several].concat()).prop_shuffle()
}

fn property(id: PropertyId) -> BoxedStrategy<Property<'static>> {
    match id {
        PropertyId::PayloadFormatIndicator => {
            any::<bool>().prop_map(Property::PayloadFormatIndicator).boxed()
        }
        PropertyId::MessageExpiryInterval => {
            any::<u32>().prop_map(Property::MessageExpiryInterval).boxed()
        }
        PropertyId::ContentType => select(TEXTS).prop_map(Property::ContentType).boxed(),
        PropertyId::ResponseTopic => select(TOPICS).prop_map(Property::ResponseTopic).boxed(),
        PropertyId::CorrelationData => binaries().prop_map(Property::CorrelationData).boxed(),
        PropertyId::SubscriptionIdentifier => {
            (1..=268_435_455u32).prop_map(Property::SubscriptionIdentifier).boxed()
        }
        PropertyId::SessionExpiryInterval => {
            any::<u32>().prop_map(Property::SessionExpiryInterval).boxed()
        }
        PropertyId::AssignedClientIdentifier => {
            select(TEXTS).prop_map(Property::AssignedClientIdentifier).boxed()
        }
        PropertyId::ServerKeepAlive => any::<u16>().prop_map(Property::ServerKeepAlive).boxed(),
        PropertyId::AuthenticationMethod => {
            select(TEXTS).prop_map(Property::AuthenticationMethod).boxed()
        }
        PropertyId::AuthenticationData => binaries().prop_map(Property::AuthenticationData).boxed(),
        PropertyId::RequestProblemInformation => {
            any::<bool>().prop_map(Property::RequestProblemInformation).boxed()
        }
        PropertyId::WillDelayInterval => any::<u32>().prop_map(Property::WillDelayInterval).boxed(),
        PropertyId::RequestResponseInformation => {
            any::<bool>().prop_map(Property::RequestResponseInformation).boxed()
        }
        PropertyId::ResponseInformation => {
            select(TEXTS).prop_map(Property::ResponseInformation).boxed()
        }
        PropertyId::ServerReference => select(TEXTS).prop_map(Property::ServerReference).boxed(),
        PropertyId::ReasonString => select(TEXTS).prop_map(Property::ReasonString).boxed(),
        PropertyId::ReceiveMaximum => (1..=u16::MAX).prop_map(Property::ReceiveMaximum).boxed(),
        PropertyId::TopicAliasMaximum => any::<u16>().prop_map(Property::TopicAliasMaximum).boxed(),
        PropertyId::TopicAlias => (1..=u16::MAX).prop_map(Property::TopicAlias).boxed(),
        PropertyId::MaximumQoS => {
            select(&[QoS::AtMostOnce, QoS::AtLeastOnce]).prop_map(Property::MaximumQoS).boxed()
        }
        PropertyId::RetainAvailable => any::<bool>().prop_map(Property::RetainAvailable).boxed(),
        PropertyId::UserProperty => (select(TEXTS), select(TEXTS))
            .prop_map(|(name, value)| Property::UserProperty(name, value))
            .boxed(),
        PropertyId::MaximumPacketSize => {
            (1..=u32::MAX).prop_map(Property::MaximumPacketSize).boxed()
        }
        PropertyId::WildcardSubscriptionAvailable => {
            any::<bool>().prop_map(Property::WildcardSubscriptionAvailable).boxed()
        }
        PropertyId::SubscriptionIdentifierAvailable => {
            any::<bool>().prop_map(Property::SubscriptionIdentifierAvailable).boxed()
        }
        PropertyId::SharedSubscriptionAvailable => {
            any::<bool>().prop_map(Property::SharedSubscriptionAvailable).boxed()
        }
    }
}

fn qos() -> impl Strategy<Value = QoS> + Clone {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn binaries() -> impl Strategy<Value = &'static [u8]> {
    (0..=BINARY.len()).prop_map(|len| &BINARY[..len])
}
