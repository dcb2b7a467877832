//! SUBSCRIBE and UNSUBSCRIBE, and subscriptions made again.

use mqtt_session::proto::{
    Packet, Properties, Property, ReasonCode, RetainHandling, Subscribe, Subscription,
    SubscriptionOptions, Version,
};
use mqtt_session::{CloseReason, Config, Connect, SubscribeError, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const GRANTED: ReasonCode = ReasonCode::GrantedQoS1;
const OK: ReasonCode = ReasonCode::Success;

/// Subscribes, and the broker grants it.
#[track_caller]
fn granted<M: TestMemory>(pair: &mut Pair<M>, id: u16, text: &str) {
    let token = pair.subscribe(text);
    pair.expect(&[subscribe(id, &[filter(text)])]);
    pair.send(&suback(id, &[GRANTED]));
    pair.expect_events(&[Seen::Subscribed(token, vec![GRANTED])]);
}

/// Promises: SEND-2
/// Enforces: MQTT-3.8.4-5, MQTT-3.8.4-7, MQTT-3.9.3-1, MQTT-3.10.4-5, MQTT-3.10.4-6,
/// MQTT-3.11.3-1
fn requests_are_answered<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let filters = [filter("a"), filter("b/#"), filter("c")];
    let token = pair.session.subscribe(pair.now, &filters, &[]).unwrap();
    pair.expect(&[subscribe(1, &filters)]);
    let codes = [ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized, ReasonCode::GrantedQoS0];
    pair.send(&suback(1, &codes));
    pair.expect_events(&[Seen::Subscribed(token, codes.to_vec())]);
    let token = pair.session.unsubscribe(pair.now, &["a", "z"], &[]).unwrap();
    pair.expect(&[unsubscribe(2, &["a", "z"])]);
    let codes = [OK, ReasonCode::NoSubscriptionExisted];
    pair.send(&unsuback(2, &codes));
    pair.expect_events(&[Seen::Unsubscribed(token, codes.to_vec())]);
}

/// Promises: VER-2
fn it_is_the_same_before_5_0<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    pair.connect();
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let no_local = Subscription { filter: "a", options: no_local };
    let asked = pair.session.subscribe(pair.now, &[no_local], &[]);
    assert!(matches!(asked, Err(SubscribeError::Invalid(_))), "{asked:?}");
    granted(&mut pair, 1, "a");
    let token = pair.unsubscribe("a");
    pair.expect(&[unsubscribe(2, &["a"])]);
    pair.send_bytes(&[0xB0, 0x02, 0x00, 0x02]);
    pair.expect_events(&[Seen::Unsubscribed(token, Vec::new())]);
    pair.cut();
    pair.resume(false);
    pair.expect(&[]);
}

/// Promises: BAD-1
/// Enforces: MQTT-3.8.4-6
fn another_count_of_codes_is_a_violation<M: TestMemory>() {
    let cases: [(bool, &[ReasonCode]); 4] =
        [(true, &[OK]), (true, &[OK; 3]), (false, &[OK]), (false, &[OK; 3])];
    for (is_subscribe, codes) in cases {
        let mut pair = Pair::<M>::connected();
        let answer = if is_subscribe {
            pair.session.subscribe(pair.now, &[filter("a"), filter("b")], &[]).unwrap();
            suback(1, codes)
        } else {
            pair.session.unsubscribe(pair.now, &["a", "b"], &[]).unwrap();
            unsuback(1, codes)
        };
        pair.transmitted();
        pair.exchange(&answer, &[disconnect(ReasonCode::ProtocolError)]);
        let closed = CloseReason::Violation(ViolationKind::CodeCount);
        assert_eq!(pair.close(), [Seen::Closed(closed)]);
    }
}

