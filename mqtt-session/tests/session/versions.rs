//! A session whose connections speak different versions.

use mqtt_session::proto::{
    ConnAck, Dialect, Encode, EncodeError, Field, Packet, Properties, Property, PropertyId,
    Publish, QoS, ReasonCode, Role, SubscriptionOptions, Version,
};
use mqtt_session::{Config, Connect, Failure, Payload, Token};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

const BOTH: [(Version, Version); 2] =
    [(Version::V5, Version::V3_1_1), (Version::V3_1_1, Version::V5)];

impl<M: TestMemory> Pair<M> {
    pub(crate) fn of(version: Version) -> Pair<M> {
        Pair::with(Config { version, ..Config::new(1) })
    }

    /// The next connection speaks this version.
    #[track_caller]
    fn change(&mut self, version: Version, session_present: bool) {
        self.version = version;
        self.resume(session_present);
    }

    #[track_caller]
    fn publish_with(&mut self, qos: QoS, properties: &[Property<'_>]) -> Token {
        let properties = Properties::from_slice(properties);
        let message = Publish { properties, ..message(qos, "x") };
        self.session.publish(self.now, &message, Payload::Copy(b"x")).unwrap().unwrap()
    }
}

fn not_in_version(property: PropertyId) -> Failure {
    Failure::Invalid(EncodeError::NotInVersion(Field::Property(property)))
}

/// Promises: VER-1, RES-1, RES-3
fn what_waits_is_said_in_the_version_of_the_connection<M: TestMemory>() {
    for (from, to) in BOTH {
        let mut pair = Pair::<M>::of(from);
        let retained = Publish { retain: true, ..message(QOS1, "a") };
        let a = pair.session.publish(pair.now, &retained, Payload::Copy(b"a")).unwrap().unwrap();
        let body = Payload::Keep(M::body(b"b"));
        pair.session.publish(pair.now, &message(QOS2, ""), body).unwrap();
        let [c, d] = [pair.subscribe("c"), pair.unsubscribe("d")];
        pair.change(to, false);
        let filters = [filter("c")];
        let names = ["d"];
        let retained = Packet::Publish(Publish { packet_id: Some(id(3)), ..retained });
        pair.expect(&[
            subscribe(1, &filters),
            unsubscribe(2, &names),
            retained,
            publish(QOS2, 4, "b"),
        ]);
        // Session and identifiers are the same whatever the version: so is what is sent again.
        pair.cut();
        pair.change(from, true);
        let Packet::Publish(retained) = retained else { panic!() };
        let retained = Publish { dup: true, ..retained };
        pair.expect(&[
            subscribe(5, &filters),
            unsubscribe(6, &names),
            Packet::Publish(retained),
            publish_again(QOS2, 4, "b"),
        ]);
        pair.exchange(&pubrec(4), &[pubrel(4)]);
        pair.cut();
        pair.change(to, true);
        pair.expect(&[
            pubrel(4),
            subscribe(7, &filters),
            unsubscribe(8, &names),
            Packet::Publish(retained),
        ]);
        pair.send(&puback(3));
        pair.send(&suback(7, &[ReasonCode::GrantedQoS0]));
        let codes = [ReasonCode::Success];
        let codes = if to == Version::V5 { &codes[..] } else { &[] };
        pair.send(&unsuback(8, codes));
        pair.expect_events(&[
            Seen::Delivered(a, ReasonCode::Success),
            Seen::Subscribed(c, vec![ReasonCode::GrantedQoS0]),
            Seen::Unsubscribed(d, codes.to_vec()),
        ]);
    }
}

/// Promises: VER-1, RES-3
fn subscriptions_are_made_again_in_any_version<M: TestMemory>() {
    for (from, to) in BOTH {
        let mut pair = Pair::<M>::of(from);
        pair.connect();
        pair.subscribe("a");
        pair.expect(&[subscribe(1, &[filter("a")])]);
        pair.send(&suback(1, &[ReasonCode::GrantedQoS0]));
        assert_eq!(pair.events().len(), 1);
        pair.cut();
        pair.change(to, false);
        pair.expect(&[subscribe(2, &[filter("a")])]);
        pair.cut();
        pair.change(from, false);
        pair.expect(&[subscribe(3, &[filter("a")])]);
    }
}

/// Nothing is left out to make a message fit.
///
/// Promises: VER-1, VER-2
fn a_message_the_version_cannot_say_fails<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let properties = [Property::ContentType("c"), Property::UserProperty("a", "b")];
    let [first, second] = [pair.publish_with(QOS1, &properties), pair.publish(QOS1, "plain")];
    let expiry = pair.publish_with(QOS2, &[Property::MessageExpiryInterval(60)]);
    pair.change(Version::V3_1_1, false);
    pair.expect_events(&[
        Seen::Failed(first, not_in_version(PropertyId::ContentType)),
        Seen::Failed(expiry, not_in_version(PropertyId::MessageExpiryInterval)),
    ]);
    pair.expect(&[publish(QOS1, 1, "plain")]);
    pair.send(&puback(1));
    pair.expect_delivered(second);
}

