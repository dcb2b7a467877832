//! QoS 0 that is kept for the next connection.

use std::time::Duration;

use mqtt_session::proto::{
    EncodeError, Field, Packet, Properties, Property, PropertyId, Publish, ReasonCode, Version,
};
use mqtt_session::{
    CloseReason, Config, Connect, Failure, Payload, PublishError, SliceOutput, Token, ViolationKind,
};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

const KEEPING: Config = Config { keep_qos0: true, ..Config::new(1) };

impl<M: TestMemory> Pair<M> {
    /// One that keeps QoS 0, and was never connected.
    fn keeping() -> Pair<M> {
        Pair::with(KEEPING)
    }

    #[track_caller]
    fn keep(&mut self, payload: &str) {
        assert_eq!(self.try_publish(QOS0, payload), Ok(None));
    }

    /// Publishes at QoS 0 what gives a token.
    #[track_caller]
    fn report(&mut self, message: &Publish<'_>) -> Token {
        self.session.publish(self.now, message, Payload::Copy(message.payload)).unwrap().unwrap()
    }

    /// Puts what fits into a buffer of this size; gives its bytes.
    fn transmit_into(&mut self, room: usize) -> Vec<u8> {
        let mut bytes = vec![0; room];
        let mut out = SliceOutput::new(&mut bytes);
        self.session.poll_transmit(self.now, &mut out).unwrap();
        out.filled().to_vec()
    }

    /// The next connection is granted this.
    #[track_caller]
    fn resume_granted(&mut self, properties: &[Property<'_>]) {
        let connect = Connect { clean_start: false, ..self.clean() };
        self.connect_with(&connect, &granting(properties));
    }
}

fn retained(payload: &str) -> Publish<'_> {
    Publish { retain: true, ..message(QOS0, payload) }
}

/// In order, behind the SUBSCRIBE that was called first, whether or not there is a session.
///
/// Promises: SEND-5
fn kept_qos_0_is_sent_on_the_next_connection<M: TestMemory>() {
    for session_present in [true, false] {
        let mut pair = Pair::<M>::keeping();
        pair.connect();
        pair.cut();
        pair.keep("a");
        pair.subscribe("f");
        pair.publish(QOS1, "b");
        pair.keep("c");
        assert_eq!(pair.session.kept(), 2);
        pair.open(&Connect { clean_start: false, ..pair.clean() });
        pair.keep("d");
        pair.expect(&[]);
        pair.cut_before_connack();
        pair.open(&Connect { clean_start: false, ..pair.clean() });
        pair.send(&connack(session_present));
        pair.expect_event(&Seen::Connected { session_present });
        pair.keep("e");
        pair.expect(&[
            subscribe(1, &[filter("f")]),
            publish(QOS1, 2, "b"),
            publish(QOS0, 0, "a"),
            publish(QOS0, 0, "c"),
            publish(QOS0, 0, "d"),
            publish(QOS0, 0, "e"),
        ]);
        assert_eq!((pair.session.kept(), pair.session.unsent()), (0, 0));
    }
}

impl<M: TestMemory> Pair<M> {
    #[track_caller]
    fn cut_before_connack(&mut self) {
        assert_eq!(self.close(), [Seen::Closed(CloseReason::NoConnAck)]);
    }
}

/// Of several behind each other the rest; what comes while the connection ends goes behind.
///
/// Promises: SEND-5
fn what_a_connection_did_not_carry_is_kept<M: TestMemory>() {
    let mut pair = Pair::<M>::keeping();
    pair.connect();
    pair.publish(QOS1, "q");
    for payload in ["a", "b", "c"] {
        pair.keep(payload);
    }
    let sent = pair.transmit_into(9 + 7 + 6);
    assert_eq!(decode(&sent, pair.version), [publish(QOS1, 1, "q"), publish(QOS0, 0, "a")]);
    pair.publish(QOS1, "r");
    pair.send(&connack(false));
    pair.expect_events(&[]);
    pair.keep("d");
    pair.expect(&[disconnect(ReasonCode::ProtocolError)]);
    pair.keep("e");
    let violation = CloseReason::Violation(ViolationKind::Unexpected);
    assert_eq!(pair.close(), [Seen::Closed(violation)]);
    pair.keep("f");
    for _ in 0..2 {
        pair.open(&Connect { clean_start: false, ..pair.clean() });
        pair.cut_before_connack();
    }
    pair.resume(true);
    pair.expect(&[
        publish_again(QOS1, 1, "q"),
        publish(QOS1, 2, "r"),
        publish(QOS0, 0, "b"),
        publish(QOS0, 0, "c"),
        publish(QOS0, 0, "d"),
        publish(QOS0, 0, "e"),
        publish(QOS0, 0, "f"),
    ]);
    assert_eq!(pair.session.unsent(), 0);
}

