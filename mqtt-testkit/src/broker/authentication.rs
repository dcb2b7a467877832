//! Enhanced authentication by a script (section 4.12).

use std::mem;

use mqtt_proto::{Auth, Connect, FixedHeader, Packet, Properties, Property, ReasonCode, Version};
use mqtt_session::Time;

use super::client::Client;
use super::connection::{Phase, packet_limit};
use super::wire::{self, Fault};
use super::{Authentication, Broker, ConnectionId, connecting};

/// A CONNECT whose client proves who it is.
#[derive(Debug)]
pub(super) struct Handshake {
    header: FixedHeader,
    /// The CONNECT behind its fixed header.
    body: Vec<u8>,
    exchange: Exchange,
    pub(super) deadline: Option<Time>,
    pub(super) packet_limit: usize,
}

/// How far an exchange is: so many of its rounds were answered.
#[derive(Debug)]
pub(super) struct Exchange {
    answered: usize,
}

/// What the broker says next.
enum Step<'a> {
    /// AUTH with this Authentication Data, which the client is to answer.
    Challenge(&'a [u8]),
    /// The client has proved it; the Authentication Data to end with.
    Passed(Option<&'a [u8]>),
}

impl Authentication {
    fn begin(&self, data: Option<&[u8]>) -> Result<(Exchange, Step<'_>), Fault> {
        if data != self.first.as_deref() {
            return Err(failed());
        }
        let exchange = Exchange { answered: 0 };
        let step = self.step(&exchange);
        Ok((exchange, step))
    }

    fn go_on(&self, exchange: &mut Exchange, data: Option<&[u8]>) -> Result<Step<'_>, Fault> {
        let expected = self.rounds.get(exchange.answered).map(|(_, answer)| answer.as_slice());
        if expected != Some(data.unwrap_or_default()) {
            return Err(failed());
        }
        exchange.answered += 1;
        Ok(self.step(exchange))
    }

    fn step(&self, exchange: &Exchange) -> Step<'_> {
        match self.rounds.get(exchange.answered) {
            Some((challenge, _)) => Step::Challenge(challenge),
            None => Step::Passed(self.last.as_deref()),
        }
    }

    /// The properties of an AUTH with this data.
    fn properties<'a>(&'a self, data: Option<&'a [u8]>) -> Vec<Property<'a>> {
        // [MQTT-4.12.0-5]
        let method = Property::AuthenticationMethod(&self.method);
        [method].into_iter().chain(data.map(Property::AuthenticationData)).collect()
    }

    fn write(
        &self,
        reason: ReasonCode,
        data: Option<&[u8]>,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let properties = self.properties(data);
        let auth = Auth { reason, properties: Properties::from_slice(&properties) };
        wire::write(&auth, Version::V5, limit, out).is_ok()
    }
}

fn failed() -> Fault {
    Fault::new(ReasonCode::NotAuthorized, "the Authentication Data is not what the script says")
}