/// The broker lets go of the identifier before another message gets it.
///
/// Promises: VER-1, RES-1
fn a_carried_message_the_version_cannot_say_fails<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let properties = [Property::ContentType("c")];
    let [one, two] = [pair.publish_with(QOS1, &properties), pair.publish_with(QOS2, &properties)];
    pair.transmitted();
    pair.cut();
    pair.change(Version::V3_1_1, true);
    let failure = not_in_version(PropertyId::ContentType);
    pair.expect_events(&[Seen::Failed(one, failure)]);
    pair.expect(&[pubrel(2)]);
    pair.send(&pubcomp(2));
    pair.expect_events(&[Seen::Failed(two, failure)]);
}

/// Promises: VER-1, VER-2
fn a_request_the_version_cannot_say_fails<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let identifier = [Property::SubscriptionIdentifier(1)];
    let identified = pair.session.subscribe(pair.now, &[filter("a")], &identifier).unwrap();
    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let subscription = mqtt_session::proto::Subscription { options, ..filter("b") };
    let with_option = pair.session.subscribe(pair.now, &[subscription], &[]).unwrap();
    let property = [Property::UserProperty("a", "b")];
    let unsubscribe = pair.session.unsubscribe(pair.now, &["c"], &property).unwrap();
    pair.change(Version::V3_1_1, false);
    let option = Failure::Invalid(EncodeError::NotInVersion(Field::SubscriptionOptions));
    pair.expect_events(&[
        Seen::RequestFailed(identified, not_in_version(PropertyId::SubscriptionIdentifier)),
        Seen::RequestFailed(with_option, option),
        Seen::RequestFailed(unsubscribe, not_in_version(PropertyId::UserProperty)),
    ]);
    pair.expect(&[]);
    // Before 5.0 a filter may look like a shared subscription and be none.
    let mut pair = Pair::<M>::v3();
    let token = pair.subscribe("$share/a");
    pair.change(Version::V5, false);
    let events = pair.events();
    let [Seen::RequestFailed(failed, Failure::Invalid(EncodeError::Topic { field, .. }))] =
        events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((failed, field), (token, Field::TopicFilter));
}

/// A subscription that cannot be made again is lost, once the broker has lost it.
///
/// Promises: VER-1, RES-3
fn a_subscription_the_version_cannot_say_is_lost<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let identifier = [Property::SubscriptionIdentifier(1)];
    pair.session.subscribe(pair.now, &[filter("a")], &identifier).unwrap();
    pair.transmitted();
    pair.send(&suback(1, &[ReasonCode::GrantedQoS0]));
    assert_eq!(pair.events().len(), 1);
    pair.cut();
    pair.change(Version::V3_1_1, true);
    pair.expect_events(&[]);
    pair.cut();
    pair.change(Version::V3_1_1, false);
    pair.expect_events(&[Seen::SubscriptionLost(ReasonCode::UnsupportedProtocolVersion)]);
    assert_eq!(pair.session.lost_subscription(), "a");
    pair.expect(&[]);
}

