//! What the client sends.

use super::connection::{Asked, Connection, Stage};
use super::operation::{Kind, Life, Loss, MADE_AGAIN, forbids, seconds_left};
use super::{Knowledge, Oracle};
use crate::message::Name;
use crate::plan::METHOD;
use crate::tally::Promise;
use crate::wire::{Ack, Connect, Packet, Publish, Request};

impl Oracle {
    /// A packet of `len` bytes was sent.
    pub(super) fn note_sent(&mut self, len: usize, packet: &Packet<'_>) {
        if let Packet::Connect(connect) = packet {
            return self.note_connect(connect);
        }
        self.note_sending();
        let stage = self.connection.as_ref().map(|connection| connection.stage);
        let may_come = match stage {
            None | Some(Stage::Left(_)) => false,
            Some(Stage::Waiting) => {
                matches!(packet, Packet::Auth(_) | Packet::Disconnect(0x80..))
            }
            Some(Stage::Up(limits)) => {
                let fits = len <= limits.packet_size as usize;
                self.check(Promise::Con2, fits, || format!("{len} bytes are too large"));
                true
            }
        };
        self.check(Promise::End1, may_come, || format!("{packet:?} may not come in {stage:?}"));
        match packet {
            Packet::Publish(publish) => self.note_publish(publish),
            Packet::PubAck(ack) => self.note_answer(0, ack),
            Packet::PubRec(ack) => self.note_answer(1, ack),
            Packet::PubRel(ack) => self.note_release(ack),
            Packet::PubComp(ack) => self.note_completion(ack),
            Packet::Subscribe(request) => self.note_request(request, true),
            Packet::Unsubscribe(request) => self.note_request(request, false),
            Packet::Disconnect(code) => {
                self.note_disconnect(*code);
                if let Some(connection) = &mut self.connection {
                    connection.stage = Stage::Left(self.now);
                }
            }
            Packet::Auth(auth) => return self.note_auth(auth),
            Packet::PingReq => {}
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => {
                self.check(Promise::Ver1, false, || format!("only a server sends {packet:?}"));
            }
        }
        self.note_other();
    }

    fn note_connect(&mut self, connect: &Connect<'_>) {
        let is_first = self.connection.is_none();
        self.check(Promise::End1, is_first, || "CONNECT on a connection that has one".to_owned());
        let level = self.facts.level;
        if self.store.has_failed {
            self.check(Promise::Sto1, false, || "CONNECT after the store failed".to_owned());
        }
        self.check(Promise::Ver1, connect.level == level, || format!("level {}", connect.level));
        let method = self.facts.authenticates.then_some(METHOD.as_bytes());
        self.check(Promise::Auth, connect.method == method, || format!("{connect:?}"));
        self.incoming.clear();
        self.connection = Some(Connection::new(self.now, connect));
    }

    fn note_publish(&mut self, publish: &Publish<'_>) {
        self.check_alias(publish);
        let name = Name::of(publish.payload).filter(|name| name.client == self.facts.number);
        let at = name.map(Name::index).filter(|at| *at < self.operations.len());
        self.check(Promise::Send2, at.is_some(), || format!("nobody published {publish:?}"));
        let Some(at) = at else { return };
        self.check_content(at, publish);
        self.check_order(at, publish.qos);
        if publish.qos == 0 {
            let is_first = !self.operations[at].is_carried;
            self.check(Promise::Send2, is_first, || format!("{at} of QoS 0 is sent again"));
            self.operations[at].is_carried = true;
            return;
        }
        self.check_copy(at, publish);
        self.check_identifier(at, publish.id);
        self.check_stored(at, publish.id);
        let operation = &mut self.operations[at];
        operation.is_carried = true;
        operation.may_be_carried = false;
        operation.is_on_wire = true;
        operation.id = Some(publish.id);
        self.flows.insert(publish.id, at);
        self.check_window();
    }

    /// The topic of an alias is that of this connection, and no copy goes by one.
    fn check_alias(&mut self, publish: &Publish<'_>) {
        let Some(alias) = publish.alias else { return };
        let Some(connection) = &mut self.connection else { return };
        let maximum = connection.limits().map_or(0, |limits| limits.alias_maximum);
        let mut is_known = true;
        if publish.topic.is_empty() {
            is_known = connection.own_aliases.contains_key(&alias);
        } else {
            connection.own_aliases.insert(alias, publish.topic.to_vec());
        }
        self.check(Promise::Con2, alias <= maximum, || format!("alias {alias} above {maximum}"));
        self.check(Promise::Send7, is_known && !publish.dup, || {
            format!("a copy or unknown: {publish:?}")
        });
    }