/// As many bytes as may wait to be transmitted.
///
/// Promises: SEND-5, SEND-4
fn what_is_kept_is_bounded<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { write_queue: 14, ..KEEPING });
    pair.keep("a");
    pair.keep("b");
    assert_eq!(pair.try_publish(QOS0, "c"), Err(PublishError::Full));
    pair.expect_events(&[]);
    pair.connect();
    pair.expect(&[publish(QOS0, 0, "a"), publish(QOS0, 0, "b")]);
    pair.expect_events(&[Seen::Writable]);
    pair.keep("c");
    pair.keep("d");
    // The bytes of what was sent are free, those of the rest are not.
    pair.transmit_into(7);
    pair.cut();
    pair.keep("e");
    assert_eq!(pair.try_publish(QOS0, "f"), Err(PublishError::Full));
    pair.resume(true);
    pair.expect(&[publish(QOS0, 0, "d"), publish(QOS0, 0, "e")]);
    pair.expect_events(&[Seen::Writable]);
    pair.keep("g");
    pair.keep("h");
    assert_eq!(pair.try_publish(QOS0, "i"), Err(PublishError::Full));
}

/// Promises: SEND-5, CON-2, SEND-2
/// Enforces: MQTT-3.2.2-14, MQTT-3.2.2-15
fn what_the_next_broker_does_not_take_fails<M: TestMemory>() {
    let none_retained = [Property::RetainAvailable(false)];
    let small = [Property::MaximumPacketSize(20)];
    let large = "x".repeat(20);
    for (granted, failure) in
        [(&none_retained, ReasonCode::RetainNotSupported), (&small, ReasonCode::PacketTooLarge)]
    {
        let refused = match failure {
            ReasonCode::RetainNotSupported => retained("r"),
            _ => message(QOS0, &large),
        };
        let mut pair = Pair::<M>::keeping();
        pair.keep("a");
        pair.session.publish(pair.now, &refused, Payload::Copy(refused.payload)).unwrap();
        pair.keep("b");
        pair.resume_granted(granted);
        pair.expect(&[publish(QOS0, 0, "a"), publish(QOS0, 0, "b")]);
        assert_eq!(pair.session.unsent(), 1);

        let mut pair = Pair::<M>::with(Config { report_qos0: true, ..KEEPING });
        let first = pair.report(&message(QOS0, "a"));
        let refused = pair.report(&refused);
        let last = pair.report(&message(QOS0, "b"));
        pair.resume_granted(granted);
        pair.expect(&[publish(QOS0, 0, "a"), publish(QOS0, 0, "b")]);
        pair.expect_events(&[
            Seen::Failed(refused, Failure::NotSupported(failure)),
            Seen::Transmitted(first),
            Seen::Transmitted(last),
        ]);
        assert_eq!(pair.session.unsent(), 1);
    }
}

/// The next connection may take less than the one it was accepted for.
///
/// Promises: SEND-5
fn the_rest_of_a_burst_is_checked_one_by_one<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { write_queue: 60, ..KEEPING });
    pair.connect();
    for payload in ["sent", "too large", "b", "c"] {
        pair.keep(payload);
    }
    assert_eq!(decode(&pair.transmit_into(11), pair.version), [publish(QOS0, 0, "sent")]);
    pair.cut();
    pair.resume_granted(&[Property::MaximumPacketSize(10)]);
    pair.keep("d");
    pair.expect(&[publish(QOS0, 0, "b"), publish(QOS0, 0, "c"), publish(QOS0, 0, "d")]);
    assert_eq!(pair.session.unsent(), 1);
    // No bytes are counted any more.
    pair.keep(&"x".repeat(3));
    pair.cut();
    assert_eq!(pair.try_publish(QOS0, &"x".repeat(45)), Ok(None));
    assert_eq!(pair.try_publish(QOS0, ""), Err(PublishError::Full));
}