/// Checked is what the connection says that a broker accepted.
///
/// Promises: VER-1
fn a_refused_version_changes_nothing<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let properties = [Property::ContentType("c")];
    let token = pair.publish_with(QOS1, &properties);
    pair.open(&Connect { version: Version::V3_1_1, ..pair.clean() });
    // What is accepted meanwhile is for that version.
    let message = Publish { properties: Properties::from_slice(&properties), ..message(QOS1, "") };
    assert!(pair.session.publish(pair.now, &message, Payload::Copy(b"")).is_err());
    pair.publish(QOS1, "plain");
    let reason = ReasonCode::UnsupportedProtocolVersion;
    pair.send(&ConnAck { reason, ..connack(false) });
    pair.expect_event(&Seen::Refused(reason));
    pair.close();
    pair.change(Version::V5, false);
    pair.expect(&[with_properties(publish(QOS1, 1, "x"), &properties), publish(QOS1, 2, "plain")]);
    pair.send(&puback(1));
    pair.expect_delivered(token);
}

/// Every length of the Remaining Length, with the bytes the codec would write.
///
/// Promises: VER-1
#[test]
fn the_bytes_are_those_of_the_version() {
    let lengths = [0, 1, 119, 120, 121, 122, 123, 124, 16_375, 16_376, 16_377, 16_378, 16_379];
    for (from, to) in BOTH {
        for len in lengths.into_iter().chain([2_097_143, 2_097_144, 2_097_145, 2_097_146]) {
            let mut pair = Pair::<mqtt_session::Heap>::of(from);
            let payload = "x".repeat(len);
            pair.publish(QOS1, &payload);
            let kept = Payload::Keep(payload.clone().into_bytes());
            pair.session.publish(pair.now, &message(QOS1, ""), kept).unwrap();
            pair.change(to, false);
            pair.expect(&[publish(QOS1, 1, &payload), publish(QOS1, 2, &payload)]);
        }
    }
}

/// Promises: VER-1, CON-2
/// Enforces: MQTT-3.2.2-15
fn limits_are_those_of_the_packet_as_it_is_said<M: TestMemory>() {
    // 5.0 takes one byte more than 3.1.1.
    for (payload, fits) in [("12345678", true), ("123456789", false)] {
        let mut pair = Pair::<M>::v3();
        let token = pair.publish(QOS1, payload);
        let granted = granting(&[Property::MaximumPacketSize(16)]);
        pair.connect_with(&Connect { version: Version::V5, ..pair.clean() }, &granted);
        if fits {
            pair.expect(&[publish(QOS1, 1, payload)]);
        } else {
            let failure = Failure::NotSupported(ReasonCode::PacketTooLarge);
            pair.expect_events(&[Seen::Failed(token, failure)]);
            pair.expect(&[]);
        }
    }
}

/// A message in the store is of the version it was accepted for.
///
/// Promises: VER-1, STO-2
fn a_restored_message_is_said_in_any_version<M: TestMemory>() {
    for (from, to) in BOTH {
        let config = Config { store: true, version: from, ..Config::new(1) };
        let mut store = Store::default();
        let mut pair = Pair::<M>::with(config.clone());
        pair.connect();
        pair.publish(QOS2, "a");
        pair.subscribe("b");
        store.sync(&mut pair);
        pair.transmitted();
        pair.send(&suback(2, &[ReasonCode::GrantedQoS0]));
        assert_eq!(pair.events().len(), 1);
        store.sync(&mut pair);
        let mut pair = store.restore::<M>(config.clone()).unwrap();
        pair.change(to, true);
        pair.expect(&[publish_again(QOS2, 1, "a")]);
        let mut store = store.crash(store.log.len());
        store.sync(&mut pair);
        // And once more, after a restart under the other version.
        let mut pair = store.restore::<M>(config).unwrap();
        pair.change(from, true);
        pair.expect(&[publish_again(QOS2, 1, "a")]);
        pair.cut();
        pair.change(to, false);
        let sent = pair.transmitted();
        let packets = decode(&sent, to);
        assert!(matches!(packets[..], [Packet::Subscribe(_)]), "{packets:?}");
    }
}

