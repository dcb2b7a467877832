//! What the application and the broker of a run do, and how it is drained.

use mqtt_session::proto::{Packet, QoS, ReasonCode, Role, Version};
use proptest::prelude::*;

use crate::packets::*;

/// What the application does.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Publish(QoS),
    Subscribe,
    Unsubscribe,
    /// Acknowledges the oldest message not acknowledged.
    Ack,
    /// Gives it up.
    Abandon,
    /// Time passes.
    Pass(u64),
}

/// Commands, then packets of the broker, then perhaps another connection.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub(super) commands: Vec<Command>,
    /// Messages the broker sends, and how many of its answers.
    pub(super) messages: Vec<QoS>,
    pub(super) answers: usize,
    /// Unknown PUBRELs and PUBRECs among them.
    pub(super) strays: u16,
    pub(super) reconnect: Option<bool>,
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QOS0), Just(QOS1), Just(QOS2)]
}

pub(super) fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let command = prop_oneof![
        4 => qos().prop_map(Command::Publish),
        1 => Just(Command::Subscribe),
        1 => Just(Command::Unsubscribe),
        3 => Just(Command::Ack),
        1 => Just(Command::Abandon),
        1 => (0..40u64).prop_map(Command::Pass),
    ];
    let round = (
        prop::collection::vec(command, 0..6),
        prop::collection::vec(qos(), 0..3),
        0..8usize,
        0..3u16,
        prop_oneof![6 => Just(None), 1 => any::<bool>().prop_map(Some)],
    )
        .prop_map(|(commands, messages, answers, strays, reconnect)| Round {
            commands,
            messages,
            answers,
            strays,
            reconnect,
        });
    prop::collection::vec(round, 1..8)
}

/// How a run is drained between two rounds: where the input is split, and what is polled there.
#[derive(Clone, Debug)]
pub(super) enum Drain {
    Event,
    Transmit(usize),
    Store,
    Report,
}

pub(super) fn drains() -> impl Strategy<Value = Vec<(usize, Drain)>> {
    let drain = prop_oneof![
        2 => Just(Drain::Event),
        2 => (20..64usize).prop_map(Drain::Transmit),
        1 => Just(Drain::Store),
        1 => Just(Drain::Report),
    ];
    prop::collection::vec((1..12usize, drain), 1..40)
}

/// A broker whose answers depend on nothing but what it got.
#[derive(Default)]
pub(super) struct Broker {
    pub(super) answers: Vec<Vec<u8>>,
    next_id: u16,
    pub(super) open: Vec<u16>,
}

impl Broker {
    pub(super) fn receive(&mut self, packet: &Packet<'_>) {
        let answer = match packet {
            Packet::Publish(publish) => match (publish.qos, publish.packet_id) {
                (QoS::AtLeastOnce, Some(id)) => puback(id.get()),
                (QoS::ExactlyOnce, Some(id)) => pubrec(id.get()),
                (_, _) => return,
            },
            Packet::PubRel(ack) if ack.0.reason.is_error() => return,
            Packet::PubRel(ack) => pubcomp(ack.0.packet_id.get()),
            Packet::PubRec(ack) => pubrel(ack.0.packet_id.get()),
            Packet::Subscribe(packet) => suback(packet.packet_id.get(), &[ReasonCode::GrantedQoS1]),
            Packet::Unsubscribe(packet) => unsuback(packet.packet_id.get(), &[ReasonCode::Success]),
            Packet::PingReq => Packet::PingResp,
            Packet::PubAck(ack) => {
                self.open.retain(|id| *id != ack.0.packet_id.get());
                return;
            }
            Packet::PubComp(ack) => {
                self.open.retain(|id| *id != ack.0.packet_id.get());
                return;
            }
            other => panic!("{other:?}"),
        };
        self.answers.push(encode(&answer, Version::V5, Role::Server));
    }

    /// The bytes of one round.
    pub(super) fn speak(&mut self, round: &Round) -> Vec<u8> {
        let mut bytes = Vec::new();
        let answers = round.answers.min(self.answers.len());
        for answer in self.answers.drain(..answers) {
            bytes.extend(answer);
        }
        for qos in &round.messages {
            let mut id = 0;
            if *qos != QOS0 {
                if self.open.len() >= 4 {
                    continue;
                }
                while id == 0 || self.open.contains(&id) {
                    self.next_id = self.next_id % 1000 + 1;
                    id = self.next_id;
                }
                self.open.push(id);
            }
            let payload = format!("message {id}");
            bytes.extend(encode(&publish(*qos, id, &payload), Version::V5, Role::Server));
        }
        for stray in 0..round.strays {
            let stray = if stray == 0 { pubrel(5000) } else { pubrec(6000 + stray) };
            bytes.extend(encode(&stray, Version::V5, Role::Server));
        }
        bytes
    }
}
