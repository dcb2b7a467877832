//! A session and the broker it talks to.

use std::time::Duration;

use mqtt_session::proto::{
    Auth, ConnAck, Encode, Packet, Properties, Property, Publish, QoS, ReasonCode, Role, Version,
};
use mqtt_session::{
    CloseReason, Config, Connect, Delivery, Event, Failure, Heap, Inbound, Memory, Outcome,
    Payload, Phase, PublishError, Session, Time, Token,
};

use crate::packets::{connack, decode, encode, message};

#[cfg(feature = "fixed")]
pub(crate) type Small = mqtt_session::Fixed<8, 8, 4, 1024>;

/// Fixed memory that holds more than its journal.
#[cfg(feature = "fixed")]
pub(crate) type Wide = mqtt_session::Fixed<16, 16, 24, 2048>;

/// A memory the tests run on.
pub(crate) trait TestMemory: Memory {
    /// A payload to be kept.
    fn body(bytes: &'static [u8]) -> Self::Body;
}

impl TestMemory for Heap {
    fn body(bytes: &'static [u8]) -> Vec<u8> {
        bytes.to_vec()
    }
}

#[cfg(feature = "fixed")]
impl<const FLOWS: usize, const HELD: usize, const FILTERS: usize, const BYTES: usize> TestMemory
    for mqtt_session::Fixed<FLOWS, HELD, FILTERS, BYTES>
{
    fn body(bytes: &'static [u8]) -> &'static [u8] {
        bytes
    }
}

/// An event that owns what tests look at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Connected {
        session_present: bool,
    },
    Refused(ReasonCode),
    /// With so many bytes of Authentication Data.
    Authenticate {
        data: usize,
    },
    Reauthenticated {
        data: usize,
    },
    Message {
        qos: QoS,
        topic: String,
        payload: String,
        delivery: Option<Delivery>,
    },
    Skipped {
        topic: String,
        len: usize,
    },
    Delivered(Token, ReasonCode),
    Downgraded(Token),
    Rejected(Token, ReasonCode),
    Failed(Token, Failure),
    Transmitted(Token),
    Indeterminate(Token),
    Subscribed(Token, Vec<ReasonCode>),
    Unsubscribed(Token, Vec<ReasonCode>),
    RequestFailed(Token, Failure),
    SubscriptionLost(ReasonCode),
    Writable,
    Disconnect(ReasonCode),
    Closed(CloseReason),
}

impl Seen {
    pub(crate) fn of(event: &Event<'_>) -> Seen {
        match event {
            Event::Connected(connack) => {
                Seen::Connected { session_present: connack.session_present }
            }
            Event::Refused(connack) => Seen::Refused(connack.reason),
            Event::Authenticate(auth) => Seen::Authenticate { data: data_len(auth) },
            Event::Reauthenticated(auth) => Seen::Reauthenticated { data: data_len(auth) },
            Event::Message(message) => Seen::Message {
                qos: message.publish.qos,
                topic: message.publish.topic.to_owned(),
                payload: String::from_utf8_lossy(message.publish.payload).into_owned(),
                delivery: message.delivery,
            },
            Event::Skipped { publish, len } => {
                Seen::Skipped { topic: publish.topic.to_owned(), len: *len }
            }
            Event::Published { token, outcome } => match outcome {
                Outcome::Delivered(ack) => Seen::Delivered(*token, ack.reason),
                Outcome::Downgraded(_) => Seen::Downgraded(*token),
                Outcome::Rejected(ack) => Seen::Rejected(*token, ack.reason),
                Outcome::Failed(failure) => Seen::Failed(*token, *failure),
                Outcome::Transmitted => Seen::Transmitted(*token),
                Outcome::Indeterminate => Seen::Indeterminate(*token),
            },
            Event::Subscribed { token, suback } => {
                Seen::Subscribed(*token, suback.codes.iter().collect())
            }
            Event::Unsubscribed { token, unsuback } => {
                Seen::Unsubscribed(*token, unsuback.codes.iter().collect())
            }
            Event::RequestFailed { token, failure } => Seen::RequestFailed(*token, *failure),
            Event::SubscriptionLost { reason } => Seen::SubscriptionLost(*reason),
            Event::Writable => Seen::Writable,
            Event::Disconnect(disconnect) => Seen::Disconnect(disconnect.reason),
            Event::Closed(reason) => Seen::Closed(*reason),
        }
    }
}

