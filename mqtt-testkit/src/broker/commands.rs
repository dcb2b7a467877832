//! What a broker is told to do, so that a test sees what happens then.

use mqtt_proto::ReasonCode;
use mqtt_session::Time;

use super::connection::{Pace, Phase};
use super::wire::Fault;
use super::{Broker, ConnectionId, LogEvent, Message, Settings};

/// What outlives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Sessions and retained messages.
    Kept,
    /// Nothing.
    Lost,
}

/// Commands.
impl Broker {
    /// Publishes a message of the broker's own; one that no PUBLISH can carry reaches nobody.
    pub fn publish(&mut self, now: Time, message: Message) {
        self.advance(now);
        self.route(None, message);
    }

    /// Refuses one CONNECT to come with this reason; several calls refuse several. A reason that
    /// CONNACK cannot carry, before 5.0 all without a return code, ends the connection without it.
    pub fn refuse_next(&mut self, reason: ReasonCode) {
        self.refusals.push_back(Fault::new(reason, "refused by command"));
    }

    /// Likewise, with 0x9C or 0x9D and a Server Reference.
    pub fn redirect_next(&mut self, reason: ReasonCode, server_reference: &str) {
        self.refusals.push_back(redirect(reason, server_reference));
    }

    /// Ends a connection with DISCONNECT; without, if that cannot carry the reason, before 5.0, and
    /// while it is stalled.
    pub fn disconnect(&mut self, now: Time, id: ConnectionId, reason: ReasonCode) {
        self.advance(now);
        self.fail(id, Fault::new(reason, "disconnected by command"));
    }

    /// Likewise, with 0x9C or 0x9D and a Server Reference.
    pub fn disconnect_to(
        &mut self,
        now: Time,
        id: ConnectionId,
        reason: ReasonCode,
        server_reference: &str,
    ) {
        self.advance(now);
        self.fail(id, redirect(reason, server_reference));
    }

    /// Ends a connection without a word, and forgets what was not transmitted.
    pub fn drop_connection(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        self.sever(id);
        self.run_session_deadlines();
    }

    /// Forgets a session as if its client had never been here: no Will appears. A connection its
    /// client has is ended without a word. `false` if there was none.
    pub fn lose_session(&mut self, now: Time, client_id: &str) -> bool {
        self.advance(now);
        let Some(session) = self.sessions.remove(client_id) else { return false };
        if let Some(id) = session.connection() {
            self.drop_connection(now, id);
        }
        self.log.push(self.now, LogEvent::SessionEnded { client_id: client_id.to_owned() });
        true
    }

    /// Ends every connection without a word, as a process that ends does, and comes back with what
    /// was persistent. The Wills of kept sessions become due then.
    pub fn restart(&mut self, now: Time, persistence: Persistence) {
        self.advance(now);
        match persistence {
            Persistence::Kept => {}
            Persistence::Lost => {
                self.sessions.clear();
                self.retained.clear();
            }
        }
        let connections: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in connections {
            self.sever(id);
        }
        // Only now, so that no Will goes to a connection that ends as well.
        self.run_session_deadlines();
    }

    /// Likewise, and comes back with other settings.
    pub fn restart_with(&mut self, now: Time, persistence: Persistence, settings: Settings) {
        self.restart(now, persistence);
        self.settings = settings;
    }

    /// Neither reads nor transmits on a connection any more, as a broker that hangs. Its client may
    /// be silent as long as it likes. When the connection ends, it ends without a word: what waits to
    /// be transmitted is not, nor is DISCONNECT.
    pub fn stall(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.pace = Pace::Stalled;
        }
    }

    /// Reads and transmits again what came together since [`Broker::stall`].
    pub fn unstall(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.pace = Pace::Running;
        match &mut connection.phase {
            Phase::Connected(link) => link.last_packet = self.now,
            Phase::Opened { .. } | Phase::Authenticating(_) | Phase::Closing => {}
        }
        self.read(id);
    }
}

fn redirect(reason: ReasonCode, server_reference: &str) -> Fault {
    let server_reference = Some(server_reference.to_owned());
    Fault { server_reference, ..Fault::new(reason, "redirected by command") }
}
