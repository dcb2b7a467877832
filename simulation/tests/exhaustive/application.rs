//! The application of the client, and the books about it.

use std::collections::BTreeSet;

use mqtt_session::proto::{
    PacketId, Properties, Property, Publish, QoS, ReasonCode, RetainHandling, Subscription,
    SubscriptionOptions, Version,
};
use mqtt_session::{
    CloseReason, Event, Memory, Message, Outcome, Payload, Phase, Session, Time, Token,
};
use mqtt_testkit::Broker;
use mqtt_testkit::broker;

use crate::conversation::{Conversation, INBOX, Step};
use crate::store::Store;

/// Client Identifier.
pub(crate) const NAME: &str = "me";

/// Where the client publishes.
pub(crate) const OUTBOX: &str = "outbox";

/// Authentication Method.
pub(crate) const METHOD: &str = "RIDDLE";

/// What the broker asks, and what is to be answered.
pub(crate) const RIDDLE: (&[u8], &[u8]) = (b"what walks on four legs?", b"man");

/// The payload of the message of this step.
pub(crate) fn payload(number: usize) -> Vec<u8> {
    format!("step {number:02}").into_bytes()
}

/// The step of a payload.
pub(crate) fn number(payload: &[u8]) -> usize {
    let digits = payload.strip_prefix(b"step ").and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).expect("a payload of these conversations")
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Waiting,
    Begun(Option<Token>),
    Ended(End),
}

/// How a step came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Done,
    /// The session ended before the answer.
    Indeterminate,
    /// The broker forgot the message before it came here.
    Forgotten,
    /// A record of it outlived the program, and nobody waits for its outcome.
    Restored,
    /// Its connection ended.
    Cut,
}

/// A step, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) step: Step,
    round: usize,
    pub(crate) state: State,
    /// How often its message was delivered to the application.
    pub(crate) deliveries: usize,
    /// Packet Identifier of its inbound message.
    packet_id: Option<u16>,
    /// A record says that it was acknowledged: it must not be delivered again.
    is_received: bool,
}

#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) steps: Vec<Progress>,
    round: usize,
    has_crashed: bool,
    /// Outcomes of operations the application does not know.
    pub(crate) nameless: usize,
    /// The connection ended, and the next is to be opened.
    pub(crate) is_closed: bool,
    /// What must not have happened.
    pub(crate) broken: Option<String>,
}

