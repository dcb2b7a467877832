//! CONNECT and CONNACK (sections 3.1 and 3.2).

use std::time::Duration;

use mqtt_proto::{
    ConnAck, Connect, Dialect, FixedHeader, Packet, Properties, ReasonCode, Role, Version,
};

use super::connection::{Link, OutboundAliases, Phase, asked_expiry, packet_limit};
use super::granting::Grant;
use super::receiving::check_size;
use super::session::{Presence, Session, Will};
use super::wire::{self, Fault};
use super::{Broker, ConnectionId, LogEvent, Message};

/// What CONNECT is read with; it names its version itself.
pub(super) const DIALECT: Dialect =
    Dialect { version: Version::V5, sender: Role::Client, lenient: false };

impl Broker {
    /// CONNECT, the first packet of a connection.
    pub(super) fn handle_connect(&mut self, id: ConnectionId, header: FixedHeader, body: &[u8]) {
        // [MQTT-3.1.4-1]
        let connect = match decode(header, body) {
            Ok(connect) => connect,
            Err(fault) => return self.refuse(id, answer_version(body), usize::MAX, &fault),
        };
        // [MQTT-3.1.4-2]
        let admitted = check_size(header, self.settings.maximum_packet_size)
            .and_then(|()| self.admit(&connect));
        let outcome = admitted.and_then(|()| match connect.properties.authentication_method() {
            Some(_) => self.begin_authentication(id, header, body, &connect),
            None => {
                self.accept(id, &connect, None);
                Ok(())
            }
        });
        if let Err(fault) = outcome {
            self.refuse(id, connect.version, packet_limit(&connect), &fault);
        }
    }

    /// Judges whether the client may connect.
    fn admit(&mut self, connect: &Connect<'_>) -> Result<(), Fault> {
        if !self.settings.versions.contains(&connect.version) {
            return Err(Fault::new(
                ReasonCode::UnsupportedProtocolVersion,
                "this version is switched off",
            ));
        }
        if let Some(refusal) = self.refusals.pop_front() {
            return Err(refusal);
        }
        if let Some(credentials) = &self.settings.credentials {
            let expected = connect.username.and_then(|username| credentials.get(username));
            if expected.map(Vec::as_slice) != Some(connect.password.unwrap_or_default()) {
                return Err(Fault::new(ReasonCode::BadUserNameOrPassword, "wrong credentials"));
            }
        }
        let Some(will) = &connect.will else { return Ok(()) };
        // [MQTT-3.2.2-12]
        if will.qos > self.settings.maximum_qos {
            return Err(Fault::new(ReasonCode::QoSNotSupported, "Will QoS above Maximum QoS"));
        }
        // [MQTT-3.2.2-13]
        if will.retain && !self.settings.retain_available {
            return Err(Fault::new(ReasonCode::RetainNotSupported, "Will Retain is not available"));
        }
        if self.settings.checks_payload_format && Message::of_will(will).has_wrong_format() {
            return Err(Fault::new(ReasonCode::PayloadFormatInvalid, "the Will is no text"));
        }
        if self.is_forbidden(will.topic) {
            return Err(Fault::new(ReasonCode::NotAuthorized, "the Will Topic is forbidden"));
        }
        Ok(())
    }