/// Promises: RES-3
fn without_an_answer_requests_are_made_again_in_call_order<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.subscribe("a");
    let unsubscribed = pair.unsubscribe("b");
    pair.transmitted();
    pair.subscribe("c");
    pair.cut();
    pair.subscribe("d");
    pair.resume(true);
    // With identifiers of this connection.
    pair.expect(&[
        subscribe(4, &[filter("a")]),
        unsubscribe(5, &["b"]),
        subscribe(6, &[filter("c")]),
        subscribe(7, &[filter("d")]),
    ]);
    // An answer to an old identifier belongs to nothing.
    pair.exchange(&suback(1, &[GRANTED]), &[]);
    assert_eq!(pair.session.ignored_acks(), 1);
    pair.send(&unsuback(5, &[OK]));
    pair.expect_events(&[Seen::Unsubscribed(unsubscribed, vec![OK])]);
}

/// Promises: RES-2, RES-3
fn after_a_session_loss_every_subscription_is_made_again_oldest_first<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    let options = SubscriptionOptions {
        qos: QOS2,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let b = Subscription { filter: "b", options };
    let identifier = [Property::SubscriptionIdentifier(7)];
    let filters = [filter("refused"), b, filter("c")];
    let token = pair.session.subscribe(pair.now, &filters, &identifier).unwrap();
    pair.transmitted();
    let codes = [ReasonCode::NotAuthorized, GRANTED, GRANTED];
    pair.send(&suback(2, &codes));
    pair.expect_events(&[Seen::Subscribed(token, codes.to_vec())]);
    pair.cut();
    pair.publish(QOS1, "waits");
    pair.resume(false);
    let with_identifier = |id, filters| {
        let Packet::Subscribe(packet) = subscribe(id, filters) else { unreachable!() };
        let properties = Properties::from_slice(&identifier);
        Packet::Subscribe(Subscribe { properties, ..packet })
    };
    pair.expect(&[
        subscribe(3, &[filter("a")]),
        with_identifier(4, &[b]),
        with_identifier(5, &[filter("c")]),
        publish(QOS1, 6, "waits"),
    ]);
    for id in 3..=5 {
        pair.exchange(&suback(id, &[GRANTED]), &[]);
    }
    // Made again once, not on every connection.
    pair.cut();
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 6, "waits")]);
}

/// A broker that answers SUBSCRIBE before the UNSUBSCRIBE it got first has the subscription.
///
/// Promises: RES-3
fn unsuback_ends_no_subscription_asked_for_later<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    let ended = pair.unsubscribe("a");
    pair.expect(&[unsubscribe(2, &["a"])]);
    granted(&mut pair, 3, "a");
    pair.send(&unsuback(2, &[OK]));
    pair.expect_events(&[Seen::Unsubscribed(ended, vec![OK])]);
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(4, &[filter("a")])]);
    // One asked for before ends, however late it was granted.
    pair.exchange(&suback(4, &[GRANTED]), &[]);
    pair.subscribe("a");
    pair.unsubscribe("a");
    pair.transmitted();
    pair.send(&suback(5, &[GRANTED]));
    pair.send(&unsuback(6, &[OK]));
    pair.events();
    pair.cut();
    pair.resume(false);
    pair.expect(&[]);
}

/// Nor does the UNSUBSCRIBE when it is made again: the subscription is, once that is over.
///
/// Promises: RES-3
fn unsubscribe_made_again_ends_no_subscription_asked_for_later<M: TestMemory>() {
    for session_present in [false, true] {
        let mut pair = Pair::<M>::connected();
        granted(&mut pair, 1, "a");
        let filters = ["a", "b"];
        let ended = pair.session.unsubscribe(pair.now, &filters, &[]).unwrap();
        pair.expect(&[unsubscribe(2, &filters)]);
        granted(&mut pair, 3, "b");
        granted(&mut pair, 4, "a");
        // However often.
        for id in [5, 6] {
            pair.cut();
            pair.resume(session_present);
            pair.expect(&[unsubscribe(id, &filters)]);
        }
        pair.send(&unsuback(6, &[OK; 2]));
        pair.expect_events(&[Seen::Unsubscribed(ended, vec![OK; 2])]);
        pair.expect(&[subscribe(7, &[filter("b")]), subscribe(8, &[filter("a")])]);
        pair.exchange(&suback(7, &[GRANTED]), &[]);
        pair.exchange(&suback(8, &[GRANTED]), &[]);
        pair.cut();
        pair.resume(true);
        pair.expect(&[]);
    }
}

