//! A client and its broker in one program, without an allocator: connects, publishes and receives
//! at every QoS, loses the connection and resumes.
#![no_std]
#![forbid(unsafe_code)]

pub mod sizes;

use mqtt_session::proto::{
    Ack, ConnAck, Dialect, Encode, FixedHeader, Packet, PacketId, Properties, PubAck, PubComp,
    PubRec, PubRel, Publish, QoS, ReasonCode, Role, Version,
};
use mqtt_session::{
    Config, Connect, Delivery, Event, Fixed, Inbound, Outcome, Payload, Session, SliceOutput, Time,
};

/// Eight unfinished operations, four unfinished inbound messages, two subscriptions, 512 bytes.
type Memory = Fixed<8, 4, 2, 512>;

/// Where `drive` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Step {
    /// CONNECT and CONNACK.
    Connect = 1,
    /// A publish of QoS 0.
    SendAtMostOnce,
    /// A publish of QoS 1.
    SendAtLeastOnce,
    /// A publish of QoS 2.
    SendExactlyOnce,
    /// A message of QoS 1 from the broker.
    ReceiveAtLeastOnce,
    /// A message of QoS 2 from the broker.
    ReceiveExactlyOnce,
    /// The connection ends with a publish unanswered.
    Cut,
    /// The next connection sends it again.
    Resume,
}

/// The client and the bytes of its broker.
struct Pair {
    session: Session<Memory>,
    inbound: Inbound<Memory>,
    now: Time,
}

/// Drives a session through all of it.
pub fn drive() -> Result<(), Step> {
    let mut pair = Pair {
        session: Session::new(Config::new(1)),
        inbound: Inbound::default(),
        now: Time::from_micros(1),
    };
    pair.connect(true).ok_or(Step::Connect)?;
    pair.send_at_most_once().ok_or(Step::SendAtMostOnce)?;
    pair.send_at_least_once().ok_or(Step::SendAtLeastOnce)?;
    pair.send_exactly_once().ok_or(Step::SendExactlyOnce)?;
    pair.receive(QoS::AtLeastOnce).ok_or(Step::ReceiveAtLeastOnce)?;
    pair.receive(QoS::ExactlyOnce).ok_or(Step::ReceiveExactlyOnce)?;
    pair.cut().ok_or(Step::Cut)?;
    pair.resume().ok_or(Step::Resume)
}

impl Pair {
    fn connect(&mut self, clean_start: bool) -> Option<()> {
        let connect = Connect { clean_start, ..Connect::new("fixed") };
        self.inbound = self.session.open(self.now, &connect).ok()?;
        self.expect(|packet| matches!(packet, Packet::Connect(_)))?;
        self.answer(&ConnAck {
            session_present: !clean_start,
            reason: ReasonCode::Success,
            properties: Properties::EMPTY,
        })?;
        let event = self.session.poll_event(self.now, &mut self.inbound)?;
        matches!(event, Event::Connected(_)).then_some(())
    }

    fn publish(&mut self, qos: QoS) -> Option<()> {
        let publish = message(qos, None);
        let payload = Payload::Copy(publish.payload);
        self.session.publish(self.now, &publish, payload).ok().map(|_| ())
    }

    fn send_at_most_once(&mut self) -> Option<()> {
        self.publish(QoS::AtMostOnce)?;
        self.expect(|packet| *packet == Packet::Publish(message(QoS::AtMostOnce, None)))
    }

    fn send_at_least_once(&mut self) -> Option<()> {
        self.publish(QoS::AtLeastOnce)?;
        let id = self.expect_publish(false)?;
        self.answer(&PubAck(Ack::success(id)))?;
        self.expect_delivered()
    }

    fn send_exactly_once(&mut self) -> Option<()> {
        self.publish(QoS::ExactlyOnce)?;
        let id = self.expect_publish(false)?;
        self.answer(&PubRec(Ack::success(id)))?;
        self.session.poll_event(self.now, &mut self.inbound).is_none().then_some(())?;
        self.expect(|packet| *packet == Packet::PubRel(PubRel(Ack::success(id))))?;
        self.answer(&PubComp(Ack::success(id)))?;
        self.expect_delivered()
    }