/// Promises: SEND-5, VER-1
fn kept_qos_0_is_said_in_the_version_of_the_connection<M: TestMemory>() {
    let both = [(Version::V5, Version::V3_1_1), (Version::V3_1_1, Version::V5)];
    for (from, to) in both {
        let mut pair = Pair::<M>::with(Config { version: from, ..KEEPING });
        pair.keep("a");
        pair.keep("b");
        pair.session.publish(pair.now, &retained("c"), Payload::Keep(M::body(b"c"))).unwrap();
        pair.version = to;
        pair.resume(false);
        pair.keep("d");
        assert_eq!(decode(&pair.transmit_into(7), to), [publish(QOS0, 0, "a")]);
        pair.cut();
        pair.version = from;
        pair.resume(false);
        let kept = [publish(QOS0, 0, "b"), Packet::Publish(retained("c")), publish(QOS0, 0, "d")];
        pair.expect(&kept);
        assert_eq!(pair.session.unsent(), 0);
    }
}

/// Promises: SEND-5, VER-1
fn kept_qos_0_with_properties_fails_before_5_0<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { report_qos0: true, ..KEEPING });
    let properties = [Property::ContentType("text")];
    let properties = Properties::from_slice(&properties);
    let token = pair.report(&Publish { properties, ..message(QOS0, "x") });
    pair.version = Version::V3_1_1;
    pair.resume(false);
    pair.expect(&[]);
    let field = Field::Property(PropertyId::ContentType);
    let failure = Failure::Invalid(EncodeError::NotInVersion(field));
    pair.expect_events(&[Seen::Failed(token, failure)]);
    assert_eq!(pair.session.unsent(), 1);
}

/// Promises: SEND-5, SEND-6
fn message_expiry_counts_down_while_qos_0_is_kept<M: TestMemory>() {
    let mut pair = Pair::<M>::keeping();
    for (interval, payload) in [(5, "short"), (60, "long")] {
        let properties = [Property::MessageExpiryInterval(interval)];
        let properties = Properties::from_slice(&properties);
        let message = Publish { properties, ..message(QOS0, payload) };
        pair.session.publish(pair.now, &message, Payload::Copy(message.payload)).unwrap();
    }
    let at = pair.now.after(Duration::from_secs(5));
    assert_eq!(pair.session.poll_timeout().map(|(at, _)| at), Some(at));
    pair.pass(Duration::from_secs(10));
    pair.session.handle_timeout(pair.now);
    assert_eq!(pair.session.unsent(), 1);
    pair.connect();
    pair.cut();
    pair.pass(Duration::from_secs(10));
    pair.resume(true);
    let left = [Property::MessageExpiryInterval(40)];
    pair.expect(&[with_properties(publish(QOS0, 0, "long"), &left)]);
    assert_eq!(pair.session.unsent(), 1);
}

/// Promises: SEND-5, END-1
fn kept_qos_0_leaves_before_disconnect<M: TestMemory>() {
    let mut pair = Pair::<M>::keeping();
    pair.keep("a");
    pair.connect();
    pair.disconnect();
    assert_eq!(pair.try_publish(QOS0, ""), Err(PublishError::Disconnecting));
    let normal = disconnect(ReasonCode::NormalDisconnection);
    pair.expect(&[publish(QOS0, 0, "a"), normal]);
}

/// A session whose store failed has no connection any more: it keeps nothing for one.
///
/// Promises: SEND-5
fn kept_qos_0_has_no_record<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { store: true, ..KEEPING });
    let mut store = Store::default();
    pair.keep("a");
    assert_eq!(store.take(&mut pair), 0);
    pair.connect();
    pair.expect(&[publish(QOS0, 0, "a")]);
    assert_eq!(store.take(&mut pair), 1, "the session's own");
    pair.keep("b");
    pair.session.handle_store_failed(1);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::StoreFailed)]);
    assert_eq!(pair.session.unsent(), 1);
    assert_eq!(pair.try_publish(QOS0, "c"), Err(PublishError::NotConnected));
}