    /// Lets the client in: session, CONNACK, and what the session waited with.
    pub(super) fn accept(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        authentication_data: Option<&[u8]>,
    ) {
        // [MQTT-3.1.3-6]
        let assigned = connect.client_id.is_empty().then(|| self.assign_client_id());
        let client_id = assigned.as_deref().unwrap_or(connect.client_id).to_owned();
        self.take_over(&client_id, connect.clean_start);
        let session_present = self.sessions.contains_key(&client_id);
        let expiry = asked_expiry(connect).min(self.settings.maximum_session_expiry);
        // [MQTT-3.1.2-5], [MQTT-3.1.2-6], [MQTT-3.1.3-2]
        let session = self.sessions.entry(client_id.clone()).or_insert_with(Session::new);
        session.expiry = expiry;
        let will = connect.will.as_ref().map(|will| Will {
            message: Message::of_will(will),
            delay: will.properties.will_delay_interval().unwrap_or(0),
        });
        // [MQTT-3.1.2-7], [MQTT-3.1.3-9]
        session.presence = Presence::Online { connection: id, will };
        let link = self.link(connect, &client_id);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.phase = Phase::Connected(Box::new(link));
        }
        self.log.push(self.now, LogEvent::Connected { connection: id, client_id, session_present });
        let grant = Grant { connect, assigned: assigned.as_deref(), expiry, authentication_data };
        // A CONNACK the client does not take is no CONNACK: nothing else may be said then.
        if self.welcome(id, session_present, &grant).is_err() {
            self.detach(id, true);
        }
    }

    /// CONNACK, then what was not acknowledged before.
    fn welcome(
        &mut self,
        id: ConnectionId,
        session_present: bool,
        grant: &Grant<'_>,
    ) -> Result<(), Fault> {
        let version = grant.connect.version;
        let properties =
            if version.has_properties() { self.settings.grant(grant) } else { Vec::new() };
        let connack = ConnAck {
            // [MQTT-3.2.2-3]; 3.1 has no such flag.
            session_present: session_present && version != Version::V3_1,
            reason: ReasonCode::Success,
            properties: Properties::from_slice(&properties),
        };
        let mut bytes = Vec::new();
        // [MQTT-3.2.2-20]
        if wire::write(&connack, version, packet_limit(grant.connect), &mut bytes).is_err() {
            return Err(Fault::new(ReasonCode::PacketTooLarge, "the client takes no CONNACK"));
        }
        let Some(mut client) = self.client(id) else { return Ok(()) };
        // [MQTT-3.1.4-5], [MQTT-3.2.0-1]
        client.output.append(&mut bytes);
        client.resume()
    }

    /// Ends the connection the client has elsewhere, and with Clean Start its session.
    fn take_over(&mut self, client_id: &str, clean_start: bool) {
        if let Some(other) = self.sessions.get(client_id).and_then(Session::connection) {
            // [MQTT-3.1.4-3]
            self.fail(other, Fault::new(ReasonCode::SessionTakenOver, "the client connects again"));
        }
        if clean_start {
            // [MQTT-3.1.2-4], [MQTT-3.1.4-4]
            self.end_session(client_id);
        }
    }

    fn link(&self, connect: &Connect<'_>, client_id: &str) -> Link {
        let mut link = Link::new(connect, client_id, self.now);
        let keep_alive = match connect.version {
            // [MQTT-3.2.2-21], [MQTT-3.2.2-22]
            Version::V5 => self.settings.server_keep_alive.unwrap_or(connect.keep_alive),
            Version::V3_1 | Version::V3_1_1 => connect.keep_alive,
        };
        // [MQTT-3.1.2-22]
        link.patience =
            (keep_alive > 0).then(|| Duration::from_millis(u64::from(keep_alive) * 1500));
        if self.settings.outbound_aliases {
            let maximum = connect.properties.topic_alias_maximum().unwrap_or(0);
            link.outbound_aliases = OutboundAliases::new(maximum);
        }
        link
    }

    /// A Client Identifier nobody has: at most 23 letters and digits.
    fn assign_client_id(&mut self) -> String {
        loop {
            self.assigned = self.assigned.wrapping_add(1);
            let client_id = format!("auto{:08x}n{}", self.settings.seed, self.assigned);
            if !self.sessions.contains_key(&client_id) {
                return client_id;
            }
        }
    }
}

/// Decodes a CONNECT; `header` says it is one.
pub(super) fn decode(header: FixedHeader, body: &[u8]) -> Result<Connect<'_>, Fault> {
    match Packet::decode(header, body, DIALECT)? {
        Packet::Connect(connect) => Ok(connect),
        other => {
            let text = format!("{} instead of CONNECT", other.packet_type());
            Err(Fault::protocol_error(&text))
        }
    }
}

/// The version to answer a faulty CONNECT in: its protocol level says it.
fn answer_version(body: &[u8]) -> Version {
    // [MQTT-3.1.2-2]
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] if *level >= 5 => Version::V5,
        _ => Version::V3_1_1,
    }
}
