//! Enhanced authentication (section 4.12).

use mqtt_proto::{Auth, ConnAck, Encode, Properties, Property, ReasonCode};

use super::encode::encode;
use super::link::{Link, Stage, outbound_dialect};
use super::put::put;
use super::receive::Received;
use super::{Session, SessionState};
use crate::memory::{Arena, Block, Full};
use crate::{
    AuthenticateError, BufferTooSmall, Event, Limits, Memory, Output, Time, ViolationKind,
};

/// Whose turn it is in an exchange of AUTH packets.
///
/// ```text
///  CONNECT with a method --> Broker --CONNACK, or AUTH Success--> Idle
///                            |    ^                                |
///                       AUTH |    | transmitted                    | authenticate
///                            v    |                                |
///                        Client --+-- authenticate --> Ready <-----+
/// ```
pub(crate) enum Exchange<M: Memory> {
    /// No exchange runs.
    Idle,
    /// The broker is to answer.
    Broker,
    /// The application is to answer.
    Client,
    /// AUTH is to be transmitted.
    Ready(Block<M>),
}

impl<M: Memory> Exchange<M> {
    /// Whether an AUTH with this code may be made now.
    fn awaits(&self, reason: ReasonCode) -> bool {
        match self {
            Exchange::Idle => reason == ReasonCode::ReAuthenticate,
            Exchange::Client => reason == ReasonCode::ContinueAuthentication,
            Exchange::Broker | Exchange::Ready(_) => false,
        }
    }

    /// Whether the broker may accept the connection now.
    fn may_end(&self) -> bool {
        match self {
            Exchange::Idle | Exchange::Broker => true,
            Exchange::Client | Exchange::Ready(_) => false,
        }
    }

    pub(super) fn wants_transmit(&self) -> bool {
        match self {
            Exchange::Ready(_) => true,
            Exchange::Idle | Exchange::Broker | Exchange::Client => false,
        }
    }

    /// Ends what runs; an AUTH that waits is taken back.
    pub(super) fn end(&mut self, arena: &mut M::Arena) {
        match core::mem::replace(self, Exchange::Idle) {
            Exchange::Ready(auth) => arena.give_back(auth),
            Exchange::Idle | Exchange::Broker | Exchange::Client => {}
        }
    }
}

/// The application port.
impl<M: Memory> Session<M> {
    /// Sends AUTH: `ContinueAuthentication` answers [`Event::Authenticate`], `ReAuthenticate` begins
    /// anew on a connection that is up.
    ///
    /// `properties` repeat the Authentication Method of the CONNECT. The AUTH leaves before all
    /// else. The broker asks on with [`Event::Authenticate`], accepts with [`Event::Connected`] or
    /// [`Event::Reauthenticated`], or ends the connection. To refuse the broker, call
    /// [`disconnect`](Session::disconnect).
    pub fn authenticate(
        &mut self,
        now: Time,
        reason: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), AuthenticateError> {
        self.advance(now);
        let max = self.limits().map_or(usize::MAX, Limits::packet_size).min(M::Arena::LIMIT);
        let link = self.link.as_mut().filter(|link| link.is_reading() && !link.transport_ended);
        let Some(link) = link else { return Err(AuthenticateError::NotConnected) };
        let packet = Auth { reason, properties: Properties::from_slice(properties) };
        let measure = packet.measure(outbound_dialect(link.version))?;
        let method = packet.properties.authentication_method();
        // [MQTT-4.12.0-7]
        let Some(agreed) = self.state.authentication_method() else {
            return Err(AuthenticateError::NoMethod);
        };
        // [MQTT-4.12.0-5], [MQTT-4.12.1-1]
        if method.map(str::as_bytes) != Some(agreed) {
            return Err(AuthenticateError::OtherMethod);
        }
        // [MQTT-4.12.0-3]
        if !link.exchange.awaits(reason) {
            return Err(AuthenticateError::NotNow);
        }
        if measure.len > max {
            return Err(AuthenticateError::TooLarge { len: measure.len, max });
        }
        match encode(&mut self.state.arena, link.version, &packet, &measure) {
            Ok(auth) => link.exchange = Exchange::Ready(auth),
            Err(failure) => return Err(self.refuse(failure.into())),
        }
        Ok(())
    }
}