    fn check_content(&mut self, at: usize, publish: &Publish<'_>) {
        let connection = self.connection.as_ref();
        let known = publish.alias.and_then(|alias| connection?.own_aliases.get(&alias));
        let topic =
            if publish.topic.is_empty() { known.map(Vec::as_slice) } else { Some(publish.topic) };
        let operation = &self.operations[at];
        let Some(asked) = operation.publish() else { return };
        let left = asked.expires_at.map(|expires_at| seconds_left(expires_at, self.now));
        let is_same = topic == Some(asked.topic.as_bytes())
            && (publish.qos, publish.retain) == (asked.qos, asked.retain)
            && publish.payload.len() == asked.len.max(8);
        let limits = connection.and_then(Connection::limits);
        let is_allowed = limits.is_some_and(|limits| {
            !forbids(&limits, operation, self.facts.level) || publish.alias.is_some()
        });
        let is_open = operation.is_open();
        let is_late =
            !operation.is_carried && !operation.may_be_carried && self.has_expired(operation);
        let has_expiry = asked.expires_at.is_some();
        self.check(Promise::Send7, is_same, || format!("{at} became {publish:?}"));
        self.check(Promise::Con2, is_allowed, || format!("{at} is forbidden: {publish:?}"));
        self.check(Promise::Send2, is_open, || format!("{at} is sent after its outcome"));
        if has_expiry {
            self.check(Promise::Send6, !is_late, || format!("{at} is sent after it expired"));
            self.check(Promise::Send6, publish.expiry.map(u64::from) == left, || {
                format!("{at} has {left:?} s left, not {:?}", publish.expiry)
            });
        }
    }

    /// Everything accepted before was sent on this connection, or need not be.
    fn check_order(&mut self, at: usize, qos: u8) {
        let lane = usize::from(qos == 0);
        let Some(connection) = &mut self.connection else { return };
        let next = std::mem::replace(&mut connection.next[lane], at + 1);
        let promise = if self.operations[at].is_carried { Promise::Res1 } else { Promise::Send4 };
        self.check(promise, next <= at, || format!("{at} is sent behind {}", next - 1));
        let left_out = (next..at).find(|other| {
            let operation = &self.operations[*other];
            let is_due = operation.publish().is_some_and(|publish| publish.qos > 0);
            let has_expired = !operation.is_carried && self.has_expired(operation);
            is_due
                && qos > 0
                && operation.is_open()
                && operation.loss != Loss::Ends
                && !operation.is_released
                && !operation.may_be_given_up()
                && !operation.may_have_ended()
                && !has_expired
                && !self.is_forbidden(*other)
        });
        self.check(promise, left_out.is_none(), || format!("{at} is sent, {left_out:?} is not"));
        let is_offline = self.operations[at].is_offline && !self.operations[at].is_carried;
        if is_offline && qos > 0 {
            self.check(Promise::Send5, true, String::new);
        }
    }

    /// A copy has DUP and its identifier, the first does not; none follows PUBREC.
    fn check_copy(&mut self, at: usize, publish: &Publish<'_>) {
        let operation = &self.operations[at];
        let (is_carried, may_be) = (operation.is_carried, operation.may_be_carried);
        let (is_released, is_on_wire) = (operation.is_released, operation.is_on_wire);
        let id = operation.id.filter(|_| is_carried);
        let is_lost = operation.loss == Loss::Ends;
        self.check(Promise::Res1, !is_on_wire, || format!("{at} is sent twice on a connection"));
        self.check(Promise::Res1, !is_released, || format!("{at} is sent after PUBREC"));
        self.check(Promise::Res2, !is_lost, || format!("{at} is sent after its session was lost"));
        self.check(Promise::Res1, may_be || publish.dup == is_carried, || {
            format!("{at} has DUP {}, was sent before: {is_carried}", publish.dup)
        });
        self.check(Promise::Res1, id.is_none_or(|id| id == publish.id), || {
            format!("{at} had identifier {id:?}, now {}", publish.id)
        });
    }