/// As any PUBLISH sent for the first time.
#[test]
fn kept_qos_0_may_have_a_topic_alias() {
    let mut pair = Pair::<mqtt_session::Heap>::with(Config { outbound_aliases: true, ..KEEPING });
    let message = Publish { topic: "a/long/topic", ..message(QOS0, "x") };
    for _ in 0..2 {
        pair.session.publish(pair.now, &message, Payload::Copy(b"x")).unwrap();
    }
    pair.resume_granted(&[Property::TopicAliasMaximum(1)]);
    let alias = [Property::TopicAlias(1)];
    let properties = Properties::from_slice(&alias);
    let known = Publish { topic: "", properties, ..message };
    let new = Publish { properties, ..message };
    pair.expect(&[Packet::Publish(new), Packet::Publish(known)]);
}

/// What owner and transport do.
#[derive(Clone, Debug)]
enum Step {
    Publish,
    Open(Version),
    Accept,
    Transmit(usize),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let version = prop_oneof![Just(Version::V5), Just(Version::V3_1_1)];
    let step = prop_oneof![
        4 => Just(Step::Publish),
        2 => version.prop_map(Step::Open),
        2 => Just(Step::Accept),
        2 => (12..40usize).prop_map(Step::Transmit),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 0..60)
}

/// Whatever connections come and go, each message accepted is sent once, in order.
fn sent_once_in_order<M: TestMemory>(
    steps: &[Step],
    report_qos0: bool,
) -> Result<(), TestCaseError> {
    let mut pair = Pair::<M>::with(Config { report_qos0, ..KEEPING });
    let (mut accepted, mut sent) = (Vec::new(), Vec::new());
    let mut awaits_connack = false;
    let last = [Step::Close, Step::Open(Version::V5), Step::Accept, Step::Transmit(10_000)];
    for (n, step) in steps.iter().chain(&last).enumerate() {
        match *step {
            Step::Publish => {
                let payload = format!("{n}");
                if pair.try_publish(QOS0, &payload).is_ok() {
                    accepted.push(payload.into_bytes());
                }
            }
            Step::Open(version) => {
                let connect = Connect { version, clean_start: false, ..pair.clean() };
                if let Ok(inbound) = pair.session.open(pair.now, &connect) {
                    (pair.inbound, pair.version) = (inbound, version);
                    pair.transmitted();
                    awaits_connack = true;
                }
            }
            Step::Accept if awaits_connack => {
                pair.send(&connack(false));
                awaits_connack = false;
            }
            Step::Accept => {}
            Step::Transmit(room) => {
                let bytes = pair.transmit_into(room);
                sent.extend(decode(&bytes, pair.version).iter().map(|packet| match packet {
                    Packet::Publish(publish) => publish.payload.to_vec(),
                    other => panic!("{other:?}"),
                }));
            }
            Step::Close => {
                pair.session.handle_closed(pair.now);
                awaits_connack = false;
            }
        }
        pair.events();
    }
    prop_assert_eq!(sent, accepted);
    prop_assert_eq!(pair.session.unsent(), 0);
    Ok(())
}

proptest! {
    #[test]
    fn what_is_kept_is_sent_once_in_order(steps in steps(), report_qos0: bool) {
        sent_once_in_order::<mqtt_session::Heap>(&steps, report_qos0)?;
    }

    #[cfg(feature = "fixed")]
    #[test]
    fn what_is_kept_is_sent_once_in_order_in_fixed_memory(steps in steps(), report_qos0: bool) {
        sent_once_in_order::<crate::pair::Small>(&steps, report_qos0)?;
    }
}

crate::on_both_memories! {
    kept_qos_0_is_sent_on_the_next_connection
    what_a_connection_did_not_carry_is_kept
    what_is_kept_is_bounded
    what_the_next_broker_does_not_take_fails
    the_rest_of_a_burst_is_checked_one_by_one
    kept_qos_0_is_said_in_the_version_of_the_connection
    kept_qos_0_with_properties_fails_before_5_0
    message_expiry_counts_down_while_qos_0_is_kept
    kept_qos_0_leaves_before_disconnect
    kept_qos_0_has_no_record
}