/// What the broker says.
impl<M: Memory> Session<M> {
    pub(super) fn receive_auth<'i>(&mut self, auth: Auth<'i>) -> Received<'i> {
        let Some(link) = &mut self.link else { return Ok(None) };
        let is_up = match &link.stage {
            Stage::Greeting { .. } => return Err(ViolationKind::Unexpected),
            Stage::Waiting { .. } => false,
            Stage::Up(_) => true,
            Stage::Leaving { .. } | Stage::Left { .. } => return Ok(None),
        };
        let method = auth.properties.authentication_method().map(str::as_bytes);
        let is_awaited = matches!(link.exchange, Exchange::Broker);
        // [MQTT-4.12.0-5], [MQTT-4.12.0-6]
        if !is_awaited || method != self.state.authentication_method() {
            return Err(ViolationKind::Authentication);
        }
        if auth.reason == ReasonCode::ContinueAuthentication {
            link.exchange = Exchange::Client;
            return Ok(Some(Event::Authenticate(auth)));
        }
        // [MQTT-4.12.0-2]
        if !is_up {
            return Err(ViolationKind::Authentication);
        }
        link.exchange = Exchange::Idle;
        Ok(Some(Event::Reauthenticated(auth)))
    }

    /// Whether a CONNACK that accepts the connection ends the authentication as it must.
    pub(super) fn check_authenticated(&self, connack: &ConnAck<'_>) -> Result<(), ViolationKind> {
        let may_end = self.link.as_ref().is_some_and(|link| link.exchange.may_end());
        let method = connack.properties.authentication_method().map(str::as_bytes);
        // [MQTT-4.12.0-5], [MQTT-4.12.0-6]
        if !may_end || method != self.state.authentication_method() {
            return Err(ViolationKind::Authentication);
        }
        Ok(())
    }
}

impl<M: Memory> SessionState<M> {
    /// A CONNACK, even one that refuses, has no method if the CONNECT had none.
    pub(super) fn check_unasked_method(&self, connack: &ConnAck<'_>) -> Result<(), ViolationKind> {
        let has_method = connack.properties.authentication_method().is_some();
        // [MQTT-4.12.0-6]
        if has_method && self.authentication_method().is_none() {
            return Err(ViolationKind::Authentication);
        }
        Ok(())
    }

    /// The Authentication Method of the last CONNECT.
    fn authentication_method(&self) -> Option<&[u8]> {
        self.identity.method.as_ref().map(|method| self.arena.bytes(method))
    }

    /// Keeps the Authentication Method of a CONNECT in a block of its own.
    pub(super) fn keep_method(&mut self, method: Option<&str>) -> Result<(), Full> {
        let method = method.map(str::as_bytes);
        if method == self.authentication_method() {
            return Ok(());
        }
        let mut block = method.map(|method| self.arena.take(method.len())).transpose()?;
        if let (Some(block), Some(method)) = (&mut block, method) {
            self.arena.bytes_mut(block).copy_from_slice(method);
        }
        if let Some(older) = core::mem::replace(&mut self.identity.method, block) {
            self.arena.give_back(older);
        }
        Ok(())
    }

    /// AUTH, if one is to be transmitted. `false` when `out` is full.
    pub(super) fn transmit_auth(
        &mut self,
        link: &mut Link<M>,
        out: &mut impl Output<M::Body>,
    ) -> Result<bool, BufferTooSmall> {
        let Exchange::Ready(auth) = &link.exchange else { return Ok(true) };
        let fits = put::<M>(out, self.arena.bytes(auth))?;
        if fits {
            link.exchange.end(&mut self.arena);
            link.exchange = Exchange::Broker;
            self.note_room();
        }
        Ok(fits)
    }
}