    fn check_identifier(&mut self, at: usize, id: u16) {
        let owner = self.owner(id);
        let connection = self.connection.as_ref();
        let is_asked = connection.is_some_and(|connection| connection.requests.contains_key(&id));
        self.check(Promise::Send8, owner.is_none_or(|owner| owner == at) && !is_asked, || {
            format!("identifier {id} of {at} belongs to {owner:?}, or a request: {is_asked}")
        });
        let is_clean = self.knowledge != Knowledge::Adopted || self.clean.contains(&id);
        let is_qos2 = self.operations[at].publish().is_some_and(|publish| publish.qos == 2);
        if is_qos2 && !self.operations[at].is_carried {
            self.check(Promise::Con3, is_clean, || {
                format!("identifier {id} may be open from somebody before")
            });
        }
        self.clean.insert(id);
    }

    /// Whose identifier it is. What was there before a restart may have ended without a name.
    fn owner(&self, id: u16) -> Option<usize> {
        self.flows.get(&id).copied().filter(|at| {
            let owner = &self.operations[*at];
            let has_expired = !owner.is_carried && self.has_expired(owner);
            !owner.may_have_ended() && (owner.life != Life::Restored || !has_expired)
        })
    }

    fn check_window(&mut self) {
        let Some(limits) = self.connection.as_ref().and_then(Connection::limits) else { return };
        let own = self.facts.max_in_flight.or((self.facts.level < 5).then_some(20));
        let window =
            usize::from(own.map_or(limits.receive_maximum, |own| own.min(limits.receive_maximum)));
        let is_open = |at: &&usize| {
            let operation = &self.operations[**at];
            operation.is_on_wire || operation.is_released
        };
        let open = self.flows.values().filter(is_open).count();
        self.check(Promise::Send4, open <= window, || format!("{open} in a window of {window}"));
        if self.is_one_by_one() {
            let in_flight = |at: &&usize| self.operations[**at].is_on_wire;
            let sent = self.flows.values().filter(in_flight).count();
            self.check(Promise::Send10, sent <= 1, || format!("{sent} at a time, one is suspect"));
        }
    }

    /// PUBACK or PUBREC: of what came, in its order, after the application's.
    fn note_answer(&mut self, kind: usize, ack: &Ack) {
        let Some(connection) = &mut self.connection else { return };
        let next = connection.owed[kind].pop_front();
        if let Some(leaving) = &mut connection.leaving {
            leaving.note_answer(kind);
        }
        let message = self.inbound.get(&ack.id).copied();
        self.check(Promise::Recv1, next == Some(ack.id), || {
            format!("{ack:?} is sent, the next to be acknowledged is {next:?}")
        });
        let given = message.and_then(|message| message.answer);
        self.check(Promise::Recv1, given == Some(ack.code), || {
            format!("{ack:?}, the application's acknowledgement is {given:?}")
        });
        let is_last = kind == 0 || ack.code >= 0x80;
        if is_last {
            self.end_inbound(ack.id);
            return;
        }
        if let Some(message) = self.inbound.get_mut(&ack.id) {
            message.is_received = true;
        }
        let is_stored = self.store.has_received(ack.id);
        if self.facts.has_store {
            self.check(Promise::Sto1, is_stored, || format!("PUBREC {} before its record", ack.id));
        }
    }

    /// PUBCOMP: once for each PUBREL, those of known messages in the order of these.
    fn note_completion(&mut self, ack: &Ack) {
        let level = self.facts.level;
        let Some(connection) = &mut self.connection else { return };
        let is_stray = |code| if level == 5 { code == 0x92 } else { true };
        if connection.completing.front() == Some(&ack.id) && ack.code == 0 {
            connection.completing.pop_front();
            self.end_inbound(ack.id);
            let is_left = self.store.has_received(ack.id);
            if self.facts.has_store {
                self.check(Promise::Sto1, !is_left, || {
                    format!("PUBCOMP {} before its record", ack.id)
                });
            }
        } else if connection.stray_releases.front() == Some(&ack.id) && is_stray(ack.code) {
            connection.stray_releases.pop_front();
        } else {
            self.check(Promise::Recv2, false, || format!("{ack:?} answers no PUBREL"));
        }
        self.check(Promise::Recv2, true, String::new);
    }

    fn end_inbound(&mut self, id: u16) {
        if let Some(message) = self.inbound.remove(&id)
            && message.is_on_wire
            && let Some(connection) = &mut self.connection
        {
            connection.open -= 1;
        }
    }