/// Another version takes no memory.
///
/// Promises: VER-1, BAD-3
#[cfg(feature = "fixed")]
#[test]
fn full_memory_changes_the_version() {
    let mut pair = Pair::<crate::pair::Small>::v3();
    pair.connect();
    pair.cut();
    let payload = "x".repeat(100);
    let mut accepted = 0;
    while pair.try_publish(QOS1, &payload).is_ok() {
        accepted += 1;
    }
    while pair.try_publish(QOS1, "").is_ok() {
        accepted += 1;
    }
    pair.change(Version::V5, true);
    assert_eq!(decode(&pair.transmitted(), Version::V5).len(), accepted);
}

/// Versions without properties say the same.
///
/// Promises: VER-1
fn mqtt_3_1_says_what_3_1_1_says<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    pair.publish(QOS1, "a");
    pair.change(Version::V3_1, false);
    pair.expect(&[publish(QOS1, 1, "a")]);
}

proptest! {
    /// A publish is said as the codec says it in the version of the connection, or fails as there.
    ///
    /// Promises: VER-1, VER-2
    #[test]
    fn a_publish_is_what_the_codec_makes_of_it(
        way in 0..2usize,
        topic in "[a-z/]{1,200}",
        payload in "[a-z]{0,200}",
        exactly_once: bool,
        retain: bool,
        has_property: bool,
        is_kept: bool,
    ) {
        let (from, to) = BOTH[way];
        let properties = [Property::ContentType("c")];
        let properties = &properties[..usize::from(has_property && from == Version::V5)];
        let qos = if exactly_once { QOS2 } else { QOS1 };
        let publish = Publish {
            topic: &topic,
            retain,
            properties: Properties::from_slice(properties),
            ..message(qos, &payload)
        };
        let mut pair = Pair::<mqtt_session::Heap>::of(from);
        let bytes = payload.clone().into_bytes();
        let kept = if is_kept { Payload::Keep(bytes) } else { Payload::Copy(payload.as_bytes()) };
        let token = pair.session.publish(pair.now, &publish, kept).unwrap().unwrap();
        pair.change(to, false);
        let packet = Publish { packet_id: Some(id(1)), ..publish };
        let dialect = Dialect { version: to, sender: Role::Client, lenient: false };
        match packet.measure(dialect) {
            Ok(_) => pair.expect(&[Packet::Publish(packet)]),
            Err(error) => pair.expect_events(&[Seen::Failed(token, Failure::Invalid(error))]),
        }
    }
}

/// A version that cannot reject a message accepts it, and that is recorded first.
///
/// Promises: STO-1, STO-2
fn a_rejection_the_version_cannot_say_is_none<M: TestMemory>() {
    let config = Config { store: true, ..Config::new(1) };
    let mut store = Store::default();
    let mut pair = Pair::<M>::with(config.clone());
    pair.connect();
    store.sync(&mut pair);
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.session.ack(delivery, ReasonCode::NotAuthorized);
    pair.cut();
    pair.change(Version::V3_1_1, true);
    store.sync(&mut pair);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
    let mut pair = store.restore::<M>(config).unwrap();
    pair.change(Version::V3_1_1, true);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[pubrec(1)]);
    // Nor is it one when the version can say it again.
    pair.cut();
    pair.change(Version::V5, true);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[pubrec(1)]);
}

crate::on_both_memories! {
    a_rejection_the_version_cannot_say_is_none
    what_waits_is_said_in_the_version_of_the_connection
    subscriptions_are_made_again_in_any_version
    a_message_the_version_cannot_say_fails
    a_carried_message_the_version_cannot_say_fails
    a_request_the_version_cannot_say_fails
    a_subscription_the_version_cannot_say_is_lost
    a_refused_version_changes_nothing
    limits_are_those_of_the_packet_as_it_is_said
    a_restored_message_is_said_in_any_version
    mqtt_3_1_says_what_3_1_1_says
}