/// Promises: RES-3
fn a_subscription_refused_when_made_again_is_lost<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    granted(&mut pair, 2, "b");
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(3, &[filter("a")]), subscribe(4, &[filter("b")])]);
    pair.send(&suback(3, &[ReasonCode::NotAuthorized]));
    pair.expect_events(&[Seen::SubscriptionLost(ReasonCode::NotAuthorized)]);
    assert_eq!(pair.session.lost_subscription(), "a");
    pair.send(&suback(4, &[ReasonCode::QuotaExceeded]));
    pair.expect_events(&[Seen::SubscriptionLost(ReasonCode::QuotaExceeded)]);
    assert_eq!(pair.session.lost_subscription(), "b");
    pair.cut();
    pair.resume(false);
    pair.expect(&[]);
}

/// What the broker ruled out is lost without asking.
///
/// Promises: RES-3, CON-2
fn a_subscription_the_next_broker_does_not_take_is_lost<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a/#");
    granted(&mut pair, 2, "b");
    pair.cut();
    let resume = Connect { clean_start: false, ..pair.clean() };
    let connack = granting(&[Property::WildcardSubscriptionAvailable(false)]);
    pair.connect_with(&resume, &connack);
    let reason = ReasonCode::WildcardSubscriptionsNotSupported;
    pair.expect_events(&[Seen::SubscriptionLost(reason)]);
    assert_eq!(pair.session.lost_subscription(), "a/#");
    pair.expect(&[subscribe(3, &[filter("b")])]);
    pair.exchange(&suback(3, &[GRANTED]), &[]);
    granted(&mut pair, 4, "longer");
    pair.cut();
    pair.connect_with(&resume, &granting(&[Property::MaximumPacketSize(12)]));
    pair.expect_events(&[Seen::SubscriptionLost(ReasonCode::PacketTooLarge)]);
    assert_eq!(pair.session.lost_subscription(), "longer");
    pair.expect(&[subscribe(5, &[filter("b")])]);
}

/// A connection that breaks while they are made again starts over.
///
/// Promises: RES-3
fn making_them_again_survives_cuts<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    granted(&mut pair, 2, "b");
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(3, &[filter("a")]), subscribe(4, &[filter("b")])]);
    pair.exchange(&suback(3, &[GRANTED]), &[]);
    pair.cut();
    // The session of the connection before has `a` only.
    pair.resume(true);
    pair.expect(&[subscribe(5, &[filter("b")])]);
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(6, &[filter("a")]), subscribe(7, &[filter("b")])]);
}

/// What was unsubscribed from is not made again.
///
/// Promises: RES-3
fn what_ended_is_not_made_again<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    granted(&mut pair, 2, "b");
    granted(&mut pair, 3, "c");
    pair.unsubscribe("a");
    pair.transmitted();
    pair.send(&unsuback(4, &[OK]));
    pair.poll();
    pair.unsubscribe("c");
    pair.transmitted();
    pair.send(&unsuback(5, &[ReasonCode::NotAuthorized]));
    pair.poll();
    // This one has no answer when the session is lost; nor is it needed any more.
    let pending = pair.unsubscribe("b");
    pair.transmitted();
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(7, &[filter("c")]), unsubscribe(8, &["b"])]);
    let none = ReasonCode::NoSubscriptionExisted;
    pair.send(&unsuback(8, &[none]));
    pair.expect_events(&[Seen::Unsubscribed(pending, vec![none])]);
}

