//! How connections and sessions end (sections 3.14, 4.1 and 4.13).

use mqtt_proto::{ConnAck, Disconnect, Properties, Version};
use mqtt_session::Time;

use super::connection::{Link, Phase};
use super::session::Presence;
use super::wire::{self, Fault};
use super::{Broker, ConnectionId, LogEvent};

/// The next thing that happens to a session by itself.
pub(super) struct SessionDeadline {
    pub(super) at: Time,
    client_id: String,
    what: Deadline,
}

/// What happens; at the same time a Will comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    Will,
    End,
}

impl Broker {
    /// The broker ends a connection and says why, as far as the version has words for it.
    pub(super) fn fail(&mut self, id: ConnectionId, fault: Fault) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match &connection.phase {
            // [MQTT-3.14.0-1]
            Phase::Opened { .. } => {}
            Phase::Authenticating(handshake) => {
                let limit = handshake.packet_limit;
                return self.refuse(id, Version::V5, limit, &fault);
            }
            Phase::Connected(link) => disconnect(link, &fault, &mut connection.output),
            Phase::Closing => return,
        }
        let Fault { reason, explanation, .. } = fault;
        self.log.push(self.now, LogEvent::Ended { connection: id, reason, explanation });
        // [MQTT-4.13.1-1]
        self.detach(id, true);
    }

    /// Answers a CONNECT with CONNACK of 0x80 or above, or without a word where `version` has none,
    /// and ends the connection.
    pub(super) fn refuse(
        &mut self,
        id: ConnectionId,
        version: Version,
        limit: usize,
        fault: &Fault,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut lists = fault.properties();
        if !version.has_properties() {
            lists = [Vec::new(), Vec::new()];
        }
        for properties in &lists {
            let properties = Properties::from_slice(properties);
            // [MQTT-3.2.2-6]
            let connack = ConnAck { session_present: false, reason: fault.reason, properties };
            // [MQTT-3.2.2-19]
            if wire::write(&connack, version, limit, &mut connection.output).is_ok() {
                break;
            }
        }
        let Fault { reason, explanation, .. } = fault.clone();
        self.log.push(self.now, LogEvent::Refused { connection: id, reason, explanation });
        // [MQTT-3.2.2-7]
        self.detach(id, true);
    }

    /// A connection ends: nothing more is read on it, its session is left, and what is due is done.
    pub(super) fn detach(&mut self, id: ConnectionId, keeps_will: bool) {
        self.leave(id, keeps_will);
        self.run_session_deadlines();
    }

    /// A connection ends without a word; what is due then is left to the caller.
    pub(super) fn sever(&mut self, id: ConnectionId) {
        self.note_lost(id);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.output.clear();
        }
        self.leave(id, true);
    }

    /// Logs that a client's connection ended by its transport, unless something else had ended it.
    pub(super) fn note_lost(&mut self, id: ConnectionId) {
        match self.connections.get(&id).map(|connection| &connection.phase) {
            Some(Phase::Connected(_)) => self.log.push(self.now, LogEvent::Lost(id)),
            Some(Phase::Opened { .. } | Phase::Authenticating(_) | Phase::Closing) | None => {}
        }
    }

    fn leave(&mut self, id: ConnectionId, keeps_will: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match std::mem::replace(&mut connection.phase, Phase::Closing) {
            Phase::Connected(link) => {
                if let Some(session) = self.sessions.get_mut(&link.client_id) {
                    session.leave(self.now, keeps_will);
                }
            }
            Phase::Opened { .. } | Phase::Authenticating(_) | Phase::Closing => {}
        }
    }

    /// Publishes the Wills and ends the sessions whose time has come, in the order of their times.
    pub(super) fn run_session_deadlines(&mut self) {
        while let Some(deadline) = self.session_deadline() {
            if deadline.at > self.now {
                return;
            }
            match deadline.what {
                Deadline::Will => self.publish_will(&deadline.client_id),
                // [MQTT-4.1.0-2]
                Deadline::End => self.end_session(&deadline.client_id),
            }
        }
    }

    pub(super) fn session_deadline(&self) -> Option<SessionDeadline> {
        let deadlines = self.sessions.iter().flat_map(|(client_id, session)| {
            let (will, ends) = match &session.presence {
                // [MQTT-4.1.0-1]
                Presence::Online { .. } => (None, None),
                Presence::Offline { ends, will } => (will.as_ref().map(|will| will.at), *ends),
            };
            let deadlines = [(will, Deadline::Will), (ends, Deadline::End)];
            deadlines.into_iter().filter_map(move |(at, what)| Some((at?, what, client_id)))
        });
        let (at, what, client_id) = deadlines.min()?;
        Some(SessionDeadline { at, client_id: client_id.clone(), what })
    }

    /// Ends the session of a client that is offline; its Will does not outlive it.
    pub(super) fn end_session(&mut self, client_id: &str) {
        self.publish_will(client_id);
        if self.sessions.remove(client_id).is_some() {
            self.log.push(self.now, LogEvent::SessionEnded { client_id: client_id.to_owned() });
        }
    }

    fn publish_will(&mut self, client_id: &str) {
        let Some(session) = self.sessions.get_mut(client_id) else { return };
        let will = match &mut session.presence {
            Presence::Online { .. } => None,
            // [MQTT-3.1.2-10]
            Presence::Offline { will, .. } => will.take(),
        };
        if let Some(will) = will {
            self.log.push(self.now, LogEvent::WillPublished { client_id: client_id.to_owned() });
            self.route(Some(client_id), will.message);
        }
    }
}

/// Writes DISCONNECT, which before 5.0 a broker cannot say.
fn disconnect(link: &Link, fault: &Fault, out: &mut Vec<u8>) {
    if !link.version.has_properties() {
        return;
    }
    for properties in &fault.properties() {
        let properties = Properties::from_slice(properties);
        let packet = Disconnect { reason: fault.reason, properties };
        // [MQTT-3.14.2-3]
        if wire::write(&packet, link.version, link.packet_limit, out).is_ok() {
            return;
        }
    }
}