    fn receive(&mut self, qos: QoS) -> Option<()> {
        let id = PacketId::new(7)?;
        self.answer(&message(qos, Some(id)))?;
        let delivery = self.expect_message()?;
        self.session.ack(delivery, ReasonCode::Success);
        if qos == QoS::AtLeastOnce {
            return self.expect(|packet| *packet == Packet::PubAck(PubAck(Ack::success(id))));
        }
        self.expect(|packet| *packet == Packet::PubRec(PubRec(Ack::success(id))))?;
        self.answer(&PubRel(Ack::success(id)))?;
        self.session.poll_event(self.now, &mut self.inbound).is_none().then_some(())?;
        self.expect(|packet| *packet == Packet::PubComp(PubComp(Ack::success(id))))
    }

    fn cut(&mut self) -> Option<()> {
        self.publish(QoS::AtLeastOnce)?;
        self.expect_publish(false)?;
        self.session.handle_closed(self.now);
        let event = self.session.poll_event(self.now, &mut self.inbound)?;
        matches!(event, Event::Closed(_)).then_some(())
    }

    fn resume(&mut self) -> Option<()> {
        self.connect(false)?;
        let id = self.expect_publish(true)?;
        self.answer(&PubAck(Ack::success(id)))?;
        self.expect_delivered()
    }

    /// The broker sends a packet.
    fn answer(&mut self, packet: &impl Encode) -> Option<()> {
        let dialect = dialect(Role::Server);
        let mut bytes = [0; 64];
        let measure = packet.measure(dialect).ok()?;
        packet.write(dialect, &measure, &mut bytes).ok()?;
        let packet = bytes.get(..measure.len)?;
        (self.inbound.handle_input(self.now, packet) == packet.len()).then_some(())
    }

    /// The client sends exactly one packet, and this one.
    fn expect(&mut self, is_expected: impl FnOnce(&Packet<'_>) -> bool) -> Option<()> {
        self.transmitted(|packet| is_expected(&packet).then_some(()))
    }

    fn expect_publish(&mut self, dup: bool) -> Option<PacketId> {
        self.transmitted(|packet| match packet {
            Packet::Publish(publish) if publish.dup == dup => publish.packet_id,
            _ => None,
        })
    }

    fn transmitted<T>(&mut self, look: impl FnOnce(Packet<'_>) -> Option<T>) -> Option<T> {
        let mut bytes = [0; 512];
        let mut out = SliceOutput::new(&mut bytes);
        self.session.poll_transmit(self.now, &mut out).ok()?;
        let sent = out.filled();
        self.session.handle_sent(self.now, sent.len());
        let dialect = dialect(Role::Client);
        let header = FixedHeader::decode(sent, dialect).ok()??;
        let body = sent.get(usize::from(header.len)..header.packet_len())?;
        let packet = Packet::decode(header, body, dialect).ok()?;
        if header.packet_len() == sent.len() { look(packet) } else { None }
    }

    fn expect_delivered(&mut self) -> Option<()> {
        match self.session.poll_event(self.now, &mut self.inbound)? {
            Event::Published { outcome: Outcome::Delivered(_), .. } => Some(()),
            _ => None,
        }
    }

    fn expect_message(&mut self) -> Option<Delivery> {
        match self.session.poll_event(self.now, &mut self.inbound)? {
            Event::Message(message) => message.delivery,
            _ => None,
        }
    }
}

fn dialect(sender: Role) -> Dialect {
    Dialect { version: Version::V5, sender, lenient: false }
}

fn message(qos: QoS, packet_id: Option<PacketId>) -> Publish<'static> {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: "sensors/1",
        packet_id,
        properties: Properties::EMPTY,
        payload: b"21.5",
    }
}