/// Section 3.8.4. Subscribing again replaces; the newer one is what is made again.
fn a_second_subscription_to_a_filter_replaces_the_first<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    granted(&mut pair, 2, "b");
    let options = SubscriptionOptions { qos: QOS2, ..SubscriptionOptions::default() };
    let better = Subscription { filter: "a", options };
    pair.session.subscribe(pair.now, &[better], &[]).unwrap();
    pair.transmitted();
    pair.send(&suback(3, &[ReasonCode::GrantedQoS2]));
    pair.poll();
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(4, &[filter("b")]), subscribe(5, &[better])]);
}

/// While its replacement has no answer, the older subscription waits, so that the broker ends up
/// with the newer options.
///
/// Promises: RES-3
fn a_replacement_without_an_answer_is_not_overwritten<M: TestMemory>() {
    let options = SubscriptionOptions { qos: QOS2, ..SubscriptionOptions::default() };
    let better = Subscription { filter: "a", options };
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    pair.session.subscribe(pair.now, &[better], &[]).unwrap();
    pair.transmitted();
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(3, &[better])]);
    // Refused: the older one stands again.
    pair.send(&suback(3, &[ReasonCode::NotAuthorized]));
    assert!(matches!(pair.poll(), Some(Seen::Subscribed(..))));
    pair.expect(&[subscribe(4, &[filter("a")])]);
    // Granted: it is gone.
    pair.exchange(&suback(4, &[GRANTED]), &[]);
    pair.session.subscribe(pair.now, &[better], &[]).unwrap();
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(6, &[better])]);
    pair.send(&suback(6, &[ReasonCode::GrantedQoS2]));
    assert!(matches!(pair.poll(), Some(Seen::Subscribed(..))));
    pair.expect(&[]);
}

/// With all places taken, they are made again as places get free.
///
/// Promises: RES-3
fn with_little_room_subscriptions_are_made_again_one_by_one<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for (id, text) in (1..).zip(["a", "b", "c"]) {
        granted(&mut pair, id, text);
    }
    for _ in 0..7 {
        pair.publish(QOS1, "");
    }
    pair.transmitted();
    pair.cut();
    pair.resume(false);
    let mut sent: Vec<String> = Vec::new();
    for _ in 0..20 {
        let bytes = pair.transmitted();
        for packet in decode(&bytes, pair.version) {
            match packet {
                Packet::Subscribe(packet) => {
                    sent.extend(packet.subscriptions.iter().map(|one| one.filter.to_owned()));
                    pair.send(&suback(packet.packet_id.get(), &[GRANTED]));
                }
                Packet::Publish(packet) => {
                    pair.send(&puback(packet.packet_id.unwrap().get()));
                }
                other => panic!("{other:?}"),
            }
        }
        pair.events();
    }
    assert_eq!(sent, ["a", "b", "c"]);
}

/// What ended with the session leaves its place once that was polled.
///
/// Promises: RES-3
fn outcomes_make_room_for_subscriptions_made_again<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    let lost: [_; 8] = std::array::from_fn(|_| pair.publish(QOS2, ""));
    pair.transmitted();
    pair.cut();
    pair.resume(false);
    pair.expect_events(&lost.map(Seen::Indeterminate));
    pair.expect(&[subscribe(10, &[filter("a")])]);
}

