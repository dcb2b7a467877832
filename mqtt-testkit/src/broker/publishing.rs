//! PUBLISH from clients, and DISCONNECT (sections 3.3, 3.14 and 4.3).

use std::num::NonZeroU16;
use std::sync::Arc;

use mqtt_proto::{Ack, Disconnect, Encode, PacketId, PubAck, PubRec, Publish, QoS, ReasonCode};

use super::connection::Link;
use super::message::Kept;
use super::wire::Fault;
use super::{Broker, ConnectionId, LogEvent, Message, filter};

impl Broker {
    pub(super) fn handle_publish(
        &mut self,
        id: ConnectionId,
        publish: &Publish<'_>,
    ) -> Result<(), Fault> {
        self.check_publish(publish)?;
        let aliases = self.settings.topic_alias_maximum;
        let Some(mut client) = self.client(id) else { return Ok(()) };
        if let Some(packet_id) = publish.packet_id {
            client.judge_dup(publish.dup, publish.qos, packet_id);
        }
        let topic = client.link.resolve(publish, aliases)?;
        if self.settings.poisonous.iter().any(|filter| filter::matches(filter, &topic)) {
            return Err(Fault::new(ReasonCode::PayloadFormatInvalid, "the topic is poisonous"));
        }
        let message = Message::of_publish(publish, &topic);
        // [MQTT-3.3.4-1]
        match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(packet_id)) => self.handle_qos1(id, packet_id, message),
            (QoS::ExactlyOnce, Some(packet_id)) => self.handle_qos2(id, packet_id, message),
            (QoS::AtMostOnce, _) | (QoS::AtLeastOnce | QoS::ExactlyOnce, None) => {
                let reason = self.take(id, message);
                // There is no acknowledgement that could say so.
                if reason == ReasonCode::PayloadFormatInvalid {
                    return Err(Fault::new(reason, "the payload is no text"));
                }
                Ok(())
            }
        }
    }

    /// Judges what CONNACK has told the client.
    fn check_publish(&self, publish: &Publish<'_>) -> Result<(), Fault> {
        // [MQTT-3.2.2-11]
        if publish.qos > self.settings.maximum_qos {
            return Err(Fault::new(ReasonCode::QoSNotSupported, "above Maximum QoS"));
        }
        // [MQTT-3.2.2-14]
        if publish.retain && !self.settings.retain_available {
            return Err(Fault::new(ReasonCode::RetainNotSupported, "RETAIN is not available"));
        }
        Ok(())
    }

    fn handle_qos1(
        &mut self,
        id: ConnectionId,
        packet_id: PacketId,
        message: Message,
    ) -> Result<(), Fault> {
        let maximum = self.settings.receive_maximum;
        let Some(client) = self.client(id) else { return Ok(()) };
        // It is finished at once, and counts until the client can know.
        client.link.unheard += 1;
        client.link.check_unfinished(maximum)?;
        // [MQTT-2.2.1-3]
        let is_in_use = client.session.received.contains(&packet_id);
        let reason = if is_in_use && client.link.version.has_properties() {
            ReasonCode::PacketIdentifierInUse
        } else {
            self.take(id, message)
        };
        // [MQTT-4.3.2-4]
        self.acknowledge(id, reason, |reason| PubAck(Ack { reason, ..Ack::success(packet_id) }))
    }

    fn handle_qos2(
        &mut self,
        id: ConnectionId,
        packet_id: PacketId,
        message: Message,
    ) -> Result<(), Fault> {
        let maximum = self.settings.receive_maximum;
        let Some(client) = self.client(id) else { return Ok(()) };
        client.link.unfinished.insert(packet_id);
        client.link.check_unfinished(maximum)?;
        let is_new = client.session.received.insert(packet_id);
        // [MQTT-4.3.3-10]
        let reason = if is_new { self.take(id, message) } else { ReasonCode::Success };
        if reason.is_error()
            && let Some(client) = self.client(id)
        {
            // [MQTT-4.3.3-9]
            client.session.received.remove(&packet_id);
            client.link.finish(packet_id);
        }
        // [MQTT-4.3.3-8]
        self.acknowledge(id, reason, |reason| PubRec(Ack { reason, ..Ack::success(packet_id) }))
    }

    /// Sends PUBACK or PUBREC with this reason; before 5.0 they have none, and could only promise
    /// what is not so.
    fn acknowledge<P: Encode>(
        &mut self,
        id: ConnectionId,
        reason: ReasonCode,
        packet: impl Fn(ReasonCode) -> P,
    ) -> Result<(), Fault> {
        let Some(mut client) = self.client(id) else { return Ok(()) };
        let has_reasons = client.link.version.has_properties();
        if reason == ReasonCode::QuotaExceeded && !has_reasons {
            return Err(Fault::new(reason, "there is no room for the message"));
        }
        client.send(&packet(if has_reasons { reason } else { ReasonCode::Success }))
    }

    /// Takes a message over, and says what became of it.
    fn take(&mut self, id: ConnectionId, message: Message) -> ReasonCode {
        if self.is_forbidden(&message.topic) {
            return ReasonCode::NotAuthorized;
        }
        if self.settings.checks_payload_format && message.has_wrong_format() {
            return ReasonCode::PayloadFormatInvalid;
        }
        let publisher = self.client(id).map(|client| client.link.client_id.clone());
        let kept = Arc::new(Kept { message, arrived: self.now });
        if !self.has_room_for(publisher.as_deref(), &kept) {
            return ReasonCode::QuotaExceeded;
        }
        let is_wanted = self.route_kept(publisher.as_deref(), &kept);
        if is_wanted || !self.settings.reports_no_subscribers {
            ReasonCode::Success
        } else {
            ReasonCode::NoMatchingSubscribers
        }
    }

    pub(super) fn is_forbidden(&self, topic: &str) -> bool {
        self.settings.forbidden.iter().any(|forbidden| filter::matches(forbidden, topic))
    }

    pub(super) fn handle_disconnect(
        &mut self,
        id: ConnectionId,
        disconnect: &Disconnect<'_>,
    ) -> Result<(), Fault> {
        let longest = self.settings.maximum_session_expiry;
        let expiry = disconnect.properties.session_expiry_interval();
        if let (Some(client), Some(expiry)) = (self.client(id), expiry) {
            if client.link.asked_expiry == 0 && expiry > 0 {
                return Err(Fault::protocol_error("the session was to end with the connection"));
            }
            client.session.expiry = expiry.min(longest);
        }
        let reason = disconnect.reason;
        self.log.push(self.now, LogEvent::Disconnected { connection: id, reason });
        // [MQTT-3.14.4-3]
        self.detach(id, reason != ReasonCode::NormalDisconnection);
        Ok(())
    }
}