impl Application {
    pub(crate) fn new(conversation: Conversation, version: Version) -> Application {
        let steps = conversation.steps(version).map(|(round, step)| Progress {
            step,
            round,
            state: State::Waiting,
            deliveries: 0,
            packet_id: None,
            is_received: false,
        });
        Application {
            steps: steps.collect(),
            round: 0,
            has_crashed: false,
            nameless: 0,
            is_closed: false,
            broken: None,
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.steps.iter().all(Progress::has_ended)
    }

    fn break_off(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// Begins what may begin now; true when something did.
    pub(crate) fn go_on<M: Memory>(
        &mut self,
        now: Time,
        session: &mut Session<M>,
        broker: &mut Broker,
    ) -> bool {
        let unfinished = self.steps.iter().find(|progress| !progress.has_ended());
        let Some(round) = unfinished.map(|progress| progress.round) else { return false };
        self.round = round;
        let mut any = false;
        for number in 0..self.steps.len() {
            let Progress { step, round, state, .. } = self.steps[number];
            if round == self.round && state == State::Waiting {
                let Some(begun) = begin(now, session, broker, step, number) else { continue };
                self.steps[number].state = State::Begun(begun);
                any = true;
            }
        }
        any
    }

    /// The broker forgets the session, with the messages that were for it.
    pub(crate) fn forget(&mut self) {
        for progress in &mut self.steps {
            if let (Step::Receive(_), State::Begun(_)) = (progress.step, progress.state) {
                progress.state = State::Ended(End::Forgotten);
            }
        }
    }

    /// The program ended, and knows after that what its store has.
    pub(crate) fn crash(&mut self, store: &Store) {
        self.has_crashed = true;
        let received: BTreeSet<u16> = store.received();
        for (number, progress) in self.steps.iter_mut().enumerate() {
            progress.is_received = progress.packet_id.is_some_and(|id| received.contains(&id));
            let has_begun = matches!(progress.state, State::Begun(_));
            progress.state = match progress.step {
                Step::Subscribe(filter) if !store.has_filter(filter) => State::Waiting,
                Step::Unsubscribe(filter) if store.has_filter(filter) => State::Waiting,
                Step::Publish(_) if has_begun && store.had_message(number) => {
                    State::Ended(End::Restored)
                }
                Step::Publish(_) | Step::Reauthenticate | Step::Disconnect if has_begun => {
                    State::Waiting
                }
                Step::Publish(_)
                | Step::Receive(_)
                | Step::Subscribe(_)
                | Step::Unsubscribe(_)
                | Step::Reauthenticate
                | Step::Disconnect => progress.state,
            };
        }
        self.forgo_unsubscribed();
    }

    /// What was unsubscribed and is not stored is not subscribed to again.
    fn forgo_unsubscribed(&mut self) {
        let ended = |progress: &Progress| match (progress.step, progress.state) {
            (Step::Unsubscribe(filter), State::Ended(_)) => Some(filter),
            _ => None,
        };
        let ended: Vec<&str> = self.steps.iter().filter_map(ended).collect();
        for progress in &mut self.steps {
            if matches!(progress.step, Step::Subscribe(filter) if ended.contains(&filter)) {
                progress.state = State::Ended(End::Done);
            }
        }
    }
}

/// Begins a step: with the token it has, if it has one; `None` when it is not possible yet.
fn begin<M: Memory>(
    now: Time,
    session: &mut Session<M>,
    broker: &mut Broker,
    step: Step,
    number: usize,
) -> Option<Option<Token>> {
    let is_connected = session.phase() == Phase::Connected;
    match step {
        Step::Publish(qos) => Some(publish(now, session, qos, number)),
        Step::Receive(qos) => {
            let there = broker.session(NAME)?;
            let may_come = there.filters.contains(&INBOX);
            may_come.then(|| {
                let message = broker::Message::new(INBOX, &payload(number));
                broker.publish(now, broker::Message { qos, ..message });
                None
            })
        }
        Step::Subscribe(filter) => {
            let options = SubscriptionOptions {
                qos: QoS::ExactlyOnce,
                no_local: false,
                retain_as_published: false,
                retain_handling: RetainHandling::Send,
            };
            let wanted = [Subscription { filter, options }];
            Some(Some(session.subscribe(now, &wanted, &[]).expect("room")))
        }
        Step::Unsubscribe(filter) => {
            Some(Some(session.unsubscribe(now, &[filter], &[]).expect("room")))
        }
        Step::Reauthenticate => is_connected.then(|| {
            let properties = [Property::AuthenticationMethod(METHOD)];
            session.authenticate(now, ReasonCode::ReAuthenticate, &properties).expect("its turn");
            None
        }),
        Step::Disconnect => is_connected.then(|| {
            session.disconnect(now, ReasonCode::NormalDisconnection, &[]).expect("a connection");
            None
        }),
    }
}

fn publish<M: Memory>(
    now: Time,
    session: &mut Session<M>,
    qos: QoS,
    number: usize,
) -> Option<Token> {
    let payload = payload(number);
    let message = Publish {
        dup: false,
        qos,
        retain: false,
        topic: OUTBOX,
        packet_id: None,
        properties: Properties::EMPTY,
        payload: &payload,
    };
    session.publish(now, &message, Payload::Copy(&payload)).expect("room")
}

impl Progress {
    fn has_ended(&self) -> bool {
        match self.state {
            State::Waiting | State::Begun(_) => false,
            State::Ended(_) => true,
        }
    }
}

/// What the session says.
impl Application {
    pub(crate) fn handle_event<M: Memory>(
        &mut self,
        now: Time,
        session: &mut Session<M>,
        event: &Event<'_>,
    ) {
        match event {
            Event::Connected(_) | Event::Writable => {}
            Event::Authenticate(_) => {
                let says = [
                    Property::AuthenticationMethod(METHOD),
                    Property::AuthenticationData(RIDDLE.1),
                ];
                let reason = ReasonCode::ContinueAuthentication;
                session.authenticate(now, reason, &says).expect("its turn");
            }
            Event::Reauthenticated(_) => self.end_all(Step::Reauthenticate, End::Done),
            Event::Message(message) => self.handle_message(session, message),
            Event::Published { token, outcome } => match outcome {
                Outcome::Delivered(_) => self.end(*token, End::Done),
                Outcome::Indeterminate => self.end(*token, End::Indeterminate),
                Outcome::Downgraded(_)
                | Outcome::Rejected(_)
                | Outcome::Transmitted
                | Outcome::Failed(_) => self.break_off(format!("{event:?}")),
            },
            Event::Subscribed { token, suback } => {
                if suback.codes.iter().any(ReasonCode::is_error) {
                    self.break_off(format!("{event:?}"));
                }
                self.end(*token, End::Done);
            }
            Event::Unsubscribed { token, .. } => self.end(*token, End::Done),
            Event::Closed(reason) => self.handle_closed(*reason),
            Event::Refused(_)
            | Event::Skipped { .. }
            | Event::RequestFailed { .. }
            | Event::SubscriptionLost { .. }
            | Event::Disconnect(_) => self.break_off(format!("{event:?}")),
        }
    }

    fn handle_message<M: Memory>(&mut self, session: &mut Session<M>, message: &Message<'_>) {
        let Some(delivery) = message.delivery else {
            return self.break_off(format!("{message:?} has nothing to acknowledge"));
        };
        let number = number(message.publish.payload);
        let progress = &mut self.steps[number];
        progress.deliveries += 1;
        progress.packet_id = message.publish.packet_id.map(PacketId::get);
        progress.state = State::Ended(End::Done);
        if progress.is_received {
            self.break_off(format!("message {number} was acknowledged and came again"));
        }
        session.ack(delivery, ReasonCode::Success);
    }

    /// An operation has its outcome: exactly one.
    fn end(&mut self, token: Token, end: End) {
        let begun = State::Begun(Some(token));
        match self.steps.iter_mut().find(|progress| progress.state == begun) {
            Some(progress) => progress.state = State::Ended(end),
            None if self.has_crashed => self.nameless += 1,
            None => self.break_off(format!("an outcome of nothing: {token:?}")),
        }
    }

    fn end_all(&mut self, step: Step, end: End) {
        let begun = |progress: &&mut Progress| {
            progress.step == step && matches!(progress.state, State::Begun(_))
        };
        self.steps.iter_mut().filter(begun).for_each(|progress| progress.state = State::Ended(end));
    }

    fn handle_closed(&mut self, reason: CloseReason) {
        let leaves = |progress: &Progress| {
            progress.step == Step::Disconnect && progress.state != State::Waiting
        };
        let may_be = match reason {
            CloseReason::Lost | CloseReason::NoConnAck => true,
            CloseReason::Local => self.steps.iter().any(leaves),
            CloseReason::Refused(_)
            | CloseReason::Disconnected(_)
            | CloseReason::KeepAlive
            | CloseReason::NoAnswer
            | CloseReason::Violation(_)
            | CloseReason::StoreFailed => false,
        };
        if !may_be {
            self.break_off(format!("closed: {reason}"));
        }
        self.is_closed = true;
        self.end_all(Step::Reauthenticate, End::Cut);
        self.end_all(Step::Disconnect, End::Done);
    }
}