/// Whatever else the SUBSCRIBE says stays; the broker after it may have identifiers again.
///
/// Promises: CON-2, RECV-7
fn to_a_broker_without_identifiers_they_are_left_out<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { optional_identifiers: true, ..Config::new(1) });
    let none = granting(&[Property::SubscriptionIdentifierAvailable(false)]);
    let name = "n".repeat(58);
    let user = Property::UserProperty(&name, "");
    let identifier = Property::SubscriptionIdentifier(200);
    let expect_both = |id, properties: &[Property<'_>], pair: &mut Pair<M>| {
        let filters = [filter("a"), filter("b")];
        let Packet::Subscribe(packet) = subscribe(id, &filters) else { unreachable!() };
        let properties = Properties::from_slice(properties);
        pair.expect(&[Packet::Subscribe(Subscribe { properties, ..packet })]);
    };
    let asked = [user, identifier, user];
    let before = pair.session.subscribe(pair.now, &[filter("a"), filter("b")], &asked).unwrap();
    pair.connect_with(&pair.clean(), &none);
    expect_both(1, &[user, user], &mut pair);
    pair.send(&suback(1, &[GRANTED, GRANTED]));
    assert!(pair.events().contains(&Seen::Subscribed(before, vec![GRANTED, GRANTED])));
    assert!(pair.session.subscribe(pair.now, &[filter("a"), filter("b")], &[identifier]).is_ok());
    expect_both(2, &[], &mut pair);
    pair.cut();
    pair.connect_with(&pair.clean(), &none);
    expect_both(3, &[], &mut pair);
    pair.cut();
    pair.connect_with(&pair.clean(), &granting(&[]));
    expect_both(4, &[identifier], &mut pair);
    pair.send(&suback(4, &[GRANTED, GRANTED]));
    assert_eq!(pair.events().len(), 1);
    pair.cut();
    pair.connect_with(&pair.clean(), &none);
    pair.expect(&[subscribe(5, &[filter("a")]), subscribe(6, &[filter("b")])]);
    // Before 5.0 no broker has them.
    assert!(pair.session.subscribe(pair.now, &[filter("c")], &[identifier]).is_ok());
    pair.cut();
    pair.version = Version::V3_1_1;
    pair.connect();
    let (a, b, c) = ([filter("a")], [filter("b")], [filter("c")]);
    pair.expect(&[subscribe(8, &a), subscribe(9, &b), subscribe(10, &c)]);
}

/// What else it says and 3.1.1 cannot say is not left out with the identifier.
///
/// Promises: VER-2
fn properties_are_not_left_out_with_the_identifier<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { optional_identifiers: true, ..Config::new(1) });
    let asked = [Property::UserProperty("a", "b"), Property::SubscriptionIdentifier(7)];
    let token = pair.session.subscribe(pair.now, &[filter("a")], &asked).unwrap();
    pair.version = Version::V3_1_1;
    pair.connect();
    pair.expect(&[]);
    let seen = pair.events();
    let failed = |seen: &Seen| matches!(seen, Seen::RequestFailed(failed, _) if *failed == token);
    assert!(seen.iter().any(failed), "{seen:?}");
}

/// A subscription still to be made again that the application ends is not made.
///
/// Promises: RES-3
fn what_waits_to_be_made_again_can_be_ended<M: TestMemory>() {
    let options = SubscriptionOptions { qos: QOS2, ..SubscriptionOptions::default() };
    let better = Subscription { filter: "a", options };
    let mut pair = Pair::<M>::connected();
    granted(&mut pair, 1, "a");
    pair.session.subscribe(pair.now, &[better], &[]).unwrap();
    pair.cut();
    pair.resume(false);
    pair.expect(&[subscribe(3, &[better])]);
    pair.unsubscribe("a");
    pair.send(&suback(3, &[ReasonCode::NotAuthorized]));
    assert!(matches!(pair.poll(), Some(Seen::Subscribed(..))));
    pair.expect(&[unsubscribe(4, &["a"])]);
}

crate::on_both_memories! {
    requests_are_answered
    it_is_the_same_before_5_0
    another_count_of_codes_is_a_violation
    properties_are_not_left_out_with_the_identifier
    without_an_answer_requests_are_made_again_in_call_order
    after_a_session_loss_every_subscription_is_made_again_oldest_first
    unsuback_ends_no_subscription_asked_for_later
    unsubscribe_made_again_ends_no_subscription_asked_for_later
    a_subscription_refused_when_made_again_is_lost
    a_subscription_the_next_broker_does_not_take_is_lost
    making_them_again_survives_cuts
    what_ended_is_not_made_again
    a_second_subscription_to_a_filter_replaces_the_first
    a_replacement_without_an_answer_is_not_overwritten
    with_little_room_subscriptions_are_made_again_one_by_one
    outcomes_make_room_for_subscriptions_made_again
    to_a_broker_without_identifiers_they_are_left_out
    what_waits_to_be_made_again_can_be_ended
}
