//! What CONNECT asks the broker to leave out.

use mqtt_session::proto::{
    Ack, Auth, ConnAck, Disconnect, Packet, Properties, Property, PubAck, PubComp, PubRec, PubRel,
    Publish, ReasonCode, ReasonCodes, SubAck, UnsubAck,
};
use mqtt_session::{CloseReason, Connect, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const EXPLANATIONS: [Property<'_>; 2] =
    [Property::ReasonString("why"), Property::UserProperty("k", "v")];

/// The last packet is answered as a violation.
#[track_caller]
fn expect_violation<M: TestMemory>(pair: &mut Pair<M>) {
    pair.expect_events(&[]);
    pair.expect(&[disconnect(ReasonCode::ProtocolError)]);
    let closed = CloseReason::Violation(ViolationKind::NotAskedFor);
    assert_eq!(pair.close(), [Seen::Closed(closed)]);
}

/// What may answer "a" of QoS 1, "b" of QoS 2, a SUBSCRIBE and an UNSUBSCRIBE, in this order.
fn answers<'a>(properties: &'a [Property<'a>], codes: &'a [ReasonCode]) -> [Packet<'a>; 6] {
    let properties = Properties::from_slice(properties);
    let ack = |packet_id| Ack { packet_id: id(packet_id), reason: ReasonCode::Success, properties };
    let codes = ReasonCodes::from_slice(codes);
    [
        Packet::PubAck(PubAck(ack(1))),
        Packet::PubRec(PubRec(ack(2))),
        Packet::PubRel(PubRel(ack(9))),
        Packet::PubComp(PubComp(ack(2))),
        Packet::SubAck(SubAck { packet_id: id(3), properties, codes }),
        Packet::UnsubAck(UnsubAck { packet_id: id(4), properties, codes }),
    ]
}

fn asking<M: TestMemory>(properties: &[Property<'_>]) -> Pair<M> {
    let mut pair = Pair::new();
    let connect = Connect { properties: Properties::from_slice(properties), ..pair.clean() };
    pair.connect_with(&connect, &connack(false));
    pair.publish(QOS1, "a");
    pair.publish(QOS2, "b");
    pair.subscribe("c");
    pair.unsubscribe("d");
    pair.transmitted();
    pair
}

/// Promises: BAD-1
/// Enforces: MQTT-3.1.2-29
fn without_problem_information_no_answer_explains_itself<M: TestMemory>() {
    let none = [Property::RequestProblemInformation(false)];
    let codes = [ReasonCode::Success];
    for explanation in &EXPLANATIONS {
        let explanation = std::slice::from_ref(explanation);
        for answer in answers(explanation, &codes) {
            let mut pair = asking::<M>(&none);
            pair.send(&answer);
            expect_violation(&mut pair);
        }
        let mut pair = Pair::<M>::new();
        let method = Property::AuthenticationMethod("m");
        let given = [none[0], method];
        let connect = Connect { properties: Properties::from_slice(&given), ..pair.clean() };
        pair.open(&connect);
        let properties = [method, explanation[0]];
        let properties = Properties::from_slice(&properties);
        pair.send(&Auth { reason: ReasonCode::ContinueAuthentication, properties });
        expect_violation(&mut pair);
    }
}

/// A packet without them is no violation, nor is any that was asked for.
///
/// Enforces: MQTT-3.1.2-29
fn an_answer_may_say_what_was_asked_for<M: TestMemory>() {
    let codes = [ReasonCode::Success];
    let asked = [Property::RequestProblemInformation(true)];
    let none = [Property::RequestProblemInformation(false)];
    let cases: [(&[Property<'_>], &[Property<'_>]); 3] =
        [(&none, &[]), (&asked, &EXPLANATIONS), (&[], &EXPLANATIONS)];
    for (connect, answer) in cases {
        let mut pair = asking::<M>(connect);
        for packet in answers(answer, &codes) {
            pair.send(&packet);
        }
        assert_eq!(pair.events().len(), 4);
        pair.expect(&[pubcomp_with(9, ReasonCode::PacketIdentifierNotFound)]);
    }
}

/// Of CONNACK, PUBLISH and DISCONNECT they are always.
///
/// Enforces: MQTT-3.1.2-29
fn some_packets_always_explain_themselves<M: TestMemory>() {
    let none = [Property::RequestProblemInformation(false)];
    let mut pair = Pair::<M>::new();
    let connect = Connect { properties: Properties::from_slice(&none), ..pair.clean() };
    let properties = Properties::from_slice(&EXPLANATIONS);
    pair.connect_with(&connect, &ConnAck { properties, ..connack(false) });
    let user = Properties::from_slice(&EXPLANATIONS[1..]);
    pair.send(&Publish { properties: user, ..message(QOS0, "a") });
    pair.expect_message("a");
    let reason = ReasonCode::ServerBusy;
    pair.send(&Disconnect { reason, properties });
    pair.expect_events(&[Seen::Disconnect(reason)]);
}

/// Promises: BAD-1
/// Enforces: MQTT-3.1.2-28
fn response_information_comes_to_who_asked<M: TestMemory>() {
    let accepted = granting(&[Property::ResponseInformation("answers/")]);
    let reason = ReasonCode::ServerBusy;
    let refused = ConnAck { reason, ..accepted };
    for (asked, may_come) in [(None, false), (Some(false), false), (Some(true), true)] {
        let given: Vec<_> = asked.map(Property::RequestResponseInformation).into_iter().collect();
        for (answer, event) in [
            (accepted, Seen::Connected { session_present: false }),
            (refused, Seen::Refused(reason)),
        ] {
            let mut pair = Pair::<M>::new();
            let connect = Connect { properties: Properties::from_slice(&given), ..pair.clean() };
            pair.open(&connect);
            pair.send(&answer);
            if may_come {
                pair.expect_events(&[event]);
            } else {
                expect_violation(&mut pair);
            }
        }
    }
}

crate::on_both_memories! {
    without_problem_information_no_answer_explains_itself
    an_answer_may_say_what_was_asked_for
    some_packets_always_explain_themselves
    response_information_comes_to_who_asked
}