    /// PUBREL: after PUBREC, in the order of the PUBRECs.
    fn note_release(&mut self, ack: &Ack) {
        let flow = self.flows.get(&ack.id).copied();
        let is_given_up = flow.is_some_and(|at| self.operations[at].may_be_given_up());
        let Some(connection) = &mut self.connection else { return };
        if connection.releasing.front() == Some(&ack.id) {
            connection.releasing.pop_front();
            let is_stored = flow.is_some_and(|at| self.store.has_released(at));
            if self.facts.has_store {
                self.check(Promise::Sto1, is_stored, || {
                    format!("PUBREL {} before its record", ack.id)
                });
            }
            self.check(Promise::Res1, ack.code == 0, || format!("{ack:?} of a message"));
        } else if connection.stray_receipts.front() == Some(&ack.id) && flow.is_none() {
            connection.stray_receipts.pop_front();
        } else if is_given_up {
            // It cannot be sent again, and the broker is to let go of it: no PUBREC says when.
            connection.releasing.retain(|id| *id != ack.id);
            self.release(ack.id);
        } else if flow.is_none() && self.knowledge == Knowledge::Adopted {
            connection.probes.push(ack.id);
        } else {
            let due = connection.releasing.front().copied();
            self.check(Promise::Res1, false, || format!("{ack:?}, the next due is {due:?}"));
        }
        self.check(Promise::Res1, true, String::new);
    }

    /// A flow goes past its message.
    pub(super) fn release(&mut self, id: u16) {
        let Some(at) = self.flows.get(&id).copied() else { return };
        let Some(operation) = self.operations.get_mut(at) else { return };
        operation.is_on_wire = false;
        if !std::mem::replace(&mut operation.is_released, true) {
            self.released.push(at);
        }
    }

    /// SUBSCRIBE or UNSUBSCRIBE: an open one of the application, in order, or one of the session's own.
    fn note_request(&mut self, request: &Request<'_>, subscribes: bool) {
        let filters: Vec<&[u8]> = request.filters().collect();
        let Some(connection) = &self.connection else { return };
        let from = connection.next_request;
        let limits = connection.limits();
        let is_it = |at: &usize| {
            let operation = &self.operations[*at];
            let asked = match &operation.kind {
                Kind::Subscribe(asked) if subscribes => asked,
                Kind::Unsubscribe(asked) if !subscribes => asked,
                Kind::Publish(_) | Kind::Subscribe(_) | Kind::Unsubscribe(_) => return false,
            };
            operation.is_open() && !operation.is_on_wire && asked.bytes == request.filters
        };
        let first_open = (from..self.operations.len()).find(|at| {
            let operation = &self.operations[*at];
            operation.publish().is_none()
                && operation.is_open()
                && !operation.is_on_wire
                && !self.is_forbidden(*at)
        });
        let found = (from..self.operations.len()).find(is_it);
        // What is subscribed to anew may be made again by the session first.
        let found = found.filter(|at| {
            first_open == Some(*at) || !(subscribes && self.may_be_made_again(*at, request.filters))
        });
        let is_own = found.is_none();
        self.check(Promise::Res3, !is_own || subscribes, || "UNSUBSCRIBE of nobody".to_owned());
        if let Some(found) = found {
            self.check(Promise::Res3, first_open == Some(found), || {
                format!("{found} is asked before {first_open:?}")
            });
            let misses = self.operations[found].misses;
            self.check(Promise::Send11, misses <= MADE_AGAIN, || {
                format!("{found} is asked after {misses} times without an answer")
            });
            self.operations[found].is_on_wire = true;
            self.operations[found].asked_at = Some(self.now);
        }
        let is_used = self.owner(request.id).is_some();
        let Some(connection) = &mut self.connection else { return };
        let asked = Asked { operation: found, bytes: request.filters.to_vec() };
        let before = connection.requests.insert(request.id, asked);
        connection.next_request = found.map_or(from, |found| found + 1);
        self.check(Promise::Send8, !is_used && before.is_none(), || {
            format!("identifier {} of a request is in use", request.id)
        });
        let is_allowed = limits.is_some_and(|limits| {
            let text = |filter: &&[u8]| {
                let is_wild = filter.iter().any(|byte| b"+#".contains(byte));
                (limits.wildcard || !is_wild) && (limits.shared || !filter.starts_with(b"$share/"))
            };
            !subscribes
                || filters.iter().all(text) && (limits.identifiers || !request.has_identifier)
        });
        self.check(Promise::Con2, is_allowed, || format!("forbidden: {filters:?}"));
    }
}