impl Link {
    /// A message that came on this connection is over, if it was one.
    pub(super) fn finish(&mut self, packet_id: PacketId) {
        if self.unfinished.remove(&packet_id) {
            self.unheard += 1;
        }
    }

    /// Judges whether the client may have as many messages unfinished as it must think it has.
    fn check_unfinished(&self, maximum: NonZeroU16) -> Result<(), Fault> {
        let unfinished = self.unfinished.len() + self.unheard;
        // [MQTT-3.3.4-7]; before 5.0 there is no Receive Maximum.
        if self.version.has_properties() && unfinished > maximum.get().into() {
            return Err(Fault::new(ReasonCode::ReceiveMaximumExceeded, "above Receive Maximum"));
        }
        Ok(())
    }

    /// The topic of a PUBLISH, its alias resolved or remembered.
    fn resolve(&mut self, publish: &Publish<'_>, maximum: u16) -> Result<String, Fault> {
        let Some(alias) = publish.properties.topic_alias() else {
            return Ok(publish.topic.to_owned());
        };
        // [MQTT-3.2.2-17], [MQTT-3.2.2-18]
        if alias > maximum {
            return Err(Fault::new(ReasonCode::TopicAliasInvalid, "above Topic Alias Maximum"));
        }
        if publish.topic.is_empty() {
            let topic = self.inbound_aliases.get(&alias);
            return topic.cloned().ok_or(Fault::protocol_error("no topic has this alias"));
        }
        // [MQTT-3.3.2-12]
        self.inbound_aliases.insert(alias, publish.topic.to_owned());
        Ok(publish.topic.to_owned())
    }
}