/// Before CONNACK.
impl Broker {
    /// CONNECT came with an Authentication Method.
    pub(super) fn begin_authentication(
        &mut self,
        id: ConnectionId,
        header: FixedHeader,
        body: &[u8],
        connect: &Connect<'_>,
    ) -> Result<(), Fault> {
        let method = connect.properties.authentication_method();
        let script = self.settings.authentication.clone();
        let Some(script) = script.filter(|script| Some(script.method.as_str()) == method) else {
            // [MQTT-4.12.0-1]
            return Err(Fault::new(ReasonCode::BadAuthenticationMethod, "unknown method"));
        };
        let (exchange, step) = script.begin(connect.properties.authentication_data())?;
        let deadline = self.settings.connect_timeout.map(|timeout| self.now.after(timeout));
        let (body, packet_limit) = (body.to_vec(), packet_limit(connect));
        let handshake = Handshake { header, body, exchange, deadline, packet_limit };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.phase = Phase::Authenticating(Box::new(handshake));
        }
        self.step_handshake(id, &script, &step)
    }

    /// A packet before CONNACK: only AUTH and DISCONNECT may come.
    pub(super) fn handle_while_authenticating(
        &mut self,
        id: ConnectionId,
        packet: &Packet<'_>,
    ) -> Result<(), Fault> {
        match packet {
            Packet::Auth(auth) => self.handle_auth(id, auth),
            Packet::Disconnect(disconnect) => self.handle_disconnect(id, disconnect),
            // [MQTT-3.1.2-30]
            packet => {
                let text = format!("{} before CONNACK", packet.packet_type());
                Err(Fault::protocol_error(&text))
            }
        }
    }

    fn handle_auth(&mut self, id: ConnectionId, auth: &Auth<'_>) -> Result<(), Fault> {
        let Some(script) = self.settings.authentication.clone() else { return Ok(()) };
        let connection = self.connections.get_mut(&id);
        let Some(Phase::Authenticating(handshake)) = connection.map(|it| &mut it.phase) else {
            return Ok(());
        };
        check_method(auth, &script.method)?;
        // [MQTT-4.12.0-3]
        if auth.reason != ReasonCode::ContinueAuthentication {
            return Err(Fault::protocol_error("AUTH 0x19 before CONNACK"));
        }
        let data = auth.properties.authentication_data();
        let step = script.go_on(&mut handshake.exchange, data)?;
        self.step_handshake(id, &script, &step)
    }

    /// Asks the client on, or lets it in.
    fn step_handshake(
        &mut self,
        id: ConnectionId,
        script: &Authentication,
        step: &Step<'_>,
    ) -> Result<(), Fault> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Phase::Authenticating(handshake) = &mut connection.phase else { return Ok(()) };
        match step {
            Step::Challenge(data) => {
                // [MQTT-4.12.0-2]
                let (reason, limit) = (ReasonCode::ContinueAuthentication, handshake.packet_limit);
                if script.write(reason, Some(data), limit, &mut connection.output) {
                    return Ok(());
                }
                Err(Fault::new(ReasonCode::PacketTooLarge, "the client does not take AUTH"))
            }
            Step::Passed(data) => {
                let (header, body) = (handshake.header, mem::take(&mut handshake.body));
                self.accept(id, &connecting::decode(header, &body)?, *data);
                Ok(())
            }
        }
    }
}

/// Behind CONNACK.
impl Broker {
    /// AUTH: the client authenticates again.
    pub(super) fn handle_reauthentication(
        &mut self,
        id: ConnectionId,
        auth: &Auth<'_>,
    ) -> Result<(), Fault> {
        let script = self.settings.authentication.clone();
        let Some(Client { link, output, .. }) = self.client(id) else { return Ok(()) };
        let (Some(method), Some(script)) = (&link.method, script) else {
            // [MQTT-4.12.0-7]
            return Err(Fault::protocol_error("AUTH without a method in CONNECT"));
        };
        // [MQTT-4.12.1-1]
        check_method(auth, method)?;
        let data = auth.properties.authentication_data();
        let step = match (&mut link.exchange, auth.reason) {
            (None, ReasonCode::ReAuthenticate) => {
                let (exchange, step) = script.begin(data)?;
                link.exchange = Some(exchange);
                step
            }
            (Some(exchange), ReasonCode::ContinueAuthentication) => script.go_on(exchange, data)?,
            (None | Some(_), _) => return Err(Fault::protocol_error("AUTH out of turn")),
        };
        let (reason, data) = match step {
            Step::Challenge(data) => (ReasonCode::ContinueAuthentication, Some(data)),
            Step::Passed(data) => (ReasonCode::Success, data),
        };
        if reason == ReasonCode::Success {
            link.exchange = None;
        }
        if script.write(reason, data, link.packet_limit, output) {
            return Ok(());
        }
        Err(Fault::new(ReasonCode::PacketTooLarge, "the client does not take AUTH"))
    }
}

fn check_method(auth: &Auth<'_>, method: &str) -> Result<(), Fault> {
    // [MQTT-4.12.0-5]
    if auth.properties.authentication_method() == Some(method) {
        return Ok(());
    }
    Err(Fault::protocol_error("another Authentication Method than in CONNECT"))
}