fn data_len(auth: &Auth<'_>) -> usize {
    auth.properties.authentication_data().map_or(0, <[u8]>::len)
}

/// A session, its input and the time; the methods are what the broker and the owner do.
pub(crate) struct Pair<M: TestMemory> {
    pub(crate) session: Session<M>,
    pub(crate) inbound: Inbound<M>,
    pub(crate) now: Time,
    pub(crate) version: Version,
}

/// Making one, and connections.
impl<M: TestMemory> Pair<M> {
    pub(crate) fn new() -> Pair<M> {
        Pair::with(Config::new(1))
    }

    pub(crate) fn with(config: Config) -> Pair<M> {
        let version = config.version;
        let now = Time::from_micros(1_000_000);
        Pair { session: Session::new(config), inbound: Inbound::default(), now, version }
    }

    /// One that speaks 3.1.1.
    pub(crate) fn v3() -> Pair<M> {
        Pair::with(Config { version: Version::V3_1_1, ..Config::new(1) })
    }

    /// One that is connected.
    pub(crate) fn connected() -> Pair<M> {
        let mut pair = Pair::new();
        pair.connect();
        pair
    }

    /// One whose broker granted this.
    pub(crate) fn granted(connack: &ConnAck<'_>) -> Pair<M> {
        let mut pair = Pair::new();
        pair.connect_with(&pair.clean(), connack);
        pair
    }

    /// A clean CONNECT of this version.
    pub(crate) fn clean(&self) -> Connect<'static> {
        Connect { version: self.version, ..Connect::new("client") }
    }

    #[track_caller]
    pub(crate) fn connect(&mut self) {
        self.connect_with(&self.clean(), &connack(false));
    }

    /// Connects again without Clean Start.
    #[track_caller]
    pub(crate) fn resume(&mut self, session_present: bool) {
        let connect = Connect { clean_start: false, ..self.clean() };
        self.connect_with(&connect, &connack(session_present));
    }

    #[track_caller]
    pub(crate) fn connect_with(&mut self, connect: &Connect<'_>, connack: &ConnAck<'_>) {
        self.open(connect);
        self.send(connack);
        self.expect_event(&Seen::Connected { session_present: connack.session_present });
    }

    /// Opens a connection and takes its CONNECT.
    #[track_caller]
    pub(crate) fn open(&mut self, connect: &Connect<'_>) -> Vec<u8> {
        self.version = connect.version;
        self.inbound = self.session.open(self.now, connect).unwrap();
        let sent = self.transmitted();
        let packets = decode(&sent, self.version);
        assert!(matches!(packets[..], [Packet::Connect(_)]), "{packets:?}");
        sent
    }

    /// The transport ends; gives the events up to `Closed`.
    #[track_caller]
    pub(crate) fn close(&mut self) -> Vec<Seen> {
        self.session.handle_closed(self.now);
        let mut events = Vec::new();
        while !matches!(events.last(), Some(Seen::Closed(_))) {
            events.push(self.poll().expect("the end of the connection"));
        }
        assert_eq!(self.session.phase(), Phase::Disconnected);
        events
    }

    /// The transport breaks, with nothing left to report.
    #[track_caller]
    pub(crate) fn cut(&mut self) {
        assert_eq!(self.close(), [Seen::Closed(CloseReason::Lost)]);
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }
}

/// The broker.
impl<M: TestMemory> Pair<M> {
    /// The broker sends a packet.
    #[track_caller]
    pub(crate) fn send(&mut self, packet: &impl Encode) {
        self.send_bytes(&encode(packet, self.version, Role::Server));
    }

    #[track_caller]
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let taken = self.inbound.handle_input(self.now, bytes);
        assert_eq!(taken, bytes.len(), "the input has no room");
    }

    /// All that leaves now.
    pub(crate) fn transmitted(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.session.poll_transmit(self.now, &mut out).unwrap();
        self.session.handle_sent(self.now, out.len());
        out
    }

    /// The broker gets exactly these packets.
    #[track_caller]
    pub(crate) fn expect(&mut self, packets: &[Packet<'_>]) {
        let expected: Vec<u8> =
            packets.iter().flat_map(|packet| encode(packet, self.version, Role::Client)).collect();
        let sent = self.transmitted();
        if sent != expected {
            let lines = |packets: &[Packet<'_>]| {
                packets.iter().map(|packet| format!("\n  {packet:?}")).collect::<String>()
            };
            let sent = decode(&sent, self.version);
            panic!("transmitted{}\nbut expected{}", lines(&sent), lines(packets));
        }
    }

    /// The broker sends this, and gets exactly that, with no event between.
    #[track_caller]
    pub(crate) fn exchange(&mut self, packet: &Packet<'_>, answers: &[Packet<'_>]) {
        self.send(packet);
        self.expect_events(&[]);
        self.expect(answers);
    }
}

/// The owner.
impl<M: TestMemory> Pair<M> {
    pub(crate) fn poll(&mut self) -> Option<Seen> {
        self.session.poll_event(self.now, &mut self.inbound).map(|event| Seen::of(&event))
    }

    pub(crate) fn events(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.poll()).collect()
    }

    #[track_caller]
    pub(crate) fn expect_events(&mut self, events: &[Seen]) {
        assert_eq!(self.events(), events);
    }

    #[track_caller]
    pub(crate) fn expect_event(&mut self, event: &Seen) {
        assert_eq!(self.poll().as_ref(), Some(event));
    }

    /// Takes the next event, a message with this payload.
    #[track_caller]
    pub(crate) fn expect_message(&mut self, expected: &str) -> Option<Delivery> {
        match self.poll() {
            Some(Seen::Message { payload, delivery, .. }) if payload == expected => delivery,
            other => panic!("expected message {expected:?}, got {other:?}"),
        }
    }

    /// Likewise of QoS 1/2, which is to be acknowledged.
    #[track_caller]
    pub(crate) fn expect_delivery(&mut self, expected: &str) -> Delivery {
        self.expect_message(expected).expect("a message of QoS 1/2")
    }

    /// The outcome of a publish is the only event.
    #[track_caller]
    pub(crate) fn expect_delivered(&mut self, token: Token) {
        self.expect_events(&[Seen::Delivered(token, ReasonCode::Success)]);
    }

    pub(crate) fn ack(&mut self, delivery: Delivery) {
        self.session.ack(delivery, ReasonCode::Success);
    }

    pub(crate) fn try_publish(
        &mut self,
        qos: QoS,
        payload: &str,
    ) -> Result<Option<Token>, PublishError> {
        let message = message(qos, payload);
        self.session.publish(self.now, &message, Payload::Copy(message.payload))
    }

    /// Publishes at QoS 1/2.
    #[track_caller]
    pub(crate) fn publish(&mut self, qos: QoS, payload: &str) -> Token {
        self.try_publish(qos, payload).unwrap().unwrap()
    }

    /// Publishes at QoS 1 with a Message Expiry Interval in seconds.
    #[track_caller]
    pub(crate) fn publish_expiring(&mut self, seconds: u32) -> Token {
        let properties = [Property::MessageExpiryInterval(seconds)];
        let properties = Properties::from_slice(&properties);
        let packet = Publish { properties, ..message(QoS::AtLeastOnce, "x") };
        let payload = Payload::Copy(packet.payload);
        self.session.publish(self.now, &packet, payload).unwrap().unwrap()
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, filter: &str) -> Token {
        self.session.subscribe(self.now, &[crate::packets::filter(filter)], &[]).unwrap()
    }

    #[track_caller]
    pub(crate) fn unsubscribe(&mut self, filter: &str) -> Token {
        self.session.unsubscribe(self.now, &[filter], &[]).unwrap()
    }

    #[track_caller]
    pub(crate) fn disconnect(&mut self) {
        self.session.disconnect(self.now, ReasonCode::NormalDisconnection, &[]).unwrap();
    }
}
